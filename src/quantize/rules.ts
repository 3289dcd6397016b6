/** How operators of the simplified f32 graph become operators on bytes: true when a rule has done so. */
import { Activation } from '../../as/kinds.ts';
import { sameShape, sizeOf, type Tensor, tensor } from '../core/tensor.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { ConvAttrs, Epilogue } from '../ops/conv-shape.ts';
import { activationOf } from '../ops/elementwise.ts';
import type { PoolAttrs } from '../ops/pool.ts';
import { type QlinearConvAttrs, qlinearConv } from '../ops/quantized-conv.ts';
import { qlinearAdd } from '../ops/quantized-linear.ts';
import { qlinearAveragePool, qlinearMaxPool } from '../ops/quantized-pool.ts';
import type { ReduceAttrs } from '../ops/reduce.ts';
import { reshape } from '../ops/shape.ts';
import type { SliceAttrs } from '../ops/slice.ts';
import type { Bytes, Conversion } from './convert.ts';
import { pick } from './pick.ts';
import { integerBias, quantizationOf, type RealLayer, withType } from './source.ts';

export type Rule = (c: Conversion, node: Node) => boolean;

type Ends = QlinearConvAttrs['activation'];

const ends: readonly Activation[] = [
  Activation.NONE,
  Activation.RELU,
  Activation.TANH,
  Activation.SCALED_TANH,
];

interface Layer {
  readonly name: string;
  readonly x: Bytes;
  readonly make: () => RealLayer;
  readonly geometry: Pick<QlinearConvAttrs, 'stride' | 'padding' | 'dilation'>;
  readonly activation: Ends;
  readonly residual?: Bytes;
  /** What it computes of the f32 graph. */
  readonly y: Value;
}

const plain = { stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1] } as const;

/** A convolution or linear layer; scores stay real. */
function emit(c: Conversion, { name, x, make, geometry, activation, residual, y }: Layer): true {
  const layer = c.source.layer(name, x.q.scale, make);
  const bias = integerBias(layer, x.q.scale);
  const q = c.isResult(y) ? null : quantizationOf(c.source.range(name, y));
  const inputs = {
    w: c.constant(layer.weight),
    scale: c.constant(layer.scale),
    bias: bias && c.constant(bias),
    residual: residual?.value,
  };
  const attrs = { ...geometry, x: x.q, y: q, residual: residual?.q ?? null, activation };
  const value = qlinearConv(x.value, inputs, attrs);
  if (q) c.setBytes(y, { value, q, shape: y.shape, last: x.last });
  else c.setRealLast(y, value);
  return true;
}

const conv2d: Rule = (c, { inputs: [x, w, b, residual], outputs: [y], attrs }) => {
  const a = attrs as ConvAttrs;
  const activation = (a.activation ?? Activation.NONE) as Ends;
  const inner = activation === Activation.TANH || activation === Activation.SCALED_TANH;
  const fits = a.groups === 1 && ends.includes(activation) && a.padding.every((p) => p >= 0);
  if (!fits || !c.isStatic(w!) || (b && !c.isStatic(b)) || (residual && (inner || c.isResult(y))))
    return false;
  const name = c.nameOf(w, 'conv');
  return emit(c, {
    name,
    x: c.bytes(x!, `${name}.input`),
    make: () => ({ weight: c.numbers(w!), bias: b && c.numbers(b) }),
    geometry: { stride: a.stride, padding: a.padding, dilation: a.dilation },
    activation,
    residual: residual ? c.bytes(residual, `${name}.residual`) : undefined,
    y,
  });
};

const linear: Rule = (c, { inputs: [x, w, b], outputs: [y], attrs }) => {
  const activation = ((attrs as Epilogue | null)?.activation ?? Activation.NONE) as Ends;
  if (!ends.includes(activation) || !c.isStatic(w!) || (b && !c.isStatic(b))) return false;
  const name = c.nameOf(w, 'linear');
  const bytes = c.bytes(x!, `${name}.input`);
  const [, h, width, channels] = bytes.value.shape;
  // The rows of what was flattened from an image are its images, others stand alone.
  const whole = bytes.last ? { h: 1, width: 1 } : { h, width };
  const make = () => {
    const weight = c.numbers(w!);
    const shape = [weight.shape[0], channels, whole.h, whole.width];
    return { weight: { ...weight, shape }, bias: b && c.numbers(b) };
  };
  return emit(c, { name, x: bytes, make, geometry: plain, activation, y });
};

