/**
 * Packed panels. A matrix A [M × K] becomes panels of at most `most` rows, each [K][rows], one after the other; the
 * rows are spread evenly, so that M = 8 is 4 + 4: a panel of two rows costs more than a third of one of six.
 */
import { PackArgs } from './conv-args';
import { loadFirst, storeFirst } from './simd';

/** Rows of a panel of a matrix product at most (as/gemm.ts). */
// @ts-ignore: decorator
@inline
export const MR: i32 = 6;

// @ts-ignore: decorator
@inline
export function panelCount(m: i32, most: i32): i32 {
  return (m + most - 1) / most;
}

/** First row of panel p. */
// @ts-ignore: decorator
@inline
export function panelStart(m: i32, p: i32, most: i32): i32 {
  const panels = panelCount(m, most);
  return p * (m / panels) + min(p, m % panels);
}

/** Rows of panel p. */
// @ts-ignore: decorator
@inline
export function panelRows(m: i32, p: i32, most: i32): i32 {
  const panels = panelCount(m, most);
  return m / panels + i32(p < m % panels);
}

/**
 * Packs COUNT matrices with K = (channel, tap), every stride free and possibly negative, in elements: DEPTH columns of
 * all panels, then the next ones, so that what a tile reads of one block of K lies together. One tile is PANELS panels
 * of one matrix.
 */
export function pack(cmd: usize, tile: i32, scratch: usize): void {
  const m = load<i32>(cmd, PackArgs.M), taps = load<i32>(cmd, PackArgs.T), k = load<i32>(cmd, PackArgs.C) * taps;
  const rowStep = <isize>load<i32>(cmd, PackArgs.ROW_STRIDE) << 2;
  const cStep = <isize>load<i32>(cmd, PackArgs.C_STRIDE) << 2;
  const tStep = <isize>load<i32>(cmd, PackArgs.T_STRIDE) << 2;
  const perTile = load<i32>(cmd, PackArgs.PANELS), chunk = load<i32>(cmd, PackArgs.DEPTH);
  const blocks = (panelCount(m, MR) + perTile - 1) / perTile;
  const z = tile / blocks, p0 = (tile % blocks) * perTile, p1 = min(p0 + perTile, panelCount(m, MR));
  const from = <isize>load<usize>(cmd, PackArgs.X) +
    ((<isize>load<i32>(cmd, PackArgs.OFFSET) + <isize>z * load<i32>(cmd, PackArgs.COUNT_STRIDE)) << 2);
  const out = load<usize>(cmd, PackArgs.OUT) + (<usize>z * m * k << 2);
  for (let k0 = 0; k0 < k; k0 += chunk) {
    const depth = min(chunk, k - k0);
    // A few columns for all panels of the tile: sources of neighbouring panels lie close together.
    for (let i = 0; i < depth; i += 64) {
      for (let p = p0; p < p1; p++) {
        const start = panelStart(m, p, MR), rows = panelRows(m, p, MR);
        const to = out + (<usize>(k0 * m + start * depth + i * rows) << 2);
        packPanel(to, from + start * rowStep, rows, rowStep, k0 + i, min(64, depth - i), taps, cStep, tStep);
      }
    }
  }
}

/** Columns [k, k + n) of a panel. */
function packPanel(
  to: usize, from: isize, rows: i32, rowStep: isize, k: i32, n: i32, taps: i32, cStep: isize, tStep: isize,
): void {
  let t = k % taps, channel = from + (k / taps) * cStep;
  for (; n > 0; channel += cStep, t = 0) {
    const run = min(taps - t, n);
    let at = channel + t * tStep;
    n -= run;
    if (tStep == 4) {
      packRun(to, at, rows, rowStep, run);
      to += <usize>(run * rows) << 2;
      continue;
    }
    for (let i = run; i > 0; i--, at += tStep) {
      if (rowStep == 4 && rows >= 4) {
        v128.store(to, v128.load(at));
        if (rows > 4) storeFirst(to + 16, loadFirst(at + 16, rows - 4), rows - 4);
        to += <usize>rows << 2;
        continue;
      }
      let element = at;
      for (let r = 0; r < rows; r++, element += rowStep, to += 4) store<f32>(to, load<f32>(element));
    }
  }
}

