/**
 * Maximum and average pooling over NCHW planes. A window is folded in two steps: its rows into one line in scratch,
 * padded with what changes nothing, then taps of that line; so no element is checked against a border. A tile is
 * `PLANES` whole planes.
 */
import { halve, isHalving, maximum } from "./pool-halve";
import { PoolArgs } from "./args";
import { PoolKind } from "./kinds";
import { fill, loadFirst, storeFirst } from "./simd";

/** Windows of a row taken together, and floats of the line they span at most. */
// @ts-ignore: decorator
@inline
export const COLUMNS: i32 = 16384;
// @ts-ignore: decorator
@inline
export const LINE: i32 = 65536;

/** What scratch holds, in bytes from its start: COLUMNS divisors, COLUMNS results and the line. */
// @ts-ignore: decorator
@inline
export const RESULTS: usize = 4 * COLUMNS;
// @ts-ignore: decorator
@inline
export const LINES: usize = 8 * COLUMNS;

/** The first tap, of those `d` apart from `at` on, that is not below 0. */
// @ts-ignore: decorator
@inline
export function firstTap(at: i32, d: i32): i32 {
  return at < 0 ? (d - 1 - at) / d : 0;
}

/** How many of `k` taps, `d` apart from `at` on, come before n. */
// @ts-ignore: decorator
@inline
export function endTap(at: i32, d: i32, n: i32, k: i32): i32 {
  if (at + (k - 1) * d < n) return k;
  return n > at ? (n - at + d - 1) / d : 0;
}

/** Taps of a row taken together: all, unless they lie further apart than half a line. */
// @ts-ignore: decorator
@inline
export function tapsAtOnce(r: usize): i32 {
  return min(load<i32>(r + PoolArgs.KW), (LINE / 2 - 1) / load<i32>(r + PoolArgs.DW) + 1);
}

/** Windows of a row taken together. */
// @ts-ignore: decorator
@inline
export function columnsAtOnce(r: usize): i32 {
  const reach = (tapsAtOnce(r) - 1) * load<i32>(r + PoolArgs.DW);
  return min(min(COLUMNS, load<i32>(r + PoolArgs.OW)), (LINE - reach - 1) / load<i32>(r + PoolArgs.SW) + 1);
}

/** Taps that an average counts along one dimension, for a window at `at`. */
// @ts-ignore: decorator
@inline
function counted(at: i32, d: i32, n: i32, after: i32, k: i32, pad: bool): i32 {
  return pad ? endTap(at, d, n + after, k) : max(0, endTap(at, d, n, k) - firstTap(at, d));
}

/** Divisor of the windows of row oy, without what depends on the column. */
export function rowDivisor(r: usize, oy: i32): f32 {
  const fixed = load<i32>(r + PoolArgs.DIVISOR), at = oy * load<i32>(r + PoolArgs.SH) - load<i32>(r + PoolArgs.PT);
  if (fixed > 0) return <f32>fixed;
  return <f32>counted(at, load<i32>(r + PoolArgs.DH), load<i32>(r + PoolArgs.H), load<i32>(r + PoolArgs.PB),
    load<i32>(r + PoolArgs.KH), load<i32>(r + PoolArgs.INCLUDE_PAD) != 0);
}

/** What n windows from column ox on add to the divisor. */
export function columnDivisors(r: usize, ox: i32, n: i32, to: usize): void {
  const sw = load<i32>(r + PoolArgs.SW), dw = load<i32>(r + PoolArgs.DW), kw = load<i32>(r + PoolArgs.KW);
  const w = load<i32>(r + PoolArgs.W), pr = load<i32>(r + PoolArgs.PR);
  const pad = load<i32>(r + PoolArgs.INCLUDE_PAD) != 0, fixed = load<i32>(r + PoolArgs.DIVISOR) > 0;
  let at = ox * sw - load<i32>(r + PoolArgs.PL);
  for (let i = 0; i < n; i++, at += sw, to += 4) {
    store<f32>(to, fixed ? 1 : <f32>counted(at, dw, w, pr, kw, pad));
  }
}

