/**
 * The end of an int8 convolution: from 32-bit sums to bytes, y = clamp(round(f((sum + bias)·scale + residual))) + zero,
 * in single precision without fused operations, so that every binary and the reference agree to the bit.
 */
import { Activation } from './kinds';
import { Int8ConvArgs, Int8Type } from './int8-args';
import { clamp, extend, loadBytes, narrow, roundToInt, storeBytes } from './int8-simd';
import { storeFirst } from './simd';

let type: i32 = 0, zero: i32 = 0, activation: i32 = 0;
let low: f32 = 0, high: f32 = 0, gain: f32 = 0;
let residualType: i32 = 0, residualZero: i32 = 0, residualScale: f32 = 0;

export function loadEnd(cmd: usize): void {
  type = load<i32>(cmd, Int8ConvArgs.Y_TYPE), zero = load<i32>(cmd, Int8ConvArgs.Y_ZERO);
  low = load<f32>(cmd, Int8ConvArgs.LOW), high = load<f32>(cmd, Int8ConvArgs.HIGH);
  activation = load<i32>(cmd, Int8ConvArgs.ACTIVATION), gain = load<f32>(cmd, Int8ConvArgs.GAIN);
  residualType = load<i32>(cmd, Int8ConvArgs.RESIDUAL_TYPE), residualZero = load<i32>(cmd, Int8ConvArgs.RESIDUAL_ZERO);
  residualScale = load<f32>(cmd, Int8ConvArgs.RESIDUAL_SCALE);
}

/**
 * tanh as a continued fraction of seven terms (J. H. Lambert 1761), |error| < 1e-4: finer than a byte, and made of
 * operations that round the same everywhere.
 */
// @ts-ignore: decorator
@inline
function tanh(x: v128): v128 {
  const c = clamp(x, f32x4.splat(-4.97), f32x4.splat(4.97)), z = f32x4.mul(c, c);
  let p = f32x4.add(f32x4.mul(f32x4.add(z, f32x4.splat(378)), z), f32x4.splat(17325));
  p = f32x4.mul(f32x4.add(f32x4.mul(p, z), f32x4.splat(135135)), c);
  let q = f32x4.add(f32x4.mul(f32x4.splat(28), z), f32x4.splat(3150));
  q = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(q, z), f32x4.splat(62370)), z), f32x4.splat(135135));
  return f32x4.div(p, q);
}

// @ts-ignore: decorator
@inline
function activate(v: v128): v128 {
  if (activation == Activation.TANH) return f32x4.mul(tanh(v), f32x4.splat(gain));
  return f32x4.mul(tanh(f32x4.mul(v, f32x4.splat(2.0 / 3.0))), f32x4.splat(gain));
}

/** Ends eight sums of one pixel: `head` of their panel (`int8-pack.ts`), the first n (1 … 8) of them at y. */
// @ts-ignore: decorator
@inline
export function requantize(a: v128, b: v128, head: usize, y: usize, residual: usize, n: i32): void {
  let v = f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(a, v128.load(head))), v128.load(head, 32));
  let w = f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(b, v128.load(head, 16))), v128.load(head, 48));
  if (residual) {
    const r = i16x8.sub(extend(residualType, loadBytes(residual, n)), i16x8.splat(<i16>residualZero));
    const factor = f32x4.splat(residualScale);
    v = f32x4.add(v, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(r)), factor));
    w = f32x4.add(w, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(r)), factor));
  }
  if (activation != Activation.NONE) v = activate(v), w = activate(w);
  const least = f32x4.splat(low), most = f32x4.splat(high);
  v = clamp(v, least, most), w = clamp(w, least, most);
  if (type == Int8Type.F32) {
    storeFirst(y, v, min(n, 4));
    if (n > 4) storeFirst(y + 16, w, n - 4);
    return;
  }
  const both = i16x8.narrow_i32x4_s(roundToInt(v), roundToInt(w));
  storeBytes(y, narrow(type, i16x8.add(both, i16x8.splat(<i16>zero))), n);
}
