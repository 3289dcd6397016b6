/** What the table's rows see of a node while it is imported. */
import { check, LensletError } from '../../core/error.ts';
import { type DType, sizeOf, type Tensor, tensor } from '../../core/tensor.ts';
import type { Value } from '../../ir/graph.ts';
import type { Builder } from '../../nn/builder.ts';
import { binaryOps } from '../../ops/binary.ts';
import { unaryOps } from '../../ops/elementwise.ts';
import { intBinaryOps } from '../../ops/integer.ts';
import { extremeOps } from '../../ops/reduce-extremes.ts';
import { shapeOps } from '../../ops/shape.ts';
import { sliceOps } from '../../ops/slice.ts';
import type { AttributeProto, NodeProto } from './proto.ts';
import { FileTensor } from './tensor.ts';

/** A named value of the file while its graph is built. */
export interface Entry {
  /** The value in our graph, made on first use. */
  value(): Value;
  /** Its numbers where they are known before the network runs; 64-bit integers as they are. */
  known(): Known | null;
  /** Whether it is computed from what is fed to the network. */
  readonly fed: boolean;
}

export interface Known {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** Larger results are not computed at import: they are weights, not shapes. */
const MAX_FOLDED = 65536;
/** Elements computed at import in all; bounds the work that a file can ask for. */
const BUDGET = 1 << 24;

/** Operators whose work is in proportion to their elements. */
const foldable: ReadonlySet<string> = new Set([
  ...Object.keys(unaryOps),
  ...Object.keys(binaryOps),
  ...Object.values(intBinaryOps).map((op) => op.name),
  ...Object.keys(shapeOps),
  ...Object.keys(sliceOps),
  ...Object.keys(extremeOps),
  ...['cast', 'where', 'gather', 'expand', 'reduce_sum', 'reduce_mean'],
]);

/** Evaluates values that depend on constants alone, by the operators' references. */
export class Folder {
  readonly #tensors = new WeakMap<Value, Tensor | 'unknown'>();
  #budget = BUDGET;

  /** The value's numbers, or null when they depend on inputs or variables, or are many. */
  fold(value: Value): Tensor | null {
    if (value.source.kind === 'constant') return value.source.tensor;
    const seen = this.#tensors.get(value);
    if (seen) return seen === 'unknown' ? null : seen;
    const result = this.#compute(value);
    this.#tensors.set(value, result ?? 'unknown');
    return result;
  }

  #compute({ source }: Value): Tensor | null {
    if (source.kind !== 'node') return null;
    const { node, index } = source;
    if (!foldable.has(node.op.name)) return null;
    const size = [...node.inputs, ...node.outputs].reduce(
      (most, v) => Math.max(most, v ? sizeOf(v.shape) : 0),
      0,
    );
    if (size > MAX_FOLDED || size > this.#budget) return null;
    const inputs: (Tensor | null)[] = [];
    for (const x of node.inputs) {
      const known = x && this.fold(x);
      if (x && !known) return null;
      inputs.push(known);
    }
    this.#budget -= size;
    const outputs = node.outputs.map((y) => tensor(y.shape, undefined, y.dtype));
    node.op.reference(inputs, outputs, node.attrs);
    return outputs[index];
  }
}

export const describe = (node: NodeProto): string =>
  node.name ? `${node.opType} "${node.name}"` : `${node.opType} (output "${node.output[0] ?? ''}")`;

export class Reading {
  readonly #attributes = new Map<string, AttributeProto>();

  constructor(
    readonly node: NodeProto,
    /** Version of the operator set that the file uses. */
    readonly opset: number,
    readonly b: Builder,
    readonly entries: readonly (Entry | null)[],
    /** Batch size in place of the one in the file, where the user's inputs have another. */
    readonly batch: { readonly file: number; readonly actual: number } | null,
  ) {
    for (const a of node.attribute) {
      check(!a.refAttrName, 'unsupported', () => 'attributes of model-local functions are not supported.');
      this.#attributes.set(a.name ?? '', a);
    }
  }

