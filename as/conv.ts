/**
 * Convolution as a matrix product without a patch matrix in memory: Y [M × columns] = A [M × K] · patches, where
 * K = (channel, ky, kx) and a column is a pixel of an image, counted over a block of pixels of one image or over
 * several whole images. Eight columns of patches at a time are gathered into private scratch and meet all panels of A.
 */
import { activateRange } from './activation';
import { copyStrip, gemmPanels } from './gemm';
import { panelCount, panelStart } from './pack';
import { ConvArgs, ConvPadArgs } from './protocol';
import { copy, fill } from './simd';

/** How eight columns lie in memory. */
// @ts-ignore: decorator
@inline
const ADJACENT: i32 = 0;
// @ts-ignore: decorator
@inline
const EVERY_OTHER: i32 = 1;
// @ts-ignore: decorator
@inline
export const SCATTERED: i32 = 2;

/** Places in scratch: lane offsets, zeros, strip of M rows, slab; the panel of patches is at 0. */
// @ts-ignore: decorator
@inline
export const LANES: usize = 32768;
// @ts-ignore: decorator
@inline
export const ZEROS: usize = LANES + 64;
// @ts-ignore: decorator
@inline
export const STRIP: usize = ZEROS + 64;
// @ts-ignore: decorator
@inline
export const SLAB: usize = 131072;

/** Gathers `depth` rows of eight columns, from tap (ky, kx) of the channel at `channel` on; steps in bytes. */
// @ts-ignore: decorator
@inline
function gatherAs(
  layout: i32, to: usize, channel: usize, lanes: usize, depth: i32, ky: i32, kx: i32, kh: i32, kw: i32,
  xStep: usize, yStep: usize, cStep: usize,
): void {
  let o0: usize = 0, o1 = o0, o2 = o0, o3 = o0, o4 = o0, o5 = o0, o6 = o0, o7 = o0;
  if (layout == SCATTERED) {
    o0 = load<u32>(lanes), o1 = load<u32>(lanes, 4), o2 = load<u32>(lanes, 8), o3 = load<u32>(lanes, 12);
    o4 = load<u32>(lanes, 16), o5 = load<u32>(lanes, 20), o6 = load<u32>(lanes, 24), o7 = load<u32>(lanes, 28);
  } else channel += load<u32>(lanes);
  let line = channel + ky * yStep;
  while (depth > 0) {
    let at = line + kx * xStep;
    const end = to + (min(kw - kx, depth) << 5);
    depth -= kw - kx;
    for (; to < end; to += 32, at += xStep) {
      if (layout == ADJACENT) {
        v128.store(to, v128.load(at));
        v128.store(to, v128.load(at, 16), 16);
      } else if (layout == EVERY_OTHER) {
        v128.store(to, v128.shuffle<f32>(v128.load(at), v128.load(at, 16), 0, 2, 4, 6));
        v128.store(to, v128.shuffle<f32>(v128.load(at, 32), v128.load(at, 44), 0, 2, 5, 7), 16);
      } else {
        let v = v128.load32_zero(at + o0);
        v = v128.load_lane<f32>(at + o1, v, 1);
        v = v128.load_lane<f32>(at + o2, v, 2);
        v128.store(to, v128.load_lane<f32>(at + o3, v, 3));
        v = v128.load32_zero(at + o4);
        v = v128.load_lane<f32>(at + o5, v, 1);
        v = v128.load_lane<f32>(at + o6, v, 2);
        v128.store(to, v128.load_lane<f32>(at + o7, v, 3), 16);
      }
    }
    kx = 0;
    line += yStep;
    if (++ky == kh) {
      ky = 0;
      line = channel += cStep;
    }
  }
}

/** `gatherAs` for a layout known at run time. */
export function gather(
  layout: i32, to: usize, channel: usize, lanes: usize, depth: i32, ky: i32, kx: i32, kh: i32, kw: i32,
  xStep: usize, yStep: usize, cStep: usize,
): void {
  if (layout == ADJACENT) gatherAs(ADJACENT, to, channel, lanes, depth, ky, kx, kh, kw, xStep, yStep, cStep);
  else if (layout == EVERY_OTHER) gatherAs(EVERY_OTHER, to, channel, lanes, depth, ky, kx, kh, kw, xStep, yStep, cStep);
  else gatherAs(SCATTERED, to, channel, lanes, depth, ky, kx, kh, kw, xStep, yStep, cStep);
}

