/** Winograd convolution: which tile size a shape gets, if any, and how it is cut (as/winograd.ts). */
import { Layout, Opcode } from '../../as/protocol.ts';
import { type Buffer, i32, read, scratch, type WasmKernel, write } from '../ir/kernel.ts';
import { type ConvEpilogue, type ConvGeometry, convArgs } from './conv-shape.ts';
import { evenBlock, PANEL_ROWS, panelCount } from './gemm-kernels.ts';

/** Pixels to an edge of a tile. */
export type TileSize = 2 | 4;

/** Bytes of private scratch for products, transformed input and padded rows (as/winograd.ts). */
const WORK_BYTES = Layout.SCRATCH_BYTES - 4096;
/** Products and transformed input are to stay in the second-level cache. */
const CACHE_BYTES = 700_000;
/** Rows of a panel of the gradient of Y at most (as/winograd-grad.ts). */
const GRAD_PANEL_ROWS = 4;
/** The same of a filter gradient: sums, transformed input and transformed gradient. */
const GRAD_CACHE_BYTES = 750_000;
/** Bytes between the data of two positions. */
const APART = 64;

const tilesOf = (s: ConvGeometry, size: TileSize): number =>
  s.n * Math.ceil(s.oh / size) * Math.ceil(s.ow / size);

/** Whether minimal filtering computes it. */
const isMinimal = (s: ConvGeometry): boolean => s.kh === 3 && s.kw === 3 && s.sh * s.sw * s.dh * s.dw === 1;

/**
 * The tile size, or null where direct convolution is faster or the only one: the larger tiles where enough of them share
 * the transformed filters, which are computed once when they never change. Limits: test/bench/NOTES.md.
 */
export function winogradSize(s: ConvGeometry, isStatic: boolean): TileSize | null {
  const fewest = Math.min(s.c, s.m);
  if (!isMinimal(s) || fewest < 16) return null;
  if (tilesOf(s, 4) >= (isStatic ? 12 : Math.max(12, fewest / 8)) && tiling(s, 4)) return 4;
  return fewest >= 32 && tilesOf(s, 2) >= (isStatic ? 12 : 48) && tiling(s, 2) ? 2 : null;
}

/** Tiles and panels of a unit of work, channels transformed at a time; null when the padded rows do not fit. */
function tiling(s: ConvGeometry, size: TileSize) {
  const total = tilesOf(s, size);
  const all = panelCount(s.m, PANEL_ROWS);
  const even = (n: number) => Math.ceil(all / Math.ceil(all / n));
  const depth = Math.ceil(s.c / Math.ceil(s.c / 128));
  let panels = even(22);
  let tiles = evenBlock(total, 24, 8);
  const units = () => s.g * Math.ceil(total / tiles) * Math.ceil(all / panels);
  while (units() < 4 && panels > 11) panels = even(panels >> 1);
  while (units() < 4 && tiles > 8) tiles = evenBlock(total, tiles - 8, 8);
  const bytes = () => (size + 2) ** 2 * (4 * tiles * (depth + PANEL_ROWS * panels) + 2 * APART);
  while (bytes() > CACHE_BYTES && tiles > 8) tiles -= 8;
  return bytes() + paddedBytes(s, size, tiles) <= WORK_BYTES ? { tiles, panels, depth } : null;
}

/** Bytes of the padded rows that `tiles` neighbouring tiles read of one channel, at most. */
function paddedBytes(s: ConvGeometry, size: TileSize, tiles: number): number {
  const [across, down] = [Math.ceil(s.ow / size), Math.ceil(s.oh / size)];
  const rows = Math.ceil((tiles - 1) / across) + 1;
  const images = Math.ceil((rows - 1) / down) + 1;
  return 4 * (rows * size + 2 * images) * (across * size + 2);
}

/** How the filter gradient is cut. */
export interface WinogradGradTiling {
  /** Tiles transformed at a time. */
  readonly tiles: number;
  readonly splits: number;
  readonly panels: number;
  readonly channels: number;
}

