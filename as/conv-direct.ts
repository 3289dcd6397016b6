/**
 * Convolutions of stride 1 between few channels: rows of the padded input are read where they lie, four pixels at a
 * time, instead of being gathered into panels first. `convDirect` computes panels of channels by two such quads of
 * pixels; `convDirectGrad` the filter gradient, three output channels by three taps of a row, a quad of pixels a step.
 */
import { copySlab, finish } from './conv';
import { c, dh, dw, h, kh, kw, loadGeometry, m, n, oh, ow, pl, pt, taps, w, xImage, xPlane, yImage, yPlane, groups } from './geometry';
import { panelCount, panelRows, panelStart } from './pack';
import { ConvArgs, ConvDirectArgs, ConvDirectGradArgs } from './conv-args';
import { fill, madd, storeFirst, sumLanes4 } from './simd';

/** Channels of a panel at most. */
// @ts-ignore: decorator
@inline
const QUAD: i32 = 4;

/** Bytes from a tap to the next, from a row of the padded input to the next that is read, and between its channels. */
let xStep: usize = 0, yStep: usize = 0, cStep: usize = 0;

/**
 * Two quads of pixels of `rows` channels: taps of the first from `x` on, those of the second `apart` bytes away.
 * Stores n0 and n1 pixels of them at y0 and y1.
 */
// @ts-ignore: decorator
@inline
function quads(rows: i32, a: usize, x: usize, apart: usize, bias: usize, y0: usize, n0: i32, y1: usize, n1: i32): void {
  let c00 = f32x4.splat(0), c10 = c00, c20 = c00, c30 = c00;
  if (bias) {
    c00 = v128.load32_splat(bias);
    if (rows > 1) c10 = v128.load32_splat(bias, 4);
    if (rows > 2) c20 = v128.load32_splat(bias, 8);
    if (rows > 3) c30 = v128.load32_splat(bias, 12);
  }
  let c01 = c00, c11 = c10, c21 = c20, c31 = c30;
  const tapStep = xStep, lineStep = yStep, planeStep = cStep, lines = kh, run = <usize>kw * rows << 2;
  for (let i = c; i > 0; i--, x += planeStep) {
    let line = x;
    for (let ky = lines; ky > 0; ky--, line += lineStep) {
      let at = line;
      for (const end = a + run; a < end; a += 4 * rows, at += tapStep) {
        const b0 = v128.load(at), b1 = v128.load(at + apart);
        const a0 = v128.load32_splat(a);
        c00 = madd(a0, b0, c00);
        c01 = madd(a0, b1, c01);
        if (rows > 1) {
          const a1 = v128.load32_splat(a, 4);
          c10 = madd(a1, b0, c10);
          c11 = madd(a1, b1, c11);
        }
        if (rows > 2) {
          const a2 = v128.load32_splat(a, 8);
          c20 = madd(a2, b0, c20);
          c21 = madd(a2, b1, c21);
        }
        if (rows > 3) {
          const a3 = v128.load32_splat(a, 12);
          c30 = madd(a3, b0, c30);
          c31 = madd(a3, b1, c31);
        }
      }
    }
  }
  const step = yPlane;
  storeFirst(y0, c00, n0);
  if (rows > 1) storeFirst(y0 + step, c10, n0);
  if (rows > 2) storeFirst(y0 + 2 * step, c20, n0);
  if (rows > 3) storeFirst(y0 + 3 * step, c30, n0);
  if (!n1) return;
  storeFirst(y1, c01, n1);
  if (rows > 1) storeFirst(y1 + step, c11, n1);
  if (rows > 2) storeFirst(y1 + 2 * step, c21, n1);
  if (rows > 3) storeFirst(y1 + 3 * step, c31, n1);
}

function quads1(a: usize, x: usize, apart: usize, bias: usize, y0: usize, n0: i32, y1: usize, n1: i32): void {
  quads(1, a, x, apart, bias, y0, n0, y1, n1);
}
function quads2(a: usize, x: usize, apart: usize, bias: usize, y0: usize, n0: i32, y1: usize, n1: i32): void {
  quads(2, a, x, apart, bias, y0, n0, y1, n1);
}
function quads3(a: usize, x: usize, apart: usize, bias: usize, y0: usize, n0: i32, y1: usize, n1: i32): void {
  quads(3, a, x, apart, bias, y0, n0, y1, n1);
}
function quads4(a: usize, x: usize, apart: usize, bias: usize, y0: usize, n0: i32, y1: usize, n1: i32): void {
  quads(4, a, x, apart, bias, y0, n0, y1, n1);
}

/** Copies the padded rows that output rows [r0, r1) read of all channels of a group; rows hold whole quads. */
function copyInput(to: usize, x: usize, r0: i32, r1: i32): void {
  const lines = r1 - r0 + (kh - 1) * dh, width = ((ow + 3) & ~3) + (kw - 1) * dw;
  (xStep = <usize>dw << 2), (yStep = <usize>(dh * width) << 2), (cStep = <usize>(lines * width) << 2);
  copySlab(to, x, c, h, w, r0 - pt, -pl, lines, width);
}

/** One tile is ROWS rows of all channels of one group of one image. */
export function convDirect(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  const perTile = load<i32>(cmd, ConvDirectArgs.ROWS), blocks = (oh + perTile - 1) / perTile;
  const r0 = (tile % blocks) * perTile, r1 = min(r0 + perTile, oh), g = (tile / blocks) % groups, image = tile / (blocks * groups);
  const x = load<usize>(cmd, ConvArgs.X) + image * xImage + g * c * xPlane;
  const y = load<usize>(cmd, ConvArgs.Y) + image * yImage + g * m * yPlane + (<usize>(r0 * ow) << 2);
  const a = load<usize>(cmd, ConvArgs.A) + (<usize>(g * m * c * taps) << 2), bias = load<usize>(cmd, ConvArgs.BIAS);
  copyInput(scratch, x, r0, r1);

  const across = (ow + 3) >> 2, total = across * (r1 - r0), panels = panelCount(m, QUAD);
  const width = <usize>((across << 2) + (kw - 1) * dw) << 2;
  for (let q = 0; q < total; q += 2) {
    const row0 = q / across, i0 = (q % across) << 2, last = min(q + 1, total - 1), row1 = last / across, i1 = (last % across) << 2;
    const x0 = scratch + row0 * width + (i0 << 2), x1 = scratch + row1 * width + (i1 << 2);
    const n0 = min(4, ow - i0), n1 = last > q ? min(4, ow - i1) : 0;
    for (let p = 0; p < panels; p++) {
      const first = panelStart(m, p, QUAD), rows = panelRows(m, p, QUAD);
      const panel = a + (<usize>(first * c * taps) << 2), b = bias ? bias + (<usize>(g * m + first) << 2) : 0;
      const plane = y + first * yPlane, y0 = plane + (<usize>(row0 * ow + i0) << 2), y1 = plane + (<usize>(row1 * ow + i1) << 2);
      if (rows == 4) quads4(panel, x0, x1 - x0, b, y0, n0, y1, n1);
      else if (rows == 3) quads3(panel, x0, x1 - x0, b, y0, n0, y1, n1);
      else if (rows == 2) quads2(panel, x0, x1 - x0, b, y0, n0, y1, n1);
      else quads1(panel, x0, x1 - x0, b, y0, n0, y1, n1);
    }
  }
  for (let i = 0; i < m; i++) finish(cmd, y + i * yPlane, (r1 - r0) * ow);
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
