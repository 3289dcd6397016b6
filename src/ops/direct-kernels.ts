/** Convolution between few channels, without gathering: which shapes get it and how it is cut (as/conv-direct.ts). */
import { DirectInput } from '../../as/kinds.ts';
import { Opcode } from '../../as/protocol.ts';
import { type Buffer, i32, read, type WasmKernel, write } from '../ir/kernel.ts';
import { type ConvEpilogue, type ConvGeometry, convArgs } from './conv-shape.ts';
import { evenBlock, PANEL_ROWS, panelCount, tileMacs } from './gemm-kernels.ts';

/** Padded rows of a step of the filter gradient are to stay in the first-level cache. */
const CACHE_BYTES = 32768;

const isDirect = (s: ConvGeometry): boolean => s.sh * s.sw === 1 && s.kh * s.kw > 1;

/** Bytes of the padded rows that `rows` output rows read of one channel, laid out by column modulo the stride. */
function planeBytes(s: ConvGeometry, rows: number): number {
  const width = 4 * Math.ceil(s.ow / 4) + Math.floor(((s.kw - 1) * s.dw) / s.sw);
  return 4 * ((rows - 1) * s.sh + (s.kh - 1) * s.dh + 1) * s.sw * width;
}

/** One input channel a group: rows that a tile may hold in scratch; null for other convolutions and endless rows. */
export function depthwiseRows(s: ConvGeometry): number | null {
  if (s.c !== 1 || s.g === 1 || s.kh * s.kw > 256) return null;
  return rowsFor(
    s.oh,
    s.oh,
    8 * CACHE_BYTES,
    (rows) => planeBytes(s, rows) + 16 * rows * Math.ceil(s.ow / 4),
  );
}

/** y = activation(conv(x, w) + bias); with `rotated` the gradient to the input of a convolution of stride 1. */
export function depthwiseKernel(
  x: Buffer,
  w: Buffer,
  bias: Buffer | null,
  y: Buffer,
  s: ConvGeometry,
  e: ConvEpilogue,
  rows: number,
  rotated: boolean,
): WasmKernel {
  const all = s.n * s.g * s.m;
  const perPlane = s.oh * s.ow * s.kh * s.kw;
  const planes = rows < s.oh ? 1 : evenBlock(all, tileMacs(all * perPlane) / perPlane, s.m);
  const cut = [rows, planes, rotated ? 1 : 0].map(i32);
  const args = [read(x), read(w), read(bias), write(y), ...convArgs(s, e), ...cut];
  return { opcode: Opcode.DEPTHWISE, tiles: Math.ceil(all / planes) * Math.ceil(s.oh / rows), args };
}

/** How the filter gradient is cut: channels of a tile and parts of the images. */
export function depthwiseGradTiling(s: ConvGeometry): { channels: number; splits: number } {
  const perChannel = s.n * s.oh * s.ow * s.kh * s.kw;
  const macs = tileMacs(s.g * s.m * perChannel);
  const channels = evenBlock(s.g * s.m, macs / perChannel, 1);
  return { channels, splits: Math.max(1, Math.min(s.n, Math.floor(perChannel / macs))) };
}

/** Sums of dy · patches over each of `splits` parts of the images to `out`. */
export function depthwiseGradKernel(
  x: Buffer,
  dy: Buffer,
  out: Buffer,
  s: ConvGeometry,
  rows: number,
  { channels, splits }: { channels: number; splits: number },
): WasmKernel {
  const cut = [rows, channels, splits].map(i32);
  const args = [read(x), write(out), read(null), read(dy), ...convArgs(s, {}), ...cut];
  return { opcode: Opcode.DEPTHWISE_GRAD, tiles: splits * Math.ceil((s.g * s.m) / channels), args };
}

/** Bytes of the padded rows that `rows` output rows read. */
const inputBytes = (s: ConvGeometry, rows: number): number =>
  4 * s.c * (rows + (s.kh - 1) * s.dh) * (4 * Math.ceil(s.ow / 4) + (s.kw - 1) * s.dw);

/** Rows of even blocks of `oh`, `most` or fewer, whose `bytes` stay within `limit`; null when those of one row do not. */
function rowsFor(oh: number, most: number, limit: number, bytes: (rows: number) => number): number | null {
  let rows = most;
  while (rows > 1 && bytes(rows) > limit) rows = evenBlock(oh, rows - 1, 1);
  return bytes(rows) <= limit ? rows : null;
}

export interface DirectTiling {
  /** Rows of a tile. */
  readonly rows: number;
  readonly input: DirectInput;
}