/** The cut of the filter gradient, or null where direct convolution is faster or the only one. */
export function winogradGradTiling(s: ConvGeometry): WinogradGradTiling | null {
  if (!isMinimal(s) || Math.min(s.c, s.m) < 16) return null;
  const total = tilesOf(s, 4);
  // What small images waste of their tiles must not eat up what is gained.
  if (total < 12 || s.n * s.oh * s.ow < 8 * total) return null;
  const all = panelCount(s.m, GRAD_PANEL_ROWS);
  const panels = Math.ceil(all / Math.ceil(all / 8));
  const channels = evenBlock(s.c, 64, 8);
  const units = s.g * Math.ceil(all / panels) * Math.ceil(s.c / channels);
  const macs = s.n * s.oh * s.ow * s.g * s.m * s.c * 9;
  const wanted = macs < 1 << 27 ? 8 : macs < 1 << 28 ? 16 : 32;
  const splits = Math.max(1, Math.min(Math.ceil(wanted / units), Math.floor(total / 32)));
  const perSplit = Math.ceil(total / splits);
  const bytes = (n: number) =>
    36 * (4 * (GRAD_PANEL_ROWS * panels * channels + n * (GRAD_PANEL_ROWS * panels + channels)) + 3 * APART);
  let tiles = evenBlock(perSplit, 64, 1);
  while (tiles > 8 && bytes(tiles) > GRAD_CACHE_BYTES) tiles = evenBlock(perSplit, tiles - 1, 1);
  return bytes(tiles) + 4 * paddedBytes(s, 4, tiles) <= WORK_BYTES
    ? { tiles, splits, panels, channels }
    : null;
}

/** Sums of dy · patches over each of the parts, [splits][G·M][C][3][3] to `out`. */
export function winogradGradKernel(
  x: Buffer,
  dy: Buffer,
  out: Buffer,
  s: ConvGeometry,
  { tiles, splits, panels, channels }: WinogradGradTiling,
): WasmKernel {
  const units = s.g * Math.ceil(panelCount(s.m, GRAD_PANEL_ROWS) / panels) * Math.ceil(s.c / channels);
  const cut = [tiles, splits, panels, channels].map(i32);
  const args = [read(x), write(out), read(null), read(dy), ...convArgs(s, {}), ...cut];
  return { opcode: Opcode.WINOGRAD_GRAD, tiles: units * splits, args };
}

/** Where filters lie, in elements: steps of a group, an output channel and an input channel; taps in reverse or not. */
export interface Filters {
  readonly group: number;
  readonly row: number;
  readonly channel: number;
  readonly rotated: boolean;
}

/** y = activation(conv(x, w) + bias) for a geometry that `winogradSize` has approved. */
export function winogradKernels(
  x: Buffer,
  w: Buffer,
  f: Filters,
  bias: Buffer | null,
  y: Buffer,
  s: ConvGeometry,
  e: ConvEpilogue,
  size: TileSize,
): WasmKernel[] {
  const { tiles, panels, depth } = tiling(s, size)!;
  const transformed = scratch(s.g * (size + 2) ** 2 * (4 * s.m * s.c + APART));
  const all = panelCount(s.m, PANEL_ROWS);
  const perTile = Math.min(4, all);
  const filterArgs = [s.m, s.c, f.group, f.row, f.channel, f.rotated ? -1 : 1, size, perTile, depth];
  return [
    {
      opcode: Opcode.WINOGRAD_FILTER,
      tiles: s.g * Math.ceil(all / perTile),
      args: [read(w), write(transformed), ...filterArgs.map(i32)],
    },
    {
      opcode: Opcode.WINOGRAD,
      tiles: s.g * Math.ceil(tilesOf(s, size) / tiles) * Math.ceil(all / panels),
      args: [
        ...[read(x), read(transformed), read(bias), write(y)],
        ...convArgs(s, e),
        ...[size, tiles, panels, depth].map(i32),
      ],
    },
  ];
}
