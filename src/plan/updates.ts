/** When variables take their next values within a step. */
import { bytesOf } from '../core/tensor.ts';
import type { Node, Value } from '../ir/graph.ts';

/** Updates of fewer bytes stay together at the end of a step, where they share one barrier. */
const LARGE = 1 << 18;

/**
 * Moves the updates of large variables up to where their operands are ready and nobody reads the old value any more,
 * so that gradients do not wait in memory for the end of the step.
 * @param updates variable name → next value
 */
export function hoistUpdates(nodes: readonly Node[], updates: ReadonlyMap<string, Value>): Node[] {
  const variableOf = new Map([...updates].map(([name, next]) => [next, name]));
  const made = new Map<Value, number>();
  const lastRead = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const y of node.outputs) made.set(y, i);
    const updated = new Set(node.outputs.map((y) => variableOf.get(y)));
    for (const name of variablesRead(node)) if (!updated.has(name)) lastRead.set(name, i);
  });
  const place = nodes.map((node, i) => {
    const large = node.outputs.filter((y) => variableOf.has(y) && bytesOf(y) >= LARGE);
    if (!large.length) return i;
    const ready = node.inputs.map((x) => (x && made.get(x)) ?? -1);
    const free = large.map((y) => lastRead.get(variableOf.get(y) as string) ?? -1);
    return Math.min(i, Math.max(...ready, ...free) + 0.5);
  });
  const order = nodes.map((_, i) => i).sort((a, b) => place[a] - place[b] || a - b);
  return order.map((i) => nodes[i]);
}

/** Names of the variables that a node reads, itself or through views. */
const variablesRead = (node: Node): string[] =>
  node.inputs.flatMap((v) => {
    const root = v && rootOf(v);
    return root?.source.kind === 'variable' ? [root.source.name] : [];
  });

/** What a view is a view of. */
export function rootOf(v: Value): Value {
  while (v.source.kind === 'node' && v.source.node.op.view) v = v.source.node.inputs[0] as Value;
  return v;
}
