/** Convolution of bytes, with linear layers as its 1×1 form: ONNX's QLinearConv, channels-last; no gradients. */
import { Activation } from '../../as/kinds.ts';
import { check } from '../core/error.ts';
import { type Shape, sameShape, showType, type Tensor, type TensorType } from '../core/tensor.ts';
import { apply1, type Node, type Value } from '../ir/graph.ts';
import { defineOp, noGrad, type OpDef } from '../ir/op.ts';
import { type Int8Conv, int8ConvKernels, poolsSums } from './int8-kernels.ts';
import {
  checkQuantized,
  checkScale,
  fround,
  noWebgpu,
  type Quantization,
  roundToEven,
} from './quantization.ts';
import { endOf } from './quantized-linear.ts';
import type { QlinearPoolAttrs } from './quantized-pool.ts';

export interface QlinearConvAttrs {
  readonly stride: readonly [number, number];
  /** top, left, bottom, right. */
  readonly padding: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
  readonly x: Quantization;
  /** null: the result stays real, f32, as the scores of a network. */
  readonly y: Quantization | null;
  /** Of the residual, a tensor of bytes like y. */
  readonly residual: Quantization | null;
  readonly activation: Activation.NONE | Activation.RELU | Activation.TANH | Activation.SCALED_TANH;
  /** Set by fusion: the result is the maxima of 2×2 pixels. */
  readonly pool?: true;
}

/** Scale of the sums, and of what the activation leaves. Hyperbolic tangents need real sums. */
export function endScales({ x, y, activation }: QlinearConvAttrs): { factor: number; gain: number } {
  const inner = activation === Activation.TANH || activation === Activation.SCALED_TANH;
  const amplitude = activation === Activation.SCALED_TANH ? 1.7159 : 1;
  const scale = y?.scale ?? 1;
  return { factor: inner ? x.scale : x.scale / scale, gain: inner ? amplitude / scale : 1 };
}

/** Output shape. @throws LensletError 'shape' saying what does not fit */
function convShape(x: TensorType, w: TensorType, a: QlinearConvAttrs): Shape {
  const name = 'qlinear_conv';
  check(
    x.shape.length === 4 &&
      w.shape.length === 4 &&
      w.dtype === 'i8' &&
      [...x.shape, ...w.shape].every((d) => d > 0),
    'shape',
    () => `${name} takes [N×H×W×C] and weights i8[M×KH×KW×C], not ${showType(x)} and ${showType(w)}.`,
  );
  const [n, h, width, c] = x.shape;
  const [m, kh, kw, channels] = w.shape;
  check(
    c === channels,
    'shape',
    () => `${name}: ${showType(x)} has ${c} channels, the weights take ${channels}.`,
  );
  check(
    [...a.stride, ...a.dilation].every((v) => Number.isInteger(v) && v > 0) &&
      a.padding.every((v) => Number.isInteger(v) && v >= 0),
    'shape',
    () => `${name}: stride [${a.stride}], dilation [${a.dilation}], padding [${a.padding}] are impossible.`,
  );
  const [t, l, b, r] = a.padding;
  const oh = Math.floor((h + t + b - a.dilation[0] * (kh - 1) - 1) / a.stride[0]) + 1;
  const ow = Math.floor((width + l + r - a.dilation[1] * (kw - 1) - 1) / a.stride[1]) + 1;
  check(oh > 0 && ow > 0, 'shape', () => `${name}: a ${kh}×${kw} kernel does not fit into ${showType(x)}.`);
  return [n, oh, ow, m];
}

/** tanh as the kernels compute it (as/int8-requantize.ts), operation by operation. */
function tanh(v: number): number {
  const c = Math.min(fround(4.97), Math.max(fround(-4.97), v));
  const z = fround(c * c);
  const mul = (a: number, b: number) => fround(a * b);
  const p = fround(mul(fround(z + 378), z) + 17325);
  const q = fround(mul(28, z) + 3150);
  const top = mul(fround(mul(p, z) + 135135), c);
  return fround(top / fround(mul(fround(mul(q, z) + 62370), z) + 135135));
}

