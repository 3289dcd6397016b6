/**
 * Convolutions of stride 1 between few channels: rows of the padded input are read where they lie, four pixels at a
 * time, instead of being gathered into panels first. `convDirect` computes panels of channels by two to four such quads
 * of pixels; `convDirectGrad` the filter gradient, three output channels by three taps of a row, a quad of pixels a step.
 */
import { copySlab, finish } from './conv';
import { c, dh, dw, h, kh, kw, loadGeometry, m, n, oh, ow, pl, pt, taps, w, xImage, xPlane, yImage, yPlane, groups } from './geometry';
import { MR, panelCount, panelRows, panelStart } from './pack';
import { ConvArgs, ConvDirectArgs, ConvDirectGradArgs } from './conv-args';
import { Activation } from './kinds';
import { copy, fill, madd, storeFirst, sumLanes4 } from './simd';

/** Bytes of scratch for what a tile of `convDirect` reads (src/ops/direct-kernels.ts: half of it at most). */
// @ts-ignore: decorator
@inline
const DIRECT_INPUT: usize = 65536;

/** Bytes from a tap to the next, from a row of the padded input to the next that is read, and between its channels. */
let xStep: usize = 0, yStep: usize = 0, cStep: usize = 0;

/**
 * `width` quads of pixels of `rows` channels: taps are those of the list up to `end`, relative to the first quad at x;
 * the other quads lie o1, o2 and o3 bytes from it. Nothing below `floor`; stores n pixels.
 */
// @ts-ignore: decorator
@inline
function quads(
  rows: i32, width: i32, a: usize, list: usize, end: usize, x: usize, o1: usize, o2: usize, o3: usize,
  bias: usize, floor: v128, y: usize, n: i32,
): void {
  let c00 = f32x4.splat(0), c10 = c00, c20 = c00, c30 = c00, c40 = c00, c50 = c00;
  if (bias) {
    c00 = v128.load32_splat(bias);
    if (rows > 1) c10 = v128.load32_splat(bias, 4);
    if (rows > 2) c20 = v128.load32_splat(bias, 8);
    if (rows > 3) c30 = v128.load32_splat(bias, 12);
    if (rows > 4) c40 = v128.load32_splat(bias, 16);
    if (rows > 5) c50 = v128.load32_splat(bias, 20);
  }
  let c01 = c00, c11 = c10, c21 = c20, c31 = c30, c41 = c40, c51 = c50, c02 = c00, c12 = c10, c22 = c20, c03 = c00, c13 = c10;
  for (; list < end; list += 4, a += 4 * rows) {
    const at = x + load<u32>(list);
    const b0 = v128.load(at), b1 = v128.load(at + o1);
    let b2 = b0, b3 = b0;
    if (width > 2) b2 = v128.load(at + o2);
    if (width > 3) b3 = v128.load(at + o3);
    const a0 = v128.load32_splat(a);
    c00 = madd(a0, b0, c00);
    c01 = madd(a0, b1, c01);
    if (width > 2) c02 = madd(a0, b2, c02);
    if (width > 3) c03 = madd(a0, b3, c03);
    if (rows > 1) {
      const a1 = v128.load32_splat(a, 4);
      c10 = madd(a1, b0, c10);
      c11 = madd(a1, b1, c11);
      if (width > 2) c12 = madd(a1, b2, c12);
      if (width > 3) c13 = madd(a1, b3, c13);
    }
    if (rows > 2) {
      const a2 = v128.load32_splat(a, 8);
      c20 = madd(a2, b0, c20);
      c21 = madd(a2, b1, c21);
      if (width > 2) c22 = madd(a2, b2, c22);
    }
    if (rows > 3) {
      const a3 = v128.load32_splat(a, 12);
      c30 = madd(a3, b0, c30);
      c31 = madd(a3, b1, c31);
    }
    if (rows > 4) {
      const a4 = v128.load32_splat(a, 16);
      c40 = madd(a4, b0, c40);
      c41 = madd(a4, b1, c41);
    }
    if (rows > 5) {
      const a5 = v128.load32_splat(a, 20);
      c50 = madd(a5, b0, c50);
      c51 = madd(a5, b1, c51);
    }
  }
  const step = yPlane;
  storeQuads(width, y, floor, n, c00, c01, c02, c03);
  if (rows > 1) storeQuads(width, y + step, floor, n, c10, c11, c12, c13);
  if (rows > 2) storeQuads(width, y + 2 * step, floor, n, c20, c21, c22, c22);
  if (rows > 3) storeQuads(width, y + 3 * step, floor, n, c30, c31, c31, c31);
  if (rows > 4) storeQuads(width, y + 4 * step, floor, n, c40, c41, c41, c41);
  if (rows > 5) storeQuads(width, y + 5 * step, floor, n, c50, c51, c51, c51);
}

