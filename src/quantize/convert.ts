/**
 * From an f32 network to one that computes in bytes from the image to the scores. The f32 graph is simplified first, so
 * that batch normalisation, residuals and activations are parts of convolutions; what has no operator on bytes is
 * computed in f32 between conversions.
 */
import { type Shape, sizeOf, type Tensor } from '../core/tensor.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Quantization } from '../ops/quantization.ts';
import { dequantizeLinear, quantizeLinear } from '../ops/quantized-linear.ts';
import { reshape, transpose } from '../ops/shape.ts';
import { countUses, simplify } from '../plan/simplify.ts';
import { pick } from './pick.ts';
import { rules } from './rules.ts';
import { quantizationOf, type Source } from './source.ts';
import { evaluate, firstVariable, staticValues } from './static.ts';

/** A tensor of bytes in the place of an f32 one. */
export interface Bytes {
  /** [N,H,W,C]. */
  readonly value: Value;
  readonly q: Quantization;
  /** Of the f32 tensor: [N,C,H,W], flattened [N,C·H·W], or with `last` any shape whose order is that of `value`. */
  readonly shape: Shape;
  readonly last?: true;
  /** Only every so many rows and columns of `value` are meant. */
  readonly every?: readonly [number, number];
}

/** A walk through an f32 graph that appends to another one; what the rules of operators see. */
export class Conversion {
  readonly #real = new Map<Value, Value>();
  readonly #bytes = new Map<Value, Bytes>();
  readonly #done = new Set<Node>();
  readonly #names = new Set<string>();
  readonly isStatic = staticValues();

  constructor(
    readonly target: Graph,
    readonly source: Source,
    /** Of the f32 graph, in order. */
    readonly nodes: readonly Node[],
    readonly results: ReadonlySet<Value>,
    readonly uses: ReadonlyMap<Value, number>,
  ) {}

  run(): void {
    for (const node of this.nodes) {
      if (this.#done.has(node) || node.outputs.every((y) => this.isStatic(y))) continue;
      const rule = rules[node.op.name];
      if (!rule?.(this, node)) this.#keep(node);
    }
  }

  /** The operator as it is. */
  #keep({ op, inputs, attrs, outputs }: Node): void {
    const results = this.target.apply(
      op,
      inputs.map((x) => x && this.real(x)),
      attrs,
    );
    outputs.forEach((y, i) => {
      this.#real.set(y, results[i]);
    });
  }

  setReal(v: Value, value: Value): void {
    this.#real.set(v, value);
  }

  setBytes(v: Value, bytes: Bytes): void {
    this.#bytes.set(v, bytes);
  }

  /** Nodes that a rule has computed beside its own. */
  setDone(nodes: readonly Node[]): void {
    for (const n of nodes) this.#done.add(n);
  }

  /** A name given once: that of a layer is its weight variable's. */
  nameOf(weight: Value | null, kind: string): string {
    const base = (weight && firstVariable(weight)?.replace(/\.[^.]*$/, '')) || kind;
    let name = base;
    for (let i = 2; this.#names.has(name); i++) name = `${base}#${i}`;
    this.#names.add(name);
    return name;
  }

  /** A static value's numbers. */
  numbers(v: Value): Tensor {
    return evaluate(v, (name) => this.source.variable(name));
  }

  constant(t: Tensor): Value {
    return this.target.constant(t);
  }

  /** The only node that reads a value, unless the value is a result, too. */
  onlyReader(v: Value): Node | undefined {
    return this.uses.get(v) === 1 ? this.nodes.find((n) => n.inputs.includes(v)) : undefined;
  }

  /** Whether a value is a result, as it is or in another order. */
  isResult(v: Value): boolean {
    if (this.results.has(v)) return true;
    const reader = this.onlyReader(v);
    return !!reader && /^(reshape|transpose)$/.test(reader.op.name) && this.isResult(reader.outputs[0]);
  }

  /** The f32 tensor: converted from bytes where it is bytes. */
  real(v: Value): Value {
    const known = this.#real.get(v);
    if (known) return known;
    const bytes = this.#bytes.get(v);
    const made = bytes ? this.#toReal(this.settled(bytes)) : this.constant(this.numbers(v));
    this.#real.set(v, made);
    return made;
  }

  #toReal({ value, q, shape, last }: Bytes): Value {
    const [n, h, w, c] = value.shape;
    if (!last) return reshape(dequantizeLinear(value, q), shape);
    return reshape(dequantizeLinear(reshape(value, [n * h * w, c]), q), shape);
  }

  /** The tensor in bytes, if it is there. */
  known(v: Value): Bytes | undefined {
    return this.#bytes.get(v);
  }

  /** The tensor in bytes, channels-last; an f32 one, [N,C,H,W] or [N,C], is converted by the range of `site`. */
  bytes(v: Value, site: string): Bytes {
    const known = this.#bytes.get(v);
    if (known) return this.settled(known);
    const q = quantizationOf(this.source.range(site, v));
    const { shape } = v;
    const image = shape.length === 4 ? shape : [shape[0], sizeOf(shape.slice(1)), 1, 1];
    const bytes = { value: quantizeLinear(reshape(this.real(v), image), q), q, shape };
    this.#bytes.set(v, bytes);
    return bytes;
  }

  /** Without rows and columns that are not meant. */
  settled(b: Bytes): Bytes {
    return b.every ? pick(this, b, 0, 0) : b;
  }

  /** Sets a result that kernels leave real, [N,H,W,C]. */
  setRealLast(v: Value, value: Value): void {
    const [, h, w] = value.shape;
    this.setReal(v, reshape(h * w === 1 ? value : transpose(value, [0, 3, 1, 2]), v.shape));
  }
}

/**
 * Appends to `target` what computes the results of an f32 graph that has one input, and returns their values there.
 * @throws LensletError of the source: 'unknown', 'shape', 'value'
 */
export function convert(f32: Graph, target: Graph, x: Value, source: Source): Map<string, Value> {
  const nodes = simplify(f32);
  const results = new Set(f32.outputs.values());
  const conversion = new Conversion(target, source, nodes, results, countUses(f32, nodes));
  for (const v of f32.inputs.values()) conversion.setReal(v, x);
  conversion.run();
  return new Map([...f32.outputs].map(([name, v]) => [name, conversion.real(v)]));
}
