/**
 * Transcendental functions over four lanes, and the activations made of them. NaN stays NaN: `pmin(x, c)` and
 * `pmax(x, c)` return x when x is NaN. Largest errors measured over all floats: test/bench/NOTES.md.
 */
import { Activation } from './kinds';
import { loadFirst, madd, nmadd, storeFirst } from './simd';

/**
 * eˣ. x = n ln 2 + r, |r| ≤ ln 2 / 2, ln 2 in two parts; polynomial of Cephes expf (S. Moshier); 2ⁿ applied in two
 * factors so that results below the normal range round once more instead of vanishing.
 */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  const c = f32x4.pmax(f32x4.pmin(x, f32x4.splat(89)), f32x4.splat(-105));
  const n = f32x4.nearest(f32x4.mul(c, f32x4.splat(1.44269504)));
  const r = nmadd(n, f32x4.splat(-2.12194440e-4), nmadd(n, f32x4.splat(0.693359375), c));
  let p = madd(r, f32x4.splat(1.9875691500e-4), f32x4.splat(1.3981999507e-3));
  p = madd(p, r, f32x4.splat(8.3334519073e-3));
  p = madd(p, r, f32x4.splat(4.1665795894e-2));
  p = madd(p, r, f32x4.splat(1.6666665459e-1));
  p = madd(p, r, f32x4.splat(5.0000001201e-1));
  p = f32x4.add(madd(p, f32x4.mul(r, r), r), f32x4.splat(1));
  const k = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(k, 1);
  const bias = i32x4.splat(127);
  const s0 = i32x4.shl(i32x4.add(half, bias), 23);
  const s1 = i32x4.shl(i32x4.add(i32x4.sub(k, half), bias), 23);
  return f32x4.mul(f32x4.mul(p, s0), s1);
}

/** ln x; −∞ at ±0, NaN below 0. Polynomial of Cephes logf over [√½, √2). */
// @ts-ignore: decorator
@inline
export function log(x: v128): v128 {
  const small = f32x4.lt(x, f32x4.splat(1.17549435e-38));
  const scaled = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, small);
  // m in [√½, √2), x = m 2^e
  const shifted = i32x4.sub(scaled, i32x4.splat(0x3f3504f3));
  const whole = i32x4.shr_s(shifted, 23);
  const m = i32x4.sub(scaled, i32x4.shl(whole, 23));
  const e = f32x4.sub(f32x4.convert_i32x4_s(whole), v128.and(small, f32x4.splat(23)));
  const r = f32x4.sub(m, f32x4.splat(1));
  const z = f32x4.mul(r, r);
  let p = madd(r, f32x4.splat(7.0376836292e-2), f32x4.splat(-1.1514610310e-1));
  p = madd(p, r, f32x4.splat(1.1676998740e-1));
  p = madd(p, r, f32x4.splat(-1.2420140846e-1));
  p = madd(p, r, f32x4.splat(1.4249322787e-1));
  p = madd(p, r, f32x4.splat(-1.6668057665e-1));
  p = madd(p, r, f32x4.splat(2.0000714765e-1));
  p = madd(p, r, f32x4.splat(-2.4999993993e-1));
  p = madd(p, r, f32x4.splat(3.3333331174e-1));
  let y = f32x4.mul(f32x4.mul(p, r), z);
  y = madd(e, f32x4.splat(-2.12194440e-4), y);
  y = nmadd(z, f32x4.splat(0.5), y);
  y = madd(e, f32x4.splat(0.693359375), f32x4.add(r, y));
  // +∞ and NaN pass through; 0 gives −∞, below 0 NaN.
  const infinity = f32x4.splat(Infinity);
  y = v128.bitselect(y, x, f32x4.lt(x, infinity));
  y = v128.bitselect(f32x4.splat(NaN), y, f32x4.lt(x, f32x4.splat(0)));
  return v128.bitselect(f32x4.neg(infinity), y, f32x4.eq(x, f32x4.splat(0)));
}

