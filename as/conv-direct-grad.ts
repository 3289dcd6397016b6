/**
 * The filter gradient of convolutions of stride 1 between few channels: three output channels by three taps of a row, a
 * quad of pixels a step, of padded rows.
 */
import { copySlab } from './conv';
import { copyInput, cStep, xStep, yStep } from './conv-direct';
import { c, dw, groups, kh, kw, loadGeometry, m, n, oh, ow, taps, xImage, xPlane, yImage, yPlane } from './geometry';
import { ConvArgs, ConvDirectGradArgs } from './conv-args';
import { fill, madd, storeFirst, sumLanes4 } from './simd';

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
