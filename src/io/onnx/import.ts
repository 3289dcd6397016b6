/**
 * ONNX networks (https://onnx.ai/onnx/intro/concepts.html) as graphs of ours: read once, built for the shapes of the
 * inputs at hand. Dimensions without a number take those of the inputs; shapes that the file computes are worked out
 * while building. Floating-point initialisers become variables, so that an imported network can be trained.
 *
 * Floating types are computed in f32, integers in 32 bits, booleans are i32 0 and 1.
 */
import { check, LensletError } from '../../core/error.ts';
import { type DType, sizeOf, type Tensor } from '../../core/tensor.ts';
import type { Value } from '../../ir/graph.ts';
import type { Builder } from '../../nn/builder.ts';
import { rows } from './ops.ts';
import { decodeModel, type GraphProto, type NodeProto, type ValueInfoProto } from './proto.ts';
import { describe, type Entry, Folder, Reading } from './reading.ts';
import { dtypeOf, FileTensor, MAX_RANK } from './tensor.ts';
import { orderNodes, producersOf } from './topology.ts';

/** The newest operator set that the table has been written for. */
export const NEWEST_OPSET = 28;

export interface OnnxPort {
  readonly name: string;
  readonly dtype: DType;
  /** A number, the name of a dimension that the inputs decide, or null; null in place of the list: any rank. */
  readonly dims: readonly (number | string | null)[] | null;
}

export interface OnnxInput {
  readonly value: Value;
  /** Numbers that are known beforehand; used where an operator needs them to work out shapes. */
  readonly known?: Tensor;
}

function portOf(info: ValueInfoProto): OnnxPort {
  const name = info.name ?? '';
  const type = info.type?.tensorType;
  if (!type) {
    throw new LensletError(
      'unsupported',
      `ONNX: "${name}" is not a tensor (a sequence, a map or an optional value); only tensors are supported.`,
    );
  }
  const dims = type.shape?.dim.map((d) => d.dimValue ?? (d.dimParam || null)) ?? null;
  check(
    !dims || dims.length <= MAX_RANK,
    'unsupported',
    () => `ONNX: "${name}" has ${dims?.length} dimensions.`,
  );
  return { name, dtype: dtypeOf(type.elemType, `"${name}"`), dims };
}

/** Reads an ONNX file. @throws LensletError 'format' for a damaged file, 'unsupported' naming what is not supported */
export function importOnnx(bytes: Uint8Array): OnnxModel {
  const model = decodeModel(bytes);
  const { graph } = model;
  check(graph, 'format', () => 'ONNX: the file holds no network; it is no ONNX model, or truncated.');
  const opset = model.opsetImport.find((o) => !o.domain || o.domain === 'ai.onnx')?.version;
  check(
    opset !== undefined,
    'format',
    () => 'ONNX: the file does not say which operator set it uses; it is truncated, or older than ONNX 1.0.',
  );
  check(
    opset >= 1 && opset <= NEWEST_OPSET,
    'unsupported',
    () =>
      `ONNX: the file uses operator set ${opset}; up to ${NEWEST_OPSET} are known. Convert it with onnx.version_converter.`,
  );
  check(
    graph.sparseInitializer.length === 0,
    'unsupported',
    () => 'ONNX: sparse initialisers are not supported; make them dense first.',
  );
  const metadata = new Map(model.metadataProps.map((p) => [p.key ?? '', p.value ?? '']));
  return new OnnxModel(graph, opset, model.producerName ?? '', metadata);
}

export class OnnxModel {
  readonly name: string;
  /** What has to be fed; initialisers that the file lists as inputs, too, are left out. */
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly string[];
  /** Initialisers by name. */
  readonly initializers: ReadonlyMap<string, FileTensor>;
  readonly #producers: ReadonlyMap<string, NodeProto>;
  readonly #given: ReadonlySet<string>;
  /** Initialisers that hold statistics or are one number, so nothing to be trained. */
  readonly #buffers: ReadonlySet<string>;

