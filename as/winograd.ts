/**
 * 3×3 convolutions of stride 1 by minimal filtering F(s×s, 3×3), s = 2 or 4 (Lavin & Gray 2016, "Fast Algorithms for
 * Convolutional Neural Networks", section 4): Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A for each tile of s × s pixels; d is the
 * (s+2) × (s+2) patch it reads. The products of all channels at one of the (s+2)² positions are a matrix product.
 * Transforms work on four tiles at a time, one a lane.
 */
import { activateRange } from './activation';
import { f32_gemm_rx8 } from './gemm';
import { c, h, loadGeometry, m, n, oh, ow, pl, pt, w, xImage, xPlane, yImage, yPlane } from './geometry';
import { MR, panelCount, panelRows, panelStart } from './pack';
import { ConvArgs, WinogradArgs, WinogradFilterArgs } from './conv-args';
import { Activation } from './kinds';
import { copy, fill, loadFirst, madd, nmadd, storeFirst } from './simd';

/** Places in scratch: at 0 what is between the passes of a transform (42 vectors), then pixels, zeros, tables of tiles. */
// @ts-ignore: decorator
@inline
const PIXELS: usize = 704;
// @ts-ignore: decorator
@inline
export const ZEROS: usize = 960;
// @ts-ignore: decorator
@inline
export const TILES: usize = 1024;
/** Tables, from the first one on; 256 tiles at most. */
// @ts-ignore: decorator
@inline
export const PLACES: usize = 1024;
// @ts-ignore: decorator
@inline
export const EXTENTS: usize = 2048;
// @ts-ignore: decorator
@inline
export const WORK: usize = 4096;

/** Distance between positions beyond their data: positions would otherwise share sets of the first-level cache. */
// @ts-ignore: decorator
@inline
export const APART: usize = 64;

/** Bᵀ d: four vectors, or six where `size` is 4, to as many. The other transforms read vectors `step` bytes apart. */
// @ts-ignore: decorator
@inline
function transformInput(
  size: i32, d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, to: usize, toStep: usize,
): void {
  if (size == 2) {
    v128.store(to, f32x4.sub(d0, d2));
    v128.store(to + toStep, f32x4.add(d1, d2));
    v128.store(to + 2 * toStep, f32x4.sub(d2, d1));
    v128.store(to + 3 * toStep, f32x4.sub(d1, d3));
    return;
  }
  const four = f32x4.splat(4), five = f32x4.splat(5), two = f32x4.splat(2);
  v128.store(to, nmadd(five, d2, madd(four, d0, d4)));
  const a = nmadd(four, d2, d4), b = nmadd(four, d1, d3);
  v128.store(to + toStep, f32x4.add(a, b));
  v128.store(to + 2 * toStep, f32x4.sub(a, b));
  const e = f32x4.sub(d4, d2), f = f32x4.sub(d3, d1);
  v128.store(to + 3 * toStep, madd(two, f, e));
  v128.store(to + 4 * toStep, nmadd(two, f, e));
  v128.store(to + 5 * toStep, nmadd(five, d3, madd(four, d1, d5)));
}

// @ts-ignore: decorator
@inline
function transformFilter(size: i32, g: usize, step: usize, to: usize, toStep: usize): void {
  const g0 = v128.load(g), g1 = v128.load(g + step), g2 = v128.load(g + 2 * step);
  if (size == 2) {
    const half = f32x4.splat(0.5), even = f32x4.mul(half, f32x4.add(g0, g2)), odd = f32x4.mul(half, g1);
    v128.store(to, g0);
    v128.store(to + toStep, f32x4.add(even, odd));
    v128.store(to + 2 * toStep, f32x4.sub(even, odd));
    v128.store(to + 3 * toStep, g2);
    return;
  }
  const sixth = f32x4.splat(-1.0 / 6), even = f32x4.mul(sixth, f32x4.add(g0, g2)), odd = f32x4.mul(sixth, g1);
  v128.store(to, f32x4.mul(f32x4.splat(0.25), g0));
  v128.store(to + toStep, f32x4.add(even, odd));
  v128.store(to + 2 * toStep, f32x4.sub(even, odd));
  const wide = madd(f32x4.splat(1.0 / 6), g2, f32x4.mul(f32x4.splat(1.0 / 24), g0)), twelfth = f32x4.splat(1.0 / 12);
  v128.store(to + 3 * toStep, madd(twelfth, g1, wide));
  v128.store(to + 4 * toStep, nmadd(twelfth, g1, wide));
  v128.store(to + 5 * toStep, g2);
}

