/**
 * The two gradients of a convolution. `convScatter` is the transposed convolution: a product of the transposed
 * weights with a block of columns, whose rows are then added to where their taps read. `convFilterGrad` sums
 * dY · patchesᵀ over a part of all pixels; `sumPartials` adds the parts in a fixed order.
 */
import { activateRange } from './activation';
import { copySlab, gather, LANES, SCATTERED, SLAB, STRIP, ZEROS } from './conv';
import { copyStrip, gemmPanels, KC } from './gemm';
import { packColumns, packRun, panelCount, panelRows, panelStart } from './pack';
import { ConvArgs, ConvFilterGradArgs, ConvScatterArgs, SumPartialsArgs } from './protocol';
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

/** Scratch: panel of columns, eight zeros, then the product [rows of panels][COLUMNS·ROWS rounded up to 8]. */
export function convScatter(cmd: usize, tile: i32, scratch: usize): void {
  const groups = load<i32>(cmd, ConvArgs.G), c = load<i32>(cmd, ConvArgs.C), k = load<i32>(cmd, ConvArgs.M);
  const h = load<i32>(cmd, ConvArgs.H), w = load<i32>(cmd, ConvArgs.W);
  const oh = load<i32>(cmd, ConvArgs.OH), ow = load<i32>(cmd, ConvArgs.OW);
  const kh = load<i32>(cmd, ConvArgs.KH), kw = load<i32>(cmd, ConvArgs.KW), taps = kh * kw;
  const perTile = load<i32>(cmd, ConvScatterArgs.CHANNELS), blocks = (c + perTile - 1) / perTile;
  const c0 = (tile % blocks) * perTile, cs = min(perTile, c - c0), g = (tile / blocks) % groups;
  const image = tile / (blocks * groups);
  const m = c * taps, plane = <usize>h * w << 2, yPlane = <usize>oh * ow << 2;
  const a = load<usize>(cmd, ConvArgs.A) + (<usize>g * m * k << 2);
  const x = load<usize>(cmd, ConvArgs.X) + (<usize>(image * groups + g) * c + c0) * plane;
  const y = load<usize>(cmd, ConvArgs.Y) + <usize>(image * groups + g) * k * yPlane;
  const bias = load<usize>(cmd, ConvArgs.BIAS);
  for (let i = 0; i < cs; i++) {
    fill(x + i * plane, h * w, bias ? load<f32>(bias + ((g * c + c0 + i) << 2)) : 0);
  }

  const rowBlock = load<i32>(cmd, ConvScatterArgs.ROWS), columnBlock = load<i32>(cmd, ConvScatterArgs.COLUMNS);
  const panelBlock = load<i32>(cmd, ConvScatterArgs.PANELS);
  const zeros = scratch + KC * 32, product = zeros + 64;
  fill(zeros, 8, 0);
  // Panels that hold rows of these channels; rows of a neighbour's channel in the outer two are left out below.
  const first = panelOf(m, c0 * taps), last = panelOf(m, (c0 + cs) * taps - 1) + 1;
  for (let p0 = first; p0 < last; p0 += panelBlock) {
    const p1 = min(p0 + panelBlock, last), row0 = panelStart(m, p0);
    const r0 = max(row0, c0 * taps), r1 = min(panelStart(m, p1), (c0 + cs) * taps);
    for (let y0 = 0; y0 < oh; y0 += rowBlock) {
      const y1 = min(y0 + rowBlock, oh);
      for (let x0 = 0; x0 < ow; x0 += columnBlock) {
        const x1 = min(x0 + columnBlock, ow), n = (y1 - y0) * (x1 - x0), ld = <usize>((n + 7) & ~7) << 2;
        const from = y + (<usize>(y0 * ow + x0) << 2);
        for (let k0 = 0; k0 < k; k0 += KC) {
          const depth = min(KC, k - k0);
          for (let j = 0; j < n; j += 8) {
            packColumns(scratch, from + k0 * yPlane + (j << 2), depth, min(8, n - j), yPlane, 4);
            const to = product + (j << 2);
            if (k0) gemmPanels(m, p0, p1, k, k0, depth, a, scratch, to, ld, to, ld, false);
            else gemmPanels(m, p0, p1, k, 0, depth, a, scratch, to, ld, zeros, 0, false);
          }
        }
        addTaps(cmd, x, c0, r0, r1, product + (r0 - row0) * ld, ld, y0, y1, x0, x1);
      }
    }
  }
  const kind = load<i32>(cmd, ConvArgs.ACTIVATION), alpha = load<f32>(cmd, ConvArgs.ALPHA);
  if (kind) activateRange(kind, alpha, x, x, cs * h * w);
}

