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

/** Least value of Y and the residual's zero point, 16 bits. */
// @ts-ignore: decorator
@inline
const LEAST: usize = 240;
// @ts-ignore: decorator
@inline
const RESIDUAL_ZERO: usize = 256;

let type: i32 = 0, activation: i32 = 0, residualType: i32 = 0, residualZero: i32 = 0;
let saturates: bool = false;

/** Reads how a convolution ends; `table` takes 272 bytes. */
export function loadEnd(cmd: usize, table: usize): void {
  type = load<i32>(cmd, Int8ConvArgs.Y_TYPE), activation = load<i32>(cmd, Int8ConvArgs.ACTIVATION);
  residualType = load<i32>(cmd, Int8ConvArgs.RESIDUAL_TYPE), residualZero = load<i32>(cmd, Int8ConvArgs.RESIDUAL_ZERO);
  saturates = load<i32>(cmd, Int8ConvArgs.SATURATES) != 0;
  const zero = load<i32>(cmd, Int8ConvArgs.Y_ZERO);
  v128.store(table, i16x8.splat(<i16>(<i32>max<f32>(load<f32>(cmd, Int8ConvArgs.LOW), -256) + zero)), LEAST);
  v128.store(table, i16x8.splat(<i16>residualZero), RESIDUAL_ZERO);
  v128.store(table, v128.load32_splat(cmd + Int8ConvArgs.LOW), LOW);
  v128.store(table, v128.load32_splat(cmd + Int8ConvArgs.HIGH), HIGH);
  v128.store(table, f32x4.splat(12582912), MAGIC);
  v128.store(table, i32x4.splat(0x4b400000 - zero), BITS);
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
function requantize(table: usize, a: v128, b: v128, head: usize, y: usize, residual: usize, n: i32): void {
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

/** `requantize` of whole panels where the type's own limits clamp: nothing before rounding leaves ±2²¹. */
// @ts-ignore: decorator
@inline
function saturate(hasResidual: bool, table: usize, head: usize, sums: usize, n: i32, y: usize, residual: usize, step: i32): void {
  const bias = v128.load(head), bias2 = v128.load(head, 16), scale = v128.load(head, 32), scale2 = v128.load(head, 48);
  const magic = v128.load(table, MAGIC), bits = v128.load(table, BITS), least = v128.load(table, LEAST);
  const factor = v128.load(table, RESIDUAL), zero = v128.load(table, RESIDUAL_ZERO), kind = type, kind2 = residualType;
  for (; n > 0; n--, sums += 32, y += step) {
    let v = f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(v128.load(sums), bias)), scale);
    let w = f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(v128.load(sums, 16), bias2)), scale2);
    if (hasResidual) {
      const r = i16x8.sub(extend(kind2, v128.load64_zero(residual)), zero);
      v = f32x4.add(v, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(r)), factor));
      w = f32x4.add(w, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(r)), factor));
      residual += step;
    }
    v = i32x4.sub(f32x4.add(v, magic), bits), w = i32x4.sub(f32x4.add(w, magic), bits);
    v128.store64_lane(y, narrow(kind, i16x8.max_s(i16x8.narrow_i32x4_s(v, w), least)), 0);
  }
}

/**
 * Ends n pixels of a panel, [n][8] sums, of which the first `count` channels are real: to y and with what is at
 * `residual` (0: nothing), both `step` elements from pixel to pixel.
 */
export function endPixels(
  table: usize, head: usize, sums: usize, n: i32, y: usize, residual: usize, step: i32, count: i32,
): void {
  if (saturates && (count == 8 || count == step)) {
    // Pixels of fewer bytes: what is too much of one is written over by the next, the last ones are ended exactly.
    const whole = count == 8 ? n : max(n + 1 - (7 + count) / count, 0), bytes = <usize>whole * step;
    if (residual) saturate(true, table, head, sums, whole, y, residual, step);
    else saturate(false, table, head, sums, whole, y, 0, step);
    n -= whole, y += bytes, sums += <usize>whole << 5;
    if (residual) residual += bytes;
  }
  const bytes: usize = type == Int8Type.F32 ? 4 : 1;
  for (; n > 0; n--, sums += 32, y += step * bytes) {
    requantize(table, v128.load(sums), v128.load(sums, 16), head, y, residual, count);
    if (residual) residual += step;
  }
}
