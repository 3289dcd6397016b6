/**
 * 3×3 convolutions over bytes by F(4×4, 3×3) (A. Lavin & S. Gray, arXiv:1509.09308) in whole numbers, exact. The
 * input's transform keeps within 16 bits. The filters' is scaled so that it has no fractions, per dimension by
 * 24 / (1, −4, −4, 1, 1, 4): up to 49·127. Sums may wrap: everything is exact modulo 2³², where the factor 24² = 64·9
 * becomes 64 by a multiplication, and 64 times the convolution's sum and bias is right while they are below 2²⁵ in
 * magnitude (`int8-kernels.ts` sees to that); the panel's head has biases and scales for it.
 */
import { Int8ConvArgs, Int8Type } from './int8-args';
import { widenImage } from './int8-conv';
import { dotPanel } from './int8-gemm';
import { HEAD } from './int8-pack';
import { endPixels, loadEnd } from './int8-requantize';

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

/** 24 Aᵀ of four sums, times `factor` with `last`: six vectors `step` apart to four `toStep` apart. */
// @ts-ignore: decorator
@inline
function backward(to: usize, toStep: usize, from: usize, step: usize, last: bool, factor: v128): void {
  const m0 = v128.load(from), m1 = v128.load(from + step), m2 = v128.load(from + 2 * step);
  const m3 = v128.load(from + 3 * step), m4 = v128.load(from + 4 * step), m5 = v128.load(from + 5 * step);
  const s = i32x4.shl(i32x4.add(m1, m2), 2), d = i32x4.shl(i32x4.sub(m1, m2), 2);
  const p = i32x4.add(m3, m4), q = i32x4.sub(m3, m4);
  const y0 = i32x4.add(i32x4.add(m0, s), p), y1 = i32x4.add(d, i32x4.shl(q, 1));
  const y2 = i32x4.add(s, i32x4.shl(p, 2)), y3 = i32x4.add(i32x4.add(d, i32x4.shl(q, 3)), i32x4.shl(m5, 2));
  v128.store(to, last ? i32x4.mul(y0, factor) : y0);
  v128.store(to + toStep, last ? i32x4.mul(y1, factor) : y1);
  v128.store(to + 2 * toStep, last ? i32x4.mul(y2, factor) : y2);
  v128.store(to + 3 * toStep, last ? i32x4.mul(y3, factor) : y3);
}

export function int8Winograd(cmd: usize, tile: i32, scratch: usize): void {
  c = load<i32>(cmd, Int8ConvArgs.C), h = load<i32>(cmd, Int8ConvArgs.H), w = load<i32>(cmd, Int8ConvArgs.W);
  m = load<i32>(cmd, Int8ConvArgs.M), oh = load<i32>(cmd, Int8ConvArgs.OH), ow = load<i32>(cmd, Int8ConvArgs.OW);
  yBytes = load<i32>(cmd, Int8ConvArgs.Y_TYPE) == Int8Type.F32 ? 4 : 1;
  loadEnd(cmd, scratch + END);
  v128.store(scratch + HALF, i32x4.splat(NINTH), 768);
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
  // Pixels lie where the widened image was: [4 rows][columns][8].
  const sums = scratch + SUMS, pixels = image, rowBytes = <usize>(x1 - x0) << 7;
  for (let p = p0; p < p1; p++) {
    const panel = weights + <usize>p * c * 36 * 16;
    for (let i = 0; i < 36; i++) {
      dotPanel(panel + (<usize>i * c << 4), v + i * position, scratch, squares, 1, pairs, 0, sums + i * sumStep, 32);
    }
    let from = sums;
    for (let i = n0; i < n1; i++) {
      for (let r = y0; r < y1; r++) {
        for (let s = 0; s < x1 - x0; s++, from += 32) inverse(from, sumStep, pixels + (<usize>s << 7), rowBytes, scratch + HALF);
        endRows(cmd, a + p * HEAD, p << 3, i, r << 2, x0 << 2, x1 << 2, pixels, rowBytes, scratch + END);
      }
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

/** Sums of a square's 4 × 4 pixels of eight channels, times 64: rows of pixels lie `rowBytes` apart. */
function inverse(sums: usize, sumStep: usize, pixels: usize, rowBytes: usize, half: usize): void {
  // half: [4 rows][6 columns][8], then 1 / 9.
  const ninth = v128.load(half, 768);
  for (let j = 0; j < 6; j++) {
    const from = sums + j * sumStep, to = half + (j << 5);
    backward(to, 192, from, 6 * sumStep, false, ninth);
    backward(to + 16, 192, from + 16, 6 * sumStep, false, ninth);
  }
  for (let k = 0; k < 4; k++, pixels += rowBytes, half += 192) {
    backward(pixels, 32, half, 32, true, ninth);
    backward(pixels + 16, 32, half + 16, 32, true, ninth);
  }
}

/** Ends rows from oy and columns [ox, right) of an image in `pixels`; what lies outside the output is left out. */
function endRows(
  cmd: usize, head: usize, channel: i32, image: i32, oy: i32, ox: i32, right: i32, pixels: usize, rowBytes: usize, table: usize,
): void {
  const y = load<usize>(cmd, Int8ConvArgs.Y), residual = load<usize>(cmd, Int8ConvArgs.RESIDUAL);
  const count = min(8, m - channel), columns = min(right, ow) - ox;
  for (let k = oy; k < min(oy + 4, oh); k++, pixels += rowBytes) {
    const at = (<usize>(image * oh + k) * ow + ox) * m + channel;
    endPixels(table, head, pixels, columns, y + at * yBytes, residual ? residual + at : 0, m, count);
  }
}