/** The panel that holds row r. */
function panelOf(m: i32, r: i32): i32 {
  const panels = panelCount(m), base = m / panels, more = m % panels, wide = more * (base + 1);
  return r < wide ? r / (base + 1) : more + (r - wide) / base;
}

/** Adds product rows [r0, r1) of (channel, ky, kx), for pixels [y0, y1) × [x0, x1), to the planes from channel c0 on. */
function addTaps(
  cmd: usize, x: usize, c0: i32, r0: i32, r1: i32, product: usize, ld: usize, y0: i32, y1: i32, x0: i32, x1: i32,
): void {
  const h = load<i32>(cmd, ConvArgs.H), w = load<i32>(cmd, ConvArgs.W);
  const kh = load<i32>(cmd, ConvArgs.KH), kw = load<i32>(cmd, ConvArgs.KW);
  const sh = load<i32>(cmd, ConvArgs.SH), sw = load<i32>(cmd, ConvArgs.SW);
  for (let r = r0; r < r1; r++, product += ld) {
    const iy = ((r / kw) % kh) * load<i32>(cmd, ConvArgs.DH) - load<i32>(cmd, ConvArgs.PT);
    const ix = (r % kw) * load<i32>(cmd, ConvArgs.DW) - load<i32>(cmd, ConvArgs.PL);
    const ya = max(y0, firstInside(iy, sh)), yb = min(y1, firstBeyond(iy, sh, h));
    const xa = max(x0, firstInside(ix, sw)), xb = min(x1, firstBeyond(ix, sw, w));
    const plane = x + (<usize>(r / (kh * kw) - c0) * h * w << 2);
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
  const groups = load<i32>(cmd, ConvArgs.G), m = load<i32>(cmd, ConvArgs.M), c = load<i32>(cmd, ConvArgs.C);
  const h = load<i32>(cmd, ConvArgs.H), w = load<i32>(cmd, ConvArgs.W);
  const oh = load<i32>(cmd, ConvArgs.OH), ow = load<i32>(cmd, ConvArgs.OW), pixels = oh * ow;
  const kh = load<i32>(cmd, ConvArgs.KH), kw = load<i32>(cmd, ConvArgs.KW), taps = kh * kw, k = c * taps;
  const sh = load<i32>(cmd, ConvArgs.SH), sw = load<i32>(cmd, ConvArgs.SW);
  const dh = load<i32>(cmd, ConvArgs.DH), dw = load<i32>(cmd, ConvArgs.DW);
  const pt = load<i32>(cmd, ConvArgs.PT), pl = load<i32>(cmd, ConvArgs.PL);
  const perTile = load<i32>(cmd, ConvFilterGradArgs.TAPS), blocks = (k + perTile - 1) / perTile;
  const r0 = (tile % blocks) * perTile, r1 = min(r0 + perTile, k), g = (tile / blocks) % groups;
  const panels = load<i32>(cmd, ConvFilterGradArgs.PANELS), mBlocks = (panelCount(m) + panels - 1) / panels;
  const p0 = tile / (blocks * groups) % mBlocks * panels, p1 = min(p0 + panels, panelCount(m));
  const row0 = panelStart(m, p0), height = panelStart(m, p1) - row0;
  const split = tile / (blocks * groups * mBlocks), splits = load<i32>(cmd, ConvFilterGradArgs.SPLITS);
  const c0 = r0 / taps, cs = (r1 - 1) / taps - c0 + 1;

  const image = <usize>groups * c * h * w << 2;
  const x = load<usize>(cmd, ConvArgs.X) + (<usize>(g * c + c0) * h * w << 2);
  const ldc = <usize>k << 2;
  const out = load<usize>(cmd, ConvArgs.A) + (<usize>(split * groups + g) * m + row0) * ldc;
  const slab = load<i32>(cmd, ConvFilterGradArgs.SLAB), slabWidth = (ow - 1) * sw + (kw - 1) * dw + 1;
  const rowStep = <usize>(slab ? slabWidth : w) << 2;
  const lanes = scratch + LANES, zeros = scratch + ZEROS, strip = scratch + STRIP;
  fill(zeros, 8, 0);

  const n = load<i32>(cmd, ConvArgs.N), images = load<i32>(cmd, ConvFilterGradArgs.IMAGES);
  const columns = load<i32>(cmd, ConvFilterGradArgs.COLUMNS), pixelBlocks = (pixels + columns - 1) / columns;
  const steps = (n + images - 1) / images * pixelBlocks;
  const a = scratch + SLAB, padded = a + (<usize>height * images * columns << 2);
  const begin = <i32>(<i64>steps * split / splits), end = <i32>(<i64>steps * (split + 1) / splits);
  for (let s = begin; s < end; s++) {
    const n0 = s / pixelBlocks * images, n1 = min(n0 + images, n) - 1;
    const q = s % pixelBlocks * columns, v0 = n0 * pixels + q, v1 = n1 * pixels + min(q + columns, pixels);
    // Where panel 0 would be.
    const offset = <usize>row0 * (v1 - v0) << 2;
    packOutputs(cmd, g, a, p0, p1, v0, v1);
    // Tap (0, 0) of the first pixel of the walk is (top, 0) of the slab, or `origin` bytes from the image's corner.
    let from = x + n0 * image - pt * rowStep - (pl << 2), imageStep = image, cStep = h * rowStep;
    let oy = q / ow;
    if (slab) {
      const top = oy, bottom = (min(q + columns, pixels) - 1) / ow;
      const rows = (bottom - top) * sh + (kh - 1) * dh + 1;
      from = padded;
      cStep = rows * rowStep;
      imageStep = cs * cStep;
      for (let i = n0; i <= n1; i++) {
        copySlab(padded + (i - n0) * imageStep, x + i * image, cs, h, w, top * sh - pt, -pl, rows, slabWidth);
      }
      from -= top * sh * rowStep;
    }
    for (let r = r0; r < r1; r += 8) {
      const width = min(8, r1 - r);
      for (let lane = 0; lane < 8; lane++) {
        const tap = min(r + lane, r1 - 1), t = tap % taps;
        store<u32>(lanes + (lane << 2), <u32>((tap / taps - c0) * cStep + (t / kw) * dh * rowStep + ((t % kw) * dw << 2)));
      }
      gather(SCATTERED, scratch, from, lanes, v1 - v0, oy, q % ow, oh, ow, sw << 2, sh * rowStep, imageStep);
      const at = out + (r << 2), to = width == 8 ? at : strip, step = width == 8 ? ldc : 32;
      if (s == begin) gemmPanels(m, p0, p1, v1 - v0, 0, v1 - v0, a - offset, scratch, to, step, zeros, 0, false);
      else {
        if (width < 8) copyStrip(strip, 32, at, ldc, height, width);
        gemmPanels(m, p0, p1, v1 - v0, 0, v1 - v0, a - offset, scratch, to, step, to, step, false);
      }
      if (width < 8) copyStrip(at, ldc, strip, 32, height, width);
    }
  }
}

/** Packs panels [p0, p1) of dY [M × pixels v0 … v1 of all images]. */
function packOutputs(cmd: usize, g: i32, to: usize, p0: i32, p1: i32, v0: i32, v1: i32): void {
  const groups = load<i32>(cmd, ConvArgs.G), m = load<i32>(cmd, ConvArgs.M);
  const pixels = load<i32>(cmd, ConvArgs.OH) * load<i32>(cmd, ConvArgs.OW);
  const plane = <usize>pixels << 2, y = load<usize>(cmd, ConvArgs.Y);
  const row0 = panelStart(m, p0);
  for (let v = v0; v < v1; ) {
    const image = v / pixels, q = v - image * pixels, run = min(pixels - q, v1 - v);
    const from = y + (image * groups + g) * m * plane + (q << 2);
    for (let p = p0; p < p1; p++) {
      const row = panelStart(m, p), rows = panelRows(m, p);
      packRun(to + (<usize>((row - row0) * (v1 - v0) + (v - v0) * rows) << 2), from + row * plane, rows, plane, run);
    }
    v += run;
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
