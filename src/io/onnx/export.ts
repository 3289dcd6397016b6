/** Networks of ours as ONNX files: the inference form, weights as initialisers under our names. */
import { check, LensletError } from '../../core/error.ts';
import { type Shape, sameShape, type Tensor } from '../../core/tensor.ts';
import { Graph, type Node, type Value } from '../../ir/graph.ts';
import { Builder, type Model } from '../../nn/builder.ts';
import { METADATA } from './classifier.ts';
import { writers } from './ops.ts';
import { decodeModel, encodeModel, type NodeProto, type Partially, type ValueInfoProto } from './proto.ts';
import { DataType, tensorProto } from './tensor.ts';
import { Writing } from './writing.ts';

/** Operator set and format version of the files written. */
const OPSET = 17;
const IR_VERSION = 8;

export interface ExportOptions {
  /** Images in a batch; "N" (the default) leaves it open. */
  readonly batch?: number | 'N';
  /** Height and width of the images; the model's by default. */
  readonly size?: readonly [number, number];
}

/**
 * Writes a network: input "input" [N,C,H,W] (normalised images), output "output" (scores).
 * @param weights by name, as `Session.stateDict` gives them
 * @throws LensletError 'unknown' when a weight is missing, 'unsupported' for what ONNX cannot say
 */
export function exportOnnx(
  model: Model,
  weights: ReadonlyMap<string, Tensor>,
  { batch = 'N', size }: ExportOptions = {},
): Uint8Array {
  const [c, h, w] = [model.input[0], ...(size ?? [model.input[1], model.input[2]])];
  const shapeFor = (n: number): Shape => [n, c, h, w];
  const built = buildGraph(model, shapeFor(batch === 'N' ? 2 : batch));
  const twin = batch === 'N' ? buildGraph(model, shapeFor(3)) : null;
  const writing = new Writing(twin && twinsOf(built.graph, twin.graph, model.name));
  const used = writeNodes(built, writing);
  const initializer = [...built.graph.variables.keys()]
    .filter((name) => used.names.has(name))
    .map((name) => {
      const weight = weights.get(name);
      check(weight, 'unknown', () => `Export of ${model.name}: the weight "${name}" is missing.`);
      return tensorProto(weight, name);
    });
  return encodeModel({
    irVersion: IR_VERSION,
    producerName: 'lenslet',
    opsetImport: [{ domain: '', version: OPSET }],
    metadataProps: metadataOf(model),
    graph: {
      name: model.name,
      node: used.nodes,
      initializer,
      input: [portInfo('input', built.x, writing)],
      output: [portInfo('output', built.scores, writing)],
    },
  });
}

/**
 * An ONNX file with other weights in it, by name; those not given stay.
 * @throws LensletError 'shape' when a weight has another shape in the file
 */
export function replaceWeights(bytes: Uint8Array, weights: ReadonlyMap<string, Tensor>): Uint8Array {
  const model = decodeModel(bytes);
  const { graph } = model;
  check(graph, 'format', () => 'ONNX: the file holds no network.');
  const initializer = graph.initializer.map((stored) => {
    const weight = weights.get(stored.name ?? '');
    if (!weight) return stored;
    check(
      sameShape(weight.shape, stored.dims),
      'shape',
      () => `"${stored.name}" is [${stored.dims}] in the file; [${weight.shape}] was given.`,
    );
    return tensorProto(weight, stored.name);
  });
  return encodeModel({ ...model, graph: { ...graph, initializer } });
}

const metadataOf = ({ name, normalize, classes }: Model) =>
  Object.entries({ model: name, normalize, classes }).map(([key, value]) => ({
    key: METADATA[key as keyof typeof METADATA],
    value: JSON.stringify(value),
  }));

interface Built {
  readonly graph: Graph;
  readonly x: Value;
  readonly scores: Value;
}

function buildGraph(model: Model, shape: Shape): Built {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape });
  return { graph, x, scores: model.build(new Builder(graph, false), x) };
}

/** Values of one graph to those of the same network built for another batch size. */
function twinsOf(a: Graph, b: Graph, name: string): Map<Value, Value> {
  check(
    a.nodes.length === b.nodes.length && a.nodes.every((node, i) => node.op === b.nodes[i].op),
    'unsupported',
    () => `Export of ${name}: its structure depends on the batch size; give a fixed one.`,
  );
  const twins = new Map<Value, Value>();
  for (const [key, value] of a.inputs) twins.set(value, b.inputs.get(key) as Value);
  a.nodes.forEach((node, i) => {
    node.outputs.forEach((y, k) => {
      twins.set(y, b.nodes[i].outputs[k]);
    });
  });
  return twins;
}

/** The nodes that the scores need, and the names that they read. */
function writeNodes(
  { graph, x, scores }: Built,
  w: Writing,
): { nodes: Partially<NodeProto>[]; names: Set<string> } {
  for (const [name, { value }] of graph.variables) w.bind(value, name);
  w.bind(x, 'input');
  for (const node of liveNodes(graph, scores)) {
    const write = writers.get(node.op.name);
    if (!write) throw new LensletError('unsupported', `Export: ${node.op.name} has no operator in ONNX.`);
    write(w, node);
  }
  w.emit('Identity', [w.name(scores)], null, {}, 'output');
  // Some operators are written as one for several of ours: what those left over made is not needed.
  const names = new Set(['output']);
  const nodes: Partially<NodeProto>[] = [];
  for (const node of w.nodes.reverse()) {
    if (!node.output?.some((name) => names.has(name))) continue;
    for (const name of node.input ?? []) names.add(name);
    nodes.push(node);
  }
  return { nodes: nodes.reverse(), names };
}

function liveNodes(graph: Graph, result: Value): Node[] {
  const wanted = new Set<Value>([result]);
  const nodes: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((y) => wanted.has(y))) continue;
    for (const v of node.inputs) if (v) wanted.add(v);
    nodes.push(node);
  }
  return nodes.reverse();
}

function portInfo(name: string, value: Value, w: Writing): Partially<ValueInfoProto> {
  const dim = w.shape(value).map((d) => (d < 0 ? { dimParam: 'N' } : { dimValue: d }));
  return { name, type: { tensorType: { elemType: DataType.FLOAT, shape: { dim } } } };
}
