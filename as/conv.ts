/**
 * Convolution as a matrix product without a patch matrix in memory: Y [M × columns] = A [M × K] · patches, where
 * K = (channel, ky, kx) and a column is a pixel of an image, counted over a block of pixels of one image or over
 * several whole images. Eight columns of patches at a time are gathered into private scratch and meet all panels of A;
 * where many tiles have the same columns, they are gathered before, for all.
 */
import { activateRange } from './activation';
import { copyStrip, gemmPanels } from './gemm';
import {
  c, dh, dw, h, kh, kw, loadGeometry, m, n, oh, ow, pixels, pl, pt, sh, sw, taps, w, xImage, xPlane, yImage, yPlane,
} from './geometry';
import { MR, panelCount, panelStart, transpose4 } from './pack';
import { ConvArgs, ConvPadArgs } from './conv-args';
import { Activation } from './kinds';
import { addRange, copy, fill } from './simd';

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
    const run = min(kw - kx, depth), end = to + (run << 5);
    depth -= kw - kx;
    if (layout == SCATTERED && xStep == 4 && run >= 4) {
      // Neighbours in memory: four rows at a time. The last four end with the run, and repeat some of those before.
      for (let i = 0; i < run; i += 4) {
        const k = min(i, run - 4), from = at + (k << 2), rows = to + (k << 5);
        transpose4(rows, from + o0, from + o1, from + o2, from + o3);
        transpose4(rows + 16, from + o4, from + o5, from + o6, from + o7);
      }
      to = end;
    }
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

/** The tile: columns are pixels [q0, q1) of images [n0, n1), rows those of panels [p0, p1) of one group. */
let q0: i32 = 0, q1: i32 = 0, n0: i32 = 0, n1: i32 = 0, p0: i32 = 0, p1: i32 = 0, row0: i32 = 0, rows: i32 = 0;
/** Where the tile's group begins in packed A, in X at image n0, and in Y at image n0, pixel 0 and the first row. */
let a: usize = 0, x: usize = 0, y: usize = 0;
/** Which block of columns of all groups the tile has. */
let columnBlock: i32 = 0;

function loadTile(cmd: usize, tile: i32): void {
  const images = load<i32>(cmd, ConvArgs.IMAGES), columns = load<i32>(cmd, ConvArgs.COLUMNS);
  const panels = load<i32>(cmd, ConvArgs.PANELS), mBlocks = (panelCount(m, MR) + panels - 1) / panels;
  const pixelBlocks = (pixels + columns - 1) / columns, imageBlocks = (n + images - 1) / images, blocks = pixelBlocks * imageBlocks;
  columnBlock = tile % blocks;
  q0 = (columnBlock % pixelBlocks) * columns, q1 = min(q0 + columns, pixels);
  n0 = (columnBlock / pixelBlocks) * images, n1 = min(n0 + images, n);
  tile /= blocks;
  const g = tile / mBlocks;
  columnBlock += g * blocks;
  p0 = (tile % mBlocks) * panels, p1 = min(p0 + panels, panelCount(m, MR));
  row0 = panelStart(m, p0, MR), rows = panelStart(m, p1, MR) - row0;
  a = load<usize>(cmd, ConvArgs.A) + (<usize>g * m * c * taps << 2);
  x = load<usize>(cmd, ConvArgs.X) + n0 * xImage + g * c * xPlane;
  row0 += g * m;
  y = load<usize>(cmd, ConvArgs.Y) + n0 * yImage + row0 * yPlane;
}

/** Where tap (0, 0) of the first channel of a block of K reads, as `from` + i·imageStep + oy·sh·rowStep + 4·ox·sw. */
let from: usize = 0, rowStep: usize = 0, cStep: usize = 0, imageStep: usize = 0;