/** Copies `planes` planes to [rows][width] each, of which pixel (0, 0) is (y0, x0) of the image, zero outside it. */
export function copySlab(to: usize, from: usize, planes: i32, h: i32, w: i32, y0: i32, x0: i32, rows: i32, width: i32): void {
  const left = min(max(-x0, 0), width), right = max(min(w - x0, width), left);
  for (; planes > 0; planes--, from += <usize>(h * w) << 2) {
    for (let r = 0; r < rows; r++, to += width << 2) {
      const y = y0 + r;
      if (y < 0 || y >= h) {
        fill(to, width, 0);
        continue;
      }
      fill(to, left, 0);
      if (right > left) copy(to + (left << 2), from + (<usize>(y * w + x0 + left) << 2), right - left);
      fill(to + (right << 2), width - right, 0);
    }
  }
}

/** The same for a whole tensor, where the rows that a tile needs do not fit into scratch. */
export function convPad(cmd: usize, tile: i32): void {
  const h = load<i32>(cmd, ConvPadArgs.H), w = load<i32>(cmd, ConvPadArgs.W);
  const rows = load<i32>(cmd, ConvPadArgs.ROWS), width = load<i32>(cmd, ConvPadArgs.WIDTH);
  const to = load<usize>(cmd, ConvPadArgs.Y) + (<usize>tile * rows * width << 2);
  const from = load<usize>(cmd, ConvPadArgs.X) + (<usize>tile * h * w << 2);
  copySlab(to, from, 1, h, w, load<i32>(cmd, ConvPadArgs.Y0), load<i32>(cmd, ConvPadArgs.X0), rows, width);
}

