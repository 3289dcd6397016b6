/**
 * Convolutions of stride 1 between few channels: pixels are read where they lie, eight neighbours at a time, instead of
 * being gathered into panels first. A list has the place of every tap relative to the first pixel of a block.
 */
import { copySlab, finish } from './conv';
import { c, dh, dw, groups, h, kh, kw, loadGeometry, m, oh, ow, pl, pt, taps, w, xImage, xPlane, yImage, yPlane } from './geometry';
import { MR, panelCount, panelRows, panelStart } from './pack';
import { ConvArgs, ConvDirectArgs } from './conv-args';
import { Activation, DirectInput } from './kinds';
import { copy, madd } from './simd';

/** Places in scratch: a block that is not stored whole, zeros, and from there on the list of taps and what is read. */
// @ts-ignore: decorator
@inline
const ZEROS: usize = 384;
// @ts-ignore: decorator
@inline
const LIST: usize = 448;

/** Bytes from a tap to the next, from a row of the padded input to the next that is read, and between its channels. */
export let xStep: usize = 0;
export let yStep: usize = 0;
export let cStep: usize = 0;

/**
 * y[r][0…4·width) = max(floor, init + Σ_taps a[tap][r] x[tap]) for `rows` rows, a[tap] being `height` floats; starting
 * values are `initStep` bytes apart, rows of y `step`. In a function of its own and with stores from the last to the first,
 * because V8 11 then loads every operand right before its products; else it loads all first, and sums find no register.
 */
// @ts-ignore: decorator
@inline
function block(
  rows: i32, height: i32, width: i32, a: usize, list: usize, end: usize, x: usize, y: usize, step: usize,
  init: usize, initStep: usize, floor: f32,
): void {
  let c00: v128, c01: v128, c02: v128, c03: v128;
  let c10 = f32x4.splat(0), c11 = c10, c12 = c10, c13 = c10, c20 = c10, c21 = c10, c22 = c10;
  let c30 = c10, c31 = c10, c40 = c10, c41 = c10, c50 = c10, c51 = c10;
  c03 = c02 = c01 = c00 = v128.load32_splat(init);
  if (rows > 1) c13 = c12 = c11 = c10 = v128.load32_splat(init += initStep);
  if (rows > 2) c22 = c21 = c20 = v128.load32_splat(init += initStep);
  if (rows > 3) c31 = c30 = v128.load32_splat(init += initStep);
  if (rows > 4) c41 = c40 = v128.load32_splat(init += initStep);
  if (rows > 5) c51 = c50 = v128.load32_splat(init += initStep);
  for (; list < end; list += 4, a += 4 * height) {
    const at = x + load<u32>(list), b0 = v128.load(at), b1 = v128.load(at, 16);
    let b2 = b0, b3 = b0;
    if (width > 2) b2 = v128.load(at, 32);
    if (width > 3) b3 = v128.load(at, 48);
    let v = v128.load32_splat(a);
    c00 = madd(v, b0, c00);
    c01 = madd(v, b1, c01);
    if (width > 2) c02 = madd(v, b2, c02);
    if (width > 3) c03 = madd(v, b3, c03);
    if (rows > 1) {
      v = v128.load32_splat(a, 4);
      c10 = madd(v, b0, c10);
      c11 = madd(v, b1, c11);
      if (width > 2) c12 = madd(v, b2, c12);
      if (width > 3) c13 = madd(v, b3, c13);
    }
    if (rows > 2) {
      v = v128.load32_splat(a, 8);
      c20 = madd(v, b0, c20);
      c21 = madd(v, b1, c21);
      if (width > 2) c22 = madd(v, b2, c22);
    }
    if (rows > 3) {
      v = v128.load32_splat(a, 12);
      c30 = madd(v, b0, c30);
      c31 = madd(v, b1, c31);
    }
    if (rows > 4) {
      v = v128.load32_splat(a, 16);
      c40 = madd(v, b0, c40);
      c41 = madd(v, b1, c41);
    }
    if (rows > 5) {
      v = v128.load32_splat(a, 20);
      c50 = madd(v, b0, c50);
      c51 = madd(v, b1, c51);
    }
  }
  // From the last to the first: see above.
  const f = f32x4.splat(floor);
  if (rows > 5) storeRow(width, y + 5 * step, f, c50, c51, c51, c51);
  if (rows > 4) storeRow(width, y + 4 * step, f, c40, c41, c41, c41);
  if (rows > 3) storeRow(width, y + 3 * step, f, c30, c31, c31, c31);
  if (rows > 2) storeRow(width, y + 2 * step, f, c20, c21, c22, c22);
  if (rows > 1) storeRow(width, y + step, f, c10, c11, c12, c13);
  storeRow(width, y, f, c00, c01, c02, c03);
}

