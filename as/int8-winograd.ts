/**
 * 3×3 convolutions over bytes by F(4×4, 3×3) (A. Lavin & S. Gray, arXiv:1509.09308) in whole numbers, exact. The
 * input's transform keeps within 16 bits. The filters' is scaled so that it has no fractions, per dimension by
 * 24 / (1, −4, −4, 1, 1, 4): up to 49·127. Sums may wrap: everything but the division at the end is exact modulo 2³²,
 * there 24² = 64·9, and a quotient modulo 2²⁶ is right when the convolution's sum is below 2²⁵ in magnitude
 * (`int8-kernels.ts` sees to that).
 */
import { Int8ConvArgs, Int8Type } from './int8-args';
import { widenImage } from './int8-conv';
import { dotPanel } from './int8-gemm';
import { HEAD } from './int8-pack';
import { loadEnd, requantize } from './int8-requantize';

/** Places in scratch: offsets of rows, how sums end, half-transformed squares, sums of a panel [36][squares][8], then the transforms. */
// @ts-ignore: decorator
@inline
const END: usize = 512;
// @ts-ignore: decorator
@inline
const HALF: usize = 1024;
// @ts-ignore: decorator
@inline
const SUMS: usize = 4096;
/** 1 / 9 modulo 2³². */
// @ts-ignore: decorator
@inline
const NINTH: i32 = 0x38e38e39;

let c: i32 = 0, h: i32 = 0, w: i32 = 0, m: i32 = 0, oh: i32 = 0, ow: i32 = 0, yBytes: usize = 1;

/** Rows of Bᵀ of eight channels: six vectors `step` apart to six `toStep` apart. */
// @ts-ignore: decorator
@inline
function forward(to: usize, toStep: usize, from: usize, step: usize): void {
  const d0 = v128.load(from), d1 = v128.load(from + step), d2 = v128.load(from + 2 * step);
  const d3 = v128.load(from + 3 * step), d4 = v128.load(from + 4 * step), d5 = v128.load(from + 5 * step);
  const e = i16x8.sub(d4, i16x8.shl(d2, 2)), o = i16x8.sub(d3, i16x8.shl(d1, 2));
  const f = i16x8.sub(d4, d2), g = i16x8.sub(d3, d1), g2 = i16x8.shl(g, 1);
  v128.store(to, i16x8.add(i16x8.shl(i16x8.sub(d0, d2), 2), f));
  v128.store(to + toStep, i16x8.add(e, o));
  v128.store(to + 2 * toStep, i16x8.sub(e, o));
  v128.store(to + 3 * toStep, i16x8.add(f, g2));
  v128.store(to + 4 * toStep, i16x8.sub(f, g2));
  v128.store(to + 5 * toStep, i16x8.sub(i16x8.sub(d5, d3), i16x8.shl(g, 2)));
}

/** 24 Aᵀ of four sums: six vectors `step` apart to four `toStep` apart. */
// @ts-ignore: decorator
@inline
function backward(to: usize, toStep: usize, from: usize, step: usize): void {
  const m0 = v128.load(from), m1 = v128.load(from + step), m2 = v128.load(from + 2 * step);
  const m3 = v128.load(from + 3 * step), m4 = v128.load(from + 4 * step), m5 = v128.load(from + 5 * step);
  const s = i32x4.shl(i32x4.add(m1, m2), 2), d = i32x4.shl(i32x4.sub(m1, m2), 2);
  const p = i32x4.add(m3, m4), q = i32x4.sub(m3, m4);
  v128.store(to, i32x4.add(i32x4.add(m0, s), p));
  v128.store(to + toStep, i32x4.add(d, i32x4.shl(q, 1)));
  v128.store(to + 2 * toStep, i32x4.add(s, i32x4.shl(p, 2)));
  v128.store(to + 3 * toStep, i32x4.add(i32x4.add(d, i32x4.shl(q, 3)), i32x4.shl(m5, 2)));
}

/** From 24² times a convolution's sum to the sum. */
// @ts-ignore: decorator
@inline
function divide(v: v128): v128 {
  return i32x4.shr_s(i32x4.mul(v, i32x4.splat(NINTH)), 6);
}