/** The sums of a convolution, exact. */
function sums(x: Tensor, w: Tensor, y: Tensor, a: QlinearConvAttrs): Int32Array {
  const [, h, width, c] = x.shape;
  const [m, kh, kw] = w.shape;
  const [, oh, ow] = y.shape;
  return Int32Array.from({ length: y.data.length }, (_, o) => {
    const [k, ox, oy] = [o % m, Math.floor(o / m) % ow, Math.floor(o / (m * ow)) % oh];
    const image = Math.floor(o / (m * ow * oh));
    let sum = 0;
    for (let ky = 0; ky < kh; ky++) {
      const iy = oy * a.stride[0] + ky * a.dilation[0] - a.padding[0];
      if (iy < 0 || iy >= h) continue;
      for (let kx = 0; kx < kw; kx++) {
        const ix = ox * a.stride[1] + kx * a.dilation[1] - a.padding[1];
        if (ix < 0 || ix >= width) continue;
        const [from, tap] = [((image * h + iy) * width + ix) * c, ((k * kh + ky) * kw + kx) * c];
        for (let i = 0; i < c; i++) sum += (x.data[from + i] - a.x.zeroPoint) * w.data[tap + i];
      }
    }
    return sum;
  });
}

const operandsOf = ({ inputs: [x, w, scale, bias, residual], outputs: [y] }: Node): Int8Conv => ({
  ...{ x: x!, w: w!, scale: scale!, y },
  ...{ bias, residual },
});

/**
 * x [N,H,W,C], w i8 [M,KH,KW,C], scale of the weights f32 [M], bias i32 [M] in units of both scales or null, residual
 * like y or null → [N,OH,OW,M]: the sums, exact in 32 bits, times scales, plus the residual, through the activation,
 * rounded to even, clamped.
 */
export const qlinearConvOp: OpDef<QlinearConvAttrs> = defineOp<QlinearConvAttrs>({
  name: 'qlinear_conv',
  infer([x, w, scale, bias, residual], a) {
    const name = 'qlinear_conv';
    checkQuantized(name, 'input', x!, a.x);
    if (a.y) checkScale(name, 'result', a.y.scale);
    const y = { dtype: a.y?.dtype ?? ('f32' as const), shape: convShape(x!, w!, a) };
    for (const [what, t, dtype] of [
      ['scale', scale!, 'f32'],
      ['bias', bias, 'i32'],
    ] as const) {
      check(
        !t || (t.dtype === dtype && sameShape(t.shape, [w!.shape[0]])),
        'shape',
        () => `${name}: the ${what} must be ${dtype}[${w!.shape[0]}], not ${showType(t!)}.`,
      );
    }
    check(!residual === !a.residual, 'shape', () => `${name}: a residual and its quantisation go together.`);
    if (residual && a.residual) {
      checkQuantized(name, 'residual', residual, a.residual);
      check(
        sameShape(residual.shape, y.shape) && a.y && endScales(a).gain === 1,
        'shape',
        () => `${name}: a residual ${showType(residual)} cannot be added to ${showType(y)}.`,
      );
    }
    return [y];
  },
  grad: noGrad,
  reference([x, w, scale, bias, residual], [y], a) {
    const all = sums(x!, w!, y, a);
    const m = w!.shape[0];
    const ends = endScales(a);
    const [factor, gain] = [fround(ends.factor), fround(ends.gain)];
    const more = a.residual && a.y ? fround(a.residual.scale / a.y.scale) : 0;
    const [low, high] = endOf(a.y, a.activation === Activation.RELU);
    for (let o = 0; o < all.length; o++) {
      const sum = (all[o] + (bias?.data[o % m] ?? 0)) | 0;
      let v = fround(fround(sum) * fround(scale!.data[o % m] * factor));
      if (residual && a.residual) v = fround(v + fround((residual.data[o] - a.residual.zeroPoint) * more));
      if (a.activation === Activation.TANH) v = fround(tanh(v) * gain);
      if (a.activation === Activation.SCALED_TANH) v = fround(tanh(fround(v * fround(2 / 3))) * gain);
      v = Math.min(high, Math.max(low, v));
      y.data[o] = a.y ? roundToEven(v) + a.y.zeroPoint : v;
    }
  },
  webgpu: noWebgpu,
  wasm: (node) => int8ConvKernels(operandsOf(node), node.attrs, endScales(node.attrs)),
  absorb(node, next) {
    if (next.op.name !== 'qlinear_max_pool' || node.attrs.pool) return null;
    const { kernel, stride, padding } = next.attrs as QlinearPoolAttrs;
    const halves = [...kernel, ...stride].every((v) => v === 2) && padding.every((p) => p === 0);
    return halves && poolsSums(operandsOf(node), node.attrs)
      ? { attrs: { ...node.attrs, pool: true } }
      : null;
  },
});

export interface QlinearConvInputs {
  readonly w: Value;
  readonly scale: Value;
  readonly bias?: Value | null;
  readonly residual?: Value | null;
}

export const qlinearConv = (
  x: Value,
  { w, scale, bias, residual }: QlinearConvInputs,
  attrs: QlinearConvAttrs,
): Value => apply1(qlinearConvOp, [x, w, scale, bias ?? null, residual ?? null], attrs);