// @ts-ignore: decorator
@inline
function storeQuads(width: i32, y: usize, floor: v128, n: i32, v0: v128, v1: v128, v2: v128, v3: v128): void {
  storeFirst(y, f32x4.pmax(v0, floor), n);
  if (n > 4) storeFirst(y + 16, f32x4.pmax(v1, floor), n - 4);
  if (width > 2 && n > 8) storeFirst(y + 32, f32x4.pmax(v2, floor), n - 8);
  if (width > 3 && n > 12) storeFirst(y + 48, f32x4.pmax(v3, floor), n - 12);
}

/** All pixels of `rows` channels; `places` lists where the quads of pixels lie from `slab` on. */
// @ts-ignore: decorator
@inline
function panel(
  rows: i32, width: i32, a: usize, list: usize, end: usize, slab: usize, places: usize, bias: usize, floor: v128, y: usize, n: i32,
): void {
  for (; n > 0; n -= 4 * width, places += 4 * width, y += 16 * width) {
    const at = load<u32>(places), x = slab + at;
    quads(
      rows, width, a, list, end, x, load<u32>(places, 4) - at,
      width > 2 ? load<u32>(places, 8) - at : 0, width > 3 ? load<u32>(places, 12) - at : 0, bias, floor, y, n,
    );
  }
}

function panel1(a: usize, list: usize, end: usize, slab: usize, places: usize, bias: usize, floor: v128, y: usize, n: i32): void {
  panel(1, 4, a, list, end, slab, places, bias, floor, y, n);
}
function panel2(a: usize, list: usize, end: usize, slab: usize, places: usize, bias: usize, floor: v128, y: usize, n: i32): void {
  panel(2, 4, a, list, end, slab, places, bias, floor, y, n);
}
function panel3(a: usize, list: usize, end: usize, slab: usize, places: usize, bias: usize, floor: v128, y: usize, n: i32): void {
  panel(3, 3, a, list, end, slab, places, bias, floor, y, n);
}
function panel4(a: usize, list: usize, end: usize, slab: usize, places: usize, bias: usize, floor: v128, y: usize, n: i32): void {
  panel(4, 2, a, list, end, slab, places, bias, floor, y, n);
}
function panel5(a: usize, list: usize, end: usize, slab: usize, places: usize, bias: usize, floor: v128, y: usize, n: i32): void {
  panel(5, 2, a, list, end, slab, places, bias, floor, y, n);
}
function panel6(a: usize, list: usize, end: usize, slab: usize, places: usize, bias: usize, floor: v128, y: usize, n: i32): void {
  panel(6, 2, a, list, end, slab, places, bias, floor, y, n);
}

/** Copies the padded rows that output rows [r0, r1) read of all channels of a group; rows hold whole quads. */
function copyInput(to: usize, x: usize, r0: i32, r1: i32): void {
  const lines = r1 - r0 + (kh - 1) * dh, width = ((ow + 3) & ~3) + (kw - 1) * dw;
  (xStep = <usize>dw << 2), (yStep = <usize>(dh * width) << 2), (cStep = <usize>(lines * width) << 2);
  copySlab(to, x, c, h, w, r0 - pt, -pl, lines, width);
}

