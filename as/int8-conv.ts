/**
 * Convolution over bytes, channels-last: a tile's part of the image is widened to 16 bits with its padding, then every
 * row of taps is one run of KW·C neighbouring numbers, so that nothing has to be gathered. Linear layers are 1×1.
 */
import { Int8ConvArgs, Int8Type } from './int8-args';
import { dotPanel, dotPixels, poolSums } from './int8-gemm';
import { HEAD } from './int8-pack';
import { endPixels, loadEnd } from './int8-requantize';
import { widen } from './int8-simd';

/** Places in scratch: where each pixel's run begins, how sums end, sums of one panel, the widened image. */
// @ts-ignore: decorator
@inline
const END: usize = 7168;
// @ts-ignore: decorator
@inline
const SUMS: usize = 8192;
// @ts-ignore: decorator
@inline
const IMAGE: usize = 73728;

let n: i32 = 0, c: i32 = 0, h: i32 = 0, w: i32 = 0, m: i32 = 0, oh: i32 = 0, ow: i32 = 0;
let xType: i32 = 0, xZero: i32 = 0;
/** Bytes of an element of Y. */
let yBytes: usize = 1;

function loadSizes(cmd: usize): void {
  n = load<i32>(cmd, Int8ConvArgs.N), c = load<i32>(cmd, Int8ConvArgs.C);
  h = load<i32>(cmd, Int8ConvArgs.H), w = load<i32>(cmd, Int8ConvArgs.W);
  m = load<i32>(cmd, Int8ConvArgs.M), oh = load<i32>(cmd, Int8ConvArgs.OH), ow = load<i32>(cmd, Int8ConvArgs.OW);
  xType = load<i32>(cmd, Int8ConvArgs.X_TYPE), xZero = load<i32>(cmd, Int8ConvArgs.X_ZERO);
  yBytes = load<i32>(cmd, Int8ConvArgs.Y_TYPE) == Int8Type.F32 ? 4 : 1;
}

/** Rows [y0, y0 + rows) and columns [x0, x0 + columns) of an image of bytes, less `zero`; zeros around it. */
export function widenImage(
  to: usize, image: usize, type: i32, zero: i32, c: i32, h: i32, w: i32, y0: i32, rows: i32, x0: i32, columns: i32,
): void {
  const left = min(max(-x0, 0), columns), right = max(min(w - x0, columns), left);
  const bytes = <usize>columns * c << 1, before = <usize>left * c << 1, after = <usize>(columns - right) * c << 1;
  for (let r = 0; r < rows; r++, to += bytes) {
    const y = y0 + r;
    if (y < 0 || y >= h) {
      memory.fill(to, 0, bytes);
      continue;
    }
    if (before) memory.fill(to, 0, before);
    widen(type, zero, to + before, image + <usize>(y * w + x0 + left) * c, (right - left) * c);
    if (after) memory.fill(to + bytes - after, 0, after);
  }
}

