/** The kernels of convolutions of bytes: which one a geometry gets and how it is cut into tiles. */
import { Activation } from '../../as/kinds.ts';
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { type Buffer, f32, i32, read, scratch, type WasmArg, type WasmKernel, write } from '../ir/kernel.ts';
import { evenBlock, tileMacs } from './gemm-kernels.ts';
import { int8Type, limitsOf } from './quantization.ts';
import type { QlinearConvAttrs } from './quantized-conv.ts';
import { endOf } from './quantized-linear.ts';

export interface Int8Conv {
  readonly x: Value;
  readonly w: Value;
  readonly scale: Value;
  readonly bias: Value | null;
  readonly residual: Value | null;
  readonly y: Value;
}

/** Sizes in the order of `Int8ConvArgs`, from N to PL. */
interface Geometry {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly m: number;
  readonly oh: number;
  readonly ow: number;
  readonly kh: number;
  readonly kw: number;
  readonly sh: number;
  readonly sw: number;
  readonly dh: number;
  readonly dw: number;
  readonly pt: number;
  readonly pl: number;
}

interface Tiling {
  readonly images: number;
  readonly rows: number;
  readonly columns: number;
  readonly panels: number;
}

/** Channels of a panel. */
const PANEL = 8;
/** Bytes of a panel's head (as/int8-pack.ts). */
const HEAD = 64;
/** Pixels of a tile (as/int8-conv.ts); where taps lie apart, sums need twice the room. */
const MOST_PIXELS = 1024;
/** Bytes for the widened image of a tile, behind pixels and sums. */
const IMAGE_BYTES = Layout.SCRATCH_BYTES - 73728;
/** Squares of a tile of INT8_WINOGRAD, and bytes for all it keeps of them. */
const MOST_SQUARES = 64;
const SQUARES_BYTES = 655360;
/** Tiles that two to four threads can share evenly enough. */
const FEWEST_TILES = 8;
/** Sums up to this magnitude are exact in INT8_WINOGRAD (as/int8-winograd.ts). */
const EXACT = 2 ** 25;
/** Results up to this magnitude are rounded right without clamping (as/int8-requantize.ts). */
const ROUNDED = 2 ** 21;

const clamp = (n: number, low: number, high: number): number => Math.max(low, Math.min(high, Math.floor(n)));
const even = (all: number, wanted: number): number => Math.ceil(all / Math.ceil(all / wanted));

function geometryOf({ x, w, y }: Int8Conv, a: QlinearConvAttrs): Geometry {
  const [n, h, width, c] = x.shape;
  const [m, kh, kw] = w.shape;
  const [[sh, sw], [dh, dw], [pt, pl]] = [a.stride, a.dilation, a.padding];
  const s = { n, c, h, w: width, m, oh: y.shape[1], ow: y.shape[2], kh, kw, sh, sw, dh, dw, pt, pl };
  // What an odd last row or column would be is not needed.
  if (a.pool) return { ...s, oh: 2 * s.oh, ow: 2 * s.ow };
  const unpadded = pt === 0 && pl === 0;
  const one = { n: 1, h: 1, oh: 1, kh: 1, kw: 1, sh: 1, sw: 1, dh: 1, dw: 1 };
  // A kernel as large as its image is a 1×1 kernel over as many channels; images are then a row of pixels.
  if (unpadded && s.oh * s.ow === 1 && kh === h && kw === width && dh * dw === 1) {
    return { ...s, ...one, c: h * width * c, w: n, ow: n };
  }
  const pixels = n * h * width;
  if (unpadded && kh * kw * sh * sw === 1 && s.oh === h && s.ow === width)
    return { ...s, ...one, w: pixels, ow: pixels };
  return s;
}

