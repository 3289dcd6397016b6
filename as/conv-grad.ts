/**
 * The two gradients of a convolution. `convScatter` is the transposed convolution: a product of the transposed
 * weights with a block of columns, whose rows are then added to where their taps read. `convFilterGrad` sums
 * dY · patchesᵀ over a part of all pixels; `sumPartials` adds the parts in a fixed order.
 */
import { activateRange } from './activation';
import { copySlab, gather, LANES, SCATTERED, SLAB, STRIP, ZEROS } from './conv';
import { copyStrip, gemmPanels, KC } from './gemm';
import {
  c, dh, dw, groups, h, kh, kw, loadGeometry, m, n, oh, ow, pixels, pl, pt, sh, sw, taps, w, xImage, xPlane, yImage, yPlane,
} from './geometry';
import { MR, packColumns, packRun, panelCount, panelRows, panelStart } from './pack';
import { SumPartialsArgs } from './args';
import { ConvArgs, ConvFilterGradArgs, ConvScatterArgs } from './conv-args';
import { fill } from './simd';

/** First i ≥ 0 with i·s + offset ≥ 0. */
// @ts-ignore: decorator
@inline
function firstInside(offset: i32, s: i32): i32 {
  return offset < 0 ? (-offset + s - 1) / s : 0;
}

/** First i ≥ 0 with i·s + offset ≥ size. */
// @ts-ignore: decorator
@inline
function firstBeyond(offset: i32, s: i32, size: i32): i32 {
  return offset < size ? (size - offset + s - 1) / s : 0;
}

/** to[i·s] += from[i] for n floats; `step` = 4·s bytes. */
// @ts-ignore: decorator
@inline
function addSpread(to: usize, step: usize, from: usize, n: i32): void {
  if (step == 4) {
    for (; n >= 4; n -= 4, to += 16, from += 16) v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
  }
  for (; n > 0; n--, to += step, from += 4) store<f32>(to, load<f32>(to) + load<f32>(from));
}

/** Scratch: panel of columns, eight zeros, then the product [rows of panels][pixels of a block, rounded up to 8]. */
export function convScatter(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  const perTile = load<i32>(cmd, ConvScatterArgs.CHANNELS), blocks = (c + perTile - 1) / perTile;
  const c0 = (tile % blocks) * perTile, cs = min(perTile, c - c0), g = (tile / blocks) % groups;
  const image = tile / (blocks * groups);
  const a = load<usize>(cmd, ConvArgs.A) + (<usize>g * c * taps * m << 2);
  const x = load<usize>(cmd, ConvArgs.X) + image * xImage + (g * c + c0) * xPlane;
  const y = load<usize>(cmd, ConvArgs.Y) + image * yImage + g * m * yPlane;
  const bias = load<usize>(cmd, ConvArgs.BIAS);
  for (let i = 0; i < cs; i++) {
    fill(x + i * xPlane, h * w, bias ? load<f32>(bias + ((g * c + c0 + i) << 2)) : 0);
  }
  fill(scratch + KC * 32, 8, 0);

  const rowBlock = load<i32>(cmd, ConvScatterArgs.ROWS), columnBlock = load<i32>(cmd, ConvScatterArgs.COLUMNS);
  const panelBlock = load<i32>(cmd, ConvScatterArgs.PANELS), product = scratch + KC * 32 + 64;
  // Panels that hold rows of these channels; rows of a neighbour's channel in the outer two are left out.
  const rows = c * taps, first = panelOf(rows, c0 * taps), last = panelOf(rows, (c0 + cs) * taps - 1) + 1;
  for (let p0 = first; p0 < last; p0 += panelBlock) {
    const p1 = min(p0 + panelBlock, last), row0 = panelStart(rows, p0, MR);
    const r0 = max(row0, c0 * taps), r1 = min(panelStart(rows, p1, MR), (c0 + cs) * taps);
    for (let y0 = 0; y0 < oh; y0 += rowBlock) {
      const y1 = min(y0 + rowBlock, oh);
      for (let x0 = 0; x0 < ow; x0 += columnBlock) {
        const x1 = min(x0 + columnBlock, ow), n = (y1 - y0) * (x1 - x0), ld = <usize>((n + 7) & ~7) << 2;
        multiply(rows, p0, p1, a, y + (<usize>(y0 * ow + x0) << 2), n, scratch, product, ld);
        addTaps(x, c0, r0, r1, product + (r0 - row0) * ld, ld, y0, y1, x0, x1);
      }
    }
  }
  const kind = load<i32>(cmd, ConvArgs.ACTIVATION), alpha = load<f32>(cmd, ConvArgs.ALPHA);
  if (kind) activateRange(kind, alpha, x, x, cs * h * w);
}

