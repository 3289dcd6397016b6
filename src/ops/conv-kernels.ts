/**
 * The kernels of a convolution and of its gradients. Here, and nowhere else, it is decided which kernel a geometry
 * gets and how it is cut into tiles. Tiles depend on shapes alone; sizes were measured (test/bench/NOTES.md).
 */
import { Opcode } from '../../as/protocol.ts';
import { isStaticValue, type Value } from '../ir/graph.ts';
import { type Buffer, i32, read, scratch, type WasmKernel, write } from '../ir/kernel.ts';
import { type ConvEpilogue, type ConvGeometry, convArgs } from './conv-shape.ts';
import {
  depthwiseGradKernel,
  depthwiseGradTiling,
  depthwiseKernel,
  depthwiseRows,
  directGradKernel,
  directGradRows,
  directKernel,
  directTiling,
} from './direct-kernels.ts';
import {
  BLOCK_DEPTH,
  evenBlock,
  gemmKernels,
  linearKernels,
  PANEL_ROWS,
  panelCount,
  tileMacs,
} from './gemm-kernels.ts';
import { winogradGradKernel, winogradGradTiling, winogradKernels, winogradSize } from './winograd-kernels.ts';

/** Bytes of private scratch for padded rows: SCRATCH_BYTES less what lies before them (as/conv.ts). */
export const SLAB_BYTES = 917504;

/** Whether what the planner makes of it is made once for many runs. */
export const isStatic = (w: Buffer): boolean => !('scratch' in w) && isStaticValue(w as Value);

const up = (n: number, unit: number): number => Math.ceil(n / unit) * unit;
const clamp = (n: number, low: number, high: number): number => Math.max(low, Math.min(high, Math.floor(n)));

/** Every output is one dot product over a whole image: a linear layer. */
export const isLinear = (s: ConvGeometry): boolean =>
  s.g === 1 && s.oh * s.ow === 1 && s.kh === s.h && s.kw === s.w && s.pt === 0 && s.pl === 0;

/** A 1×1 convolution does not see rows: one long row needs no special cases at their ends. */
export function flattened(s: ConvGeometry): ConvGeometry {
  const pointwise =
    s.kh * s.kw === 1 && s.sh * s.sw === 1 && s.pt === 0 && s.pl === 0 && s.h === s.oh && s.w === s.ow;
  return pointwise ? { ...s, h: 1, oh: 1, w: s.h * s.w, ow: s.h * s.w } : s;
}

/** So many tiles with the same columns share patches that are gathered before. */
const SHARED_FROM = 3;

type Axis = readonly [count: number, stride: number];

interface Packing {
  /** Columns of a block of K. */
  readonly depth: number;
  readonly offset: number;
  readonly m: number;
  readonly row: number;
  /** Count and stride of channels and of taps. */
  readonly k: readonly [Axis, Axis];
}

/** Packs one matrix per group, `step` elements apart, into scratch. */
function packWeights(
  w: Buffer,
  groups: number,
  step: number,
  p: Packing,
): { packed: Buffer; kernel: WasmKernel } {
  const packed = scratch(4 * groups * p.m * p.k[0][0] * p.k[1][0]);
  const all = panelCount(p.m, PANEL_ROWS);
  const perTile = Math.min(16, all);
  const sizes = [p.offset, step, p.m, p.row, ...p.k.flat(), perTile, p.depth];
  return {
    packed,
    kernel: {
      opcode: Opcode.PACK,
      tiles: groups * Math.ceil(all / perTile),
      args: [read(w), write(packed), ...sizes.map(i32)],
    },
  };
}

/** How CONV cuts its work, and how deep a block of K is. */
function convTiling(s: ConvGeometry) {
  const taps = s.kh * s.kw;
  const k = s.c * taps;
  const pixels = s.oh * s.ow;
  const chunks = Math.ceil(s.c / clamp(320 / taps, 1, s.c));
  const depth = taps > 320 ? 256 : Math.ceil(s.c / chunks) * taps;
  const macs = tileMacs(s.n * pixels * s.g * s.m * k);
  const target = clamp(macs / (s.m * k), 64, 1024);
  const images = clamp(target / pixels, 1, s.n);
  const columns = images > 1 ? pixels : evenBlock(pixels, Math.max(target, 96), 8);
  const all = panelCount(s.m, PANEL_ROWS);
  const rows = clamp(macs / (k * Math.min(columns, pixels) * images), 64, 2048);
  return {
    images,
    columns,
    depth,
    panels: Math.ceil(all / Math.ceil(s.m / rows)),
  };
}

type ConvTiling = ReturnType<typeof convTiling>;