/** Tiles of INT8_CONV: rows or a part of a row of one image; `unit` rows and columns belong together. */
function tiling(s: Geometry, unit: number): Tiling {
  const k = s.c * s.kh * s.kw;
  const all = Math.ceil(s.m / PANEL);
  const macs = tileMacs(s.n * s.oh * s.ow * s.m * k);
  // In lanes of pixels a row goes on to a multiple of eight.
  const together = hasPixelLanes(s) ? 8 : 1;
  const room = (columns: number) => together * Math.ceil(columns / together);
  let pixels = clamp(macs / (s.m * k), 16, MOST_PIXELS);
  const bytes = (rows: number, columns: number) =>
    2 * s.c * ((rows - 1) * s.sh + (s.kh - 1) * s.dh + 1) * ((columns - 1) * s.sw + (s.kw - 1) * s.dw + 1);
  for (;;) {
    const columns =
      unit * room(s.ow) <= pixels ? s.ow : evenBlock(s.ow, pixels / unit, Math.max(together, 4));
    const rows = clamp(Math.floor(pixels / room(columns) / unit) * unit, unit, s.oh);
    const panels = even(all, clamp(macs / (rows * columns * k * PANEL), 1, all));
    const fits = rows * room(columns) <= MOST_PIXELS && bytes(rows, columns) + 64 <= IMAGE_BYTES;
    if (fits) return { images: 1, rows, columns, panels };
    check(pixels > 1, 'unsupported', () => `qlinear_conv: ${k} products a pixel are too many.`);
    pixels = Math.floor(pixels / 2);
  }
}

/** Tiles of INT8_WINOGRAD, in squares of 4 × 4 pixels; null where the kernel does not apply or does not pay. */
function winogradTiling(s: Geometry): Tiling | null {
  if (s.kh !== 3 || s.kw !== 3 || s.sh * s.sw * s.dh * s.dw !== 1 || s.c % 8 !== 0) return null;
  const [down, across] = [Math.ceil(s.oh / 4), Math.ceil(s.ow / 4)];
  // 36 products a square against 9 a pixel, and the transforms.
  if (s.m < PANEL || 36 * down * across > 0.7 * 9 * s.oh * s.ow) return null;
  const work = 36 * s.c * s.m;
  const most = clamp(SQUARES_BYTES / (2 * s.c * 36 + 36 * 32), 4, MOST_SQUARES);
  const wanted = clamp(tileMacs(s.n * down * across * work) / work, Math.min(12, most), most);
  const columns = evenBlock(across, wanted, 1);
  const rows = columns < across ? 1 : clamp(wanted / across, 1, down);
  const images = rows * columns < down * across ? 1 : clamp(wanted / (rows * columns), 1, s.n);
  // Every tile of a square transforms it again: channels are cut only where squares give too few tiles.
  const tiles = Math.ceil(down / rows) * Math.ceil(across / columns) * Math.ceil(s.n / images);
  const all = Math.ceil(s.m / PANEL);
  return {
    images,
    rows,
    columns,
    panels: even(all, clamp((all * tiles) / FEWEST_TILES, Math.min(4, all), all)),
  };
}

/**
 * Largest magnitudes of sums with their bias, and of what is rounded or clamped in the end; of weights that are not
 * constant nothing is known.
 */
function magnitudes(t: Int8Conv, a: QlinearConvAttrs, factor: number): { sum: number; value: number } {
  const [w, scale] = [constantOf(t.w), constantOf(t.scale)];
  const bias = t.bias && constantOf(t.bias);
  if (!w || !scale || (t.bias && !bias)) return { sum: Infinity, value: Infinity };
  const [low, high] = limitsOf(a.x).map((v) => v - a.x.zeroPoint);
  const each = w.length / scale.length;
  const all = { sum: 0, value: 0 };
  for (let m = 0; m < scale.length; m++) {
    let [least, most] = [0, 0];
    for (let i = m * each; i < (m + 1) * each; i++) {
      least += Math.min(w[i] * low, w[i] * high);
      most += Math.max(w[i] * low, w[i] * high);
    }
    const sum = Math.max(-least, most) + Math.abs(bias?.[m] ?? 0);
    all.sum = Math.max(all.sum, sum);
    all.value = Math.max(all.value, sum * Math.abs(scale[m] * factor));
  }
  if (a.residual && a.y) all.value += (256 * a.residual.scale) / a.y.scale;
  return all;
}

const constantOf = ({ source }: Value): Tensor['data'] | null =>
  source.kind === 'constant' ? source.tensor.data : null;

/** The kernel that packs [m][runs][length] weights. */
function packKernel(
  opcode: Opcode,
  t: Int8Conv,
  out: Buffer,
  [m, runs, length]: readonly number[],
  factor: number,
  pixelLanes: boolean,
): WasmKernel {
  const words = [m, runs, length].map(i32);
  const args = [
    read(t.w),
    read(t.bias),
    read(t.scale),
    write(out),
    ...words,
    f32(factor),
    i32(pixelLanes ? 1 : 0),
  ];
  return { opcode, tiles: Math.ceil(m / PANEL), args };
}