export function int8Winograd(cmd: usize, tile: i32, scratch: usize): void {
  c = load<i32>(cmd, Int8ConvArgs.C), h = load<i32>(cmd, Int8ConvArgs.H), w = load<i32>(cmd, Int8ConvArgs.W);
  m = load<i32>(cmd, Int8ConvArgs.M), oh = load<i32>(cmd, Int8ConvArgs.OH), ow = load<i32>(cmd, Int8ConvArgs.OW);
  yBytes = load<i32>(cmd, Int8ConvArgs.Y_TYPE) == Int8Type.F32 ? 4 : 1;
  loadEnd(cmd, scratch + END);
  const n = load<i32>(cmd, Int8ConvArgs.N), images = load<i32>(cmd, Int8ConvArgs.IMAGES);
  const rows = load<i32>(cmd, Int8ConvArgs.ROWS), columns = load<i32>(cmd, Int8ConvArgs.COLUMNS);
  const perTile = load<i32>(cmd, Int8ConvArgs.PANELS), panels = (m + 7) >> 3;
  const panelBlocks = (panels + perTile - 1) / perTile, down = (oh + 3) >> 2, across = (ow + 3) >> 2;
  const rowBlocks = (down + rows - 1) / rows, columnBlocks = (across + columns - 1) / columns;
  const p0 = (tile % panelBlocks) * perTile, p1 = min(p0 + perTile, panels);
  tile /= panelBlocks;
  const x0 = (tile % columnBlocks) * columns, x1 = min(x0 + columns, across);
  tile /= columnBlocks;
  const y0 = (tile % rowBlocks) * rows, y1 = min(y0 + rows, down);
  const n0 = (tile / rowBlocks) * images, n1 = min(n0 + images, n);

  const each = (y1 - y0) * (x1 - x0), squares = each * (n1 - n0), rounded = (squares + 3) & ~3;
  // Positions lie a cache line apart from a power of two, or they would share the sets of the cache.
  const sumStep = (<usize>rounded << 5) + 64, position = (<usize>squares * c << 1) + 64;
  const v = scratch + SUMS + 36 * sumStep;
  const image = v + 36 * position;
  for (let i = n0; i < n1; i++) {
    transformImage(cmd, i, y0, y1, x0, x1, v + (<usize>(i - n0) * each * c << 1), position, image, scratch + HALF);
  }
  for (let i = 0; i < rounded; i++) store<u32>(scratch + (i << 2), <u32>(min(i, squares - 1) * c) << 1);

  const a = load<usize>(cmd, Int8ConvArgs.A), weights = a + panels * HEAD, pairs = c >> 1;
  const sums = scratch + SUMS;
  for (let p = p0; p < p1; p++) {
    const panel = weights + <usize>p * c * 36 * 16;
    for (let i = 0; i < 36; i++) {
      dotPanel(panel + (<usize>i * c << 4), v + i * position, scratch, squares, 1, pairs, 0, sums + i * sumStep, 32);
    }
    for (let i = 0; i < squares; i++) {
      const at = i % each, oy = (y0 + at / (x1 - x0)) << 2, ox = (x0 + at % (x1 - x0)) << 2;
      endSquare(cmd, a + p * HEAD, p << 3, n0 + i / each, oy, ox, sums + (i << 5), sumStep, scratch + HALF);
    }
  }
}

/** Transforms squares [y0, y1) × [x0, x1) of an image to V [36][squares][C]; the widened image goes to `wide`. */
function transformImage(
  cmd: usize, i: i32, y0: i32, y1: i32, x0: i32, x1: i32, v: usize, position: usize, wide: usize, half: usize,
): void {
  const width = ((x1 - x0) << 2) + 2, height = ((y1 - y0) << 2) + 2;
  const x = load<usize>(cmd, Int8ConvArgs.X) + <usize>i * h * w * c;
  const type = load<i32>(cmd, Int8ConvArgs.X_TYPE), zero = load<i32>(cmd, Int8ConvArgs.X_ZERO);
  const top = (y0 << 2) - load<i32>(cmd, Int8ConvArgs.PT), left = (x0 << 2) - load<i32>(cmd, Int8ConvArgs.PL);
  widenImage(wide, x, type, zero, c, h, w, top, height, left, width);
  const step = <usize>c << 1, rowStep = width * step;
  for (let r = 0; r < y1 - y0; r++) {
    for (let s = 0; s < x1 - x0; s++) {
      const corner = wide + (<usize>r << 2) * rowStep + (<usize>s << 2) * step;
      for (let b: usize = 0; b < step; b += 16, v += 16) {
        for (let j = 0; j < 6; j++) forward(half + (j << 4), 96, corner + b + j * step, rowStep);
        for (let k = 0; k < 6; k++) forward(v + 6 * k * position, position, half + 96 * k, 16);
      }
    }
  }
}

/** Ends a square of 4 × 4 pixels of eight channels; what lies outside the output is left out. */
function endSquare(
  cmd: usize, head: usize, channel: i32, image: i32, oy: i32, ox: i32, sums: usize, sumStep: usize, half: usize,
): void {
  // half: [4 rows][6 columns][8], then a row of pixels [4][8]; the table lies before it.
  const table = half - (HALF - END);
  const row = half + 768;
  for (let j = 0; j < 6; j++) {
    const from = sums + j * sumStep, to = half + (j << 5);
    backward(to, 192, from, 6 * sumStep);
    backward(to + 16, 192, from + 16, 6 * sumStep);
  }
  const y = load<usize>(cmd, Int8ConvArgs.Y), residual = load<usize>(cmd, Int8ConvArgs.RESIDUAL);
  const count = min(8, m - channel), bottom = min(4, oh - oy), right = min(4, ow - ox);
  for (let k = 0; k < bottom; k++) {
    backward(row, 32, half + 192 * k, 32);
    backward(row + 16, 32, half + 192 * k + 16, 32);
    let at = (<usize>(image * oh + oy + k) * ow + ox) * m + channel;
    for (let i = 0; i < right; i++, at += m) {
      const from = row + (i << 5), more = residual ? residual + at : 0;
      requantize(table, divide(v128.load(from)), divide(v128.load(from, 16)), head, y + at * yBytes, more, count);
    }
  }
}
