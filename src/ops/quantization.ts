/**
 * Numbers in a byte: real = (byte − zeroPoint) · scale, as ONNX's QuantizeLinear has it. Tensors of four dimensions are
 * channels-last, [N,H,W,C]: kernels then read neighbouring channels of a pixel at once, whatever their number.
 */
import { Int8Type } from '../../as/int8-args.ts';
import { check, LensletError } from '../core/error.ts';
import { showType, type TensorType } from '../core/tensor.ts';

export interface Quantization {
  readonly dtype: 'u8' | 'i8';
  readonly scale: number;
  readonly zeroPoint: number;
}

export const int8Type = (q: Quantization | null): Int8Type =>
  q === null ? Int8Type.F32 : q.dtype === 'u8' ? Int8Type.U8 : Int8Type.I8;

/** Least and largest byte. */
export const limitsOf = ({ dtype }: Quantization): readonly [number, number] =>
  dtype === 'u8' ? [0, 255] : [-128, 127];

export const { fround } = Math;

/** Nearest integer, ties to even, clamped to a type's bytes; all in single precision, as the kernels do it. */
export function toByte(v: number, q: Quantization): number {
  const [low, high] = limitsOf(q);
  const clamped = Math.min(high - q.zeroPoint, Math.max(low - q.zeroPoint, v));
  return roundToEven(clamped) + q.zeroPoint;
}

/** Of numbers below 2²²: adding 1.5·2²³ in single precision leaves no fraction. */
export const roundToEven = (v: number): number => fround(v + 12582912) - 12582912;

/** @throws LensletError 'shape' saying what is wrong with a quantisation, or with a tensor that should have it */
export function checkQuantized(name: string, what: string, x: TensorType, q: Quantization): void {
  const [low, high] = limitsOf(q);
  const { scale, zeroPoint } = q;
  check(
    x.dtype === q.dtype,
    'shape',
    () => `${name}: the ${what} is ${showType(x)}, but its quantisation is of ${q.dtype}.`,
  );
  checkScale(name, what, scale);
  check(
    Number.isInteger(zeroPoint) && zeroPoint >= low && zeroPoint <= high,
    'shape',
    () =>
      `${name}: the zero point of the ${what} must be a whole number from ${low} to ${high}, not ${zeroPoint}.`,
  );
}

export const checkScale = (name: string, what: string, scale: number): void =>
  check(
    Number.isFinite(scale) && scale > 0,
    'shape',
    () => `${name}: the scale of the ${what} must be a positive number, not ${scale}.`,
  );

/** The WebGPU rule of operators on bytes: shaders have no such type. @throws LensletError 'unsupported' */
export function noWebgpu(): never {
  throw new LensletError(
    'unsupported',
    'Networks in int8 run on the WASM backend; on WebGPU use the f32 network.',
  );
}