/** Row i of Aᵀ p, from the sums and differences of p₁, p₂ and p₃, p₄; `last` is p₃ where `size` is 2, else p₅. */
// @ts-ignore: decorator
@inline
function outputRow(
  size: i32, i: i32, p0: v128, sum: v128, difference: v128, far: v128, farDifference: v128, last: v128,
): v128 {
  if (size == 2) return i == 0 ? f32x4.add(p0, sum) : f32x4.sub(difference, last);
  if (i == 0) return f32x4.add(p0, f32x4.add(sum, far));
  if (i == 1) return madd(f32x4.splat(2), farDifference, difference);
  if (i == 2) return madd(f32x4.splat(4), far, sum);
  return madd(f32x4.splat(8), farDifference, f32x4.add(difference, last));
}

/**
 * G g Gᵀ of all filters: for each position of each group packed panels of [M × DEPTH], one block of channels after the
 * other, so that what a tile reads of one lies together. One tile is PANELS panels of one group.
 */
export function winogradFilter(cmd: usize, tile: i32, scratch: usize): void {
  if (load<i32>(cmd, WinogradFilterArgs.SIZE) == 2) filters(2, cmd, tile, scratch);
  else filters(4, cmd, tile, scratch);
}

// @ts-ignore: decorator
@inline
function filters(size: i32, cmd: usize, tile: i32, scratch: usize): void {
  const m = load<i32>(cmd, WinogradFilterArgs.M), c = load<i32>(cmd, WinogradFilterArgs.C);
  const rowStep = <usize>load<i32>(cmd, WinogradFilterArgs.ROW_STRIDE) << 2;
  const cStep = <usize>load<i32>(cmd, WinogradFilterArgs.C_STRIDE) << 2;
  const tap = <isize>load<i32>(cmd, WinogradFilterArgs.TAP_STRIDE) << 2;
  const chunk = load<i32>(cmd, WinogradFilterArgs.DEPTH);
  const perTile = load<i32>(cmd, WinogradFilterArgs.PANELS), blocks = (panelCount(m, MR) + perTile - 1) / perTile;
  const g = tile / blocks, p0 = (tile % blocks) * perTile, p1 = min(p0 + perTile, panelCount(m, MR));
  const edge = size + 2, position = (<usize>m * c << 2) + APART;
  // Rotated filters are read from their last tap on.
  const from = load<usize>(cmd, WinogradFilterArgs.X) + <usize>(tap < 0 ? -8 * tap : 0) +
    (<usize>g * load<i32>(cmd, WinogradFilterArgs.GROUP_STRIDE) << 2);
  const out = load<usize>(cmd, WinogradFilterArgs.OUT) + g * edge * edge * position;
  for (let p = p0; p < p1; p++) {
    const row = panelStart(m, p, MR), rows = panelRows(m, p, MR);
    for (let r = 0; r < rows; r += 4) {
      const lanes = min(4, rows - r);
      const r1 = lanes > 1 ? rowStep : 0, r2 = r1 + (lanes > 2 ? rowStep : 0), r3 = r2 + (lanes > 3 ? rowStep : 0);
      for (let i = 0; i < c; i++) {
        const k = i % chunk, k0 = i - k, depth = min(chunk, c - k0);
        const at = from + (row + r) * rowStep + i * cStep, to = out + (<usize>(k0 * m + row * depth + k * rows + r) << 2);
        const taps = scratch, between = scratch + 144;
        for (let t = 0; t < 9; t++) {
          const element = at + t * tap;
          let v = v128.load32_zero(element);
          v = v128.load_lane<f32>(element + r1, v, 1);
          v = v128.load_lane<f32>(element + r2, v, 2);
          v128.store(taps + (t << 4), v128.load_lane<f32>(element + r3, v, 3));
        }
        // Columns, then rows: `between` is [edge][3], `taps` is free again.
        for (let x = 0; x < 3; x++) transformFilter(size, taps + (x << 4), 48, between + (x << 4), 48);
        for (let y = 0; y < edge; y++) {
          transformFilter(size, between + y * 48, 16, taps, 16);
          for (let x = 0; x < edge; x++) storeFirst(to + (y * edge + x) * position, v128.load(taps + (x << 4)), lanes);
        }
      }
    }
  }
}

/** The block of tiles: [t0, t1) of all images' tiles in order, `across` to a row and `perImage` to an image. */
let t0: i32 = 0, t1: i32 = 0, across: i32 = 0, perImage: i32 = 0;
/** Bytes from a row of the padded patches to the next. */
let lineStep: usize = 0;