export function int8Conv(cmd: usize, tile: i32, scratch: usize): void {
  loadSizes(cmd);
  loadEnd(cmd, scratch + END);
  const rows = load<i32>(cmd, Int8ConvArgs.ROWS), columns = load<i32>(cmd, Int8ConvArgs.COLUMNS);
  const perTile = load<i32>(cmd, Int8ConvArgs.PANELS), panels = (m + 7) >> 3;
  const panelBlocks = (panels + perTile - 1) / perTile;
  const rowBlocks = (oh + rows - 1) / rows, columnBlocks = (ow + columns - 1) / columns;
  const p0 = (tile % panelBlocks) * perTile, p1 = min(p0 + perTile, panels);
  tile /= panelBlocks;
  const ox0 = (tile % columnBlocks) * columns, ox1 = min(ox0 + columns, ow);
  tile /= columnBlocks;
  const oy0 = (tile % rowBlocks) * rows, oy1 = min(oy0 + rows, oh), image = tile / rowBlocks;

  const kh = load<i32>(cmd, Int8ConvArgs.KH), kw = load<i32>(cmd, Int8ConvArgs.KW);
  const sh = load<i32>(cmd, Int8ConvArgs.SH), sw = load<i32>(cmd, Int8ConvArgs.SW);
  const dh = load<i32>(cmd, Int8ConvArgs.DH), dw = load<i32>(cmd, Int8ConvArgs.DW);
  const width = (ox1 - ox0 - 1) * sw + (kw - 1) * dw + 1, height = (oy1 - oy0 - 1) * sh + (kh - 1) * dh + 1;
  const from = scratch + IMAGE;
  widenImage(
    from, load<usize>(cmd, Int8ConvArgs.X) + <usize>image * h * w * c, xType, xZero, c, h, w,
    oy0 * sh - load<i32>(cmd, Int8ConvArgs.PT), height, ox0 * sw - load<i32>(cmd, Int8ConvArgs.PL), width,
  );
  const rowCount = oy1 - oy0, columnCount = ox1 - ox0;
  const lanes = load<i32>(cmd, Int8ConvArgs.PIXEL_LANES), pool = load<i32>(cmd, Int8ConvArgs.POOL);
  const pixels = lanes ? 0 : pixelOffsets(scratch, rowCount, columnCount, sh * width * c, sw * c);
  // Taps that lie apart are runs of their own.
  const apart = dw > 1, length = apart ? c : kw * c, pairs = (length + 1) >> 1;
  const a = load<usize>(cmd, Int8ConvArgs.A), weights = a + panels * HEAD, sums = scratch + SUMS;
  const panelBytes = <usize>kh * (apart ? kw : 1) * pairs << (lanes ? 7 : 5), rowStep = <usize>dh * width * c << 1;
  const sumColumns = lanes ? (columnCount + 7) & ~7 : columnCount;
  const y = <usize>(image * (oh / pool) + oy0 / pool) * (ow / pool) + ox0 / pool;
  for (let p = p0; p < p1; p++) {
    const panel = weights + p * panelBytes, count = min(8, m - (p << 3));
    if (lanes) {
      dotPixels(panel, from, <usize>sh * width << 1, rowStep, rowCount, sumColumns, kh, pairs, count, pool > 1, sums);
    } else {
      if (apart) dotTaps(panel, from, scratch, pixels, kh, kw, pairs, rowStep, <usize>dw * c << 1, sums);
      else dotPanel(panel, from, scratch, pixels, kh, pairs, rowStep, sums, 32);
      if (pool > 1) poolSums(sums, rowCount, columnCount);
    }
    endPanel(cmd, scratch + END, a + p * HEAD, p << 3, sums, sumColumns / pool, y, rowCount / pool, columnCount / pool, ow / pool);
  }
}

/** Where the runs of each pixel of a tile begin, in bytes; up to a multiple of four pixels the last one again. */
function pixelOffsets(to: usize, rows: i32, columns: i32, rowStep: i32, step: i32): i32 {
  let last: u32 = 0;
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < columns; i++, to += 4) store<u32>(to, (last = <u32>(r * rowStep + i * step) << 1));
  }
  for (let i = 0; i < 3; i++) store<u32>(to + (i << 2), last);
  return rows * columns;
}

/** `dotPanel` where the taps of a row are `tapStep` bytes apart: sums of each row of taps, added up. */
function dotTaps(
  w: usize, x: usize, offsets: usize, pixels: i32, kh: i32, kw: i32, pairs: i32, rowStep: usize, tapStep: usize, sums: usize,
): void {
  const bytes = <usize>((pixels + 3) & ~3) << 5, part = sums + (IMAGE - SUMS) / 2;
  memory.fill(sums, 0, bytes);
  for (let ky = 0; ky < kh; ky++, x += rowStep, w += <usize>kw * pairs << 5) {
    dotPanel(w, x, offsets, pixels, kw, pairs, tapStep, part, 32);
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(sums + i, i32x4.add(v128.load(sums + i), v128.load(part + i)));
    }
  }
}

/** Ends a panel's sums [rows][sumColumns][8] of a tile whose first pixel is number `pixel` of all, `width` in a row of Y. */
function endPanel(
  cmd: usize, table: usize, head: usize, channel: i32, sums: usize, sumColumns: i32, pixel: usize, rows: i32, columns: i32,
  width: i32,
): void {
  const y = load<usize>(cmd, Int8ConvArgs.Y), residual = load<usize>(cmd, Int8ConvArgs.RESIDUAL);
  const count = min(8, m - channel);
  for (let r = 0; r < rows; r++, pixel += width, sums += <usize>sumColumns << 5) {
    const at = pixel * m + channel;
    endPixels(table, head, sums, columns, y + at * yBytes, residual ? residual + at : 0, m, count);
  }
}
