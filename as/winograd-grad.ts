/**
 * The filter gradient of 3×3 convolutions of stride 1 by minimal filtering F(3×3, 4×4): the transforms of `winograd`
 * with the roles of filter and output exchanged. dW = Gᵀ[Σ (A dY Aᵀ) ⊙ (Bᵀ d B)]G, summed over the tiles of 4 × 4 pixels
 * of dY and the 6 × 6 patches d of X that they meet; at each of the 36 positions the sum over tiles of the products of
 * all pairs of channels is a matrix product. Transforms work on four channels at a time, one a lane.
 */
import { f32_gemm_rx8 } from './gemm';
import { c, groups, loadGeometry, m, ow, xPlane, yPlane } from './geometry';
import { panelCount, panelRows, panelStart } from './pack';
import { ConvArgs, WinogradGradArgs } from './conv-args';
import { fill, loadFirst, madd, nmadd } from './simd';
import {
  APART, copyPatches, cutTiles, EXTENTS, inputTiles, locate, PLACES, setBlock, TILES, WORK, ZEROS,
} from './winograd';

/** Pixels to an edge of a tile, and to an edge of the patch it meets. */
// @ts-ignore: decorator
@inline
const SIZE: i32 = 4;
// @ts-ignore: decorator
@inline
const EDGE: i32 = 6;
// @ts-ignore: decorator
@inline
const POSITIONS: i32 = 36;
/** Rows of a panel at most: one a lane of the transform. */
// @ts-ignore: decorator
@inline
const ROWS: i32 = 4;
/** Bytes of a line of vectors between the passes of a transform, which are at 0 in scratch, and where those passes end. */
// @ts-ignore: decorator
@inline
const LINE: usize = 96;
// @ts-ignore: decorator
@inline
const TAPS: usize = 576;

/** A y: from four vectors to six. */
// @ts-ignore: decorator
@inline
function transformGradient(y0: v128, y1: v128, y2: v128, y3: v128, to: usize, toStep: usize): void {
  const even = f32x4.add(y0, y2), odd = f32x4.add(y1, y3), two = f32x4.splat(2), four = f32x4.splat(4);
  v128.store(to, y0);
  v128.store(to + toStep, f32x4.add(even, odd));
  v128.store(to + 2 * toStep, f32x4.sub(even, odd));
  const wideEven = madd(four, y2, y0), wideOdd = madd(four, y3, y1);
  v128.store(to + 3 * toStep, madd(two, wideOdd, wideEven));
  v128.store(to + 4 * toStep, nmadd(two, wideOdd, wideEven));
  v128.store(to + 5 * toStep, y3);
}

/** Gᵀ p: from six vectors `step` bytes apart to three. */
// @ts-ignore: decorator
@inline
function transformTaps(p: usize, step: usize, to: usize, toStep: usize): void {
  const p1 = v128.load(p + step), p2 = v128.load(p + 2 * step), p3 = v128.load(p + 3 * step), p4 = v128.load(p + 4 * step);
  const sum = f32x4.add(p1, p2), difference = f32x4.sub(p1, p2), far = f32x4.add(p3, p4), farDifference = f32x4.sub(p3, p4);
  const sixth = f32x4.splat(1.0 / 6), first = nmadd(sixth, sum, f32x4.mul(f32x4.splat(0.25), v128.load(p)));
  v128.store(to, madd(f32x4.splat(1.0 / 24), far, first));
  v128.store(to + toStep, nmadd(sixth, difference, f32x4.mul(f32x4.splat(1.0 / 12), farDifference)));
  v128.store(to + 2 * toStep, madd(sixth, f32x4.sub(far, sum), v128.load(p + 5 * step)));
}

/**
 * One tile is one of SPLITS ranges of all tiles of pixels, for PANELS panels and CHANNELS channels of one group. Scratch:
 * as in `winograd` up to WORK, then the sums, the transformed patches and tiles of dY, and padded rows.
 */
export function winogradGrad(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  const chunk = load<i32>(cmd, WinogradGradArgs.TILES), splits = load<i32>(cmd, WinogradGradArgs.SPLITS);
  const panels = load<i32>(cmd, WinogradGradArgs.PANELS), mBlocks = (panelCount(m, ROWS) + panels - 1) / panels;
  const channels = load<i32>(cmd, WinogradGradArgs.CHANNELS), cBlocks = (c + channels - 1) / channels;
  const c0 = (tile % cBlocks) * channels, cs = min(channels, c - c0), block = tile / cBlocks;
  const p0 = (block % mBlocks) * panels, p1 = min(p0 + panels, panelCount(m, ROWS));
  const g = (block / mBlocks) % groups, split = block / (mBlocks * groups);
  const row0 = panelStart(m, p0, ROWS), rows = panelStart(m, p1, ROWS) - row0, columns = (cs + 7) & ~7;
  const total = cutTiles(SIZE), end = <i32>(<i64>total * (split + 1) / splits), begin = <i32>(<i64>total * split / splits);

  const ld = <usize>columns << 2;
  const sums = scratch + WORK, sumStep = rows * ld + APART;
  const inputs = sums + POSITIONS * sumStep, inputStep = <usize>chunk * ld + APART;
  const outputs = inputs + POSITIONS * inputStep, outputStep = (<usize>(chunk * rows) << 2) + APART;
  const patches = outputs + POSITIONS * outputStep;
  const x = load<usize>(cmd, ConvArgs.X) + (g * c + c0) * xPlane, y = load<usize>(cmd, ConvArgs.Y) + (g * m + row0) * yPlane;
  fill(scratch + ZEROS, 8, 0);
  for (let t = begin; t < end; t += chunk) {
    const depth = min(chunk, end - t);
    setBlock(t, t + depth);
    transformPatches(scratch, patches, x, cs, depth, inputs, inputStep);
    transformOutputs(scratch, y, p0, p1, depth, outputs, outputStep);
    for (let i = 0; i < POSITIONS; i++) {
      let to = sums + i * sumStep, a = outputs + i * outputStep;
      for (let p = p0; p < p1; p++) {
        const height = panelRows(m, p, ROWS);
        for (let j = 0; j < columns; j += 8) {
          const at = to + (j << 2), b = inputs + i * inputStep + (<usize>(j * depth) << 2);
          f32_gemm_rx8(height, depth, a, b, at, ld, t > begin ? at : scratch + ZEROS, t > begin ? ld : 0, false);
        }
        to += height * ld, a += <usize>(height * depth) << 2;
      }
    }
  }
  const out = load<usize>(cmd, ConvArgs.A) + <usize>((split * groups + g) * m + row0) * c * 36 + <usize>c0 * 36;
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < cs; k += 4) {
      storeTaps(scratch, sums + r * ld + (k << 2), sumStep, out + <usize>(r * c + k) * 36, cs - k);
    }
  }
}

