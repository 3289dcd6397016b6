/** What a graph consists of, for people: a row for each operator that works on data. */
import { type Shape, sizeOf } from '../core/tensor.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';

export interface LayerRow {
  /** Path of the layer's variables, or the tap's name; empty for operators without. */
  readonly name: string;
  /** The operator's name. */
  readonly op: string;
  readonly shape: Shape;
  /** Trained parameters that this operator is the first to use. */
  readonly parameters: number;
  /** Multiply–accumulate operations, connection tables counted as full. */
  readonly macs: number;
}

/**
 * The operators of a graph in execution order, without views and without what works on variables alone.
 * @param taps names of values, as `Builder.taps`
 */
export function describeLayers(graph: Graph, taps: ReadonlyMap<string, Value> = new Map()): LayerRow[] {
  const names = new Map([...taps].map(([name, value]) => [value, name]));
  const behind = variablesBehind(graph);
  const counted = new Set<string>();
  const rows: LayerRow[] = [];
  for (const node of graph.nodes) {
    const [y] = node.outputs;
    if (node.op.view || behind.has(y)) continue;
    // A variable may reach a node twice: batch normalisation's weight is in its scale and its shift.
    const all = new Set(node.inputs.flatMap((x) => (x && behind.get(x)) ?? []));
    const used = [...all].filter((name) => !counted.has(name));
    for (const name of used) counted.add(name);
    const parameters = used.reduce((sum, name) => sum + (graph.variables.get(name)?.spec.parameters ?? 0), 0);
    const layer = used[0]?.split('.').slice(0, -1).join('.');
    rows.push({
      name: layer || names.get(y) || '',
      op: node.op.name,
      shape: y.shape,
      parameters,
      macs: macsOf(node),
    });
  }
  return rows;
}

/** The variables from which alone a value is computed; values that depend on inputs are absent. */
function variablesBehind(graph: Graph): Map<Value, readonly string[]> {
  const behind = new Map<Value, readonly string[]>();
  for (const { spec, value } of graph.variables.values()) behind.set(value, [spec.name]);
  for (const node of graph.nodes) {
    const inputs = node.inputs.filter((x) => x !== null);
    for (const x of inputs) if (x.source.kind === 'constant') behind.set(x, []);
    if (!inputs.every((x) => behind.has(x))) continue;
    const names = inputs.flatMap((x) => behind.get(x) ?? []);
    for (const y of node.outputs) behind.set(y, names);
  }
  return behind;
}

/** Multiply–accumulates of a node, from its shapes: 0 where products are not what it is about. */
function macsOf({ op, inputs, outputs: [y], attrs }: Node): number {
  const [x, w] = inputs;
  if (!x || !w) return 0;
  switch (op.name) {
    case 'conv2d':
    case 'linear':
    case 'qlinear_conv':
      return sizeOf(y.shape) * sizeOf(w.shape.slice(1));
    case 'conv_transpose2d':
      return sizeOf(x.shape) * sizeOf(w.shape.slice(1));
    case 'matmul':
      return sizeOf(y.shape) * x.shape[x.shape.length - ((attrs as { transA: boolean }).transA ? 2 : 1)];
    default:
      return 0;
  }
}