/** to[i][r] = row r [i] for n columns of `rows` rows that lie `step` bytes apart. */
export function packRun(to: usize, from: usize, rows: i32, step: usize, n: i32): void {
  const width = <usize>rows << 2;
  for (; rows > 0; rows -= 4, to += 16, from += 4 * step) packRows(to, width, from, min(4, rows), step, n);
}

/** The same for one to four rows of columns that are `width` bytes apart. */
function packRows(to: usize, width: usize, from: usize, rows: i32, step: usize, n: i32): void {
  const b = from + (rows > 1 ? step : 0), c = b + (rows > 2 ? step : 0), d = c + (rows > 3 ? step : 0);
  let i: usize = 0;
  for (const last = <usize>(n & ~3) << 2; i < last; i += 16, to += 4 * width) {
    const va = v128.load(from + i), vb = v128.load(b + i), vc = v128.load(c + i), vd = v128.load(d + i);
    const ab0 = v128.shuffle<f32>(va, vb, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(va, vb, 2, 6, 3, 7);
    const cd0 = v128.shuffle<f32>(vc, vd, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(vc, vd, 2, 6, 3, 7);
    storeFirst(to, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5), rows);
    storeFirst(to + width, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7), rows);
    storeFirst(to + 2 * width, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5), rows);
    storeFirst(to + 3 * width, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7), rows);
  }
  for (const end = <usize>n << 2; i < end; i += 4, to += width) {
    store<f32>(to, load<f32>(from + i));
    if (rows > 1) store<f32>(to, load<f32>(b + i), 4);
    if (rows > 2) store<f32>(to, load<f32>(c + i), 8);
    if (rows > 3) store<f32>(to, load<f32>(d + i), 12);
  }
}

/**
 * Packs a [k][8] panel of B from a matrix with the given strides in bytes; columns from n on are zero. Reads the
 * k·n elements and nothing else.
 */
export function packColumns(to: usize, from: usize, k: i32, n: i32, rowStep: usize, columnStep: usize): void {
  if (n < 8) {
    for (; k > 0; k--, to += 32, from += rowStep) {
      v128.store(to, f32x4.splat(0));
      v128.store(to, f32x4.splat(0), 16);
      for (let j = 0; j < n; j++) store<f32>(to + (j << 2), load<f32>(from + j * columnStep));
    }
  } else if (columnStep == 4) {
    for (; k > 0; k--, to += 32, from += rowStep) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
    }
  } else {
    if (rowStep == 4) {
      for (; k >= 4; k -= 4, to += 128, from += 16) {
        transpose4(to, from, from + columnStep, from + 2 * columnStep, from + 3 * columnStep);
        const next = from + 4 * columnStep;
        transpose4(to + 16, next, next + columnStep, next + 2 * columnStep, next + 3 * columnStep);
      }
    }
    for (; k > 0; k--, to += 32, from += rowStep) {
      for (let j = 0; j < 8; j++) store<f32>(to + (j << 2), load<f32>(from + j * columnStep));
    }
  }
}

/** Packs the first 16 of n columns as two panels: what is read of a row is a whole cache line then. */
export function packTwo(to: usize, from: usize, k: i32, n: i32, rowStep: usize, columnStep: usize): void {
  const second = to + (<usize>k << 5);
  if (n >= 16 && columnStep == 4) {
    for (let other = second; k > 0; k--, to += 32, other += 32, from += rowStep) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      v128.store(other, v128.load(from, 32));
      v128.store(other, v128.load(from, 48), 16);
    }
  } else {
    packColumns(to, from, k, min(8, n), rowStep, columnStep);
    if (n > 8) packColumns(second, from + 8 * columnStep, k, min(8, n - 8), rowStep, columnStep);
  }
}

/** Four rows of four floats to four columns 32 bytes apart. */
// @ts-ignore: decorator
@inline
export function transpose4(to: usize, row0: usize, row1: usize, row2: usize, row3: usize): void {
  const a = v128.load(row0), b = v128.load(row1), c = v128.load(row2), d = v128.load(row3);
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
  v128.store(to, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7), 32);
  v128.store(to, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5), 64);
  v128.store(to, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7), 96);
}