/** Cuts the images into tiles and returns how many there are. */
// @ts-ignore: decorator
@inline
export function cutTiles(size: i32): i32 {
  across = (ow + size - 1) / size, perImage = across * ((oh + size - 1) / size);
  return n * perImage;
}

/** Makes [begin, end) the block of tiles. */
// @ts-ignore: decorator
@inline
export function setBlock(begin: i32, end: i32): void {
  t0 = begin, t1 = end;
}

/** One tile is TILES tiles of pixels by PANELS panels of one group. */
export function winograd(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  if (load<i32>(cmd, WinogradArgs.SIZE) == 2) convolve(2, cmd, tile, scratch);
  else convolve(4, cmd, tile, scratch);
}

// @ts-ignore: decorator
@inline
function convolve(size: i32, cmd: usize, tile: i32, scratch: usize): void {
  const perTile = load<i32>(cmd, WinogradArgs.TILES), panels = load<i32>(cmd, WinogradArgs.PANELS);
  const total = cutTiles(size), blocks = (total + perTile - 1) / perTile, mBlocks = (panelCount(m, MR) + panels - 1) / panels;
  const first = (tile % blocks) * perTile;
  setBlock(first, min(first + perTile, total));
  const p0 = ((tile / blocks) % mBlocks) * panels, p1 = min(p0 + panels, panelCount(m, MR)), g = tile / (blocks * mBlocks);
  const row0 = panelStart(m, p0, MR), rows = panelStart(m, p1, MR) - row0, columns = (t1 - t0 + 7) & ~7;
  const positions = (size + 2) * (size + 2), position = (<usize>m * c << 2) + APART, chunk = load<i32>(cmd, WinogradArgs.DEPTH);
  const a = load<usize>(cmd, ConvArgs.A) + g * positions * position;
  const x = load<usize>(cmd, ConvArgs.X) + g * c * xPlane;

  const ld = <usize>columns << 2, productStep = rows * ld + APART, product = scratch + WORK;
  const inputs = product + positions * productStep;
  const inputStep = <usize>min(chunk, c) * ld + APART, patches = inputs + positions * inputStep;
  fill(scratch + ZEROS, 8, 0);
  fill(patches, locate(size, scratch + TILES, columns), 0);
  for (let k0 = 0; k0 < c; k0 += chunk) {
    const depth = min(chunk, c - k0);
    for (let k = 0; k < depth; k++) {
      copyPatches(size, patches, x + (k0 + k) * xPlane);
      for (let q = 0; q < columns; q += 4) {
        const to = inputs + (<usize>(q >> 3) * depth + k << 5) + ((q & 4) << 2);
        const table = scratch + TILES + (q << 2), a = patches + load<u32>(table), b = patches + load<u32>(table, 4);
        inputTiles(size, scratch, a, b, patches + load<u32>(table, 8), patches + load<u32>(table, 12), to, inputStep);
      }
    }
    for (let i = 0; i < positions; i++) {
      const b = inputs + i * inputStep;
      let to = product + i * productStep;
      for (let p = p0; p < p1; p++) {
        const height = panelRows(m, p, MR), start = panelStart(m, p, MR);
        const panel = a + i * position + (<usize>(k0 * m + start * depth) << 2);
        for (let j = 0; j < columns; j += 8) {
          const at = to + (j << 2), init = k0 ? at : scratch + ZEROS;
          f32_gemm_rx8(height, depth, panel, b + (<usize>(j >> 3) * depth << 5), at, ld, init, k0 ? ld : 0, false);
        }
        to += height * ld;
      }
    }
  }
  const bias = load<usize>(cmd, ConvArgs.BIAS), kind = load<i32>(cmd, ConvArgs.ACTIVATION);
  const alpha = load<f32>(cmd, ConvArgs.ALPHA);
  const residual = load<usize>(cmd, ConvArgs.RESIDUAL) ? load<usize>(cmd, ConvArgs.RESIDUAL) - load<usize>(cmd, ConvArgs.Y) : 0;
  const least = f32x4.splat(kind == Activation.RELU ? 0 : -Infinity), pixels = scratch + PIXELS;
  for (let r = 0; r < rows; r++) {
    const channel = g * m + row0 + r, start = bias ? load<f32>(bias + (channel << 2)) : 0;
    const y = load<usize>(cmd, ConvArgs.Y) + channel * yPlane;
    for (let q = 0; q < columns; q += 4) {
      const table = scratch + TILES + (q << 2), count = t1 - t0 - q, from = product + r * ld + (q << 2);
      // Only ReLU follows a residual.
      if (size == 4 && kind <= Activation.RELU && count >= 4 && areWhole(table)) {
        const a = y + load<u32>(table + PLACES), b = y + load<u32>(table + PLACES, 4);
        const c = y + load<u32>(table + PLACES, 8), d = y + load<u32>(table + PLACES, 12);
        outputTiles(size, scratch, from, productStep, start, a, b, c, d, <usize>ow << 2, residual, least);
        continue;
      }
      const none = f32x4.splat(-Infinity);
      outputTiles(size, scratch, from, productStep, start, pixels, pixels + 16, pixels + 32, pixels + 48, 64, 0, none);
      if (kind > Activation.RELU) activateRange(kind, alpha, pixels, pixels, size << 4);
      storeTiles(pixels, y, table, count, residual, least);
    }
  }
}

