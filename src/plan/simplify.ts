/** From a graph to the nodes that have to run: dead code removed, epilogues fused. */
import type { Graph, Node, Value } from '../ir/graph.ts';

/** The live nodes in execution order, consumers fused into producers where the operators say they can. */
export function simplify(graph: Graph): Node[] {
  return fuse(graph, live(graph));
}

/** The nodes that a result or an update depends on, as they are in the graph. */
export function live(graph: Graph): Node[] {
  const wanted = new Set<Value>([...graph.outputs.values(), ...graph.updates.values()]);
  const nodes: Node[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (!node.outputs.some((y) => wanted.has(y))) continue;
    for (const x of node.inputs) if (x) wanted.add(x);
    nodes.push(node);
  }
  return nodes.reverse();
}

/** Uses of each value by live nodes; results of the graph count as one more use. */
export function countUses(graph: Graph, nodes: readonly Node[]): Map<Value, number> {
  const uses = new Map<Value, number>();
  const use = (v: Value) => uses.set(v, (uses.get(v) ?? 0) + 1);
  for (const node of nodes) for (const x of node.inputs) if (x) use(x);
  for (const v of graph.outputs.values()) use(v);
  for (const v of graph.updates.values()) use(v);
  return uses;
}

interface Fusion {
  /** Index of the producer. */
  readonly from: number;
  /** What computes both: the fused node last. */
  readonly nodes: Node[];
}

function fuse(graph: Graph, nodes: readonly Node[]): Node[] {
  const uses = countUses(graph, nodes);
  const producer = new Map<Value, number>();
  /** Nodes by the index of the node that was first or last of what they compute; empty where that moved on. */
  const result: Node[][] = [];
  for (const node of nodes) {
    const fusion = fusionOf(node, result, (v) => (uses.get(v) === 1 ? producer.get(v) : undefined));
    let at = result.length;
    if (fusion && inputsReady(node, fusion.from, producer)) at = fusion.from;
    // Otherwise the producer waits until the inputs are there: nobody else reads what it computes.
    else if (fusion) result[fusion.from] = [];
    result[at] = fusion?.nodes ?? [node];
    for (const y of result[at].at(-1)?.outputs ?? []) producer.set(y, at);
  }
  return result.flat();
}

/** The first input whose producer can compute the node, too; `placeOf` knows producers whose only consumer it is. */
function fusionOf(
  node: Node,
  result: readonly (readonly Node[])[],
  placeOf: (v: Value) => number | undefined,
): Fusion | null {
  for (const x of node.inputs) {
    const from = x ? placeOf(x) : undefined;
    const first = from === undefined ? undefined : result[from].at(-1);
    if (from === undefined || !first?.op.absorb || x !== first.outputs[0]) continue;
    // One with several outputs cannot wait for other inputs.
    if (first.outputs.length > 1 && node.inputs.some((v) => v && v !== x)) continue;
    const absorbed = first.op.absorb(first, node);
    if (!absorbed) continue;
    const { attrs, inputs = first.inputs, before = [] } = absorbed;
    const outputs = [...node.outputs, ...first.outputs.slice(1)];
    return { from, nodes: [...result[from].slice(0, -1), ...before, { ...first, attrs, inputs, outputs }] };
  }
  return null;
}

/** Whether all inputs but those computed at `from` are there before it. */
function inputsReady(node: Node, from: number, producer: ReadonlyMap<Value, number>): boolean {
  return node.inputs.every((v) => !v || (producer.get(v) ?? -1) <= from);
}