/** Bᵀ d B of the block's patches of `cs` channels from `x` on: for each position panels [tile][8 channels]. */
// @ts-ignore: decorator
@inline
function transformPatches(
  scratch: usize, patches: usize, x: usize, cs: i32, depth: i32, to: usize, toStep: usize,
): void {
  const plane = locate(SIZE, scratch + TILES, depth), step = <usize>plane << 2;
  fill(patches, 4 * plane, 0);
  for (let k = 0; k < cs; k += 4) {
    for (let i = 0; i < 4; i++) copyPatches(SIZE, patches + i * step, x + min(k + i, cs - 1) * xPlane);
    let at = to + (<usize>(k >> 3) * depth << 5) + ((k & 4) << 2);
    for (let q = 0; q < depth; q++, at += 32) {
      const a = patches + load<u32>(scratch + TILES + (q << 2)), b = a + step, d = b + step;
      inputTiles(SIZE, scratch, a, b, d, d + step, at, toStep);
    }
  }
}

/** A dY Aᵀ of the block's tiles of panels [p0, p1), the first row at `y`: for each position packed panels [tile][rows]. */
// @ts-ignore: decorator
@inline
function transformOutputs(
  scratch: usize, y: usize, p0: i32, p1: i32, depth: i32, to: usize, toStep: usize,
): void {
  const line = <usize>ow << 2, zero = f32x4.splat(0);
  for (let p = p0; p < p1; p++) {
    // Surplus lanes of a narrow panel are overwritten by the next tile or panel; behind the last there is room.
    const rows = panelRows(m, p, ROWS), row = <usize>rows << 2;
    const r1 = rows > 1 ? yPlane : 0, r2 = r1 + (rows > 2 ? yPlane : 0), r3 = r2 + (rows > 3 ? yPlane : 0);
    for (let q = 0; q < depth; q++, to += row) {
      const table = scratch + TILES + (q << 2), extent = load<u32>(table + EXTENTS);
      const height = <i32>(extent >> 8), width = extent & 255;
      let at = y + load<u32>(table + PLACES);
      for (let i = 0; i < SIZE; i++, at += line) {
        // Rows and columns beyond the image are zero.
        let va = zero, vb = zero, vc = zero, vd = zero;
        if (extent == 0x404) (va = v128.load(at)), (vb = v128.load(at + r1)), (vc = v128.load(at + r2)), (vd = v128.load(at + r3));
        else if (i < height) {
          (va = loadFirst(at, width)), (vb = loadFirst(at + r1, width));
          (vc = loadFirst(at + r2, width)), (vd = loadFirst(at + r3, width));
        }
        const ab0 = v128.shuffle<f32>(va, vb, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(va, vb, 2, 6, 3, 7);
        const cd0 = v128.shuffle<f32>(vc, vd, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(vc, vd, 2, 6, 3, 7);
        const y0 = v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5), y1 = v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7);
        const y2 = v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5), y3 = v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7);
        transformGradient(y0, y1, y2, y3, scratch + i * LINE, 16);
      }
      for (let i = 0, from = scratch; i < EDGE; i++, from += 16) {
        const y0 = v128.load(from), y1 = v128.load(from + LINE), y2 = v128.load(from + 2 * LINE), y3 = v128.load(from + 3 * LINE);
        transformGradient(y0, y1, y2, y3, to + i * toStep, EDGE * toStep);
      }
    }
    y += rows * yPlane;
  }
}

/** Gᵀ p G of four sums side by side whose positions are `step` bytes apart: nine taps each, of `count` of them. */
// @ts-ignore: decorator
@inline
function storeTaps(between: usize, p: usize, step: usize, to: usize, count: i32): void {
  const taps = between + TAPS;
  for (let i = 0; i < EDGE; i++) transformTaps(p + i * step, EDGE * step, between + (i << 4), LINE);
  for (let i = 0; i < 3; i++) {
    transformTaps(between + i * LINE, 16, taps, 16);
    for (let j = 0; j < 3; j++) {
      const v = v128.load(taps + (j << 4)), at = to + ((3 * i + j) << 2);
      v128.store_lane<f32>(at, v, 0);
      if (count > 1) v128.store_lane<f32>(at, v, 1, 36);
      if (count > 2) v128.store_lane<f32>(at, v, 2, 72);
      if (count > 3) v128.store_lane<f32>(at, v, 3, 108);
    }
  }
}