/** Bytes of padded rows that a tile keeps, at most. */
function slabBytes(s: ConvGeometry, t: ConvTiling): number {
  const taps = s.kh * s.kw;
  const channels = t.depth % taps === 0 ? t.depth / taps : 2;
  const lines = Math.min(s.oh, Math.ceil(t.columns / s.ow) + 1);
  const rows = (lines - 1) * s.sh + (s.kh - 1) * s.dh + 1;
  return 4 * t.images * channels * rows * ((s.ow - 1) * s.sw + (s.kw - 1) * s.dw + 1);
}

/** Smaller tiles until their padded rows fit; null when even the smallest do not. */
function fitted(s: ConvGeometry, t: ConvTiling, limit: number): ConvTiling | null {
  const taps = s.kh * s.kw;
  while (slabBytes(s, t) > limit) {
    if (t.images > 1) t = { ...t, images: t.images >> 1 };
    else if (t.depth > taps && t.depth % taps === 0)
      t = { ...t, depth: Math.ceil(t.depth / taps / 2) * taps };
    else if (t.columns > 8) t = { ...t, columns: up(t.columns >> 1, 8) };
    else return null;
  }
  return t;
}

const outside = (s: ConvGeometry): boolean =>
  s.pt > 0 ||
  s.pl > 0 ||
  (s.oh - 1) * s.sh + (s.kh - 1) * s.dh - s.pt >= s.h ||
  (s.ow - 1) * s.sw + (s.kw - 1) * s.dw - s.pl >= s.w;

/** Copies x with its padding, so that no tap leaves it. */
function padCopy(x: Buffer, s: ConvGeometry): { copy: Buffer; kernel: WasmKernel; padded: ConvGeometry } {
  const h = (s.oh - 1) * s.sh + (s.kh - 1) * s.dh + 1;
  const w = (s.ow - 1) * s.sw + (s.kw - 1) * s.dw + 1;
  const planes = s.n * s.g * s.c;
  const copy = scratch(4 * planes * h * w);
  const args = [read(x), write(copy), ...[planes, s.h, s.w, -s.pt, -s.pl, h, w].map(i32)];
  return {
    copy,
    kernel: { opcode: Opcode.CONV_PAD, tiles: planes, args },
    padded: { ...s, h, w, pt: 0, pl: 0 },
  };
}

/** Columns of a block of K of the weights that `convProduct` takes. */
function depthOf(s: ConvGeometry, limit: number): number {
  if (directTiling(s)) return s.c * s.kh * s.kw;
  const tiling = convTiling(s);
  return ((outside(s) && fitted(s, tiling, limit)) || tiling).depth;
}

/** The product itself, from weights packed already. */
function convProduct(
  x: Buffer,
  a: Buffer,
  bias: Buffer | null,
  y: Buffer,
  s: ConvGeometry,
  e: ConvEpilogue,
  limit: number,
): WasmKernel[] {
  const direct = directTiling(s);
  if (direct) return [directKernel(x, a, bias, y, s, e, direct)];
  const tiling = convTiling(s);
  const padded = outside(s);
  const t = padded ? fitted(s, tiling, limit) : tiling;
  if (!t) {
    const { copy, kernel, padded: whole } = padCopy(x, s);
    return [kernel, ...convProduct(copy, a, bias, y, whole, e, limit)];
  }
  const blocks = s.g * Math.ceil((s.oh * s.ow) / t.columns) * Math.ceil(s.n / t.images);
  const all = panelCount(s.m, PANEL_ROWS);
  const rowBlocks = Math.ceil(all / t.panels);
  const product = (from: Buffer | null): WasmKernel => {
    const cut = [t.images, t.columns, t.panels, t.depth, padded ? 1 : 0].map(i32);
    const args = [
      read(from ? null : x),
      read(a),
      read(bias),
      write(y),
      ...convArgs(s, e),
      ...cut,
      read(from),
    ];
    return { opcode: Opcode.CONV, tiles: blocks * rowBlocks, args };
  };
  if (rowBlocks < SHARED_FROM) return [product(null)];
  const k = s.c * s.kh * s.kw;
  const patches = scratch(4 * k * blocks * up(t.images * Math.min(t.columns, s.oh * s.ow), 8));
  const cut = [t.images, t.columns, all, t.depth, padded ? 1 : 0].map(i32);
  const args = [read(x), read(null), read(null), write(patches), ...convArgs(s, {}), ...cut];
  const tiles = blocks * Math.ceil(k / t.depth);
  return [{ opcode: Opcode.CONV_GATHER, tiles, args }, product(patches)];
}

