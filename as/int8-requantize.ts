/**
 * The end of an int8 convolution: from 32-bit sums to bytes, y = clamp(round(f((sum + bias)·scale + residual))) + zero,
 * in single precision without fused operations, so that every binary and the reference agree to the bit.
 */
import { Activation } from './kinds';
import { Int8ConvArgs, Int8Type } from './int8-args';
import { clamp, extend, loadBytes, narrow, storeBytes } from './int8-simd';
import { storeFirst } from './simd';

/** Offsets in the table of vectors that `loadEnd` writes: engines make constants of vectors anew at every use. */
// @ts-ignore: decorator
@inline
const LOW: usize = 0;
// @ts-ignore: decorator
@inline
const HIGH: usize = 16;
/** 1.5·2²³, whose sum with a number below 2²² has the number rounded to even in its last bits; and those bits at zero. */
// @ts-ignore: decorator
@inline
const MAGIC: usize = 32;
// @ts-ignore: decorator
@inline
const BITS: usize = 48;
// @ts-ignore: decorator
@inline
const RESIDUAL: usize = 64;
// @ts-ignore: decorator
@inline
const GAIN: usize = 80;
// @ts-ignore: decorator
@inline
const TANH: usize = 96;

let type: i32 = 0, activation: i32 = 0, residualType: i32 = 0, residualZero: i32 = 0;

/** Reads how a convolution ends; `table` takes 256 bytes. */
export function loadEnd(cmd: usize, table: usize): void {
  type = load<i32>(cmd, Int8ConvArgs.Y_TYPE), activation = load<i32>(cmd, Int8ConvArgs.ACTIVATION);
  residualType = load<i32>(cmd, Int8ConvArgs.RESIDUAL_TYPE), residualZero = load<i32>(cmd, Int8ConvArgs.RESIDUAL_ZERO);
  v128.store(table, v128.load32_splat(cmd + Int8ConvArgs.LOW), LOW);
  v128.store(table, v128.load32_splat(cmd + Int8ConvArgs.HIGH), HIGH);
  v128.store(table, f32x4.splat(12582912), MAGIC);
  v128.store(table, i32x4.splat(0x4b400000 - load<i32>(cmd, Int8ConvArgs.Y_ZERO)), BITS);
  v128.store(table, v128.load32_splat(cmd + Int8ConvArgs.RESIDUAL_SCALE), RESIDUAL);
  v128.store(table, v128.load32_splat(cmd + Int8ConvArgs.GAIN), GAIN);
  const inner: f32 = activation == Activation.SCALED_TANH ? <f32>(2.0 / 3.0) : 1;
  v128.store(table, f32x4.splat(inner), TANH);
  v128.store(table, f32x4.splat(4.97), TANH + 16);
  v128.store(table, f32x4.splat(-4.97), TANH + 32);
  v128.store(table, f32x4.splat(378), TANH + 48);
  v128.store(table, f32x4.splat(17325), TANH + 64);
  v128.store(table, f32x4.splat(135135), TANH + 80);
  v128.store(table, f32x4.splat(28), TANH + 96);
  v128.store(table, f32x4.splat(3150), TANH + 112);
  v128.store(table, f32x4.splat(62370), TANH + 128);
}

/**
 * tanh as a continued fraction of seven terms (J. H. Lambert 1761), |error| < 1e-4: finer than a byte, and made of
 * operations that round the same everywhere.
 */
// @ts-ignore: decorator
@inline
function tanh(v: v128, table: usize): v128 {
  const x = f32x4.mul(v, v128.load(table, TANH));
  const c = clamp(x, v128.load(table, TANH + 32), v128.load(table, TANH + 16)), z = f32x4.mul(c, c);
  const odd = v128.load(table, TANH + 80);
  let p = f32x4.mul(f32x4.add(z, v128.load(table, TANH + 48)), z);
  p = f32x4.mul(f32x4.add(p, v128.load(table, TANH + 64)), z);
  p = f32x4.mul(f32x4.add(p, odd), c);
  let q = f32x4.add(f32x4.mul(z, v128.load(table, TANH + 96)), v128.load(table, TANH + 112));
  q = f32x4.add(f32x4.mul(q, z), v128.load(table, TANH + 128));
  q = f32x4.add(f32x4.mul(q, z), odd);
  return f32x4.mul(f32x4.div(p, q), v128.load(table, GAIN));
}

// @ts-ignore: decorator
@inline
function end(v: v128, table: usize): v128 {
  if (activation != Activation.NONE) v = tanh(v, table);
  return clamp(v, v128.load(table, LOW), v128.load(table, HIGH));
}

// @ts-ignore: decorator
@inline
function toInt(v: v128, table: usize): v128 {
  return i32x4.sub(f32x4.add(v, v128.load(table, MAGIC)), v128.load(table, BITS));
}

/** Ends eight sums of one pixel: `head` of their panel (`int8-pack.ts`), the first n (1 … 8) of them at y. */
// @ts-ignore: decorator
@inline
export function requantize(table: usize, a: v128, b: v128, head: usize, y: usize, residual: usize, n: i32): void {
  let v = f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(a, v128.load(head))), v128.load(head, 32));
  let w = f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(b, v128.load(head, 16))), v128.load(head, 48));
  if (residual) {
    const r = i16x8.sub(extend(residualType, loadBytes(residual, n)), i16x8.splat(<i16>residualZero));
    const factor = v128.load(table, RESIDUAL);
    v = f32x4.add(v, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(r)), factor));
    w = f32x4.add(w, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(r)), factor));
  }
  v = end(v, table), w = end(w, table);
  if (type == Int8Type.F32) {
    storeFirst(y, v, min(n, 4));
    if (n > 4) storeFirst(y + 16, w, n - 4);
    return;
  }
  storeBytes(y, narrow(type, i16x8.narrow_i32x4_s(toInt(v, table), toInt(w, table))), n);
}
