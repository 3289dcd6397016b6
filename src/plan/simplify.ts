/** From a graph to the nodes that have to run: dead code removed, epilogues fused. */
import type { Graph, Node, Value } from '../ir/graph.ts';

/** The live nodes in execution order, consumers fused into producers where the operators say they can. */
export function simplify(graph: Graph): Node[] {
  return fuse(graph, live(graph));
}

function live(graph: Graph): Node[] {
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

function fuse(graph: Graph, nodes: readonly Node[]): Node[] {
  const uses = countUses(graph, nodes);
  const producer = new Map<Value, number>();
  const result: (Node | null)[] = [];
  for (const node of nodes) {
    const x = node.inputs[0];
    const at = x ? producer.get(x) : undefined;
    const before = at === undefined ? null : result[at];
    const attrs =
      before?.op.absorb &&
      x === before.outputs[0] &&
      uses.get(x) === 1 &&
      inputsReady(node, x, at as number, producer)
        ? before.op.absorb(before.attrs, node)
        : null;
    let index = result.length;
    if (before && attrs !== null) {
      index = at as number;
      result[index] = { ...before, attrs, outputs: [...node.outputs, ...before.outputs.slice(1)] };
    } else {
      result.push(node);
    }
    for (const y of node.outputs) producer.set(y, index);
  }
  return result.filter((n) => n !== null);
}

/** Fusing moves a node up to its producer: only possible while it reads nothing else that is computed later. */
function inputsReady(node: Node, first: Value, at: number, producer: ReadonlyMap<Value, number>): boolean {
  return node.inputs.every((v) => !v || v === first || (producer.get(v) ?? -1) < at);
}