/** Whether the four tiles at `table` lie inside the image. */
// @ts-ignore: decorator
@inline
function areWhole(table: usize): bool {
  return v128.all_true<i32>(i32x4.eq(v128.load(table + EXTENTS), i32x4.splat(0x404)));
}

/**
 * Tables of the block's tiles, the last one repeated: where a tile's patch begins among the padded rows of one channel,
 * where its pixels go in a plane of Y, how many rows and columns of it there are. Returns the floats of the padded rows.
 */
// @ts-ignore: decorator
@inline
export function locate(size: i32, tiles: usize, columns: i32): i32 {
  const width = across * size + 2;
  lineStep = <usize>width << 2;
  let start = 0, next = 0, image = -1, first = 0;
  for (let q = 0; q < columns; q++, tiles += 4) {
    const t = min(t0 + q, t1 - 1), i = t / perImage, y = (t % perImage) / across * size, x = t % across * size;
    if (i != image) (image = i), (start = next), (first = y);
    store<u32>(tiles, <u32>(start + (y - first) * width + x) << 2);
    store<u32>(tiles + PLACES, <u32>(i * yImage + (<usize>(y * ow + x) << 2)));
    store<u32>(tiles + EXTENTS, <u32>(min(size, oh - y) << 8 | min(size, ow - x)));
    next = start + (y - first + size + 2) * width;
  }
  return next;
}

/** Copies the rows that the block's tiles read of one channel; what lies outside the image stays zero. */
// @ts-ignore: decorator
@inline
export function copyPatches(size: i32, to: usize, plane: usize): void {
  const width = across * size + 2, left = max(pl, 0), from = max(-pl, 0), run = min(w - from, width - left);
  const last = (t1 - 1) / perImage;
  for (let i = t0 / perImage; i <= last; i++) {
    const top = i * perImage < t0 ? t0 % perImage / across * size : 0;
    const bottom = i < last ? oh : (t1 - 1) % perImage / across * size + size;
    const lines = (bottom - top + size - 1) / size * size + 2, y0 = top - pt;
    const end = min(lines, h - y0);
    for (let y = max(0, -y0); y < end; y++) {
      copy(to + (<usize>(y * width + left) << 2), plane + i * xImage + (<usize>((y0 + y) * w + from) << 2), run);
    }
    to += lines * lineStep;
  }
}

/** Bᵀ d B of the four patches at a … d, to `step` bytes apart for each position. */
// @ts-ignore: decorator
@inline
export function inputTiles(size: i32, between: usize, a: usize, b: usize, c: usize, d: usize, to: usize, step: usize): void {
  const edge = size + 2, line = <usize>edge << 4, zero = f32x4.splat(0);
  for (let end = between + edge * line, at = between; at < end; at += line) {
    const va = v128.load(a), vb = v128.load(b), vc = v128.load(c), vd = v128.load(d);
    const ab0 = v128.shuffle<f32>(va, vb, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(va, vb, 2, 6, 3, 7);
    const cd0 = v128.shuffle<f32>(vc, vd, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(vc, vd, 2, 6, 3, 7);
    const d0 = v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5), d1 = v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7);
    const d2 = v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5), d3 = v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7);
    if (size == 4) {
      const ab = v128.load64_lane(b + 16, v128.load64_zero(a, 16), 1), cd = v128.load64_lane(d + 16, v128.load64_zero(c, 16), 1);
      transformInput(4, d0, d1, d2, d3, v128.shuffle<f32>(ab, cd, 0, 2, 4, 6), v128.shuffle<f32>(ab, cd, 1, 3, 5, 7), at, 16);
    } else transformInput(2, d0, d1, d2, d3, zero, zero, at, 16);
    a += lineStep, b += lineStep, c += lineStep, d += lineStep;
  }
  for (let end = between + line; between < end; between += 16, to += step) {
    const d0 = v128.load(between), d1 = v128.load(between + line), d2 = v128.load(between + 2 * line);
    const d3 = v128.load(between + 3 * line), d4 = size == 4 ? v128.load(between + 4 * line) : zero;
    transformInput(size, d0, d1, d2, d3, d4, size == 4 ? v128.load(between + 5 * line) : zero, to, edge * step);
  }
}