/**
 * The same once for each tap of a row, moved by it: [C][KW][lines][OW]. Then all pixels of a tap lie one after the other,
 * and quads of them run from row to row.
 */
function copyShifted(to: usize, x: usize, r0: i32, r1: i32, padded: usize): void {
  const lines = r1 - r0 + (kh - 1) * dh, width = ow + (kw - 1) * dw, inside = pt == 0 && pl == 0 && r0 + lines <= h && width <= w;
  (yStep = <usize>(dh * ow) << 2), (xStep = <usize>(lines * ow) << 2), (cStep = kw * xStep);
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

/** Lists the places of `count` quads of pixels from the slab on, and three more that are like the last. */
function listQuads(to: usize, count: i32, shifted: bool): void {
  const across = (ow + 3) >> 2, width = (across << 2) + (kw - 1) * dw;
  let at = 0;
  for (let q = 0; q < count + 3; q++, to += 4) {
    if (q < count) at = shifted ? q << 4 : ((q / across) * width + ((q % across) << 2)) << 2;
    store<u32>(to, at);
  }
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

// @ts-ignore: decorator
@inline
function panelOf(rows: i32, a: usize, list: usize, end: usize, slab: usize, places: usize, bias: usize, floor: v128, y: usize, n: i32): void {
  if (rows == 6) panel6(a, list, end, slab, places, bias, floor, y, n);
  else if (rows == 5) panel5(a, list, end, slab, places, bias, floor, y, n);
  else if (rows == 4) panel4(a, list, end, slab, places, bias, floor, y, n);
  else if (rows == 3) panel3(a, list, end, slab, places, bias, floor, y, n);
  else if (rows == 2) panel2(a, list, end, slab, places, bias, floor, y, n);
  else panel1(a, list, end, slab, places, bias, floor, y, n);
}

/** One tile is ROWS rows of all channels of one group of one image. Scratch: what is read, the places of quads and taps, a padded plane. */
export function convDirect(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  const perTile = load<i32>(cmd, ConvDirectArgs.ROWS), shifted = load<i32>(cmd, ConvDirectArgs.SHIFTED) != 0;
  const blocks = (oh + perTile - 1) / perTile;
  const r0 = (tile % blocks) * perTile, r1 = min(r0 + perTile, oh), g = (tile / blocks) % groups, image = tile / (blocks * groups);
  const x = load<usize>(cmd, ConvArgs.X) + image * xImage + g * c * xPlane;
  const y = load<usize>(cmd, ConvArgs.Y) + image * yImage + g * m * yPlane + (<usize>(r0 * ow) << 2);
  const a = load<usize>(cmd, ConvArgs.A) + (<usize>(g * m * c * taps) << 2), bias = load<usize>(cmd, ConvArgs.BIAS);

  // Pixels in a run are stored one after the other: all of them, or those of a row where rows end within a quad.
  const count = (r1 - r0) * ow, runs = shifted || (ow & 3) == 0 ? 1 : r1 - r0, n = count / runs, perRun = (n + 3) >> 2;
  const total = runs * perRun, places = scratch + DIRECT_INPUT, list = places + (<usize>(total + 3) << 2);
  const padded = list + (<usize>(c * taps) << 2);
  if (shifted) copyShifted(scratch, x, r0, r1, padded);
  else copyInput(scratch, x, r0, r1);
  listQuads(places, total, shifted);
  const end = listTaps(list);

  const kind = load<i32>(cmd, ConvArgs.ACTIVATION), residual = load<usize>(cmd, ConvArgs.RESIDUAL);
  const relu = kind == Activation.RELU && !residual, floor = relu ? f32x4.splat(0) : f32x4.splat(-Infinity);
  for (let p = 0, panels = panelCount(m, MR); p < panels; p++) {
    const first = panelStart(m, p, MR), rows = panelRows(m, p, MR), b = bias ? bias + (<usize>(g * m + first) << 2) : 0;
    let at = places, to = y + first * yPlane;
    for (let i = 0; i < runs; i++, at += perRun << 2, to += n << 2) {
      panelOf(rows, a + (<usize>(first * c * taps) << 2), list, end, scratch, at, b, floor, to, n);
    }
  }
  if (residual || (kind != Activation.NONE && !relu)) {
    for (let i = 0; i < m; i++) finish(cmd, y + i * yPlane, count);
  }
}

/** sums[r][t] += dy[r]·x[t] in lanes, over `lines` rows of `across` quads; row r of dy is `dyStep` bytes, of sums `sumStep` away. */
// @ts-ignore: decorator
@inline
function dots(
  rows: i32, count: i32, lines: i32, across: i32, dy: usize, dyStep: usize, x: usize, xLine: usize, sums: usize, sumStep: usize,
): void {
  const zero = f32x4.splat(0), t1 = xStep, t2 = 2 * xStep, s1 = sums + sumStep, s2 = s1 + sumStep;
  let c00 = v128.load(sums), c01 = zero, c02 = zero, c10 = zero, c11 = zero, c12 = zero, c20 = zero, c21 = zero, c22 = zero;
  if (count > 1) c01 = v128.load(sums, 16);
  if (count > 2) c02 = v128.load(sums, 32);
  if (rows > 1) {
    c10 = v128.load(s1);
    if (count > 1) c11 = v128.load(s1, 16);
    if (count > 2) c12 = v128.load(s1, 32);
  }
  if (rows > 2) {
    c20 = v128.load(s2);
    if (count > 1) c21 = v128.load(s2, 16);
    if (count > 2) c22 = v128.load(s2, 32);
  }
  for (; lines > 0; lines--, x += xLine) {
    let at = x;
    for (const end = dy + (<usize>across << 4); dy < end; dy += 16, at += 16) {
      const d0 = v128.load(dy), d1 = rows > 1 ? v128.load(dy + dyStep) : zero, d2 = rows > 2 ? v128.load(dy + 2 * dyStep) : zero;
      let v = v128.load(at);
      c00 = madd(d0, v, c00);
      if (rows > 1) c10 = madd(d1, v, c10);
      if (rows > 2) c20 = madd(d2, v, c20);
      if (count > 1) {
        v = v128.load(at + t1);
        c01 = madd(d0, v, c01);
        if (rows > 1) c11 = madd(d1, v, c11);
        if (rows > 2) c21 = madd(d2, v, c21);
      }
      if (count > 2) {
        v = v128.load(at + t2);
        c02 = madd(d0, v, c02);
        if (rows > 1) c12 = madd(d1, v, c12);
        if (rows > 2) c22 = madd(d2, v, c22);
      }
    }
  }
  v128.store(sums, c00);
  if (count > 1) v128.store(sums, c01, 16);
  if (count > 2) v128.store(sums, c02, 32);
  if (rows > 1) {
    v128.store(s1, c10);
    if (count > 1) v128.store(s1, c11, 16);
    if (count > 2) v128.store(s1, c12, 32);
  }
  if (rows > 2) {
    v128.store(s2, c20);
    if (count > 1) v128.store(s2, c21, 16);
    if (count > 2) v128.store(s2, c22, 32);
  }
}

function dots1(count: i32, lines: i32, across: i32, dy: usize, dyStep: usize, x: usize, xLine: usize, sums: usize, sumStep: usize): void {
  if (count == 3) dots(1, 3, lines, across, dy, dyStep, x, xLine, sums, sumStep);
  else if (count == 2) dots(1, 2, lines, across, dy, dyStep, x, xLine, sums, sumStep);
  else dots(1, 1, lines, across, dy, dyStep, x, xLine, sums, sumStep);
}
function dots2(count: i32, lines: i32, across: i32, dy: usize, dyStep: usize, x: usize, xLine: usize, sums: usize, sumStep: usize): void {
  if (count == 3) dots(2, 3, lines, across, dy, dyStep, x, xLine, sums, sumStep);
  else if (count == 2) dots(2, 2, lines, across, dy, dyStep, x, xLine, sums, sumStep);
  else dots(2, 1, lines, across, dy, dyStep, x, xLine, sums, sumStep);
}
function dots3(count: i32, lines: i32, across: i32, dy: usize, dyStep: usize, x: usize, xLine: usize, sums: usize, sumStep: usize): void {
  if (count == 3) dots(3, 3, lines, across, dy, dyStep, x, xLine, sums, sumStep);
  else if (count == 2) dots(3, 2, lines, across, dy, dyStep, x, xLine, sums, sumStep);
  else dots(3, 1, lines, across, dy, dyStep, x, xLine, sums, sumStep);
}

/**
 * One tile is one of SPLITS ranges of all blocks of ROWS rows of all images, for all filters of a group. Scratch: sums
 * in lanes [M][C·taps][4], then dY and X of a block.
 */
export function convDirectGrad(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  const perStep = load<i32>(cmd, ConvDirectGradArgs.ROWS), splits = load<i32>(cmd, ConvDirectGradArgs.SPLITS);
  const g = tile % groups, split = tile / groups, k = c * taps, sumStep = <usize>k << 4;
  const blocks = (oh + perStep - 1) / perStep, steps = n * blocks, across = (ow + 3) >> 2;
  const dy = scratch + m * sumStep, x = dy + (<usize>(m * perStep * across) << 4);
  fill(scratch, m * k << 2, 0);

  const end = <i32>(<i64>steps * (split + 1) / splits);
  for (let s = <i32>(<i64>steps * split / splits); s < end; s++) {
    const image = s / blocks, r0 = (s % blocks) * perStep, r1 = min(r0 + perStep, oh), lines = r1 - r0;
    const dyStep = <usize>(lines * across) << 4, xLine = <usize>((across << 2) + (kw - 1) * dw) << 2;
    copySlab(dy, load<usize>(cmd, ConvArgs.Y) + image * yImage + g * m * yPlane, m, oh, ow, r0, 0, lines, across << 2);
    copyInput(x, load<usize>(cmd, ConvArgs.X) + image * xImage + g * c * xPlane, r0, r1);
    for (let i = 0; i < c * kh; i++) {
      const line = x + (i / kh) * cStep + (i % kh) * yStep;
      for (let kx = 0; kx < kw; kx += 3) {
        const from = line + kx * xStep, count = min(3, kw - kx);
        let sums = scratch + (<usize>(i * kw + kx) << 4), d = dy, r = 0;
        for (; r + 3 <= m; r += 3, d += 3 * dyStep, sums += 3 * sumStep) dots3(count, lines, across, d, dyStep, from, xLine, sums, sumStep);
        if (m - r == 2) dots2(count, lines, across, d, dyStep, from, xLine, sums, sumStep);
        else if (m - r == 1) dots1(count, lines, across, d, dyStep, from, xLine, sums, sumStep);
      }
    }
  }

  let to = load<usize>(cmd, ConvArgs.A) + (<usize>((split * groups + g) * m * k) << 2), sums = scratch;
  for (let left = m * k; left > 0; left -= 4, to += 16, sums += 64) {
    const b = sums + (left > 1 ? 16 : 0), d = b + (left > 2 ? 16 : 0), e = d + (left > 3 ? 16 : 0);
    storeFirst(to, sumLanes4(v128.load(sums), v128.load(b), v128.load(d), v128.load(e)), left);
  }
}