/** One channel, unit steps in a row: lanes are then pixels. */
const hasPixelLanes = (s: Geometry): boolean => s.c === 1 && s.sw === 1 && s.dw === 1;

/** Whether the maxima of 2×2 sums can be taken before they become bytes: what follows never falls where they rise. */
export function poolsSums(t: Int8Conv, a: QlinearConvAttrs): boolean {
  const scale = constantOf(t.scale);
  const rises = a.activation === Activation.NONE || a.activation === Activation.RELU;
  const s = geometryOf(t, a);
  const fits = s.oh === t.y.shape[1] && s.ow === t.y.shape[2] && s.oh > 1 && s.ow > 1;
  return !!a.y && !t.residual && rises && fits && !!scale?.every((v) => v > 0) && !winogradTiling(s);
}

/** y = the end of conv(x, w): see `qlinearConvOp`. */
export function int8ConvKernels(
  t: Int8Conv,
  a: QlinearConvAttrs,
  { factor, gain }: { readonly factor: number; readonly gain: number },
): WasmKernel[] {
  const pool = a.pool ? 2 : 1;
  const s = geometryOf(t, a);
  const lanes = hasPixelLanes(s);
  const panels = Math.ceil(s.m / PANEL);
  const most = magnitudes(t, a, factor);
  const real = a.activation !== Activation.NONE && a.activation !== Activation.RELU;
  const saturates = !!a.y && !real && most.value < ROUNDED;
  const words = (packed: Buffer, cut: Tiling): WasmArg[] => {
    const [low, high] = endOf(a.y, a.activation === Activation.RELU);
    const inner = a.activation === Activation.RELU ? Activation.NONE : a.activation;
    return [
      ...[read(t.x), read(packed), read(t.residual), write(t.y)],
      ...[s.n, s.c, s.h, s.w, s.m, s.oh, s.ow, s.kh, s.kw, s.sh, s.sw, s.dh, s.dw, s.pt, s.pl].map(i32),
      ...[int8Type(a.x), a.x.zeroPoint, int8Type(a.y), a.y?.zeroPoint ?? 0].map(i32),
      ...[f32(low), f32(high), i32(int8Type(a.residual)), i32(a.residual?.zeroPoint ?? 0)],
      ...[f32(a.residual && a.y ? a.residual.scale / a.y.scale : 0), i32(inner), f32(gain)],
      ...[cut.images, cut.rows, cut.columns, cut.panels].map(i32),
      ...[saturates ? 1 : 0, lanes ? 1 : 0, pool].map(i32),
    ];
  };
  const winograd = winogradTiling(s);
  if (winograd && most.sum < EXACT) {
    const packed = scratch(panels * (HEAD + 36 * s.c * PANEL * 2));
    const blocks =
      Math.ceil(Math.ceil(s.oh / 4) / winograd.rows) * Math.ceil(Math.ceil(s.ow / 4) / winograd.columns);
    const tiles = blocks * Math.ceil(s.n / winograd.images) * Math.ceil(panels / winograd.panels);
    return [
      packKernel(Opcode.INT8_WINOGRAD_FILTER, t, packed, [s.m, 9, s.c], factor, false),
      { opcode: Opcode.INT8_WINOGRAD, tiles, args: words(packed, winograd) },
    ];
  }
  const cut = tiling(s, pool);
  const [runs, length] = s.dw > 1 ? [s.kh * s.kw, s.c] : [s.kh, s.kw * s.c];
  const pairBytes = PANEL * (lanes ? 16 : 4);
  const packed = scratch(panels * (HEAD + runs * Math.ceil(length / 2) * pairBytes));
  const blocks = Math.ceil(s.oh / cut.rows) * Math.ceil(s.ow / cut.columns);
  return [
    packKernel(Opcode.INT8_PACK, t, packed, [s.m, runs, length], factor, lanes),
    {
      opcode: Opcode.INT8_CONV,
      tiles: s.n * blocks * Math.ceil(panels / cut.panels),
      args: words(packed, cut),
    },
  ];
}