export function conv(cmd: usize, tile: i32, scratch: usize): void {
  const n = load<i32>(cmd, ConvArgs.N), c = load<i32>(cmd, ConvArgs.C), m = load<i32>(cmd, ConvArgs.M);
  const h = load<i32>(cmd, ConvArgs.H), w = load<i32>(cmd, ConvArgs.W);
  const ow = load<i32>(cmd, ConvArgs.OW), pixels = load<i32>(cmd, ConvArgs.OH) * ow;
  const kh = load<i32>(cmd, ConvArgs.KH), kw = load<i32>(cmd, ConvArgs.KW), taps = kh * kw, k = c * taps;
  const sh = load<i32>(cmd, ConvArgs.SH), sw = load<i32>(cmd, ConvArgs.SW);
  const dh = load<i32>(cmd, ConvArgs.DH), dw = load<i32>(cmd, ConvArgs.DW);
  const pt = load<i32>(cmd, ConvArgs.PT), pl = load<i32>(cmd, ConvArgs.PL);
  const groups = load<i32>(cmd, ConvArgs.G), perTile = load<i32>(cmd, ConvArgs.PANELS);
  const images = load<i32>(cmd, ConvArgs.IMAGES), columns = load<i32>(cmd, ConvArgs.COLUMNS);
  const pixelBlocks = (pixels + columns - 1) / columns, imageBlocks = (n + images - 1) / images;
  const mBlocks = (panelCount(m) + perTile - 1) / perTile;
  let t = tile;
  const q0 = (t % pixelBlocks) * columns, q1 = min(q0 + columns, pixels), span = q1 - q0;
  t /= pixelBlocks;
  const n0 = (t % imageBlocks) * images, n1 = min(n0 + images, n), total = (n1 - n0) * span;
  t /= imageBlocks;
  const g = t / mBlocks, p0 = (t % mBlocks) * perTile, p1 = min(p0 + perTile, panelCount(m));
  const row0 = panelStart(m, p0), rows = panelStart(m, p1) - row0;

  const a = load<usize>(cmd, ConvArgs.A) + (<usize>g * m * k << 2);
  const image = <usize>groups * c * h * w << 2;
  const x = load<usize>(cmd, ConvArgs.X) + n0 * image + (<usize>g * c * h * w << 2);
  const plane = <usize>pixels << 2;
  const yImage = groups * m * plane;
  const y = load<usize>(cmd, ConvArgs.Y) + n0 * yImage + (g * m + row0) * plane;
  const bias = load<usize>(cmd, ConvArgs.BIAS);

  const slab = load<i32>(cmd, ConvArgs.SLAB), top = (q0 / ow) * sh;
  const slabRows = ((q1 - 1) / ow) * sh - top + (kh - 1) * dh + 1, slabWidth = (ow - 1) * sw + (kw - 1) * dw + 1;
  const rowStep = <usize>(slab ? slabWidth : w) << 2;
  const cStep = slab ? slabRows * rowStep : h * rowStep;
  const lanes = scratch + LANES, strip = scratch + STRIP, zeros = scratch + ZEROS;
  fill(zeros, 8, 0);

  const chunk = load<i32>(cmd, ConvArgs.DEPTH);
  for (let k0 = 0; k0 < k; k0 += chunk) {
    const depth = min(chunk, k - k0), c0 = k0 / taps, cs = (k0 + depth - 1) / taps - c0 + 1;
    const ky = (k0 % taps) / kw, kx = k0 % kw;
    let from = x + c0 * cStep, imageStep = image;
    // Lane offsets are those of tap (0, 0), from `origin` on.
    let origin = -pt, left = -pl;
    if (slab) {
      from = scratch + SLAB;
      imageStep = cs * cStep;
      origin = -top;
      left = 0;
      for (let i = n0; i < n1; i++) {
        const planes = x + (i - n0) * image + (<usize>c0 * h * w << 2);
        copySlab(from + (i - n0) * imageStep, planes, cs, h, w, top - pt, -pl, slabRows, slabWidth);
      }
    }
    let i = 0, q = q0, oy = q0 / ow, ox = q0 % ow;
    for (let j = 0; j < total; j += 8) {
      const width = min(8, total - j), firstImage = i, firstQ = q;
      const adjacent = width == 8 && ox + 8 <= ow;
      if (adjacent && sw <= 2) {
        store<u32>(lanes, <u32>(i * imageStep + (oy * sh + origin) * rowStep + ((ox * sw + left) << 2)));
        q += 8;
        ox += 8;
        if (ox == ow) {
          ox = 0;
          oy++;
        }
        if (q == q1) {
          q = q0;
          oy = q0 / ow;
          ox = q0 % ow;
          i++;
        }
      } else for (let lane = 0; lane < 8; lane++) {
        const offset = i * imageStep + (oy * sh + origin) * rowStep + ((ox * sw + left) << 2);
        store<u32>(lanes + (lane << 2), <u32>offset);
        if (lane >= width - 1 && width < 8) continue;
        q++;
        if (++ox == ow) {
          ox = 0;
          oy++;
        }
        if (q == q1) {
          q = q0;
          oy = q0 / ow;
          ox = q0 % ow;
          i++;
        }
      }
      const layout = adjacent && sw == 1 ? ADJACENT : adjacent && sw == 2 ? EVERY_OTHER : SCATTERED;
      gather(layout, scratch, from, lanes, depth, ky, kx, kh, kw, dw << 2, dh * rowStep, cStep);

      const at = y + firstImage * yImage + (firstQ << 2);
      const direct = width == 8 && firstQ + 8 <= q1;
      const to = direct ? at : strip, ldc = direct ? plane : 32;
      if (k0 > 0) {
        if (!direct) moveLanes(true, strip, y, firstImage, firstQ, q0, q1, width, rows, yImage, plane);
        gemmPanels(m, p0, p1, k, k0, depth, a, scratch, to, ldc, to, ldc, false);
      } else if (bias) {
        gemmPanels(m, p0, p1, k, 0, depth, a, scratch, to, ldc, bias + ((g * m + row0) << 2), 4, true);
      } else gemmPanels(m, p0, p1, k, 0, depth, a, scratch, to, ldc, zeros, 0, false);
      if (!direct) moveLanes(false, strip, y, firstImage, firstQ, q0, q1, width, rows, yImage, plane);
    }
  }

  const kind = load<i32>(cmd, ConvArgs.ACTIVATION), alpha = load<f32>(cmd, ConvArgs.ALPHA);
  if (kind) {
    for (let i = 0; i < n1 - n0; i++) {
      for (let r = 0; r < rows; r++) {
        const at = y + i * yImage + r * plane + (q0 << 2);
        activateRange(kind, alpha, at, at, span);
      }
    }
  }
}

/** Moves columns (image, q) … between Y and a strip; columns may run across images. */
function moveLanes(
  toStrip: bool, strip: usize, y: usize, image: i32, q: i32, q0: i32, q1: i32, width: i32, rows: i32,
  imageStep: usize, plane: usize,
): void {
  while (width > 0) {
    const run = min(width, q1 - q), at = y + image * imageStep + (q << 2);
    if (toStrip) copyStrip(strip, 32, at, plane, rows, run);
    else copyStrip(at, plane, strip, 32, rows, run);
    strip += run << 2;
    width -= run;
    q = q0;
    image++;
  }
}