  constructor(
    graph: GraphProto,
    readonly opset: number,
    /** The program that wrote the file. */
    readonly producer: string,
    readonly metadata: ReadonlyMap<string, string>,
  ) {
    const initializers = new Map<string, FileTensor>();
    for (const proto of graph.initializer) {
      const name = proto.name ?? '';
      check(name && !initializers.has(name), 'format', () => `ONNX: two initialisers are called "${name}".`);
      initializers.set(name, new FileTensor(proto, `initialiser "${name}"`));
    }
    this.initializers = initializers;
    this.inputs = graph.input.filter((i) => !initializers.has(i.name ?? '')).map(portOf);
    this.outputs = graph.output.map((o) => o.name ?? '');
    check(this.outputs.length > 0, 'format', () => 'ONNX: the network has no outputs.');
    this.name = graph.name || 'onnx';
    this.#producers = producersOf(graph);
    this.#given = new Set([...initializers.keys(), ...this.inputs.map((i) => i.name)]);
    this.#buffers = buffersOf(graph, initializers);
    // Problems with the structure are told now, not at the first run.
    for (const node of orderNodes(this.#producers, this.#given, this.outputs)) this.#rowOf(node);
  }

  #rowOf(node: NodeProto) {
    const row = !node.domain || node.domain === 'ai.onnx' ? rows.get(node.opType ?? '') : undefined;
    if (row) return row;
    const domain = node.domain ? ` of domain "${node.domain}"` : '';
    throw new LensletError(
      'unsupported',
      `ONNX: ${describe(node)} in "${this.name}": the operator ${node.opType}${domain} (operator set ${this.opset}) is not supported.`,
    );
  }

  /** The node that makes a value, or null for inputs and initialisers. */
  nodeOf(name: string): NodeProto | null {
    return this.#given.has(name) ? null : (this.#producers.get(name) ?? null);
  }

  /**
   * Appends the network to the builder's graph and returns the outputs by name.
   * @param outputs names of the values wanted; those of the file by default
   * @throws LensletError telling the node for which the shapes do not fit or something is not supported
   */
  build(
    b: Builder,
    inputs: ReadonlyMap<string, OnnxInput>,
    outputs: readonly string[] = this.outputs,
  ): Map<string, Value> {
    const folder = new Folder();
    const entries = new Map<string, Entry>();
    for (const [name, stored] of this.initializers) entries.set(name, this.#initializer(b, name, stored));
    let batch: { file: number; actual: number } | null = null;
    for (const port of this.inputs) {
      const given = inputs.get(port.name);
      check(given, 'unknown', () => `ONNX: input "${port.name}" of "${this.name}" is missing.`);
      batch = batchOf(port, given.value) ?? batch;
      entries.set(port.name, { value: () => given.value, known: () => given.known ?? null, fed: true });
    }
    for (const node of orderNodes(this.#producers, this.#given, outputs)) {
      try {
        this.#read(node, b, entries, folder, batch);
      } catch (cause) {
        if (!(cause instanceof LensletError)) throw cause;
        throw new LensletError(cause.code, `ONNX: ${describe(node)} in "${this.name}": ${cause.message}`, {
          cause,
        });
      }
    }
    return new Map(
      outputs.map((name) => {
        const entry = entries.get(name);
        check(entry, 'unsupported', () => `ONNX: output "${name}" of "${this.name}" is not available.`);
        return [name, entry.value()];
      }),
    );
  }

  #read(
    node: NodeProto,
    b: Builder,
    entries: Map<string, Entry>,
    folder: Folder,
    batch: { file: number; actual: number } | null,
  ): void {
    const { nodes } = b.graph;
    const before = nodes.length;
    const inputs = node.input.map((name) => {
      const entry = name ? entries.get(name) : null;
      check(
        entry !== undefined,
        'unsupported',
        () => `output "${name}" of the node before is not available.`,
      );
      return entry;
    });
    while (inputs.length && !inputs.at(-1)) inputs.pop();
    const stored = node.opType === 'Constant' ? node.attribute.find((a) => a.name === 'value')?.t : undefined;
    if (stored) {
      entries.set(node.output[0], constantEntry(b, new FileTensor(stored, 'the constant')));
      return;
    }
    const result = this.#rowOf(node).read(new Reading(node, this.opset, b, inputs, batch));
    for (let i = before; i < nodes.length; i++) {
      for (const y of nodes[i].outputs) {
        check(
          sizeOf(y.shape) <= 2 ** 30,
          'memory',
          () => `a result of shape [${y.shape}] is larger than any memory.`,
        );
        // In order, so that long chains within one operator (a Sum of many) are not folded by recursion.
        folder.fold(y);
      }
    }
    const fed = inputs.some((entry) => entry?.fed);
    (Array.isArray(result) ? result : [result]).forEach((value: Value | null, i) => {
      const name = node.output[i];
      if (!name || !value) return;
      const known = folder.fold(value);
      const kept = known && value.source.kind === 'node' ? b.graph.constant(known) : value;
      entries.set(name, { value: () => kept, known: () => known, fed: fed && !known });
      b.tap(name, kept);
    });
  }

  #initializer(b: Builder, name: string, stored: FileTensor): Entry {
    if (stored.dtype === 'i32') return constantEntry(b, stored, name);
    const { shape } = stored;
    const init = () => stored.tensor(name).data as Float32Array;
    const make = () => (this.#buffers.has(name) ? b.buffer(name, shape, init) : b.param(name, shape, init));
    let value: Value | undefined;
    return {
      value: () => (value ??= make()),
      known: () => ({ dtype: 'f32', shape, data: stored.numbers() }),
      fed: false,
    };
  }
}

function constantEntry(b: Builder, stored: FileTensor, name = 'the constant'): Entry {
  let value: Value | undefined;
  return {
    value: () => (value ??= b.graph.constant(stored.tensor(`"${name}"`))),
    known: () => ({ dtype: stored.dtype, shape: stored.shape, data: stored.numbers() }),
    fed: false,
  };
}

/** Operators whose inputs beside the first are weights, even those of one number. */
const WEIGHTED = new Set(['Conv', 'ConvTranspose', 'Gemm', 'BatchNormalization', 'PRelu']);

function buffersOf(graph: GraphProto, initializers: ReadonlyMap<string, FileTensor>): Set<string> {
  const buffers = new Set([...initializers].filter(([, t]) => sizeOf(t.shape) === 1).map(([name]) => name));
  for (const { opType, input } of graph.node) {
    if (WEIGHTED.has(opType ?? '')) for (const name of input) buffers.delete(name);
  }
  for (const { opType, input } of graph.node) {
    if (opType === 'BatchNormalization') for (const name of input.slice(3)) buffers.add(name);
  }
  return buffers;
}

/** Checks an input against the file; another batch size than the file's is allowed. */
function batchOf(port: OnnxPort, value: Value): { file: number; actual: number } | null {
  const { dims } = port;
  if (!dims) return null;
  const fits =
    dims.length === value.shape.length &&
    dims.every((d, i) => typeof d !== 'number' || d === value.shape[i] || (i === 0 && d > 0));
  check(
    fits && port.dtype === value.dtype,
    'shape',
    () =>
      `ONNX: input "${port.name}" is ${port.dtype}[${dims.map((d) => d ?? '?').join('×')}]; ${value.dtype}[${value.shape.join('×')}] was given.`,
  );
  const first = dims[0];
  return typeof first === 'number' && first !== value.shape[0]
    ? { file: first, actual: value.shape[0] }
    : null;
}
