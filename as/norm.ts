/**
 * Batch normalisation (Ioffe & Szegedy 2015) of [N][C][plane] over N and plane, its gradient, and the affine map a
 * channel that remains of it at inference. Sums run in f32 over at most CHUNK elements and in f64 beyond.
 */
import { activateRange } from "./activation";
import { loadFirst, madd, storeFirst } from "./simd";
import { BatchNormArgs, BatchNormGradArgs, ChannelAffineArgs } from "./args";
import { Activation } from "./kinds";

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
  let a = f32x4.splat(0), b = a, c = a, d = a;
  for (; n >= 16; n -= 16, p += 64) {
    const t = f32x4.sub(v128.load(p), m), u = f32x4.sub(v128.load(p, 16), m);
    const v = f32x4.sub(v128.load(p, 32), m), w = f32x4.sub(v128.load(p, 48), m);
    a = madd(t, t, a);
    b = madd(u, u, b);
    c = madd(v, v, c);
    d = madd(w, w, d);
  }
  for (; n >= 4; n -= 4, p += 16) {
    const t = f32x4.sub(v128.load(p), m);
    a = madd(t, t, a);
  }
  let s = total(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
  for (; n > 0; n--, p += 4) {
    const u = <f64>load<f32>(p) - <f64>mean;
    s += u * u;
  }
  return s;
}

/**
 * Joins the mean and Σ (x − mean)², two f64 at `state`, of `count` floats with those of `plane` more. The moments of
 * chunks are joined as in Chan, Golub & LeVeque 1979: no cancellation, however large the mean.
 */
function addMoments(state: usize, count: f64, x: usize, plane: i32): void {
  let mean = load<f64>(state), squares = load<f64>(state, 8);
  for (let j = 0; j < plane; j += CHUNK) {
    const n = min(CHUNK, plane - j), p = x + (<usize>j << 2), size = <f64>n;
    const own = sum(p, n) / size, center = <f32>own, rest = own - <f64>center;
    const delta = own - mean, share = size / (count + size);
    squares += sumSquares(p, n, center) - rest * rest * size + delta * delta * count * share;
    mean += delta * share;
    count += size;
  }
  store<f64>(state, mean);
  store<f64>(state, squares, 8);
}