/** y = activation(conv(x, w) + bias), w [G·M][C][KH][KW]. `limit`: bytes of padded rows in scratch, for tests. */
export function convKernels(
  x: Buffer,
  w: Buffer,
  bias: Buffer | null,
  y: Buffer,
  s0: ConvGeometry,
  e: ConvEpilogue,
  limit = SLAB_BYTES,
): WasmKernel[] {
  const s = directTiling(s0) ? s0 : flattened(s0);
  const taps = s.kh * s.kw;
  const k = s.c * taps;
  if (isLinear(s)) return linearKernels(x, w, bias, y, { m: s.n, n: s.m, k }, e);
  const rows = depthwiseRows(s);
  if (rows) return [depthwiseKernel(x, w, bias, y, s, e, rows, false)];
  const size = winogradSize(s, isStatic(w));
  if (size) {
    const filters = { group: s.m * k, row: k, channel: taps, rotated: false };
    return winogradKernels(x, w, filters, bias, y, s, e, size);
  }
  const run: Packing['k'] = [
    [1, 0],
    [k, 1],
  ];
  const packing = { depth: depthOf(s, limit), offset: 0, m: s.m, row: k, k: run };
  const { packed, kernel } = packWeights(w, s.g, s.m * k, packing);
  return [kernel, ...convProduct(x, packed, bias, y, s, e, limit)];
}

/**
 * x = activation(convᵀ(y, w) + bias): the gradient of a convolution to its input, or a transposed convolution.
 * Stride 1 is a convolution with rotated weights, unless it would mostly multiply zeros; everything else adds
 * every product to where its tap reads.
 */
export function convTransposeKernels(
  y: Buffer,
  w: Buffer,
  bias: Buffer | null,
  x: Buffer,
  s0: ConvGeometry,
  e: ConvEpilogue,
  limit = SLAB_BYTES,
): WasmKernel[] {
  const s = flattened(s0);
  const taps = s.kh * s.kw;
  const step = s.m * s.c * taps;
  if (isLinear(s) && !bias) {
    const shape = { batch: 1, m: s.n, n: s.c * taps, k: s.m };
    return gemmKernels(
      y,
      w,
      null,
      x,
      { ...shape, a: { row: s.m, column: 1, batch: 0 }, b: { row: s.c * taps, column: 1, batch: 0 } },
      e,
    );
  }
  if (s.sh * s.sw === 1 && s.h * s.w <= 1.25 * s.oh * s.ow) {
    const padding = { pt: s.dh * (s.kh - 1) - s.pt, pl: s.dw * (s.kw - 1) - s.pl };
    const back0 = { ...s0, c: s.m, h: s0.oh, w: s0.ow, m: s.c, oh: s0.h, ow: s0.w, ...padding };
    const back = directTiling(back0) ? back0 : flattened(back0);
    const rows = s.c === 1 ? depthwiseRows(back) : null;
    if (rows) return [depthwiseKernel(y, w, bias, x, back, e, rows, true)];
    const size = winogradSize(back, isStatic(w));
    if (size) {
      const filters = { group: step, row: taps, channel: s.c * taps, rotated: true };
      return winogradKernels(y, w, filters, bias, x, back, e, size);
    }
    const channels: Axis = [s.m, s.c * taps];
    const rotated: Packing['k'] = taps > 1 ? [channels, [taps, -1]] : [[1, 0], channels];
    const packing = { depth: depthOf(back, limit), offset: taps - 1, m: s.c, row: taps, k: rotated };
    const { packed, kernel } = packWeights(w, s.g, step, packing);
    return [kernel, ...convProduct(y, packed, bias, x, back, e, limit)];
  }
  const rows = s.c * taps;
  const { packed, kernel } = packWeights(w, s.g, step, {
    depth: BLOCK_DEPTH,
    offset: 0,
    m: rows,
    row: 1,
    k: [
      [1, 0],
      [s.m, rows],
    ],
  });
  const macs = tileMacs(s.n * s.g * rows * s.m * s.oh * s.ow);
  const channels = clamp(Math.max(Math.ceil(64 / taps), macs / (taps * s.oh * s.ow * s.m)), 1, s.c);
  const columns = Math.min(s.ow, 128);
  const lines = columns < s.ow ? 1 : clamp(64 / s.ow, 1, s.oh);
  const panels = clamp(131072 / (PANEL_ROWS * up(lines * columns, 8)), 1, panelCount(rows, PANEL_ROWS));
  const cut = [channels, panels, lines, columns].map(i32);
  const args = [write(x), read(packed), read(bias), read(y), ...convArgs(s, e), ...cut];
  return [kernel, { opcode: Opcode.CONV_SCATTER, tiles: s.n * s.g * Math.ceil(s.c / channels), args }];
}