/** Attributes that pooling of bytes has, or null. */
function poolOf(a: PoolAttrs, x: Value, y: Value) {
  const [t, l, b, r] = a.padding;
  const size = (n: number, i: 0 | 1, pad: number) => Math.floor((n + pad - a.kernel[i]) / a.stride[i]) + 1;
  const same = size(x.shape[2], 0, t + b) === y.shape[2] && size(x.shape[3], 1, l + r) === y.shape[3];
  const small = a.padding.every((p, i) => p < a.kernel[i % 2]);
  if (!same || !small || a.dilation.some((d) => d !== 1)) return null;
  return { kernel: a.kernel, stride: a.stride, padding: a.padding };
}

const maxPool: Rule = (c, { inputs: [x], outputs: [y], attrs }) => {
  const known = c.known(x!);
  const pool = poolOf(attrs as PoolAttrs, x!, y);
  if (!known || known.last || !pool) return false;
  const { value, q } = c.settled(known);
  c.setBytes(y, { value: qlinearMaxPool(value, { ...pool, x: q }), q, shape: y.shape });
  return true;
};

/** The mean has a smaller range than what it is taken of, and a scale of its own. */
function averaged(
  c: Conversion,
  x: Bytes,
  y: Value,
  pool: ReturnType<typeof poolOf>,
  include: boolean,
  times: number,
): true {
  const name = c.nameOf(null, 'average_pool');
  const { scale } = withType(c.source.range(name, y), x.q.dtype);
  const attrs = { ...pool!, x: { ...x.q, scale: x.q.scale * times }, scale, countIncludePad: include };
  c.setBytes(y, { value: qlinearAveragePool(x.value, attrs), q: { ...x.q, scale }, shape: y.shape });
  return true;
}

const averagePool: Rule = (c, node) => {
  const {
    inputs: [x],
    outputs: [y],
  } = node;
  const a = node.attrs as PoolAttrs;
  if (subsampling(c, node)) return true;
  const known = c.known(x!);
  const pool = poolOf(a, x!, y);
  if (!known || known.last || !pool) return false;
  const times = a.divisorOverride ? (a.kernel[0] * a.kernel[1]) / a.divisorOverride : 1;
  return averaged(c, c.settled(known), y, pool, a.countIncludePad || times !== 1, times);
};

const globalAverage: Rule = (c, { inputs: [x], outputs: [y], attrs }) => {
  const { axes } = attrs as ReduceAttrs;
  const known = c.known(x!);
  if (!known || known.last || x!.shape.length !== 4 || axes.join() !== '2,3') return false;
  const bytes = c.settled(known);
  const kernel = [bytes.value.shape[1], bytes.value.shape[2]] as const;
  return averaged(c, bytes, y, { kernel, stride: [1, 1], padding: [0, 0, 0, 0] }, true, 1);
};

/** The other operand of a node that combines `v` with one number for each channel. */
function perChannel(c: Conversion, v: Value, name: string): { node: Node; other: Value } | null {
  const node = c.onlyReader(v);
  const other = node?.inputs[0] === v ? node?.inputs[1] : node?.inputs[0];
  if (node?.op.name !== name || !other || !c.isStatic(other)) return null;
  return sameShape(other.shape, [v.shape[1], 1, 1]) ? { node, other } : null;
}

/** LeNet-5's subsampling, activation(sum · coefficient + bias) for each map: a convolution of maps with themselves. */
function subsampling(c: Conversion, node: Node): boolean {
  const {
    inputs: [x],
    outputs: [sum],
    attrs,
  } = node;
  const a = attrs as PoolAttrs;
  const pool = poolOf(a, x!, sum);
  const coefficient = perChannel(c, sum, 'mul');
  const bias = coefficient && perChannel(c, coefficient.node.outputs[0], 'add');
  const end = bias && c.onlyReader(bias.node.outputs[0]);
  const activation = end && activationOf(end.op.name);
  if (!pool || !activation || !ends.includes(activation)) return false;
  const name = c.nameOf(coefficient.other, 'subsample');
  const make = (): RealLayer => {
    const coefficients = c.numbers(coefficient.other);
    const taps = a.kernel[0] * a.kernel[1];
    const maps = coefficients.data.length;
    const weight = tensor([maps, maps, ...a.kernel]);
    coefficients.data.forEach((v, m) => {
      weight.data.fill(v / (a.divisorOverride ?? taps), (m * maps + m) * taps, (m * maps + m + 1) * taps);
    });
    return { weight, bias: flat(c.numbers(bias.other)) };
  };
  c.setDone([coefficient.node, bias.node, end]);
  const geometry = { stride: pool.stride, padding: pool.padding, dilation: [1, 1] } as const;
  const y = end.outputs[0];
  return emit(c, {
    name,
    x: c.bytes(x!, `${name}.input`),
    make,
    geometry,
    activation: activation as Ends,
    y,
  });
}