/** product = panels [p0, p1) of the transposed weights [rows × M] · n pixels of Y [M × pixels] from `from` on. */
function multiply(
  rows: i32, p0: i32, p1: i32, a: usize, from: usize, n: i32, scratch: usize, product: usize, ld: usize,
): void {
  for (let k0 = 0; k0 < m; k0 += KC) {
    const depth = min(KC, m - k0);
    for (let j = 0; j < n; j += 8) {
      packColumns(scratch, from + k0 * yPlane + (j << 2), depth, min(8, n - j), yPlane, 4);
      const to = product + (j << 2);
      if (k0) gemmPanels(rows, p0, p1, k0, depth, a, scratch, to, ld, to, ld, false);
      else gemmPanels(rows, p0, p1, 0, depth, a, scratch, to, ld, scratch + KC * 32, 0, false);
    }
  }
}

/** The panel that holds row r. */
function panelOf(m: i32, r: i32): i32 {
  const panels = panelCount(m, MR), base = m / panels, more = m % panels, wide = more * (base + 1);
  return r < wide ? r / (base + 1) : more + (r - wide) / base;
}

/** Adds product rows [r0, r1) of (channel, ky, kx), for pixels [y0, y1) × [x0, x1), to the planes from channel c0 on. */
function addTaps(
  x: usize, c0: i32, r0: i32, r1: i32, product: usize, ld: usize, y0: i32, y1: i32, x0: i32, x1: i32,
): void {
  for (let r = r0; r < r1; r++, product += ld) {
    const iy = ((r / kw) % kh) * dh - pt, ix = (r % kw) * dw - pl;
    const ya = max(y0, firstInside(iy, sh)), yb = min(y1, firstBeyond(iy, sh, h));
    const xa = max(x0, firstInside(ix, sw)), xb = min(x1, firstBeyond(ix, sw, w));
    const plane = x + (r / taps - c0) * xPlane;
    for (let oy = ya; oy < yb; oy++) {
      const to = plane + (((oy * sh + iy) * w + xa * sw + ix) << 2);
      addSpread(to, sw << 2, product + (((oy - y0) * (x1 - x0) + xa - x0) << 2), xb - xa);
    }
  }
}

/**
 * dW [M × taps] = dY [M × pixels] · patchesᵀ: the gather of `conv` with roles exchanged, eight taps side by side and
 * pixels going down. A tile is one of SPLITS ranges of all pixels of all images, by TAPS taps of a group.
 */
export function convFilterGrad(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  const k = c * taps, perTile = load<i32>(cmd, ConvFilterGradArgs.TAPS), blocks = (k + perTile - 1) / perTile;
  const panels = load<i32>(cmd, ConvFilterGradArgs.PANELS), mBlocks = (panelCount(m, MR) + panels - 1) / panels;
  const r0 = (tile % blocks) * perTile, r1 = min(r0 + perTile, k), g = (tile / blocks) % groups;
  const p0 = (tile / (blocks * groups)) % mBlocks * panels, p1 = min(p0 + panels, panelCount(m, MR));
  const row0 = panelStart(m, p0, MR), rows = panelStart(m, p1, MR) - row0;
  const split = tile / (blocks * groups * mBlocks), splits = load<i32>(cmd, ConvFilterGradArgs.SPLITS);

  const ldc = <usize>k << 2, a = scratch + SLAB;
  const out = load<usize>(cmd, ConvArgs.A) + (<usize>(split * groups + g) * m + row0) * ldc;
  const x = load<usize>(cmd, ConvArgs.X) + (g * c + r0 / taps) * xPlane;
  const y = load<usize>(cmd, ConvArgs.Y) + (g * m + row0) * yPlane;
  fill(scratch + ZEROS, 8, 0);

  const images = load<i32>(cmd, ConvFilterGradArgs.IMAGES), columns = load<i32>(cmd, ConvFilterGradArgs.COLUMNS);
  const pixelBlocks = (pixels + columns - 1) / columns, steps = ((n + images - 1) / images) * pixelBlocks;
  const padded = load<i32>(cmd, ConvFilterGradArgs.SLAB) ? a + (<usize>rows * images * columns << 2) : 0;
  const begin = <i32>(<i64>steps * split / splits), end = <i32>(<i64>steps * (split + 1) / splits);
  for (let s = begin; s < end; s++) {
    const n0 = (s / pixelBlocks) * images, n1 = min(n0 + images, n);
    const q0 = (s % pixelBlocks) * columns, q1 = min(q0 + columns, pixels), depth = (n1 - n0) * (q1 - q0);
    packOutputs(a, y, p0, p1, n0, n1, q0, q1);
    preparePatches(x, padded, (r1 - 1) / taps - r0 / taps + 1, n0, n1, q0, q1);
    for (let r = r0; r < r1; r += 8) {
      const width = min(8, r1 - r), at = out + (r << 2), strip = scratch + STRIP;
      tapOffsets(scratch + LANES, r, r1, r0 / taps);
      gather(SCATTERED, scratch, from, scratch + LANES, depth, q0 / ow, q0 % ow, oh, ow, sw << 2, sh * rowStep, imageStep);
      const to = width == 8 ? at : strip, step = width == 8 ? ldc : 32;
      if (s > begin && width < 8) copyStrip(strip, 32, at, ldc, rows, width);
      const init = s > begin ? to : scratch + ZEROS, initStep = s > begin ? step : 0;
      // Panels of A begin at p0: the address is where panel 0 would be.
      gemmPanels(m, p0, p1, 0, depth, a - (<usize>row0 * depth << 2), scratch, to, step, init, initStep, false);
      if (width < 8) copyStrip(at, ldc, strip, 32, rows, width);
    }
  }
}