/**
 * Panels and taps of a tile and pixels of a step, such that the packed panels of dY (512 KiB at most) and the padded
 * rows fit into scratch; null when the rows never do.
 */
function filterGradTiling(s: ConvGeometry, limit: number) {
  const [k, pixels] = [s.c * s.kh * s.kw, s.oh * s.ow];
  const width = (s.ow - 1) * s.sw + (s.kw - 1) * s.dw + 1;
  const all = panelCount(s.m, PANEL_ROWS);
  const panels = Math.ceil(all / Math.ceil(all / 341));
  let taps = 8 * Math.ceil(k / Math.ceil(k / 128) / 8);
  let depth = clamp(21845 / panels, 8, 256);
  for (;;) {
    const images = clamp(depth / pixels, 1, s.n);
    const columns = Math.ceil(pixels / Math.ceil(pixels / depth));
    const channels = Math.min(s.c, Math.ceil(taps / (s.kh * s.kw)) + 1);
    const lines = Math.min(s.oh, Math.ceil(columns / s.ow) + 1);
    const padded = 4 * images * channels * ((lines - 1) * s.sh + (s.kh - 1) * s.dh + 1) * width;
    const room = Math.min(limit, SLAB_BYTES - 4 * PANEL_ROWS * panels * images * columns);
    if (!outside(s) || padded <= room) return { panels, taps, images, columns };
    if (taps > 8) taps = up(taps >> 1, 8);
    else if (depth > 8) depth = up(depth >> 1, 8);
    else return null;
  }
}

/** dw = Σ over images and pixels of dy · patchesᵀ. */
export function convFilterGradKernels(
  x: Buffer,
  dy: Buffer,
  dw: Buffer,
  s0: ConvGeometry,
  limit = SLAB_BYTES,
): WasmKernel[] {
  const s = flattened(s0);
  const k = s.c * s.kh * s.kw;
  if (isLinear(s)) {
    return gemmKernels(
      dy,
      x,
      null,
      dw,
      {
        batch: 1,
        m: s.m,
        n: k,
        k: s.n,
        a: { row: 1, column: s.m, batch: 0 },
        b: { row: k, column: 1, batch: 0 },
      },
      {},
    );
  }
  const count = s.g * s.m * k;
  const planeRows = depthwiseRows(s);
  if (planeRows) {
    const cut = depthwiseGradTiling(s);
    return summed(dw, count, cut.splits, (out) => depthwiseGradKernel(x, dy, out, s, planeRows, cut));
  }
  const winograd = winogradGradTiling(s);
  if (winograd)
    return summed(dw, count, winograd.splits, (out) => winogradGradKernel(x, dy, out, s, winograd));
  const rows = directGradRows(s);
  if (rows) {
    const steps = s.n * Math.ceil(s.oh / rows);
    const splits = clamp(
      (s.n * s.oh * s.ow * s.m * k) / tileMacs(s.n * s.oh * s.ow * count),
      1,
      Math.min(steps, 64),
    );
    return summed(dw, count, splits, (out) => directGradKernel(x, dy, out, s, rows, splits));
  }
  const t = filterGradTiling(s, limit);
  if (!t) {
    const { copy, kernel, padded } = padCopy(x, s);
    return [kernel, ...convFilterGradKernels(copy, dy, dw, padded, limit)];
  }
  const tileCount = s.g * Math.ceil(k / t.taps) * Math.ceil(panelCount(s.m, PANEL_ROWS) / t.panels);
  const pixels = s.n * s.oh * s.ow;
  const wanted = (pixels * count) / (tileCount * tileMacs(pixels * count));
  const splits = clamp(
    wanted,
    1,
    Math.min(Math.ceil(pixels / (t.images * t.columns)), 64, Math.max(1, Math.floor((1 << 22) / count))),
  );
  const cut = [splits, t.taps, t.images, t.columns, t.panels, outside(s) ? 1 : 0].map(i32);
  return summed(dw, count, splits, (out) => ({
    opcode: Opcode.CONV_FILTER_GRAD,
    tiles: tileCount * splits,
    args: [read(x), write(out), read(null), read(dy), ...convArgs(s, {}), ...cut],
  }));
}

/** A kernel that writes `splits` parts of a sum of `count` numbers, and their sum to `to`. */
function summed(to: Buffer, count: number, splits: number, parts: (out: Buffer) => WasmKernel): WasmKernel[] {
  if (splits === 1) return [parts(to)];
  const out = scratch(4 * splits * count);
  const sum = [read(out), write(to), i32(count), i32(splits)];
  return [parts(out), { opcode: Opcode.SUM_PARTIALS, tiles: Math.ceil(count / 8192), args: sum }];
}