/** y = (x − mean)·scale + shift, below zero 0 with `relu`. */
// @ts-ignore: decorator
@inline
function normalize(x: usize, y: usize, n: i32, m: f32, scale: f32, shift: f32, relu: bool): void {
  const vm = f32x4.splat(m), vs = f32x4.splat(scale), vb = f32x4.splat(shift), zero = f32x4.splat(0);
  for (; n >= 16; n -= 16, x += 64, y += 64) {
    const a = madd(f32x4.sub(v128.load(x), vm), vs, vb), b = madd(f32x4.sub(v128.load(x, 16), vm), vs, vb);
    const c = madd(f32x4.sub(v128.load(x, 32), vm), vs, vb), d = madd(f32x4.sub(v128.load(x, 48), vm), vs, vb);
    v128.store(y, relu ? f32x4.pmax(a, zero) : a);
    v128.store(y, relu ? f32x4.pmax(b, zero) : b, 16);
    v128.store(y, relu ? f32x4.pmax(c, zero) : c, 32);
    v128.store(y, relu ? f32x4.pmax(d, zero) : d, 48);
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

/**
 * One tile is CHANNELS channels over the whole batch, image by image: planes side by side are read at full speed,
 * planes of one channel, far apart, at half of it. Scratch: per channel two f64, mean and sum of squares, or
 * mean, scale and shift as f32.
 */
export function batchNorm(r: usize, tile: i32, scratch: usize): void {
  const images = load<i32>(r + BatchNormArgs.N), channels = load<i32>(r + BatchNormArgs.C);
  const plane = load<i32>(r + BatchNormArgs.PLANE), perTile = load<i32>(r + BatchNormArgs.CHANNELS);
  const kind = load<i32>(r + BatchNormArgs.ACTIVATION), alpha = load<f32>(r + BatchNormArgs.ALPHA);
  const first = tile * perTile, n = min(channels - first, perTile), bytes = <usize>plane << 2;
  const step = <usize>channels * bytes, offset = <usize>first * bytes;
  memory.fill(scratch, 0, <usize>n << 4);
  for (let i = 0, x = load<usize>(r + BatchNormArgs.X) + offset; i < images; i++, x += step) {
    for (let c = 0; c < n; c++) addMoments(scratch + (c << 4), <f64>i * <f64>plane, x + c * bytes, plane);
  }
  for (let c = 0; c < n; c++) finishChannel(r, <usize>(first + c) << 2, scratch + (c << 4), <f64>images * <f64>plane);
  for (let i = 0; i < images; i++) {
    for (let c = 0; c < n; c++) {
      const at = offset + i * step + c * bytes, p = scratch + (c << 4);
      const m = load<f32>(p), scale = load<f32>(p, 4), shift = load<f32>(p, 8);
      const x = load<usize>(r + BatchNormArgs.X) + at, y = load<usize>(r + BatchNormArgs.Y) + at;
      normalizePlane(x, y, plane, m, scale, shift, kind, alpha);
    }
  }
}

/** Statistics of a channel from its moments, which mean, scale and shift replace. */
function finishChannel(r: usize, at: usize, state: usize, count: f64): void {
  const mean = load<f64>(state), squares = load<f64>(state, 8);
  const istd = 1 / sqrt(squares / count + <f64>load<f32>(r + BatchNormArgs.EPS));
  updateRunning(r, at, mean, squares / max(count - 1, 1));
  store<f32>(load<usize>(r + BatchNormArgs.MEAN) + at, <f32>mean);
  store<f32>(load<usize>(r + BatchNormArgs.ISTD) + at, <f32>istd);
  store<f32>(state, <f32>mean);
  store<f32>(state, <f32>(istd * <f64>load<f32>(load<usize>(r + BatchNormArgs.GAMMA) + at)), 4);
  store<f32>(state, load<f32>(load<usize>(r + BatchNormArgs.BETA) + at), 8);
}

function updateRunning(r: usize, at: usize, m: f64, variance: f64): void {
  const from = load<usize>(r + BatchNormArgs.RUNNING_MEAN);
  if (!from) return;
  const momentum = <f64>load<f32>(r + BatchNormArgs.MOMENTUM);
  const oldMean = <f64>load<f32>(from + at), oldVar = <f64>load<f32>(load<usize>(r + BatchNormArgs.RUNNING_VAR) + at);
  store<f32>(load<usize>(r + BatchNormArgs.MEAN_OUT) + at, <f32>(oldMean + momentum * (m - oldMean)));
  store<f32>(load<usize>(r + BatchNormArgs.VAR_OUT) + at, <f32>(oldVar + momentum * (variance - oldVar)));
}

/** Adds Σ dy and Σ dy·(x − mean) of a plane to the two f64 at `state`. */
function addGradientSums(state: usize, x: usize, dy: usize, plane: i32, m: f32): void {
  const vm = f32x4.splat(m);
  let sumDy = load<f64>(state), sumDyX = load<f64>(state, 8);
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
  store<f64>(state, sumDy);
  store<f64>(state, sumDyX, 8);
}

/**
 * dx = γ/σ · (dy − Σdy/M − (x − mean)/σ² · Σ dy·(x − mean)/M), dγ = Σ dy·(x − mean)/σ, dβ = Σ dy; tiles and scratch as
 * in `batchNorm`.
 */
export function batchNormGrad(r: usize, tile: i32, scratch: usize): void {
  const images = load<i32>(r + BatchNormGradArgs.N), channels = load<i32>(r + BatchNormGradArgs.C);
  const plane = load<i32>(r + BatchNormGradArgs.PLANE), perTile = load<i32>(r + BatchNormGradArgs.CHANNELS);
  const x = load<usize>(r + BatchNormGradArgs.X), dy = load<usize>(r + BatchNormGradArgs.DY);
  const dx = load<usize>(r + BatchNormGradArgs.DX), first = tile * perTile, n = min(channels - first, perTile);
  const means = load<usize>(r + BatchNormGradArgs.MEAN) + (<usize>first << 2), bytes = <usize>plane << 2;
  const step = <usize>channels * bytes, offset = <usize>first * bytes;
  memory.fill(scratch, 0, <usize>n << 4);
  for (let i = 0; i < images; i++) {
    for (let c = 0; c < n; c++) {
      const at = offset + i * step + c * bytes;
      addGradientSums(scratch + (c << 4), x + at, dy + at, plane, load<f32>(means + (c << 2)));
    }
  }
  for (let c = 0; c < n; c++) finishGradient(r, <usize>(first + c) << 2, scratch + (c << 4), <f64>images * <f64>plane);
  for (let i = 0; i < images; i++) {
    for (let c = 0; c < n; c++) {
      const at = offset + i * step + c * bytes, p = scratch + (c << 4), m = load<f32>(means + (c << 2));
      gradientPlane(x + at, dy + at, dx + at, plane, m, load<f32>(p), load<f32>(p, 4), load<f32>(p, 8));
    }
  }
}

/** dγ and dβ of a channel from its sums, which the factors of `gradientPlane` replace. */
function finishGradient(r: usize, at: usize, state: usize, count: f64): void {
  const sumDy = load<f64>(state), sumDyX = load<f64>(state, 8);
  const istd = <f64>load<f32>(load<usize>(r + BatchNormGradArgs.ISTD) + at);
  store<f32>(load<usize>(r + BatchNormGradArgs.DGAMMA) + at, <f32>(sumDyX * istd));
  store<f32>(load<usize>(r + BatchNormGradArgs.DBETA) + at, <f32>sumDy);
  const a = istd * <f64>load<f32>(load<usize>(r + BatchNormGradArgs.GAMMA) + at);
  store<f32>(state, <f32>a);
  store<f32>(state, <f32>(-a * istd * istd * sumDyX / count), 4);
  store<f32>(state, <f32>(-a * sumDy / count), 8);
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
