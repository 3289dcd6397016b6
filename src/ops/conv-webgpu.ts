/**
 * The shaders of a convolution and of its gradient to the input. The latter, and transposed convolution, are
 * convolutions, too: one for every phase of the stride, with the taps that meet its pixels.
 */
import { sizeOf } from '../core/tensor.ts';
import {
  type Buffer,
  type GpuTraits,
  reads,
  type Scratch,
  scratch,
  type WebgpuKernel,
  writes,
} from '../ir/kernel.ts';
import { flattened, isLinear, isStatic } from './conv-kernels.ts';
import type { ConvEpilogue, ConvGeometry } from './conv-shape.ts';
import { isTiled, tiledConvShader, tiledWeights } from './conv-tiled-webgpu.ts';
import { type Axis, type ConvTile, convShader, convTile, type Pass, type Taps } from './conv-wgsl.ts';
import { gemmShader, linearShaders } from './gemm-webgpu.ts';
import { packed as pair } from './half-wgsl.ts';
import { eachKernel, offsets, range, uint } from './wgsl.ts';

/** Steps in elements of the weights: of a group, an output channel, an input channel, a row of the kernel. */
interface Weights {
  readonly group: number;
  readonly m: number;
  readonly c: number;
  readonly row: number;
}

/** Weights as [group][tile][c][row][column][channel of the tile], zero where a tile is not full. */
function packShader(w: Buffer, p: Pass, s: Weights, t: ConvTile): { packed: Scratch; kernel: WebgpuKernel } {
  const [rows, columns] = [p.rows.taps, p.columns.taps];
  // Channels that an invocation packs.
  const step = t.half ? 2 : 1;
  const dims = [p.g, Math.ceil(p.m / t.channels), p.c, rows.count, columns.count, t.channels / step];
  const packed = scratch(4 * sizeOf(dims));
  const at = {
    start: rows.first * s.row + columns.first,
    strides: [s.group, t.channels * s.m, s.c, rows.step * s.row, columns.step, step * s.m],
  };
  const walks = { at, channel: { strides: [0, t.channels, 0, 0, 0, step] } };
  const weight = (i: number) => `select(0f, w[at + ${uint(i * s.m)}], channel + ${i} < ${uint(p.m)})`;
  const body = `${offsets('i', dims, walks)}packed[i] = ${t.half ? pair(weight(0), weight(1)) : weight(0)};`;
  const to = writes('packed', packed, t.half ? 'u32' : 'f32');
  return { packed, kernel: eachKernel(sizeOf(dims), [to, reads('w', w)], body) };
}

/** One dimension of a convolution. */
const forwardAxis = (
  input: number,
  output: number,
  kernel: number,
  stride: number,
  dilation: number,
  before: number,
): Axis => ({
  ...{ input, size: output, stride, output, start: 0, spread: 1 },
  taps: { count: kernel, first: 0, step: 1, shift: -before, move: dilation },
});

/** y = activation(conv(x, w) + bias + residual), w [G·M][C][KH][KW]. */
export function convShaders(
  x: Buffer,
  w: Buffer,
  bias: Buffer | null,
  y: Buffer,
  s0: ConvGeometry,
  e: ConvEpilogue,
  gpu: GpuTraits,
): WebgpuKernel[] {
  const s = flattened(s0);
  const taps = s.kh * s.kw;
  const k = s.c * taps;
  if (isLinear(s) && !e.residual) {
    const shape = { m: s.n, n: s.m, k, a: { row: k, column: 1 }, b: { row: 1, column: k } };
    return linearShaders(x, w, bias, y, shape, e, gpu);
  }
  const pass: Pass = {
    ...{ n: s.n, g: s.g, c: s.c, m: s.m },
    rows: forwardAxis(s.h, s.oh, s.kh, s.sh, s.dh, s.pt),
    columns: forwardAxis(s.w, s.ow, s.kw, s.sw, s.dw, s.pl),
  };
  const weights = { group: s.m * k, m: k, c: taps, row: s.kw };
  const how = { half: gpu.half === true && isStatic(w), part: false };
  return passShaders(x, w, bias, y, pass, weights, e, gpu, how);
}

/** The weights of a pass, packed, and its results. */
function passShaders(
  x: Buffer,
  w: Buffer,
  bias: Buffer | null,
  y: Buffer,
  pass: Pass,
  weights: Weights,
  e: ConvEpilogue,
  gpu: GpuTraits,
  { half, part }: { readonly half: boolean; readonly part: boolean },
): WebgpuKernel[] {
  const tiled = isTiled(pass, gpu);
  const tile = tiled ? tiledWeights(half) : convTile(pass, gpu, half);
  const { packed, kernel } = packShader(w, pass, weights, tile);
  const shader = tiled ? tiledConvShader : convShader;
  return [kernel, shader(x, packed, bias, y, pass, tile, e, part)];
}

/**
 * The pixels i of a convolution's input for which i + before ≡ phase modulo the stride, made from its output: pixel
 * q·stride + start is read by tap k at output pixel (q·stride + start + before − k·dilation) / stride.
 */
function phaseAxis(
  phase: number,
  input: number,
  output: number,
  kernel: number,
  stride: number,
  dilation: number,
  before: number,
): Axis {
  const start = (((phase - before) % stride) + stride) % stride;
  const size = Math.max(0, Math.ceil((input - start) / stride));
  const meeting = range(kernel).filter((k) => (start + before - k * dilation) % stride === 0);
  const shiftOf = (k: number) => (start + before - k * dilation) / stride;
  const [first, second] = meeting;
  const taps: Taps = meeting.length
    ? {
        count: meeting.length,
        first,
        step: second === undefined ? 0 : second - first,
        shift: shiftOf(first),
        move: second === undefined ? 0 : shiftOf(second) - shiftOf(first),
      }
    : { count: 0, first: 0, step: 0, shift: 0, move: 0 };
  return { input: output, size, stride: 1, output: input, start, spread: stride, taps };
}

/** x = activation(convᵀ(y, w) + bias): the gradient of a convolution to its input, or a transposed convolution. */
export function convTransposeShaders(
  y: Buffer,
  w: Buffer,
  bias: Buffer | null,
  x: Buffer,
  s0: ConvGeometry,
  e: ConvEpilogue,
  gpu: GpuTraits,
): WebgpuKernel[] {
  const s = flattened(s0);
  const taps = s.kh * s.kw;
  if (isLinear(s) && !bias) {
    const n = s.c * taps;
    const shape = { m: s.n, n, k: s.m, a: { row: s.m, column: 1 }, b: { row: n, column: 1 } };
    return [gemmShader(y, w, null, x, shape, e, gpu)];
  }
  const weights = { group: s.m * s.c * taps, m: taps, c: s.c * taps, row: s.kw };
  const phases = range(s.sh).flatMap((row) => range(s.sw).map((column) => [row, column] as const));
  return phases.flatMap(([row, column]) => {
    const pass: Pass = {
      ...{ n: s.n, g: s.g, c: s.m, m: s.c },
      rows: phaseAxis(row, s.h, s.oh, s.kh, s.sh, s.dh, s.pt),
      columns: phaseAxis(column, s.w, s.ow, s.kw, s.sw, s.dw, s.pl),
    };
    if (!pass.rows.size || !pass.columns.size) return [];
    const how = { half: false, part: phases.length > 1 };
    return passShaders(y, w, bias, x, pass, weights, e, gpu, how);
  });
}