/** Where tap (0, 0) of pixel (0, 0) of the first image reads its first channel, and the steps from there. */
let from: usize = 0, rowStep: usize = 0, cStep: usize = 0, imageStep: usize = 0;

/** Makes `cs` channels from `x` on ready for the pixels [q0, q1) of images [n0, n1): in place, or copied to `padded`. */
function preparePatches(x: usize, padded: usize, cs: i32, n0: i32, n1: i32, q0: i32, q1: i32): void {
  rowStep = <usize>w << 2, cStep = xPlane, imageStep = xImage;
  from = x + n0 * xImage - pt * rowStep - (pl << 2);
  if (!padded) return;
  const top = (q0 / ow) * sh, height = ((q1 - 1) / ow) * sh - top + (kh - 1) * dh + 1;
  const width = (ow - 1) * sw + (kw - 1) * dw + 1;
  rowStep = <usize>width << 2, cStep = height * rowStep, imageStep = cs * cStep;
  for (let i = n0; i < n1; i++) {
    copySlab(padded + (i - n0) * imageStep, x + i * xImage, cs, h, w, top - pt, -pl, height, width);
  }
  from = padded - top * rowStep;
}

/** Offsets of eight taps (channel − c0, ky, kx) from r on; beyond r1 the last is repeated. */
function tapOffsets(lanes: usize, r: i32, r1: i32, c0: i32): void {
  for (let lane = 0; lane < 8; lane++, lanes += 4) {
    const tap = min(r + lane, r1 - 1), t = tap % taps;
    store<u32>(lanes, <u32>((tap / taps - c0) * cStep + (t / kw) * dh * rowStep + ((t % kw) * dw << 2)));
  }
}

/** Packs panels [p0, p1) of dY at pixels [q0, q1) of images [n0, n1); `y` is the first panel's plane of image 0. */
function packOutputs(to: usize, y: usize, p0: i32, p1: i32, n0: i32, n1: i32, q0: i32, q1: i32): void {
  const run = q1 - q0, depth = (n1 - n0) * run, row0 = panelStart(m, p0, MR);
  for (let i = n0; i < n1; i++) {
    const pixel = y + i * yImage + (q0 << 2);
    for (let p = p0; p < p1; p++) {
      const row = panelStart(m, p, MR) - row0, rows = panelRows(m, p, MR);
      packRun(to + (<usize>(row * depth + (i - n0) * run * rows) << 2), pixel + row * yPlane, rows, yPlane, run);
    }
  }
}

/** One tile is 8192 elements. */
export function sumPartials(cmd: usize, tile: i32): void {
  const count = load<i32>(cmd, SumPartialsArgs.COUNT), parts = load<i32>(cmd, SumPartialsArgs.PARTS);
  const begin = tile * 8192, end = min(begin + 8192, count);
  const step = <usize>count << 2;
  const x = load<usize>(cmd, SumPartialsArgs.X), y = load<usize>(cmd, SumPartialsArgs.Y);
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    let from = x + (i << 2), sum = v128.load(from);
    for (let s = 1; s < parts; s++) sum = f32x4.add(sum, v128.load(from += step));
    v128.store(y + (i << 2), sum);
  }
  for (; i < end; i++) {
    let from = x + (i << 2), sum = load<f32>(from);
    for (let s = 1; s < parts; s++) sum += load<f32>(from += step);
    store<f32>(y + (i << 2), sum);
  }
}