  /** Number of inputs, absent ones at the end left out. */
  get count(): number {
    return this.entries.length;
  }

  fail(message: string): never {
    throw new LensletError('unsupported', message);
  }

  has(i: number): boolean {
    return !!this.entries[i];
  }

  /** Whether input i follows what is fed to the network. */
  isFed(i: number): boolean {
    return this.entries[i]?.fed ?? false;
  }

  /** Whether anything may read output i. */
  wants(i: number): boolean {
    return !!this.node.output[i];
  }

  #entry(i: number): Entry {
    const entry = this.entries[i];
    if (!entry) throw new LensletError('format', `input ${i} is missing.`);
    return entry;
  }

  x(i: number): Value {
    return this.#entry(i).value();
  }

  optional(i: number): Value | null {
    return this.entries[i]?.value() ?? null;
  }

  all(): Value[] {
    return this.entries.map((_, i) => this.x(i));
  }

  /** Numbers of an input that must be known at import; null when the input is absent. */
  known(i: number): Known | null {
    const entry = this.entries[i];
    if (!entry) return null;
    const known = entry.known();
    if (!known) {
      this.fail(
        `input "${this.node.input[i]}" decides about shapes or attributes, but it is computed from the network's inputs; it must be constant.`,
      );
    }
    return known;
  }

  /** The same as a list; null when absent. */
  numbers(i: number): number[] | null {
    const known = this.known(i);
    return known && Array.from(known.data);
  }

  /** A single number that is known at import. */
  number(i: number, otherwise: number): number {
    const list = this.numbers(i);
    if (!list) return otherwise;
    if (list.length !== 1)
      throw new LensletError('format', `input ${i} must be one number, not ${list.length}.`);
    return list[0];
  }

  #attribute(name: string): AttributeProto | undefined {
    return this.#attributes.get(name);
  }

  given(name: string): boolean {
    return this.#attributes.has(name);
  }

  int(name: string, otherwise: number): number {
    return this.#attribute(name)?.i ?? otherwise;
  }

  float(name: string, otherwise: number): number {
    return this.#attribute(name)?.f ?? otherwise;
  }

  ints(name: string): number[] | null {
    return this.#attribute(name)?.ints ?? null;
  }

  floats(name: string): number[] | null {
    const list = this.#attribute(name)?.floats;
    return list ? Array.from(list) : null;
  }

  string(name: string, otherwise: string): string {
    const bytes = this.#attribute(name)?.s;
    return bytes ? new TextDecoder().decode(bytes) : otherwise;
  }

  tensor(name: string): FileTensor | null {
    const t = this.#attribute(name)?.t;
    return t ? new FileTensor(t, `attribute "${name}"`) : null;
  }

  /** A list that is an attribute up to opset `last` and input i after it. */
  list(name: string, i: number): number[] | null {
    return this.given(name) ? this.ints(name) : this.numbers(i);
  }

  /** An axis of a tensor of that rank; negative ones count from the end. */
  axis(value: number, rank: number): number {
    const axis = value < 0 ? value + rank : value;
    if (!Number.isInteger(axis) || axis < 0 || axis >= rank) {
      throw new LensletError('shape', `there is no axis ${value} in a tensor of ${rank} dimensions.`);
    }
    return axis;
  }

  axes(values: readonly number[], rank: number): number[] {
    const axes = values.map((v) => this.axis(v, rank));
    check(new Set(axes).size === axes.length, 'shape', () => `axes [${values}] name one twice.`);
    return axes;
  }

  constant(t: Tensor): Value {
    return this.b.graph.constant(t);
  }

  scalar(v: number): Value {
    return this.constant(tensor([], [v]));
  }

  /** A list of integers as a constant. */
  integers(list: readonly number[]): Value {
    return this.constant(tensor([list.length], Int32Array.from(list)));
  }
}