/** 1 / (1 + e⁻ˣ), through e^−|x| so that neither end loses digits. */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const e = exp(f32x4.neg(f32x4.abs(x)));
  const one = f32x4.splat(1);
  const positive = f32x4.ge(x, f32x4.splat(0));
  return f32x4.div(v128.bitselect(one, e, positive), f32x4.add(one, e));
}

/** tanh x: odd rational function 13/6 of Eigen (G. Guennebaud, B. Steiner), x itself where |x| is small. */
// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const limit = f32x4.splat(ASC_FEATURE_RELAXED_SIMD ? 7.99881172180175781 : 7.90531110763549805);
  const c = f32x4.pmax(f32x4.pmin(x, limit), f32x4.neg(limit));
  const z = f32x4.mul(c, c);
  let p = madd(z, f32x4.splat(-2.76076847742355e-16), f32x4.splat(2.00018790482477e-13));
  p = madd(p, z, f32x4.splat(-8.60467152213735e-11));
  p = madd(p, z, f32x4.splat(5.12229709037114e-8));
  p = madd(p, z, f32x4.splat(1.48572235717979e-5));
  p = madd(p, z, f32x4.splat(6.37261928875436e-4));
  p = madd(p, z, f32x4.splat(4.89352455891786e-3));
  let q = madd(z, f32x4.splat(1.19825839466702e-6), f32x4.splat(1.18534705686654e-4));
  q = madd(q, z, f32x4.splat(2.26843463243900e-3));
  q = madd(q, z, f32x4.splat(4.89352518554385e-3));
  const y = f32x4.div(f32x4.mul(p, c), q);
  return v128.bitselect(x, y, f32x4.lt(f32x4.abs(x), f32x4.splat(0.0004)));
}

/** One activation (`Activation`) of four lanes. */
// @ts-ignore: decorator
@inline
export function activate(kind: i32, alpha: f32, x: v128): v128 {
  const zero = f32x4.splat(0);
  // pmax(x, 0) keeps NaN, and gives +0 for −0 no other sign than x has.
  if (kind == Activation.RELU) return f32x4.pmax(x, zero);
  if (kind == Activation.LEAKY_RELU) {
    return v128.bitselect(f32x4.mul(x, f32x4.splat(alpha)), x, f32x4.lt(x, zero));
  }
  if (kind == Activation.SIGMOID) return sigmoid(x);
  if (kind == Activation.TANH) return tanh(x);
  return f32x4.mul(f32x4.splat(1.7159), tanh(f32x4.mul(x, f32x4.splat(2.0 / 3.0))));
}

// @ts-ignore: decorator
@inline
function map(kind: i32, alpha: f32, to: usize, from: usize, n: i32): void {
  for (; n >= 16; n -= 16, to += 64, from += 64) {
    const a = activate(kind, alpha, v128.load(from)), b = activate(kind, alpha, v128.load(from, 16));
    const c = activate(kind, alpha, v128.load(from, 32)), d = activate(kind, alpha, v128.load(from, 48));
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
  for (; n >= 4; n -= 4, to += 16, from += 16) {
    v128.store(to, activate(kind, alpha, v128.load(from)));
  }
  if (n > 0) storeFirst(to, activate(kind, alpha, loadFirst(from, n)), n);
}

/** to[i] = activation(from[i]) for n floats; the same place or apart. */
export function activateRange(kind: i32, alpha: f32, to: usize, from: usize, n: i32): void {
  if (kind == Activation.RELU) map(Activation.RELU, alpha, to, from, n);
  else if (kind == Activation.LEAKY_RELU) map(Activation.LEAKY_RELU, alpha, to, from, n);
  else if (kind == Activation.SIGMOID) map(Activation.SIGMOID, alpha, to, from, n);
  else if (kind == Activation.TANH) map(Activation.TANH, alpha, to, from, n);
  else if (kind == Activation.SCALED_TANH) map(Activation.SCALED_TANH, alpha, to, from, n);
}
