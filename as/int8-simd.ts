/** Helpers over bytes that the int8 kernels share. None touches a byte outside [ptr, ptr + n). */
import { Int8Type } from './int8-args';

/** The first n (1 … 8) bytes at ptr in the low half, zeros after them. */
// @ts-ignore: decorator
@inline
export function loadBytes(ptr: usize, n: i32): v128 {
  if (n >= 8) return v128.load64_zero(ptr);
  let bytes: u64 = 0, at: u64 = 0;
  if (n & 4) bytes = load<u32>(ptr), at = 4;
  if (n & 2) bytes |= <u64>load<u16>(ptr + <usize>at) << (at << 3), at += 2;
  if (n & 1) bytes |= <u64>load<u8>(ptr + <usize>at) << (at << 3);
  return i64x2.replace_lane(i64x2.splat(0), 0, bytes);
}

/** Stores the first n (1 … 8) bytes. */
// @ts-ignore: decorator
@inline
export function storeBytes(ptr: usize, v: v128, n: i32): void {
  if (n >= 8) {
    v128.store64_lane(ptr, v, 0);
    return;
  }
  let bytes = i64x2.extract_lane(v, 0);
  if (n & 4) store<u32>(ptr, <u32>bytes), ptr += 4, bytes >>= 32;
  if (n & 2) store<u16>(ptr, <u16>bytes), ptr += 2, bytes >>= 16;
  if (n & 1) store<u8>(ptr, <u8>bytes);
}

/** The low eight bytes as eight 16-bit numbers. */
// @ts-ignore: decorator
@inline
export function extend(type: i32, v: v128): v128 {
  return type == Int8Type.I8 ? i16x8.extend_low_i8x16_s(v) : i16x8.extend_low_i8x16_u(v);
}

/** Eight 16-bit numbers as bytes in the low half, saturated. */
// @ts-ignore: decorator
@inline
export function narrow(type: i32, v: v128): v128 {
  return type == Int8Type.I8 ? i8x16.narrow_i16x8_s(v, v) : i8x16.narrow_i16x8_u(v, v);
}

/** to[i] = from[i] − zero, 16 bits, for n bytes. */
export function widen(type: i32, zero: i32, to: usize, from: usize, n: i32): void {
  const z = i16x8.splat(<i16>zero);
  for (; n >= 8; n -= 8, to += 16, from += 8) {
    v128.store(to, i16x8.sub(extend(type, v128.load64_zero(from)), z));
  }
  for (; n > 0; n--, to += 2, from++) {
    store<i16>(to, <i16>((type == Int8Type.I8 ? <i32>load<i8>(from) : <i32>load<u8>(from)) - zero));
  }
}

/** Nearest integers, ties to even, of floats within ±2²², plus `zero` (magic: 1.5·2²³ as a float). */
// @ts-ignore: decorator
@inline
export function roundToInt(v: v128): v128 {
  return i32x4.sub(f32x4.add(v, f32x4.splat(12582912)), i32x4.splat(0x4b400000));
}

// @ts-ignore: decorator
@inline
export function clamp(v: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(high, f32x4.pmax(low, v));
}