/** Makes columns k0 … k0 + depth of K ready to be gathered, from the tile's first pixel on: in place, or padded in the slab. */
function prepare(slab: bool, k0: i32, depth: i32, to: usize): void {
  const c0 = k0 / taps;
  startColumns();
  rowStep = <usize>w << 2, cStep = xPlane, imageStep = xImage;
  from = x + c0 * xPlane - pt * rowStep - (pl << 2);
  if (!slab) return;
  const cs = (k0 + depth - 1) / taps - c0 + 1;
  const top = (q0 / ow) * sh, height = ((q1 - 1) / ow) * sh - top + (kh - 1) * dh + 1;
  const width = (ow - 1) * sw + (kw - 1) * dw + 1;
  for (let i = 0; i < n1 - n0; i++) {
    copySlab(to + i * (cs * height * width << 2), x + i * xImage + c0 * xPlane, cs, h, w, top - pt, -pl, height, width);
  }
  rowStep = <usize>width << 2, cStep = height * rowStep, imageStep = cs * cStep;
  from = to - top * rowStep;
}

/** The walk over the columns of a tile: image n0 + image, pixel q = (oy, ox). */
let image: i32 = 0, q: i32 = 0, oy: i32 = 0, ox: i32 = 0;

function startColumns(): void {
  image = 0, q = q0, oy = q0 / ow, ox = q0 % ow;
}

function advance(columns: i32): void {
  q += columns;
  ox += columns;
  if (ox == ow) {
    ox = 0;
    oy++;
  }
  if (q == q1) {
    q = q0;
    oy = q0 / ow;
    ox = q0 % ow;
    image++;
  }
}

/** Writes the offsets of the next `width` columns and walks past them; lanes beyond repeat the last. Returns their layout. */
function nextColumns(width: i32, lanes: usize): i32 {
  const adjacent = width == 8 && ox + 8 <= ow && sw <= 2;
  for (let lane = 0; lane < 8; lane++) {
    if (lane < width) store<u32>(lanes, <u32>(image * imageStep + oy * sh * rowStep + (ox * sw << 2)));
    else store<u32>(lanes, load<u32>(lanes - 4));
    if (adjacent) {
      advance(8);
      return sw == 1 ? ADJACENT : EVERY_OTHER;
    }
    if (lane < width) advance(1);
    lanes += 4;
  }
  return SCATTERED;
}

/** Floats of a block of columns of gathered patches. */
// @ts-ignore: decorator
@inline
function patchBlock(cmd: usize): usize {
  const columns = min(load<i32>(cmd, ConvArgs.COLUMNS), pixels) * load<i32>(cmd, ConvArgs.IMAGES);
  return <usize>((columns + 7) & ~7) * c * taps;
}

/**
 * Gathers patches for `conv`, where many tiles share them: for each block of columns, blocks of K of all panels
 * [DEPTH][8]. Arguments are those of `conv` with all panels in a tile, Y the patches. One tile is a block of columns and
 * of K.
 */
export function convGather(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  const chunk = load<i32>(cmd, ConvArgs.DEPTH), k = c * taps, chunks = (k + chunk - 1) / chunk;
  loadTile(cmd, tile / chunks);
  const k0 = tile % chunks * chunk, depth = min(chunk, k - k0), total = (n1 - n0) * (q1 - q0), all = (total + 7) & ~7;
  const to = load<usize>(cmd, ConvArgs.Y) + ((columnBlock * patchBlock(cmd) + <usize>k0 * all) << 2);
  prepare(load<i32>(cmd, ConvArgs.SLAB) != 0, k0, depth, scratch + SLAB);
  for (let j = 0; j < total; j += 8) gatherNext(min(8, total - j), to + (<usize>j * depth << 2), scratch + LANES, k0, depth);
}

/** Gathers columns k0 … k0 + depth of K of the next `width` pixels. */
// @ts-ignore: decorator
@inline
function gatherNext(width: i32, to: usize, lanes: usize, k0: i32, depth: i32): void {
  const layout = nextColumns(width, lanes);
  gather(layout, to, from, lanes, depth, (k0 % taps) / kw, k0 % kw, kh, kw, dw << 2, dh * rowStep, cStep);
}

/** Distance between panels beyond their data: they would otherwise share sets of the first-level cache. */
// @ts-ignore: decorator
@inline
const APART: usize = 64;