/**
 * Aᵀ p A of four tiles whose positions are `step` bytes apart, plus `bias`, finished as by `storeFinished`: row i of each
 * to i·line bytes behind a, b, c and d.
 */
// @ts-ignore: decorator
@inline
function outputTiles(
  size: i32, between: usize, p: usize, step: usize, bias: f32,
  a: usize, b: usize, c: usize, d: usize, line: usize, residual: usize, least: v128,
): void {
  const edge = size + 2, down = edge * step, row = <usize>edge << 4, zero = f32x4.splat(0), start = f32x4.splat(bias);
  for (let end = between + row, at = between; at < end; at += 16, p += step) {
    const p1 = v128.load(p + down), p2 = v128.load(p + 2 * down), p3 = v128.load(p + 3 * down);
    const p4 = size == 4 ? v128.load(p + 4 * down) : zero, last = size == 4 ? v128.load(p + 5 * down) : p3;
    const p0 = v128.load(p), sum = f32x4.add(p1, p2), difference = f32x4.sub(p1, p2);
    const far = f32x4.add(p3, p4), farDifference = f32x4.sub(p3, p4);
    v128.store(at, outputRow(size, 0, p0, sum, difference, far, farDifference, last));
    v128.store(at + row, outputRow(size, 1, p0, sum, difference, far, farDifference, last));
    if (size == 2) continue;
    v128.store(at + 2 * row, outputRow(size, 2, p0, sum, difference, far, farDifference, last));
    v128.store(at + 3 * row, outputRow(size, 3, p0, sum, difference, far, farDifference, last));
  }
  for (let end = between + size * row; between < end; between += row) {
    const p1 = v128.load(between, 16), p2 = v128.load(between, 32), p3 = v128.load(between, 48);
    const p4 = size == 4 ? v128.load(between, 64) : zero, last = size == 4 ? v128.load(between, 80) : p3;
    const p0 = v128.load(between), sum = f32x4.add(p1, p2), difference = f32x4.sub(p1, p2);
    const far = f32x4.add(p3, p4), farDifference = f32x4.sub(p3, p4);
    const v0 = f32x4.add(outputRow(size, 0, p0, sum, difference, far, farDifference, last), start);
    const v1 = f32x4.add(outputRow(size, 1, p0, sum, difference, far, farDifference, last), start);
    let v2 = zero, v3 = zero;
    if (size == 4) {
      v2 = f32x4.add(outputRow(size, 2, p0, sum, difference, far, farDifference, last), start);
      v3 = f32x4.add(outputRow(size, 3, p0, sum, difference, far, farDifference, last), start);
    }
    const ab0 = v128.shuffle<f32>(v0, v1, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(v0, v1, 2, 6, 3, 7);
    const cd0 = v128.shuffle<f32>(v2, v3, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(v2, v3, 2, 6, 3, 7);
    storeFinished(a, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5), residual, least);
    storeFinished(b, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7), residual, least);
    storeFinished(c, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5), residual, least);
    storeFinished(d, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7), residual, least);
    a += line, b += line, c += line, d += line;
  }
}

/** Stores v, plus what lies `residual` bytes away unless that is 0, nothing less than `least`. */
// @ts-ignore: decorator
@inline
function storeFinished(to: usize, v: v128, residual: usize, least: v128): void {
  v128.store(to, f32x4.pmax(residual ? f32x4.add(v, v128.load(to + residual)) : v, least));
}

/** The same for those of the four tiles at `pixels` that there are, and what lies inside the image of each. */
// @ts-ignore: decorator
@inline
function storeTiles(pixels: usize, y: usize, table: usize, count: i32, residual: usize, least: v128): void {
  const line = <usize>ow << 2;
  for (let t = 0; t < min(4, count); t++, table += 4, pixels += 16) {
    const extent = load<u32>(table + EXTENTS), height = extent >> 8, width = extent & 255;
    let to = y + load<u32>(table + PLACES);
    for (let i: u32 = 0; i < height; i++, to += line) {
      let v = v128.load(pixels + (i << 6));
      if (residual) v = f32x4.add(v, loadFirst(to + residual, width));
      storeFirst(to, f32x4.pmax(v, least), width);
    }
  }
}
