/**
 * Matrix products. `f32_gemm_6x8` and its row variants multiply a packed panel of A, [K][rows], with a packed panel
 * of B, [K][8]; all of convolution and matmul runs through them. `gemm` drives them over blocks of a product.
 */
import { activateRange } from './activation';
import { MR, packTwo, panelCount, panelStart } from './pack';
import { GemmArgs } from './conv-args';
import { copy, fill, madd } from './simd';

/** Depth of a block: a panel of A (6 KiB) and one of B (8 KiB) lie in the first-level cache. */
// @ts-ignore: decorator
@inline
export const KC: i32 = 256;

/**
 * c[r][0…8) = init + Σ_k a[k][r] b[k][0…8) for `rows` rows, a[k] being `width` floats. Accumulators start from
 * `init + r·step` (8 floats, or one that is splat), so bias, zero and accumulation are one path. `rows` and `width`
 * are constants of each instance.
 */
// @ts-ignore: decorator
@inline
function tile8(
  rows: i32, width: i32, k: i32, a: usize, b: usize, c: usize, ldc: usize, init: usize, step: usize, splat: bool,
): void {
  let c00: v128, c01: v128;
  let c10 = f32x4.splat(0), c11 = c10, c20 = c10, c21 = c10, c30 = c10, c31 = c10, c40 = c10, c41 = c10, c50 = c10, c51 = c10;
  if (splat) {
    c01 = c00 = v128.load32_splat(init);
    if (rows > 1) c11 = c10 = v128.load32_splat(init += step);
    if (rows > 2) c21 = c20 = v128.load32_splat(init += step);
    if (rows > 3) c31 = c30 = v128.load32_splat(init += step);
    if (rows > 4) c41 = c40 = v128.load32_splat(init += step);
    if (rows > 5) c51 = c50 = v128.load32_splat(init += step);
  } else {
    c00 = v128.load(init);
    c01 = v128.load(init, 16);
    if (rows > 1) (c10 = v128.load(init += step)), (c11 = v128.load(init, 16));
    if (rows > 2) (c20 = v128.load(init += step)), (c21 = v128.load(init, 16));
    if (rows > 3) (c30 = v128.load(init += step)), (c31 = v128.load(init, 16));
    if (rows > 4) (c40 = v128.load(init += step)), (c41 = v128.load(init, 16));
    if (rows > 5) (c50 = v128.load(init += step)), (c51 = v128.load(init, 16));
  }
  for (; k > 0; k--, a += 4 * width, b += 32) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let v = v128.load32_splat(a);
    c00 = madd(v, b0, c00);
    c01 = madd(v, b1, c01);
    if (rows > 1) {
      v = v128.load32_splat(a, 4);
      c10 = madd(v, b0, c10);
      c11 = madd(v, b1, c11);
    }
    if (rows > 2) {
      v = v128.load32_splat(a, 8);
      c20 = madd(v, b0, c20);
      c21 = madd(v, b1, c21);
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
  v128.store(c, c00);
  v128.store(c, c01, 16);
  if (rows > 1) v128.store(c += ldc, c10), v128.store(c, c11, 16);
  if (rows > 2) v128.store(c += ldc, c20), v128.store(c, c21, 16);
  if (rows > 3) v128.store(c += ldc, c30), v128.store(c, c31, 16);
  if (rows > 4) v128.store(c += ldc, c40), v128.store(c, c41, 16);
  if (rows > 5) v128.store(c += ldc, c50), v128.store(c, c51, 16);
}

function f32_gemm_1x8(k: i32, a: usize, b: usize, c: usize, ldc: usize, init: usize, step: usize, splat: bool): void {
  tile8(1, 1, k, a, b, c, ldc, init, step, splat);
}
function f32_gemm_2x8(k: i32, a: usize, b: usize, c: usize, ldc: usize, init: usize, step: usize, splat: bool): void {
  tile8(2, 2, k, a, b, c, ldc, init, step, splat);
}
function f32_gemm_3x8(k: i32, a: usize, b: usize, c: usize, ldc: usize, init: usize, step: usize, splat: bool): void {
  tile8(3, 3, k, a, b, c, ldc, init, step, splat);
}
function f32_gemm_4x8(k: i32, a: usize, b: usize, c: usize, ldc: usize, init: usize, step: usize, splat: bool): void {
  tile8(4, 4, k, a, b, c, ldc, init, step, splat);
}
function f32_gemm_5x8(k: i32, a: usize, b: usize, c: usize, ldc: usize, init: usize, step: usize, splat: bool): void {
  tile8(5, 5, k, a, b, c, ldc, init, step, splat);
}
/** Twelve sums, two vectors of B and one of A fill the registers of x86; the product before a sum finds no room. */
function f32_gemm_6x8(k: i32, a: usize, b: usize, c: usize, ldc: usize, init: usize, step: usize, splat: bool): void {
  if (ASC_FEATURE_RELAXED_SIMD) tile8(6, 6, k, a, b, c, ldc, init, step, splat);
  else {
    tile8(3, 6, k, a, b, c, ldc, init, step, splat);
    tile8(3, 6, k, a + 12, b, c + 3 * ldc, ldc, init + 3 * step, step, splat);
  }
}

/** The micro-kernel of 1 … 6 rows; arguments as `tile8`. */
// @ts-ignore: decorator
@inline
export function f32_gemm_rx8(rows: i32, k: i32, a: usize, b: usize, c: usize, ldc: usize, init: usize, step: usize, splat: bool): void {
  if (rows == 6) f32_gemm_6x8(k, a, b, c, ldc, init, step, splat);
  else if (rows == 5) f32_gemm_5x8(k, a, b, c, ldc, init, step, splat);
  else if (rows == 4) f32_gemm_4x8(k, a, b, c, ldc, init, step, splat);
  else if (rows == 3) f32_gemm_3x8(k, a, b, c, ldc, init, step, splat);
  else if (rows == 2) f32_gemm_2x8(k, a, b, c, ldc, init, step, splat);
  else f32_gemm_1x8(k, a, b, c, ldc, init, step, splat);
}

/**
 * Multiplies panels [p0, p1) of a packed A [M × K], at its rows [k0, k0 + depth) of K, with one packed panel of B.
 * Row 0 of `c` and `init` is the first row of panel p0.
 */
export function gemmPanels(
  m: i32, p0: i32, p1: i32, k0: i32, depth: i32, a: usize, b: usize,
  c: usize, ldc: usize, init: usize, step: usize, splat: bool,
): void {
  const panels = panelCount(m, MR), base = m / panels, more = m % panels;
  let row = panelStart(m, p0, MR);
  for (let p = p0; p < p1; p++) {
    const rows = base + i32(p < more);
    const panel = a + (<usize>(k0 * m + row * depth) << 2);
    f32_gemm_rx8(rows, depth, panel, b, c, ldc, init, step, splat);
    row += rows;
    c += rows * ldc;
    init += rows * step;
  }
}

/** Copies an n-wide column strip of `rows` rows. */
export function copyStrip(to: usize, toStep: usize, from: usize, fromStep: usize, rows: i32, n: i32): void {
  for (; rows > 0; rows--, to += toStep, from += fromStep) copy(to, from, n);
}

/** Scratch: two panels of B, eight starting values, then the sums of a tile so far: [columns / 8][rows][8]. */
export function gemm(cmd: usize, tile: i32, scratch: usize): void {
  const m = load<i32>(cmd, GemmArgs.M), n = load<i32>(cmd, GemmArgs.N), k = load<i32>(cmd, GemmArgs.K);
  const perTile = load<i32>(cmd, GemmArgs.PANELS), columns = load<i32>(cmd, GemmArgs.COLUMNS);
  const mBlocks = (panelCount(m, MR) + perTile - 1) / perTile, nBlocks = (n + columns - 1) / columns;
  const z = tile / (mBlocks * nBlocks), block = tile % (mBlocks * nBlocks);
  const p0 = (block / nBlocks) * perTile, p1 = min(p0 + perTile, panelCount(m, MR));
  const row0 = panelStart(m, p0, MR), rows = panelStart(m, p1, MR) - row0;
  const n0 = (block % nBlocks) * columns, n1 = min(n0 + columns, n);
  const rowStep = <usize>load<i32>(cmd, GemmArgs.B_ROW) << 2;
  const columnStep = <usize>load<i32>(cmd, GemmArgs.B_COLUMN) << 2;
  const a = load<usize>(cmd, GemmArgs.A) +
    ((<usize>load<i32>(cmd, GemmArgs.A_OFFSET) + <usize>z * load<i32>(cmd, GemmArgs.A_BATCH)) << 2);
  const b = load<usize>(cmd, GemmArgs.B) +
    ((<usize>load<i32>(cmd, GemmArgs.B_OFFSET) + <usize>z * load<i32>(cmd, GemmArgs.B_BATCH)) << 2);
  const ldc = <usize>n << 2;
  const c = load<usize>(cmd, GemmArgs.C) + ((<usize>load<i32>(cmd, GemmArgs.C_OFFSET) + <usize>z * m * n) << 2) + row0 * ldc;
  const bias = load<usize>(cmd, GemmArgs.BIAS);
  const start = scratch + KC * 64, sums = start + 64;

  for (let k0 = 0; k0 < k || k0 == 0; k0 += KC) {
    const depth = min(KC, k - k0), last = k0 + depth == k;
    for (let j = n0; j < n1; j += 8) {
      const width = min(8, n1 - j), panel = scratch + ((j - n0) & 8) * (depth << 2);
      if (panel == scratch) packTwo(scratch, b + k0 * rowStep + j * columnStep, depth, n1 - j, rowStep, columnStep);
      const at = c + (j << 2), sum = sums + <usize>((j - n0) * rows << 2), whole = last && width == 8;
      if (k0 == 0) {
        fill(start, 8, 0);
        if (bias) copy(start, bias + (j << 2), width);
      }
      const init = k0 ? sum : start, to = whole ? at : sum;
      gemmPanels(m, p0, p1, k0, depth, a, panel, to, whole ? ldc : 32, init, k0 ? 32 : 0, false);
      if (last && width < 8) copyStrip(at, ldc, sum, 32, rows, width);
    }
  }
  const kind = load<i32>(cmd, GemmArgs.ACTIVATION), alpha = load<f32>(cmd, GemmArgs.ALPHA);
  if (kind) {
    for (let i = 0; i < rows; i++) {
      const at = c + i * ldc + (n0 << 2);
      activateRange(kind, alpha, at, at, n1 - n0);
    }
  }
}
