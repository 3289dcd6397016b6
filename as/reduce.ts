/**
 * Sum, mean, maximum, minimum and product over a tensor seen as [A][R1][B][R2][C]: over R1 and R2, keeping A, B, C.
 * Sums run in f32 over at most `RUN` elements a lane and in f64 beyond, in an order fixed by the shape.
 */
import { ReduceArgs } from "./args";
import { Reduction } from "./kinds";

export function reduce(r: usize, tile: i32): void {
  const c = load<i32>(r + ReduceArgs.C);
  if (c == 1) return reduceRows(r, tile);
  return reduceColumns(r, tile, c);
}

// @ts-ignore: decorator
@inline
function neutral(kind: i32): f32 {
  if (kind == Reduction.MAX) return -f32.MAX_VALUE * 2;
  if (kind == Reduction.MIN) return f32.MAX_VALUE * 2;
  return kind == Reduction.PROD ? 1 : 0;
}

// @ts-ignore: decorator
@inline
function combine(kind: i32, a: f64, b: f64): f64 {
  if (kind == Reduction.MAX) return max(a, b);
  if (kind == Reduction.MIN) return min(a, b);
  return kind == Reduction.PROD ? a * b : a + b;
}

// @ts-ignore: decorator
@inline
function combine4(kind: i32, a: v128, b: v128): v128 {
  if (kind == Reduction.MAX) return f32x4.max(a, b);
  if (kind == Reduction.MIN) return f32x4.min(a, b);
  return kind == Reduction.PROD ? f32x4.mul(a, b) : f32x4.add(a, b);
}

// @ts-ignore: decorator
@inline
function combine2(kind: i32, a: v128, b: v128): v128 {
  if (kind == Reduction.MAX) return f64x2.max(a, b);
  if (kind == Reduction.MIN) return f64x2.min(a, b);
  return kind == Reduction.PROD ? f64x2.mul(a, b) : f64x2.add(a, b);
}

/** Lanes 2 and 3 as f64. */
// @ts-ignore: decorator
@inline
function upper(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 2, 3));
}

/** Rows of a column that are summed in f32 before they go into the f64 sum. */
// @ts-ignore: decorator
@inline
const RUN: i32 = 64;

/** C = 1: one number out of R1 rows of R2 contiguous elements. A tile is `ITEMS` outputs. */
function reduceRows(r: usize, tile: i32): void {
  const kind = load<i32>(r + ReduceArgs.KIND);
  const r1 = load<i32>(r + ReduceArgs.R1);
  const b = load<i32>(r + ReduceArgs.B);
  const r2 = load<i32>(r + ReduceArgs.R2);
  const x: usize = load<usize>(r + ReduceArgs.X);
  const y: usize = load<usize>(r + ReduceArgs.Y);
  const items = load<i32>(r + ReduceArgs.ITEMS);
  const end = min(load<i32>(r + ReduceArgs.A) * b, (tile + 1) * items);
  const scale: f64 = kind == Reduction.MEAN ? 1.0 / (<f64>r1 * <f64>r2) : 1.0;
  for (let o = tile * items; o < end; o++) {
    const base = x + (<usize>((o / b) * r1 * b + o % b) * <usize>r2 << 2);
    let sum = <f64>neutral(kind);
    for (let i = 0; i < r1; i++) {
      const row = base + (<usize>(i * b) * <usize>r2 << 2);
      for (let j = 0; j < r2; j += 16 * RUN) {
        const part = run(kind, row + (<usize>j << 2), min(16 * RUN, r2 - j));
        sum = combine(kind, sum, part);
      }
    }
    store<f32>(y + (<usize>o << 2), <f32>(sum * scale));
  }
}

/** n contiguous elements, 16 lanes of f32. */
function run(kind: i32, p: usize, n: i32): f64 {
  let s0 = f32x4.splat(neutral(kind));
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    s0 = combine4(kind, s0, v128.load(p));
    s1 = combine4(kind, s1, v128.load(p, 16));
    s2 = combine4(kind, s2, v128.load(p, 32));
    s3 = combine4(kind, s3, v128.load(p, 48));
    p += 64;
  }
  const s = combine4(kind, combine4(kind, s0, s1), combine4(kind, s2, s3));
  let sum = combine(kind,
    combine(kind, <f64>f32x4.extract_lane(s, 0), <f64>f32x4.extract_lane(s, 1)),
    combine(kind, <f64>f32x4.extract_lane(s, 2), <f64>f32x4.extract_lane(s, 3)));
  for (; i < n; i++) {
    sum = combine(kind, sum, <f64>load<f32>(p));
    p += 4;
  }
  return sum;
}

/** C > 1: a tile is (a, b) and a block of `ITEMS` columns. */
function reduceColumns(r: usize, tile: i32, c: i32): void {
  const kind = load<i32>(r + ReduceArgs.KIND);
  const r1 = load<i32>(r + ReduceArgs.R1);
  const b = load<i32>(r + ReduceArgs.B);
  const r2 = load<i32>(r + ReduceArgs.R2);
  const items = load<i32>(r + ReduceArgs.ITEMS);
  const blocks = (c + items - 1) / items;
  const o = tile / blocks;
  const begin = (tile % blocks) * items;
  const end = min(c, begin + items);
  const x: usize = load<usize>(r + ReduceArgs.X) + (<usize>((o / b) * r1 * b + o % b) * <usize>r2 * <usize>c << 2);
  const y: usize = load<usize>(r + ReduceArgs.Y) + (<usize>o * <usize>c << 2);
  const step1 = <usize>(b * r2) * <usize>c << 2;
  const step2 = <usize>c << 2;
  const scale: f64 = kind == Reduction.MEAN ? 1.0 / (<f64>r1 * <f64>r2) : 1.0;
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const from = x + (<usize>i << 2);
    let part = f32x4.splat(neutral(kind));
    let low = f64x2.promote_low_f32x4(part);
    let high = low;
    let left = RUN;
    for (let p = 0; p < r1; p++) {
      let at = from + <usize>p * step1;
      for (let q = 0; q < r2; q++, at += step2) {
        part = combine4(kind, part, v128.load(at));
        if (--left > 0) continue;
        low = combine2(kind, low, f64x2.promote_low_f32x4(part));
        high = combine2(kind, high, upper(part));
        part = f32x4.splat(neutral(kind));
        left = RUN;
      }
    }
    low = f64x2.mul(combine2(kind, low, f64x2.promote_low_f32x4(part)), f64x2.splat(scale));
    high = f64x2.mul(combine2(kind, high, upper(part)), f64x2.splat(scale));
    const pair = v128.shuffle<f32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
    v128.store(y + (<usize>i << 2), pair);
  }
  for (; i < end; i++) {
    let sum = <f64>neutral(kind);
    for (let p = 0; p < r1; p++) {
      let at = x + <usize>p * step1 + (<usize>i << 2);
      for (let q = 0; q < r2; q++, at += step2) sum = combine(kind, sum, <f64>load<f32>(at));
    }
    store<f32>(y + (<usize>i << 2), <f32>(sum * scale));
  }
}