/** Packs `depth` channels of n pixels (64 at most) that lie together, row by row, to panels [depth][8] `step` bytes apart. */
function packPixels(to: usize, step: usize, from: usize, depth: i32, n: i32): void {
  for (; depth > 0; depth--, to += 32, from += cStep) {
    let panel = to, at = from, i = n;
    for (; i >= 8; i -= 8, panel += step, at += 32) {
      v128.store(panel, v128.load(at));
      v128.store(panel, v128.load(at, 16), 16);
    }
    if (i > 0) copy(panel, at, i);
  }
}

export function conv(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  loadTile(cmd, tile);
  const slab = load<i32>(cmd, ConvArgs.SLAB) != 0, chunk = load<i32>(cmd, ConvArgs.DEPTH), k = c * taps;
  const bias = load<usize>(cmd, ConvArgs.BIAS), strip = scratch + STRIP;
  const total = (n1 - n0) * (q1 - q0), all = (total + 7) & ~7;
  // A 1×1 convolution reads what lies together: whole cache lines, several at a time.
  const together = !slab && taps * oh * sw * (n1 - n0) == 1;
  let patches = load<usize>(cmd, ConvArgs.PATCHES);
  if (patches) patches += columnBlock * patchBlock(cmd) << 2;
  fill(scratch + ZEROS, 8, 0);

  for (let k0 = 0; k0 < k; k0 += chunk) {
    const depth = min(chunk, k - k0), gathered = patches + (<usize>k0 * all << 2);
    if (patches) startColumns();
    else prepare(slab, k0, depth, scratch + SLAB);
    for (let j = 0; j < total; j += 8) {
      const width = min(8, total - j), firstImage = image, firstQ = q;
      let b = scratch;
      if (patches || together) {
        if (patches) b = gathered + (<usize>j * depth << 2);
        else {
          const step = (<usize>depth << 5) + APART;
          if (!(j & 63)) packPixels(scratch + SLAB, step, from + (q << 2), depth, min(64, total - j));
          b = scratch + SLAB + ((j & 63) >> 3) * step;
        }
        for (let i = 0; i < width; i++) advance(1);
      } else gatherNext(width, b, scratch + LANES, k0, depth);

      const direct = width == 8 && firstQ + 8 <= q1;
      const to = direct ? y + firstImage * yImage + (firstQ << 2) : strip, ldc = direct ? yPlane : 32;
      if (k0 > 0) {
        if (!direct) moveLanes(true, strip, firstImage, firstQ, width);
        gemmPanels(m, p0, p1, k0, depth, a, b, to, ldc, to, ldc, false);
      } else if (bias) gemmPanels(m, p0, p1, 0, depth, a, b, to, ldc, bias + (row0 << 2), 4, true);
      else gemmPanels(m, p0, p1, 0, depth, a, b, to, ldc, scratch + ZEROS, 0, false);
      if (!direct) moveLanes(false, strip, firstImage, firstQ, width);
    }
  }
  for (let i = 0; i < n1 - n0; i++) {
    for (let r = 0; r < rows; r++) finish(cmd, y + i * yImage + r * yPlane + (q0 << 2), q1 - q0);
  }
}

/** Ends n floats of Y at `at`: adds the residual, then the activation. */
export function finish(cmd: usize, at: usize, n: i32): void {
  const residual = load<usize>(cmd, ConvArgs.RESIDUAL), kind = load<i32>(cmd, ConvArgs.ACTIVATION);
  if (residual) addRange(at, residual + (at - load<usize>(cmd, ConvArgs.Y)), n);
  if (kind != Activation.NONE) activateRange(kind, load<f32>(cmd, ConvArgs.ALPHA), at, at, n);
}

/** Moves `width` columns from pixel of image n0 + i on between Y and a strip; they may run across images. */
function moveLanes(toStrip: bool, strip: usize, i: i32, pixel: i32, width: i32): void {
  while (width > 0) {
    const run = min(width, q1 - pixel), at = y + i * yImage + (pixel << 2);
    if (toStrip) copyStrip(strip, 32, at, yPlane, rows, run);
    else copyStrip(at, yPlane, strip, 32, rows, run);
    strip += run << 2;
    width -= run;
    pixel = q0;
    i++;
  }
}
