/** Pooling by 2×2 windows side by side with nothing outside, the common case: four windows a step, two rows at a time. */
import { PoolArgs } from "./args";
import { PoolKind } from "./kinds";

/**
 * The larger, or NaN where one is; faster than f32x4.max on x86 (test/bench/NOTES.md). Where neither is NaN both maxima
 * are the same; where one is, one of them is it, and its bits stay set.
 */
// @ts-ignore: decorator
@inline
export function maximum(a: v128, b: v128): v128 {
  return v128.or(f32x4.pmax(a, b), f32x4.pmax(b, a));
}

export function isHalving(r: usize): bool {
  return load<i32>(r + PoolArgs.KH) == 2 && load<i32>(r + PoolArgs.KW) == 2 &&
    load<i32>(r + PoolArgs.SH) == 2 && load<i32>(r + PoolArgs.SW) == 2 &&
    load<i32>(r + PoolArgs.PT) == 0 && load<i32>(r + PoolArgs.PL) == 0 &&
    load<i32>(r + PoolArgs.DH) == 1 && load<i32>(r + PoolArgs.DW) == 1 &&
    load<i32>(r + PoolArgs.OH) * 2 <= load<i32>(r + PoolArgs.H) &&
    load<i32>(r + PoolArgs.OW) * 2 <= load<i32>(r + PoolArgs.W);
}

// @ts-ignore: decorator
@inline
function scaleOf(r: usize): f32 {
  const fixed = load<i32>(r + PoolArgs.DIVISOR);
  return 1 / (fixed > 0 ? <f32>fixed : 4);
}

// @ts-ignore: decorator
@inline
function even(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 2, 4, 6);
}

// @ts-ignore: decorator
@inline
function odd(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 1, 3, 5, 7);
}

// @ts-ignore: decorator
@inline
function combine(kind: i32, a: v128, b: v128): v128 {
  return kind == PoolKind.MAX ? maximum(a, b) : f32x4.add(a, b);
}

/** One plane. */
// @ts-ignore: decorator
@inline
export function halve(kind: i32, r: usize, x: usize, y: usize): void {
  const oh = load<i32>(r + PoolArgs.OH), ow = load<i32>(r + PoolArgs.OW);
  const row = <usize>load<i32>(r + PoolArgs.W) << 2, scale = f32x4.splat(scaleOf(r));
  for (let oy = 0; oy < oh; oy++, x += 2 * row) {
    let a = x, n = ow;
    for (; n >= 4; n -= 4, a += 32, y += 16) {
      const low = combine(kind, v128.load(a), v128.load(a + row));
      const high = combine(kind, v128.load(a, 16), v128.load(a + row, 16));
      const v = combine(kind, even(low, high), odd(low, high));
      v128.store(y, kind == PoolKind.MAX ? v : f32x4.mul(v, scale));
    }
    for (; n > 0; n--, a += 8, y += 4) {
      const pair = combine(kind, v128.load64_zero(a), v128.load64_zero(a + row));
      const v = combine(kind, pair, v128.shuffle<f32>(pair, pair, 1, 1, 1, 1));
      v128.store_lane<f32>(y, kind == PoolKind.MAX ? v : f32x4.mul(v, scale), 0);
    }
  }
}

/** Gradient of the average in one plane of zeros. */
export function spreadHalved(r: usize, dy: usize, dx: usize): void {
  const oh = load<i32>(r + PoolArgs.OH), ow = load<i32>(r + PoolArgs.OW);
  const row = <usize>load<i32>(r + PoolArgs.W) << 2, scale = f32x4.splat(scaleOf(r));
  for (let oy = 0; oy < oh; oy++, dx += 2 * row) {
    let a = dx, n = ow;
    for (; n >= 4; n -= 4, a += 32, dy += 16) {
      const d = f32x4.mul(v128.load(dy), scale);
      const low = v128.shuffle<f32>(d, d, 0, 0, 1, 1), high = v128.shuffle<f32>(d, d, 2, 2, 3, 3);
      v128.store(a, low);
      v128.store(a, high, 16);
      v128.store(a + row, low);
      v128.store(a + row, high, 16);
    }
    for (; n > 0; n--, a += 8, dy += 4) {
      const d = f32x4.mul(v128.load32_splat(dy), scale);
      v128.store_lane<i64>(a, d, 0);
      v128.store_lane<i64>(a + row, d, 0);
    }
  }
}

// @ts-ignore: decorator
@inline
function isWinner(v: v128, best: v128): v128 {
  return v128.or(f32x4.eq(v, best), f32x4.ne(v, v));
}

/** Gradient of the maximum in one plane of zeros: to the first winner of each window. */
export function routeHalved(r: usize, x: usize, y: usize, dy: usize, dx: usize): void {
  const oh = load<i32>(r + PoolArgs.OH), ow = load<i32>(r + PoolArgs.OW);
  const row = <usize>load<i32>(r + PoolArgs.W) << 2, back = dx - x;
  for (let oy = 0; oy < oh; oy++, x += 2 * row) {
    let a = x, n = ow;
    for (; n >= 4; n -= 4, a += 32, y += 16, dy += 16) {
      const a0 = v128.load(a), a1 = v128.load(a, 16), b0 = v128.load(a + row), b1 = v128.load(a + row, 16);
      const best = v128.load(y), d = v128.load(dy), to = a + back;
      const h0 = isWinner(even(a0, a1), best), h1 = isWinner(odd(a0, a1), best), h2 = isWinner(even(b0, b1), best);
      const d0 = v128.and(d, h0), rest = v128.andnot(d, h0), d1 = v128.and(rest, h1);
      const below = v128.andnot(rest, h1), d2 = v128.and(below, h2);
      const d3 = v128.and(v128.andnot(below, h2), isWinner(odd(b0, b1), best));
      v128.store(to, v128.shuffle<f32>(d0, d1, 0, 4, 1, 5));
      v128.store(to, v128.shuffle<f32>(d0, d1, 2, 6, 3, 7), 16);
      v128.store(to + row, v128.shuffle<f32>(d2, d3, 0, 4, 1, 5));
      v128.store(to + row, v128.shuffle<f32>(d2, d3, 2, 6, 3, 7), 16);
    }
    for (; n > 0; n--, a += 8, y += 4, dy += 4) {
      const pairs = v128.load_lane<i64>(a + row, v128.load64_zero(a), 1), to = a + back;
      const hits = i32x4.bitmask(isWinner(pairs, v128.load32_splat(y)));
      if (!hits) continue;
      const first = ctz(hits);
      store<f32>(to + (first & 1 ? 4 : 0) + (first & 2 ? row : 0), load<f32>(dy));
    }
  }
}
