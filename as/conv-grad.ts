/**
 * The two gradients of a convolution. `convScatter` is the transposed convolution: a product of the transposed
 * weights with a block of columns, whose rows are then added to where their taps read. `convFilterGrad` sums
 * dY · patchesᵀ over a part of all pixels; `sumPartials` adds the parts in a fixed order.
 */
import { activateRange } from './activation';
import { gemmPanels, KC } from './gemm';
import { f32_dot_2x4 } from './linear';
import { packColumns, panelCount, panelStart } from './pack';
import { ConvArgs, ConvFilterGradArgs, ConvScatterArgs, SumPartialsArgs } from './protocol';
import { copy, fill, storeFirst } from './simd';

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

/** to[i] = from[i·s]. */
// @ts-ignore: decorator
@inline
function copyEvery(to: usize, from: usize, step: usize, n: i32): void {
  if (step == 4) copy(to, from, n);
  else for (; n > 0; n--, to += 4, from += step) store<f32>(to, load<f32>(from));
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

/** Output channels whose gradient lies in scratch at a time. */
// @ts-ignore: decorator
@inline
const OUTPUTS: i32 = 64;

/** Scratch: eight sums, patches [TAPS][width], dY [OUTPUTS][width], width = pixels of a step rounded up to 4. */
export function convFilterGrad(cmd: usize, tile: i32, scratch: usize): void {
  const groups = load<i32>(cmd, ConvArgs.G), m = load<i32>(cmd, ConvArgs.M);
  const k = load<i32>(cmd, ConvArgs.C) * load<i32>(cmd, ConvArgs.KH) * load<i32>(cmd, ConvArgs.KW);
  const oh = load<i32>(cmd, ConvArgs.OH), ow = load<i32>(cmd, ConvArgs.OW);
  const perTile = load<i32>(cmd, ConvFilterGradArgs.TAPS), blocks = (k + perTile - 1) / perTile;
  const r0 = (tile % blocks) * perTile, r1 = min(r0 + perTile, k), g = (tile / blocks) % groups;
  const split = tile / (blocks * groups), splits = load<i32>(cmd, ConvFilterGradArgs.SPLITS);
  const out = load<usize>(cmd, ConvArgs.A) + ((<usize>(split * groups + g) * m * k + r0) << 2);
  // A step is `rowBlock` rows of pixels, counted over all images, by `columnBlock` pixels.
  const rowBlock = load<i32>(cmd, ConvFilterGradArgs.ROWS), columnBlock = load<i32>(cmd, ConvFilterGradArgs.COLUMNS);
  const height = load<i32>(cmd, ConvArgs.N) * oh;
  const steps = (height + rowBlock - 1) / rowBlock;
  const s0 = <i32>(<i64>steps * split / splits), s1 = <i32>(<i64>steps * (split + 1) / splits);
  const patches = scratch + 64;
  const ldMax = <usize>((rowBlock * columnBlock + 3) & ~3) << 2;
  const dy = patches + perTile * ldMax;

  let started = false;
  for (let s = s0; s < s1; s++) {
    const v0 = s * rowBlock, v1 = min(v0 + rowBlock, height);
    for (let x0 = 0; x0 < ow; x0 += columnBlock) {
      const x1 = min(x0 + columnBlock, ow), n = (v1 - v0) * (x1 - x0), ld = <usize>((n + 3) & ~3) << 2;
      gatherPatches(cmd, g, r0, r1, v0, v1, x0, x1, patches, ld);
      for (let m0 = 0; m0 < m; m0 += OUTPUTS) {
        const m1 = min(m0 + OUTPUTS, m);
        gatherOutputs(cmd, g, m0, m1, v0, v1, x0, x1, dy, ld);
        multiply(<i32>(ld >> 2), scratch, dy, m1 - m0, patches, r1 - r0, ld, out + (<usize>m0 * k << 2), <usize>k << 2, started);
      }
      started = true;
    }
  }
}

/** out[i][j] (+)= dy[i] · patches[j]. */
function multiply(
  n: i32, sums: usize, dy: usize, rows: i32, patches: usize, columns: i32, ld: usize, out: usize, outStep: usize, add: bool,
): void {
  for (let j = 0; j < columns; j += 4, patches += 4 * ld) {
    const width = min(4, columns - j);
    for (let i = 0; i < rows; i += 2) {
      const two = i + 1 < rows;
      f32_dot_2x4(n, dy + i * ld, two ? ld : 0, patches, ld, width, sums);
      const to = out + i * outStep + (j << 2);
      store4(to, sums, width, add);
      if (two) store4(to + outStep, sums + 16, width, add);
    }
  }
}

// @ts-ignore: decorator
@inline
function store4(to: usize, from: usize, n: i32, add: bool): void {
  const v = v128.load(from);
  if (n == 4) v128.store(to, add ? f32x4.add(v128.load(to), v) : v);
  else if (!add) storeFirst(to, v, n);
  else for (let i: usize = 0; i < <usize>n << 2; i += 4) store<f32>(to + i, load<f32>(to + i) + load<f32>(from + i));
}

/** Rows [r0, r1) of (channel, ky, kx) of the patches of pixels [v0, v1) × [x0, x1), one after the other, zeros to ld. */
function gatherPatches(
  cmd: usize, g: i32, r0: i32, r1: i32, v0: i32, v1: i32, x0: i32, x1: i32, to: usize, ld: usize,
): void {
  const groups = load<i32>(cmd, ConvArgs.G), c = load<i32>(cmd, ConvArgs.C);
  const h = load<i32>(cmd, ConvArgs.H), w = load<i32>(cmd, ConvArgs.W), oh = load<i32>(cmd, ConvArgs.OH);
  const kh = load<i32>(cmd, ConvArgs.KH), kw = load<i32>(cmd, ConvArgs.KW);
  const sh = load<i32>(cmd, ConvArgs.SH), sw = load<i32>(cmd, ConvArgs.SW);
  const width = x1 - x0, n = (v1 - v0) * width;
  const x = load<usize>(cmd, ConvArgs.X);
  for (let r = r0; r < r1; r++, to += ld) {
    const iy = ((r / kw) % kh) * load<i32>(cmd, ConvArgs.DH) - load<i32>(cmd, ConvArgs.PT);
    const ix = (r % kw) * load<i32>(cmd, ConvArgs.DW) - load<i32>(cmd, ConvArgs.PL);
    const xa = min(max(x0, firstInside(ix, sw)), x1), xb = max(min(x1, firstBeyond(ix, sw, w)), xa);
    const channel = g * c + r / (kh * kw);
    let oy = v0 % oh, plane = x + (<usize>(v0 / oh * groups * c + channel) * h * w << 2), at = to;
    for (let v = v0; v < v1; v++, at += width << 2) {
      const row = oy * sh + iy;
      if (row < 0 || row >= h || xb == xa) fill(at, width, 0);
      else {
        if (xa > x0) fill(at, xa - x0, 0);
        copyEvery(at + ((xa - x0) << 2), plane + (<usize>(row * w + xa * sw + ix) << 2), sw << 2, xb - xa);
        if (x1 > xb) fill(at + ((xb - x0) << 2), x1 - xb, 0);
      }
      if (++oy == oh) {
        oy = 0;
        plane += <usize>groups * c * h * w << 2;
      }
    }
    fill(at, <i32>(ld >> 2) - n, 0);
  }
}

/** dY of output channels [m0, m1) at pixels [v0, v1) × [x0, x1), one channel after the other, zeros to ld. */
function gatherOutputs(
  cmd: usize, g: i32, m0: i32, m1: i32, v0: i32, v1: i32, x0: i32, x1: i32, to: usize, ld: usize,
): void {
  const groups = load<i32>(cmd, ConvArgs.G), m = load<i32>(cmd, ConvArgs.M);
  const oh = load<i32>(cmd, ConvArgs.OH), ow = load<i32>(cmd, ConvArgs.OW), width = x1 - x0;
  const y = load<usize>(cmd, ConvArgs.Y);
  for (let i = m0; i < m1; i++, to += ld) {
    let at = to;
    for (let v = v0; v < v1; ) {
      // Whole rows of one image lie together.
      const oy = v % oh, run = width == ow ? min(oh - oy, v1 - v) : 1;
      const plane = <usize>(v / oh * groups + g) * m + i;
      copy(at, y + ((plane * oh * ow + oy * ow + x0) << 2), run * width);
      at += <usize>(run * width) << 2;
      v += run;
    }
    fill(at, <i32>((to + ld - at) >> 2), 0);
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