/** Bytes of what a tile reads at most: panels of weights are in the first-level cache, these in the second. */
const INPUT_BYTES = 131072;
/** Channels beyond which gathering is as fast. */
const FEW = 32;

/** Pixels of a block of as many rows as the panels of m rows have (as/conv-direct.ts). */
function blockWidth(m: number): number {
  const rows = Math.ceil(m / panelCount(m, PANEL_ROWS));
  return rows > 3 ? 8 : rows > 2 ? 12 : 16;
}

/** Cycles of a row of a tile, roughly: two products of four lanes or two thirds of a copy in one. */
function directCost(s: ConvGeometry, { rows, input }: DirectTiling): number {
  const block = blockWidth(s.m);
  const blocks =
    input === DirectInput.ROWS ? rows * Math.ceil(s.ow / block) : Math.ceil((rows * s.ow) / block);
  const products = (s.m * s.c * s.kh * s.kw * blocks * block) / 4;
  const copies = s.c * (rows + (s.kh - 1) * s.dh) * Math.ceil(s.ow / 4) * [1, s.kw, 0][input];
  return (products / 2 + 1.5 * copies) / rows;
}

/**
 * Null where gathering is as fast: the more output channels, the more share what is gathered. Of 1×1 convolutions few input
 * channels are not worth it, either.
 */
export function directTiling(s: ConvGeometry): DirectTiling | null {
  const taps = s.kh * s.kw;
  if (s.sh * s.sw !== 1 || (taps > 1 ? s.m : Math.min(s.c, s.m)) > FEW) return null;
  const perRow = s.m * s.c * taps * s.ow;
  const most = evenBlock(s.oh, tileMacs(s.n * s.g * s.oh * perRow) / perRow, 1);
  const lines = (rows: number) => rows + (s.kh - 1) * s.dh;
  const bytes: Record<DirectInput, (rows: number) => number> = {
    [DirectInput.ROWS]: (rows) => inputBytes(s, rows),
    [DirectInput.SHIFTED]: (rows) => 4 * s.c * s.kw * lines(rows) * s.ow,
    [DirectInput.IN_PLACE]: (rows) => 4 * s.c * rows * s.ow,
  };
  const inPlace = taps === 1 && s.h === s.oh && s.w === s.ow && s.pt === 0 && s.pl === 0;
  const inputs = inPlace ? [DirectInput.IN_PLACE, DirectInput.ROWS] : [DirectInput.ROWS, DirectInput.SHIFTED];
  const tilings = inputs.flatMap((input) => {
    const rows = rowsFor(s.oh, most, INPUT_BYTES, bytes[input]);
    // A block that does not fit into the pixels of a tile would read behind the end of x.
    if (!rows || (input === DirectInput.IN_PLACE && (((s.oh - 1) % rows) + 1) * s.ow < 16)) return [];
    return [{ rows, input }];
  });
  return tilings.sort((a, b) => directCost(s, a) - directCost(s, b))[0] ?? null;
}

/** y = activation(conv(x, weights) + bias) from packed weights. */
export function directKernel(
  x: Buffer,
  packed: Buffer,
  bias: Buffer | null,
  y: Buffer,
  s: ConvGeometry,
  e: ConvEpilogue,
  { rows, input }: DirectTiling,
): WasmKernel {
  const args = [read(x), read(packed), read(bias), write(y), ...convArgs(s, e), i32(rows), i32(input)];
  return { opcode: Opcode.CONV_DIRECT, tiles: s.n * s.g * Math.ceil(s.oh / rows), args };
}

/** Rows of a step of the filter gradient, or null where gathering is faster. */
export function directGradRows(s: ConvGeometry): number | null {
  if (!isDirect(s) || s.c * s.kh * s.kw * s.m > 4096 || s.ow < 16) return null;
  const outputBytes = (rows: number) => 16 * s.m * rows * Math.ceil(s.ow / 4);
  return rowsFor(s.oh, s.oh, 2 * CACHE_BYTES, (rows) => inputBytes(s, rows) + outputBytes(rows));
}

/** Sums of dy · patches over each of `splits` parts of all rows, [splits][G·M][C][KH][KW] to `out`. */
export function directGradKernel(
  x: Buffer,
  dy: Buffer,
  out: Buffer,
  s: ConvGeometry,
  rows: number,
  splits: number,
): WasmKernel {
  const args = [read(x), write(out), read(null), read(dy), ...convArgs(s, {}), i32(rows), i32(splits)];
  return { opcode: Opcode.CONV_DIRECT_GRAD, tiles: s.g * splits, args };
}