// @ts-ignore: decorator
@inline
function storeRow(width: i32, y: usize, floor: v128, v0: v128, v1: v128, v2: v128, v3: v128): void {
  if (width > 3) v128.store(y, f32x4.pmax(v3, floor), 48);
  if (width > 2) v128.store(y, f32x4.pmax(v2, floor), 32);
  v128.store(y, f32x4.pmax(v1, floor), 16);
  v128.store(y, f32x4.pmax(v0, floor));
}

function block1(a: usize, list: usize, end: usize, x: usize, y: usize, step: usize, init: usize, initStep: usize, floor: f32): void {
  block(1, 1, 4, a, list, end, x, y, step, init, initStep, floor);
}
function block2(a: usize, list: usize, end: usize, x: usize, y: usize, step: usize, init: usize, initStep: usize, floor: f32): void {
  block(2, 2, 4, a, list, end, x, y, step, init, initStep, floor);
}
function block3(a: usize, list: usize, end: usize, x: usize, y: usize, step: usize, init: usize, initStep: usize, floor: f32): void {
  block(3, 3, 3, a, list, end, x, y, step, init, initStep, floor);
}
function block4(a: usize, list: usize, end: usize, x: usize, y: usize, step: usize, init: usize, initStep: usize, floor: f32): void {
  block(4, 4, 2, a, list, end, x, y, step, init, initStep, floor);
}
function block5(a: usize, list: usize, end: usize, x: usize, y: usize, step: usize, init: usize, initStep: usize, floor: f32): void {
  block(5, 5, 2, a, list, end, x, y, step, init, initStep, floor);
}
/** Without fused multiply–adds a product needs a register of its own. */
function block6(a: usize, list: usize, end: usize, x: usize, y: usize, step: usize, init: usize, initStep: usize, floor: f32): void {
  if (ASC_FEATURE_RELAXED_SIMD) block(6, 6, 2, a, list, end, x, y, step, init, initStep, floor);
  else {
    block(3, 6, 2, a, list, end, x, y, step, init, initStep, floor);
    block(3, 6, 2, a + 12, list, end, x, y + 3 * step, step, init + 3 * initStep, initStep, floor);
  }
}

/** Pixels of a block of `rows` rows. */
// @ts-ignore: decorator
@inline
function blockWidth(rows: i32): i32 {
  return rows > 3 ? 8 : rows > 2 ? 12 : 16;
}

// @ts-ignore: decorator
@inline
function blockOf(rows: i32, a: usize, list: usize, end: usize, x: usize, y: usize, step: usize, init: usize, initStep: usize, floor: f32): void {
  if (rows == 6) block6(a, list, end, x, y, step, init, initStep, floor);
  else if (rows == 5) block5(a, list, end, x, y, step, init, initStep, floor);
  else if (rows == 4) block4(a, list, end, x, y, step, init, initStep, floor);
  else if (rows == 3) block3(a, list, end, x, y, step, init, initStep, floor);
  else if (rows == 2) block2(a, list, end, x, y, step, init, initStep, floor);
  else block1(a, list, end, x, y, step, init, initStep, floor);
}

/** n pixels of `rows` rows. The last block ends with them, and repeats some of the one before. */
function run(rows: i32, a: usize, list: usize, end: usize, x: usize, y: usize, n: i32, init: usize, initStep: usize, floor: f32, strip: usize): void {
  const width = blockWidth(rows);
  if (n < width) {
    blockOf(rows, a, list, end, x, strip, 64, init, initStep, floor);
    for (let r = 0; r < rows; r++, y += yPlane, strip += 64) copy(y, strip, n);
    return;
  }
  for (let i = 0; i < n; i += width) {
    const at = <usize>min(i, n - width) << 2;
    blockOf(rows, a, list, end, x + at, y + at, yPlane, init, initStep, floor);
  }
}

/** Copies the padded rows that output rows [r0, r1) read of all channels of a group; of rows, whole quads. Returns the bytes of a row. */
export function copyInput(to: usize, x: usize, r0: i32, r1: i32): usize {
  const lines = r1 - r0 + (kh - 1) * dh, width = ((ow + 3) & ~3) + (kw - 1) * dw;
  (xStep = <usize>dw << 2), (yStep = <usize>(dh * width) << 2), (cStep = <usize>(lines * width) << 2);
  copySlab(to, x, c, h, w, r0 - pt, -pl, lines, width);
  return <usize>width << 2;
}