const flat = (t: Tensor): Tensor => ({ ...t, shape: [sizeOf(t.shape)] });

const add: Rule = (c, { inputs: [a, b], outputs: [y] }) => {
  const [p, q] = [c.known(a!), c.known(b!)];
  if (!p || !q || p.last || q.last || !sameShape(a!.shape, b!.shape)) return false;
  const [first, second] = [c.settled(p), c.settled(q)];
  const sum = quantizationOf(c.source.range(c.nameOf(null, 'add'), y));
  const attrs = { a: first.q, b: second.q, y: sum, relu: false };
  c.setBytes(y, { value: qlinearAdd(first.value, second.value, attrs), q: sum, shape: y.shape });
  return true;
};

/** Every so many rows and columns; done together with what reads it. */
const slice: Rule = (c, { inputs: [x], outputs: [y], attrs }) => {
  const { starts, steps, sizes } = attrs as SliceAttrs;
  const known = c.known(x!);
  const whole = [0, 1, 2, 3].every((i) => sizes[i] === Math.ceil(x!.shape[i] / steps[i]));
  if (!known || known.last || x!.shape.length !== 4 || !whole || steps[0] * steps[1] !== 1) return false;
  if (starts.some((s) => s !== 0) || steps.some((s) => s < 1)) return false;
  c.setBytes(y, { ...c.settled(known), shape: y.shape, every: [steps[2], steps[3]] });
  return true;
};

/** Channels of zeros. */
const padding: Rule = (c, { inputs: [x], outputs: [y], attrs }) => {
  const { starts, shape, value } = attrs as SliceAttrs & { shape: readonly number[]; value: number };
  const known = c.known(x!);
  const channels = x!.shape.length === 4 && [0, 2, 3].every((i) => shape[i] === x!.shape[i]);
  if (!known || known.last || !channels || value !== 0) return false;
  c.setBytes(y, pick(c, known, starts[1], shape[1] - x!.shape[1] - starts[1]));
  return true;
};

const isOne = (b: Bytes): boolean => b.value.shape[1] * b.value.shape[2] === 1;

/** Rows of an image, [N,C,H,W] → [N,C·H·W] or, of positions, [N,H,W,C] → [N·H·W,C]. */
const reshaped: Rule = (c, { inputs: [x], outputs: [y] }) => {
  const known = c.known(x!);
  if (!known) return false;
  const b = c.settled(known);
  const { shape } = y;
  const [n, h, w, channels] = b.value.shape;
  if (b.last && shape.length === 2 && shape[1] === channels) {
    c.setBytes(y, { ...b, value: reshape(b.value, [n * h * w, 1, 1, channels]), shape, last: undefined });
    return true;
  }
  const flattens = !b.last && shape.length === 2 && shape[0] === n;
  const unflattens = !b.last && isOne(b) && sameShape(shape, [n, channels, 1, 1]);
  if (flattens || unflattens) c.setBytes(y, { ...b, shape });
  return flattens || unflattens;
};

/** [N,C,H,W] → [N,H,W,C]: how the bytes lie. */
const transposed: Rule = (c, { inputs: [x], outputs: [y], attrs }) => {
  const known = c.known(x!);
  const { perm } = attrs as { perm: readonly number[] };
  if (!known || known.last || perm.join() !== '0,2,3,1') return false;
  c.setBytes(y, { ...c.settled(known), shape: y.shape, last: true });
  return true;
};

export const rules: Readonly<Record<string, Rule | undefined>> = {
  conv2d,
  linear,
  max_pool2d: maxPool,
  avg_pool2d: averagePool,
  reduce_mean: globalAverage,
  add,
  slice,
  pad: padding,
  reshape: reshaped,
  transpose: transposed,
};