// @ts-ignore: decorator
@inline
function combine(kind: i32, a: v128, b: v128): v128 {
  return kind == PoolKind.MAX ? maximum(a, b) : f32x4.add(a, b);
}

/** to[i] = Σ or max of from[i + k·step] over k < taps (at least 1), n floats; steps in bytes. */
export function fold(kind: i32, to: usize, from: usize, n: i32, taps: i32, step: usize): void {
  if (kind == PoolKind.MAX) foldAs(PoolKind.MAX, to, from, n, taps, step);
  else foldAs(PoolKind.AVERAGE, to, from, n, taps, step);
}

// @ts-ignore: decorator
@inline
function foldAs(kind: i32, to: usize, from: usize, n: i32, taps: i32, step: usize): void {
  if (n < 4) {
    let a = loadFirst(from, n);
    for (let k = 1, p = from + step; k < taps; k++, p += step) a = combine(kind, a, loadFirst(p, n));
    return storeFirst(to, a, n);
  }
  for (; n >= 16; n -= 16, to += 64, from += 64) {
    let a = v128.load(from), b = v128.load(from, 16), c = v128.load(from, 32), d = v128.load(from, 48);
    for (let k = 1, p = from + step; k < taps; k++, p += step) {
      a = combine(kind, a, v128.load(p));
      b = combine(kind, b, v128.load(p, 16));
      c = combine(kind, c, v128.load(p, 32));
      d = combine(kind, d, v128.load(p, 48));
    }
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
  while (n > 0) {
    // The last vector ends with the row, and repeats some of the one before.
    const back = n < 4 ? <usize>(4 - n) << 2 : 0;
    to -= back;
    from -= back;
    let a = v128.load(from);
    for (let k = 1, p = from + step; k < taps; k++, p += step) a = combine(kind, a, v128.load(p));
    v128.store(to, a);
    to += 16;
    from += 16;
    n -= 4;
  }
}

/** Floats 0, s, 2s, 3s at p, s = 1, 2 or `stride` in bytes; no byte between or after them that is not the row's. */
// @ts-ignore: decorator
@inline
export function gather(s: i32, p: usize, stride: usize): v128 {
  if (s == 1) return v128.load(p);
  if (s == 2) return v128.shuffle<f32>(v128.load(p), v128.load(p, 12), 0, 2, 5, 7);
  const two = v128.load_lane<f32>(p + stride, v128.load32_zero(p), 1);
  return v128.load_lane<f32>(p + 3 * stride, v128.load_lane<f32>(p + 2 * stride, two, 2), 3);
}

/** to[i] = Σ or max of line[i·s + k·step] over k < taps; whole vectors are written. */
// @ts-ignore: decorator
@inline
function foldStrided(kind: i32, s: i32, to: usize, line: usize, n: i32, taps: i32, step: usize, stride: usize): void {
  for (; n > 0; n -= 4, to += 16, line += stride << 2) {
    let a = gather(s, line, stride);
    for (let k = 1, p = line + step; k < taps; k++, p += step) a = combine(kind, a, gather(s, p, stride));
    v128.store(to, a);
  }
}

// @ts-ignore: decorator
@inline
function foldColumns(kind: i32, to: usize, line: usize, n: i32, taps: i32, step: usize, stride: usize): void {
  if (stride == 4) foldStrided(kind, 1, to, line, n, taps, step, stride);
  else if (stride == 8) foldStrided(kind, 2, to, line, n, taps, step, stride);
  else foldStrided(kind, 0, to, line, n, taps, step, stride);
}

/** Folds `rows` rows, `step` bytes apart, of columns [x0, x0 + span) into a line; outside [0, w) it is neutral. */
function foldRows(kind: i32, line: usize, row: usize, x0: i32, span: i32, w: i32, rows: i32, step: usize): void {
  const neutral: f32 = kind == PoolKind.MAX ? -Infinity : 0;
  const left = min(span, max(0, -x0)), right = rows > 0 ? max(left, min(span, w - x0)) : left;
  if (left > 0) fill(line, left, neutral);
  if (right < span) fill(line + (<usize>right << 2), span - right, neutral);
  if (right > left) fold(kind, line + (<usize>left << 2), row + (x0 + left << 2), right - left, rows, step);
}

/** n windows of row oy from column ox on. */
// @ts-ignore: decorator
@inline
function poolRow(kind: i32, r: usize, x: usize, y: usize, oy: i32, ox: i32, n: i32, taps: i32, scratch: usize): void {
  const w = load<i32>(r + PoolArgs.W), kw = load<i32>(r + PoolArgs.KW), dw = load<i32>(r + PoolArgs.DW);
  const sw = load<i32>(r + PoolArgs.SW), dh = load<i32>(r + PoolArgs.DH);
  const y0 = oy * load<i32>(r + PoolArgs.SH) - load<i32>(r + PoolArgs.PT), first = firstTap(y0, dh);
  const rows = endTap(y0, dh, load<i32>(r + PoolArgs.H), load<i32>(r + PoolArgs.KH)) - first;
  const row = x + ((y0 + first * dh) * w << 2), step = <usize>dh * w << 2;
  const results = scratch + RESULTS, line = scratch + LINES;
  for (let k = 0; k < kw; k += taps) {
    const t = min(taps, kw - k), span = (n - 1) * sw + (t - 1) * dw + 1;
    foldRows(kind, line, row, ox * sw - load<i32>(r + PoolArgs.PL) + k * dw, span, w, rows, step);
    const to = k ? line + (<usize>LINE << 2) : results;
    // A single window has no stride: its vectors end just behind the line.
    foldColumns(kind, to, line, n, t, <usize>dw << 2, n > 1 ? <usize>sw << 2 : 4);
    if (k) fold(kind, results, results, n, 2, to - results);
  }
  finish(kind, r, y, results, n, scratch, kind == PoolKind.MAX ? 1 : rowDivisor(r, oy));
}

/** Results to y, an average's divided. */
// @ts-ignore: decorator
@inline
function finish(kind: i32, r: usize, y: usize, results: usize, n: i32, divisors: usize, divisor: f32): void {
  for (; n > 0; n -= 4, y += 16, results += 16, divisors += 16) {
    const v = v128.load(results);
    storeFirst(y, kind == PoolKind.MAX ? v : f32x4.div(v, f32x4.mul(v128.load(divisors), f32x4.splat(divisor))), n);
  }
}

// @ts-ignore: decorator
@inline
function poolPlanes(kind: i32, r: usize, begin: i32, end: i32, scratch: usize): void {
  const oh = load<i32>(r + PoolArgs.OH), ow = load<i32>(r + PoolArgs.OW), columns = columnsAtOnce(r);
  const area = <usize>load<i32>(r + PoolArgs.H) * load<i32>(r + PoolArgs.W) << 2, bytes = <usize>ow << 2;
  const taps = tapsAtOnce(r);
  if (isHalving(r)) {
    for (let p = begin; p < end; p++) {
      halve(kind, r, load<usize>(r + PoolArgs.X) + p * area, load<usize>(r + PoolArgs.Y) + <usize>p * oh * bytes);
    }
    return;
  }
  for (let ox = 0; ox < ow; ox += columns) {
    const n = min(columns, ow - ox);
    if (kind == PoolKind.AVERAGE) columnDivisors(r, ox, n, scratch);
    for (let p = begin; p < end; p++) {
      const x = load<usize>(r + PoolArgs.X) + p * area;
      let y = load<usize>(r + PoolArgs.Y) + <usize>p * oh * bytes + (<usize>ox << 2);
      for (let oy = 0; oy < oh; oy++, y += bytes) poolRow(kind, r, x, y, oy, ox, n, taps, scratch);
    }
  }
}

export function pool(r: usize, tile: i32, scratch: usize): void {
  const planes = load<i32>(r + PoolArgs.PLANES);
  const begin = tile * planes, end = min(load<i32>(r + PoolArgs.COUNT), begin + planes);
  if (load<i32>(r + PoolArgs.KIND) == PoolKind.MAX) poolPlanes(PoolKind.MAX, r, begin, end, scratch);
  else poolPlanes(PoolKind.AVERAGE, r, begin, end, scratch);
}
