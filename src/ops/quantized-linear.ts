/** From real numbers to bytes and back, and sums of bytes. No gradients: these operators are for inference. */
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { type Shape, sameShape, showType, sizeOf } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { type Buffer, f32, i32, read, type WasmKernel, write } from '../ir/kernel.ts';
import { defineOp, noGrad } from '../ir/op.ts';
import {
  checkQuantized,
  checkScale,
  fround,
  int8Type,
  limitsOf,
  noWebgpu,
  type Quantization,
  toByte,
} from './quantization.ts';

/** [N,C,H,W] ↔ [N,H,W,C]; other shapes stay as they are. */
const toLast = (shape: Shape): Shape =>
  shape.length === 4 ? [shape[0], shape[2], shape[3], shape[1]] : shape;
const toFirst = (shape: Shape): Shape =>
  shape.length === 4 ? [shape[0], shape[3], shape[1], shape[2]] : shape;

/** Images, channels and pixels of a tensor with channels at dimension 1: one row of pixels where it has none. */
function planes(shape: Shape): { n: number; c: number; pixels: number } {
  if (shape.length === 4) return { n: shape[0], c: shape[1], pixels: shape[2] * shape[3] };
  return { n: 1, c: 1, pixels: sizeOf(shape) };
}

/** Calls back with the index of each element channels-first and channels-last. */
function forElements(shape: Shape, visit: (first: number, last: number) => void): void {
  const { n, c, pixels } = planes(shape);
  for (let i = 0; i < n * c * pixels; i++) {
    const [image, channel, q] = [Math.floor(i / (c * pixels)), Math.floor(i / pixels) % c, i % pixels];
    visit(i, (image * pixels + q) * c + channel);
  }
}

function kernel(
  opcode: Opcode,
  x: Buffer,
  y: Buffer,
  shape: Shape,
  q: Quantization,
  factor: number,
): WasmKernel[] {
  const { n, c, pixels } = planes(shape);
  const rows = Math.max(64, Math.ceil(Layout.TILE / c));
  const words = [n, c, pixels, int8Type(q), q.zeroPoint].map(i32);
  const args = [read(x), write(y), ...words, f32(factor), i32(rows)];
  return [{ opcode, tiles: n * Math.ceil(pixels / rows), args }];
}

/** x f32 [N,C,H,W] → bytes [N,H,W,C]; other shapes keep their order. byte = round(x · (1 / scale)) + zero point. */
export const quantizeLinearOp = defineOp<Quantization>({
  name: 'quantize_linear',
  infer([x], q) {
    check(x!.dtype === 'f32', 'shape', () => `quantize_linear takes an f32 tensor, not ${showType(x!)}.`);
    const y = { dtype: q.dtype, shape: toLast(x!.shape) };
    checkQuantized('quantize_linear', 'result', y, q);
    return [y];
  },
  grad: noGrad,
  reference([x], [y], q) {
    const factor = fround(1 / q.scale);
    forElements(x!.shape, (first, last) => {
      y.data[last] = toByte(fround(x!.data[first] * factor), q);
    });
  },
  webgpu: noWebgpu,
  wasm: ({ inputs: [x], outputs: [y], attrs }) =>
    kernel(Opcode.QUANTIZE, x!, y, x!.shape, attrs, 1 / attrs.scale),
});

/** Bytes [N,H,W,C] → f32 [N,C,H,W]; other shapes keep their order. */
export const dequantizeLinearOp = defineOp<Quantization>({
  name: 'dequantize_linear',
  infer([x], q) {
    checkQuantized('dequantize_linear', 'input', x!, q);
    return [{ dtype: 'f32', shape: toFirst(x!.shape) }];
  },
  grad: noGrad,
  reference([x], [y], q) {
    const scale = fround(q.scale);
    forElements(y.shape, (first, last) => {
      y.data[first] = (x!.data[last] - q.zeroPoint) * scale;
    });
  },
  webgpu: noWebgpu,
  wasm: ({ inputs: [x], outputs: [y], attrs }) =>
    kernel(Opcode.DEQUANTIZE, x!, y, y.shape, attrs, attrs.scale),
});

export interface QlinearAddAttrs {
  readonly a: Quantization;
  readonly b: Quantization;
  readonly y: Quantization;
  /** Whether a ReLU follows the sum. */
  readonly relu: boolean;
}

/** The sum of two tensors of bytes of one shape. */
export const qlinearAddOp = defineOp<QlinearAddAttrs>({
  name: 'qlinear_add',
  infer([a, b], attrs) {
    checkQuantized('qlinear_add', 'first operand', a!, attrs.a);
    checkQuantized('qlinear_add', 'second operand', b!, attrs.b);
    checkScale('qlinear_add', 'result', attrs.y.scale);
    check(
      sameShape(a!.shape, b!.shape),
      'shape',
      () => `qlinear_add: ${showType(a!)} and ${showType(b!)} differ in shape.`,
    );
    return [{ dtype: attrs.y.dtype, shape: a!.shape }];
  },
  grad: noGrad,
  reference([a, b], [y], attrs) {
    const [p, q] = [fround(attrs.a.scale / attrs.y.scale), fround(attrs.b.scale / attrs.y.scale)];
    for (let i = 0; i < y.data.length; i++) {
      const first = fround((a!.data[i] - attrs.a.zeroPoint) * p);
      const sum = fround(first + fround((b!.data[i] - attrs.b.zeroPoint) * q));
      y.data[i] = toByte(attrs.relu ? Math.max(0, sum) : sum, attrs.y);
    }
  },
  webgpu: noWebgpu,
  wasm({ inputs: [a, b], outputs: [y], attrs }) {
    const count = sizeOf(y.shape);
    const [low, high] = endOf(attrs.y, attrs.relu);
    const operand = (q: Quantization) => [i32(int8Type(q)), i32(q.zeroPoint), f32(q.scale / attrs.y.scale)];
    const end = [i32(int8Type(attrs.y)), i32(attrs.y.zeroPoint), f32(low), f32(high)];
    const args = [read(a), read(b), write(y), i32(count), ...operand(attrs.a), ...operand(attrs.b), ...end];
    return [{ opcode: Opcode.INT8_ADD, tiles: Math.ceil(count / Layout.TILE), args }];
  },
});

/** Between which values a result less its zero point lies; without quantisation it is real. */
export function endOf(q: Quantization | null, relu: boolean): readonly [low: number, high: number] {
  if (!q) return [relu ? 0 : Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const [low, high] = limitsOf(q).map((v) => v - q.zeroPoint);
  return [relu ? Math.max(0, low) : low, high];
}

export const quantizeLinear = (x: Value, q: Quantization): Value => apply1(quantizeLinearOp, [x], q);
export const dequantizeLinear = (x: Value, q: Quantization): Value => apply1(dequantizeLinearOp, [x], q);
export const qlinearAdd = (a: Value, b: Value, attrs: QlinearAddAttrs): Value =>
  apply1(qlinearAddOp, [a, b], attrs);
