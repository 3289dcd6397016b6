/** Helpers over v128 that every kernel shares. All are inlined; none touches a byte outside [ptr, ptr + 4n). */

/** a·b + c: one rounding with relaxed SIMD where the machine has FMA, two otherwise. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** c − a·b, rounded as `madd`. */
// @ts-ignore: decorator
@inline
export function nmadd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

/** The first n (1 … 4) floats at ptr, zeros after them. */
// @ts-ignore: decorator
@inline
export function loadFirst(ptr: usize, n: i32): v128 {
  if (n >= 4) return v128.load(ptr);
  if (n == 1) return v128.load32_zero(ptr);
  const two = v128.load64_zero(ptr);
  return n == 2 ? two : v128.load_lane<f32>(ptr, two, 2, 8);
}

/** Stores the first n (1 … 4) lanes. */
// @ts-ignore: decorator
@inline
export function storeFirst(ptr: usize, v: v128, n: i32): void {
  if (n >= 4) v128.store(ptr, v);
  else if (n == 1) v128.store_lane<f32>(ptr, v, 0);
  else {
    v128.store_lane<f64>(ptr, v, 0);
    if (n == 3) v128.store_lane<f32>(ptr, v, 2, 8);
  }
}

/** [Σa, Σb, Σc, Σd], in a fixed order. */
// @ts-ignore: decorator
@inline
export function sumLanes4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/** Writes n copies of a float. */
export function fill(ptr: usize, n: i32, value: f32): void {
  const v = f32x4.splat(value);
  for (; n >= 4; n -= 4, ptr += 16) v128.store(ptr, v);
  if (n > 0) storeFirst(ptr, v, n);
}

/** Copies n floats; the ranges do not overlap. */
export function copy(to: usize, from: usize, n: i32): void {
  for (; n >= 4; n -= 4, to += 16, from += 16) v128.store(to, v128.load(from));
  if (n > 0) storeFirst(to, loadFirst(from, n), n);
}

/** to[i] += from[i] for n floats. */
export function addRange(to: usize, from: usize, n: i32): void {
  for (; n >= 4; n -= 4, to += 16, from += 16) v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
  if (n > 0) storeFirst(to, f32x4.add(loadFirst(to, n), loadFirst(from, n)), n);
}
