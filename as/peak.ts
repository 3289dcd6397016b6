/**
 * What one thread can attain, to measure the kernels by; a module of its own. Twelve independent chains of four lanes
 * hide the latency of multiply and add, all stay in registers, and the numbers stay finite.
 * One iteration is 2 operations × 4 lanes × 12 chains = 96.
 */

// @ts-ignore: decorator
@inline
function sum(a: v128, b: v128, c: v128, d: v128): v128 {
  return f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
}

/** Fused multiply and add in the form of matrix products: a += x·y. */
export function fma(n: i32, xs: f32, ys: f32): f32 {
  const x = f32x4.splat(xs), y = f32x4.splat(ys);
  let a = f32x4.splat(1), b = f32x4.splat(2), c = f32x4.splat(3), d = f32x4.splat(4);
  let e = f32x4.splat(5), f = f32x4.splat(6), g = f32x4.splat(7), h = f32x4.splat(8);
  let i = f32x4.splat(9), j = f32x4.splat(10), k = f32x4.splat(11), l = f32x4.splat(12);
  for (; n > 0; n--) {
    a = f32x4.relaxed_madd(x, y, a); b = f32x4.relaxed_madd(x, y, b); c = f32x4.relaxed_madd(x, y, c);
    d = f32x4.relaxed_madd(x, y, d); e = f32x4.relaxed_madd(x, y, e); f = f32x4.relaxed_madd(x, y, f);
    g = f32x4.relaxed_madd(x, y, g); h = f32x4.relaxed_madd(x, y, h); i = f32x4.relaxed_madd(x, y, i);
    j = f32x4.relaxed_madd(x, y, j); k = f32x4.relaxed_madd(x, y, k); l = f32x4.relaxed_madd(x, y, l);
  }
  return f32x4.extract_lane(sum(sum(a, b, c, d), sum(e, f, g, h), sum(i, j, k, l), x), 0);
}

/** The two apart: a = a·x + y, because a product of constants would leave the loop. */
export function mulAdd(n: i32, xs: f32, ys: f32): f32 {
  const x = f32x4.splat(xs), y = f32x4.splat(ys);
  let a = f32x4.splat(1), b = f32x4.splat(2), c = f32x4.splat(3), d = f32x4.splat(4);
  let e = f32x4.splat(5), f = f32x4.splat(6), g = f32x4.splat(7), h = f32x4.splat(8);
  let i = f32x4.splat(9), j = f32x4.splat(10), k = f32x4.splat(11), l = f32x4.splat(12);
  for (; n > 0; n--) {
    a = f32x4.add(f32x4.mul(a, x), y); b = f32x4.add(f32x4.mul(b, x), y); c = f32x4.add(f32x4.mul(c, x), y);
    d = f32x4.add(f32x4.mul(d, x), y); e = f32x4.add(f32x4.mul(e, x), y); f = f32x4.add(f32x4.mul(f, x), y);
    g = f32x4.add(f32x4.mul(g, x), y); h = f32x4.add(f32x4.mul(h, x), y); i = f32x4.add(f32x4.mul(i, x), y);
    j = f32x4.add(f32x4.mul(j, x), y); k = f32x4.add(f32x4.mul(k, x), y); l = f32x4.add(f32x4.mul(l, x), y);
  }
  return f32x4.extract_lane(sum(sum(a, b, c, d), sum(e, f, g, h), sum(i, j, k, l), x), 0);
}