/**
 * The same once for each tap of a row, moved by it: [C][KW][lines][OW]. Then all pixels of a tap lie one after the other,
 * and blocks of them run from row to row.
 */
function copyShifted(to: usize, x: usize, r0: i32, r1: i32): void {
  const lines = r1 - r0 + (kh - 1) * dh, width = ow + (kw - 1) * dw, inside = pt == 0 && pl == 0 && r0 + lines <= h && width <= w;
  (yStep = <usize>(dh * ow) << 2), (xStep = <usize>(lines * ow) << 2), (cStep = kw * xStep);
  const padded = to + c * cStep;
  for (let i = 0; i < c; i++, x += xPlane) {
    let from = x + (<usize>(r0 * w) << 2), row = <usize>w << 2;
    if (!inside) {
      copySlab(padded, x, 1, h, w, r0 - pt, -pl, lines, width);
      (from = padded), (row = <usize>width << 2);
    }
    for (let kx = 0; kx < kw; kx++, to += xStep) copyLines(to, from + (<usize>(kx * dw) << 2), row, lines);
  }
}

/** Rows of OW pixels. A row's surplus lanes are overwritten by the next one; the last is exact. */
function copyLines(to: usize, from: usize, step: usize, lines: i32): void {
  const bytes = <usize>ow << 2;
  for (; lines > 1; lines--, to += bytes, from += step) {
    for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, v128.load(from + i));
  }
  copy(to, from, ow);
}

/** Lists the places of all taps. Returns where the list ends. */
function listTaps(to: usize): usize {
  for (let i = 0; i < c; i++) {
    for (let ky = 0; ky < kh; ky++) {
      for (let kx = 0; kx < kw; kx++, to += 4) store<u32>(to, <u32>(i * cStep + ky * yStep + kx * xStep));
    }
  }
  return to;
}

/** One tile is ROWS rows of all channels of one group of one image. */
export function convDirect(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  const perTile = load<i32>(cmd, ConvDirectArgs.ROWS), input = load<i32>(cmd, ConvDirectArgs.INPUT);
  const blocks = (oh + perTile - 1) / perTile;
  const r0 = (tile % blocks) * perTile, r1 = min(r0 + perTile, oh), g = (tile / blocks) % groups, image = tile / (blocks * groups);
  const x = load<usize>(cmd, ConvArgs.X) + image * xImage + g * c * xPlane;
  const y = load<usize>(cmd, ConvArgs.Y) + image * yImage + g * m * yPlane + (<usize>(r0 * ow) << 2);
  const a = load<usize>(cmd, ConvArgs.A) + (<usize>(g * m * c * taps) << 2), bias = load<usize>(cmd, ConvArgs.BIAS);

  let slab = scratch + LIST + (<usize>(c * taps + 15 & ~15) << 2), rowStep: usize = 0;
  if (input == DirectInput.ROWS) rowStep = copyInput(slab, x, r0, r1);
  else if (input == DirectInput.SHIFTED) copyShifted(slab, x, r0, r1);
  else (slab = x + (<usize>(r0 * w) << 2)), (cStep = xPlane);
  const list = scratch + LIST, end = listTaps(list);
  store<f32>(scratch + ZEROS, 0);

  const count = (r1 - r0) * ow, runs = input == DirectInput.ROWS ? r1 - r0 : 1, n = count / runs;
  const kind = load<i32>(cmd, ConvArgs.ACTIVATION), residual = load<usize>(cmd, ConvArgs.RESIDUAL);
  const relu = kind == Activation.RELU && !residual, floor: f32 = relu ? 0 : -Infinity;
  for (let p = 0, panels = panelCount(m, MR); p < panels; p++) {
    const first = panelStart(m, p, MR), rows = panelRows(m, p, MR), init = bias ? bias + (<usize>(g * m + first) << 2) : scratch + ZEROS;
    let from = slab, to = y + first * yPlane;
    for (let i = 0; i < runs; i++, from += rowStep, to += n << 2) {
      run(rows, a + (<usize>(first * c * taps) << 2), list, end, from, to, n, init, bias ? 4 : 0, floor, scratch);
    }
  }
  if (residual || (kind != Activation.NONE && !relu)) {
    for (let i = 0; i < m; i++) finish(cmd, y + i * yPlane, count);
  }
}
