/**
 * Batch normalisation (Ioffe & Szegedy 2015) of [N][C][plane] over N and plane, its gradient, and the affine map a
 * channel that remains of it at inference. Sums run in f32 over at most CHUNK elements and in f64 beyond.
 */
import { activateRange } from "./activation";
import { loadFirst, madd, storeFirst } from "./simd";
import { Activation, BatchNormArgs, BatchNormGradArgs, ChannelAffineArgs } from "./protocol";

/** Elements that stay in the first-level cache between the two passes over them. */
// @ts-ignore: decorator
@inline
const CHUNK: i32 = 2048;

// @ts-ignore: decorator
@inline
function total(v: v128): f64 {
  return (<f64>f32x4.extract_lane(v, 0) + <f64>f32x4.extract_lane(v, 1)) +
    (<f64>f32x4.extract_lane(v, 2) + <f64>f32x4.extract_lane(v, 3));
}

function sum(p: usize, n: i32): f64 {
  let a = f32x4.splat(0), b = a, c = a, d = a;
  for (; n >= 16; n -= 16, p += 64) {
    a = f32x4.add(a, v128.load(p));
    b = f32x4.add(b, v128.load(p, 16));
    c = f32x4.add(c, v128.load(p, 32));
    d = f32x4.add(d, v128.load(p, 48));
  }
  for (; n > 0; n -= 4, p += 16) a = f32x4.add(a, loadFirst(p, n));
  return total(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
}

/** Σ (x − mean)². */
function sumSquares(p: usize, n: i32, mean: f32): f64 {
  const m = f32x4.splat(mean);
  let a = f32x4.splat(0), b = a;
  for (; n >= 8; n -= 8, p += 32) {
    const u = f32x4.sub(v128.load(p), m), v = f32x4.sub(v128.load(p, 16), m);
    a = madd(u, u, a);
    b = madd(v, v, b);
  }
  let s = total(f32x4.add(a, b));
  for (; n > 0; n--, p += 4) {
    const u = <f64>load<f32>(p) - <f64>mean;
    s += u * u;
  }
  return s;
}

/** Results of `moments`. */
let mean: f64 = 0;
let squares: f64 = 0;

/**
 * Mean and Σ (x − mean)² of `images` planes of `plane` floats, `step` bytes apart. The moments of chunks are joined
 * as in Chan, Golub & LeVeque 1979: no cancellation, however large the mean.
 */
function moments(x: usize, images: i32, step: usize, plane: i32): void {
  let count: f64 = 0;
  mean = 0;
  squares = 0;
  for (let i = 0; i < images; i++, x += step) {
    for (let j = 0; j < plane; j += CHUNK) {
      const n = min(CHUNK, plane - j), p = x + (<usize>j << 2), size = <f64>n;
      const own = sum(p, n) / size, center = <f32>own, rest = own - <f64>center;
      const delta = own - mean, both = count + size;
      squares += sumSquares(p, n, center) - rest * rest * size + delta * delta * count * size / both;
      mean += delta * size / both;
      count = both;
    }
  }
}

/** y = (x − mean)·scale + shift, below zero 0 with `relu`. */
// @ts-ignore: decorator
@inline
function normalize(x: usize, y: usize, n: i32, m: f32, scale: f32, shift: f32, relu: bool): void {
  const vm = f32x4.splat(m), vs = f32x4.splat(scale), vb = f32x4.splat(shift), zero = f32x4.splat(0);
  for (; n >= 8; n -= 8, x += 32, y += 32) {
    const a = madd(f32x4.sub(v128.load(x), vm), vs, vb), b = madd(f32x4.sub(v128.load(x, 16), vm), vs, vb);
    v128.store(y, relu ? f32x4.pmax(a, zero) : a);
    v128.store(y, relu ? f32x4.pmax(b, zero) : b, 16);
  }
  for (; n > 0; n -= 4, x += 16, y += 16) {
    const a = madd(f32x4.sub(loadFirst(x, n), vm), vs, vb);
    storeFirst(y, relu ? f32x4.pmax(a, zero) : a, n);
  }
}

function normalizePlane(x: usize, y: usize, n: i32, m: f32, scale: f32, shift: f32, kind: i32, alpha: f32): void {
  if (kind == Activation.RELU) return normalize(x, y, n, m, scale, shift, true);
  normalize(x, y, n, m, scale, shift, false);
  if (kind) activateRange(kind, alpha, y, y, n);
}

/** One tile is CHANNELS channels over the whole batch. */
export function batchNorm(r: usize, tile: i32): void {
  const images = load<i32>(r + BatchNormArgs.N), channels = load<i32>(r + BatchNormArgs.C);
  const plane = load<i32>(r + BatchNormArgs.PLANE), perTile = load<i32>(r + BatchNormArgs.CHANNELS);
  const kind = load<i32>(r + BatchNormArgs.ACTIVATION), alpha = load<f32>(r + BatchNormArgs.ALPHA);
  const step = <usize>channels * plane << 2, count = <f64>images * <f64>plane;
  const end = min(channels, (tile + 1) * perTile);
  for (let c = tile * perTile; c < end; c++) {
    const at = <usize>c << 2, offset = at * plane;
    let x = load<usize>(r + BatchNormArgs.X) + offset, y = load<usize>(r + BatchNormArgs.Y) + offset;
    moments(x, images, step, plane);
    const istd = 1 / sqrt(squares / count + <f64>load<f32>(r + BatchNormArgs.EPS));
    updateRunning(r, at, mean, squares / max(count - 1, 1));
    store<f32>(load<usize>(r + BatchNormArgs.MEAN) + at, <f32>mean);
    store<f32>(load<usize>(r + BatchNormArgs.ISTD) + at, <f32>istd);
    const m = <f32>mean, scale = <f32>(istd * <f64>load<f32>(load<usize>(r + BatchNormArgs.GAMMA) + at));
    const shift = load<f32>(load<usize>(r + BatchNormArgs.BETA) + at);
    for (let i = 0; i < images; i++, x += step, y += step) normalizePlane(x, y, plane, m, scale, shift, kind, alpha);
  }
}

function updateRunning(r: usize, at: usize, m: f64, variance: f64): void {
  const from = load<usize>(r + BatchNormArgs.RUNNING_MEAN);
  if (!from) return;
  const momentum = <f64>load<f32>(r + BatchNormArgs.MOMENTUM);
  const oldMean = <f64>load<f32>(from + at), oldVar = <f64>load<f32>(load<usize>(r + BatchNormArgs.RUNNING_VAR) + at);
  store<f32>(load<usize>(r + BatchNormArgs.MEAN_OUT) + at, <f32>(oldMean + momentum * (m - oldMean)));
  store<f32>(load<usize>(r + BatchNormArgs.VAR_OUT) + at, <f32>(oldVar + momentum * (variance - oldVar)));
}

/** Results of `gradientSums`: Σ dy and Σ dy·(x − mean). */
let sumDy: f64 = 0;
let sumDyX: f64 = 0;

function gradientSums(x: usize, dy: usize, images: i32, step: usize, plane: i32, m: f32): void {
  const vm = f32x4.splat(m);
  sumDy = 0;
  sumDyX = 0;
  for (let i = 0; i < images; i++, x += step, dy += step) {
    for (let j = 0; j < plane; j += CHUNK) {
      let n = min(CHUNK, plane - j), p = x + (<usize>j << 2), q = dy + (<usize>j << 2);
      let a = f32x4.splat(0), b = a, s = a, t = a;
      for (; n >= 8; n -= 8, p += 32, q += 32) {
        const u = v128.load(q), v = v128.load(q, 16);
        a = f32x4.add(a, u);
        b = f32x4.add(b, v);
        s = madd(u, f32x4.sub(v128.load(p), vm), s);
        t = madd(v, f32x4.sub(v128.load(p, 16), vm), t);
      }
      for (; n > 0; n -= 4, p += 16, q += 16) {
        const u = loadFirst(q, n);
        a = f32x4.add(a, u);
        s = madd(u, f32x4.sub(loadFirst(p, n), vm), s);
      }
      sumDy += total(f32x4.add(a, b));
      sumDyX += total(f32x4.add(s, t));
    }
  }
}

/** dx = γ/σ · (dy − Σdy/M − (x − mean)/σ² · Σ dy·(x − mean)/M), dγ = Σ dy·(x − mean)/σ, dβ = Σ dy. */
export function batchNormGrad(r: usize, tile: i32): void {
  const images = load<i32>(r + BatchNormGradArgs.N), channels = load<i32>(r + BatchNormGradArgs.C);
  const plane = load<i32>(r + BatchNormGradArgs.PLANE), perTile = load<i32>(r + BatchNormGradArgs.CHANNELS);
  const step = <usize>channels * plane << 2, count = <f64>images * <f64>plane;
  const end = min(channels, (tile + 1) * perTile);
  for (let c = tile * perTile; c < end; c++) {
    const at = <usize>c << 2, offset = at * plane;
    let x = load<usize>(r + BatchNormGradArgs.X) + offset, dy = load<usize>(r + BatchNormGradArgs.DY) + offset;
    let dx = load<usize>(r + BatchNormGradArgs.DX) + offset;
    const m = load<f32>(load<usize>(r + BatchNormGradArgs.MEAN) + at);
    const istd = <f64>load<f32>(load<usize>(r + BatchNormGradArgs.ISTD) + at);
    gradientSums(x, dy, images, step, plane, m);
    store<f32>(load<usize>(r + BatchNormGradArgs.DGAMMA) + at, <f32>(sumDyX * istd));
    store<f32>(load<usize>(r + BatchNormGradArgs.DBETA) + at, <f32>sumDy);
    const a = istd * <f64>load<f32>(load<usize>(r + BatchNormGradArgs.GAMMA) + at);
    const b = -a * istd * istd * sumDyX / count, k = -a * sumDy / count;
    for (let i = 0; i < images; i++, x += step, dy += step, dx += step) {
      gradientPlane(x, dy, dx, plane, m, <f32>a, <f32>b, <f32>k);
    }
  }
}

/** dx = a·dy + b·(x − mean) + k. */
function gradientPlane(x: usize, dy: usize, dx: usize, n: i32, m: f32, a: f32, b: f32, k: f32): void {
  const vm = f32x4.splat(m), va = f32x4.splat(a), vb = f32x4.splat(b), vk = f32x4.splat(k);
  for (; n >= 8; n -= 8, x += 32, dy += 32, dx += 32) {
    const u = madd(v128.load(dy), va, madd(f32x4.sub(v128.load(x), vm), vb, vk));
    const v = madd(v128.load(dy, 16), va, madd(f32x4.sub(v128.load(x, 16), vm), vb, vk));
    v128.store(dx, u);
    v128.store(dx, v, 16);
  }
  for (; n > 0; n -= 4, x += 16, dy += 16, dx += 16) {
    storeFirst(dx, madd(loadFirst(dy, n), va, madd(f32x4.sub(loadFirst(x, n), vm), vb, vk)), n);
  }
}

/** y = activation(x·scale[c] + shift[c]); one tile is PLANES planes. */
export function channelAffine(r: usize, tile: i32): void {
  const channels = load<i32>(r + ChannelAffineArgs.C), plane = load<i32>(r + ChannelAffineArgs.PLANE);
  const perTile = load<i32>(r + ChannelAffineArgs.PLANES), bytes = <usize>plane << 2;
  const kind = load<i32>(r + ChannelAffineArgs.ACTIVATION), alpha = load<f32>(r + ChannelAffineArgs.ALPHA);
  const end = min(load<i32>(r + ChannelAffineArgs.COUNT), (tile + 1) * perTile);
  for (let p = tile * perTile; p < end; p++) {
    const at = <usize>(p % channels) << 2, offset = <usize>p * bytes;
    const scale = load<f32>(load<usize>(r + ChannelAffineArgs.SCALE) + at);
    const shift = load<f32>(load<usize>(r + ChannelAffineArgs.SHIFT) + at);
    const x = load<usize>(r + ChannelAffineArgs.X) + offset, y = load<usize>(r + ChannelAffineArgs.Y) + offset;
    normalizePlane(x, y, plane, 0, scale, shift, kind, alpha);
  }
}
