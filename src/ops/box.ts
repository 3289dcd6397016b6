/** Strided copies between boxes: what transpose, slice, pad, concat and expand lower to. */
import { Layout, Opcode } from '../../as/protocol.ts';
import { sizeOf, stridesOf, type TensorData } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import {
  f32,
  i32,
  read,
  reads,
  type WasmKernel,
  type WebgpuKernel,
  write,
  writePart,
  writes,
  writesPart,
} from '../ir/kernel.ts';
import { outerFive } from './outer.ts';
import { eachKernel, float, offsets, vectorKernel } from './wgsl.ts';

/** y[yOffset + i·yStrides] = x[xOffset + i·xStrides] for all i in `dims`; offsets and strides in elements. */
export interface BoxCopy {
  readonly dims: readonly number[];
  readonly xStrides: readonly number[];
  readonly xOffset: number;
  readonly yStrides: readonly number[];
  readonly yOffset: number;
}

/** Drops dimensions of size 1 and merges neighbours that are contiguous on both sides. */
function collapse(box: BoxCopy): { dims: number[]; xs: number[]; ys: number[] } {
  const out = { dims: [] as number[], xs: [] as number[], ys: [] as number[] };
  box.dims.forEach((n, i) => {
    if (n === 1) return;
    const last = out.dims.length - 1;
    if (last >= 0 && out.xs[last] === box.xStrides[i] * n && out.ys[last] === box.yStrides[i] * n) {
      out.dims[last] *= n;
      out.xs[last] = box.xStrides[i];
      out.ys[last] = box.yStrides[i];
    } else {
      out.dims.push(n);
      out.xs.push(box.xStrides[i]);
      out.ys.push(box.yStrides[i]);
    }
  });
  return out;
}

/** The kernels of a copy; none when the box is empty. `part`: other kernels of the node write the rest of y. */
export function copyKernels(name: string, x: Value, y: Value, box: BoxCopy, part = false): WasmKernel[] {
  if (sizeOf(box.dims) === 0) return [];
  const { dims, xs, ys } = collapse(box);
  // One long contiguous run is cut into rows so that threads can share it; the last row is a copy of its own.
  if (dims.length === 1 && xs[0] === 1 && ys[0] === 1 && dims[0] > 2 * Layout.TILE) {
    const rows = Math.floor(dims[0] / Layout.TILE);
    const rest = dims[0] - rows * Layout.TILE;
    const done = rows * Layout.TILE;
    const head = {
      ...box,
      dims: [rows, Layout.TILE],
      xStrides: [Layout.TILE, 1],
      yStrides: [Layout.TILE, 1],
    };
    const tail = {
      dims: [rest],
      xStrides: [1],
      yStrides: [1],
      xOffset: box.xOffset + done,
      yOffset: box.yOffset + done,
    };
    return [
      record(name, x, y, head, head.dims, head.xStrides, head.yStrides, true),
      ...(rest ? copyKernels(name, x, y, tail, true) : []),
    ];
  }
  return [record(name, x, y, box, dims, xs, ys, part)];
}

function record(
  name: string,
  x: Value,
  y: Value,
  box: BoxCopy,
  allDims: readonly number[],
  allXs: readonly number[],
  allYs: readonly number[],
  part: boolean,
): WasmKernel {
  const [dims, xs, ys] = [[...allDims], [...allXs], [...allYs]];
  const inner = dims.pop() ?? 1;
  const [xStep, yStep] = [xs.pop() ?? 1, ys.pop() ?? 1];
  const outer = sizeOf(dims);
  const rows = Math.max(1, Math.floor(Layout.TILE / inner));
  return {
    opcode: Opcode.COPY,
    tiles: Math.ceil(outer / rows),
    args: [
      read(x),
      part ? writePart(y) : write(y),
      ...[box.xOffset, box.yOffset, outer, rows, inner, xStep, yStep].map(i32),
      ...outerFive(name, dims, 1).map(i32),
      ...outerFive(name, xs, 0).map(i32),
      ...outerFive(name, ys, 0).map(i32),
    ],
  };
}

/** Sets all of y to one value. */
export function fillKernel(y: Value, value: number): WasmKernel {
  const count = sizeOf(y.shape);
  return {
    opcode: Opcode.FILL,
    tiles: Math.ceil(count / Layout.TILE),
    args: [write(y), i32(count), y.dtype === 'f32' ? f32(value) : i32(value)],
  };
}

/** The copy on WebGPU, as bits; none when the box is empty. `part`: other kernels of the node write the rest of y. */
export function copyShaders(x: Value, y: Value, box: BoxCopy, part = false): WebgpuKernel[] {
  const { dims, xs, ys } = collapse(box);
  const args = [reads('x', x, 'u32'), (part ? writesPart : writes)('y', y, 'u32')];
  const walks = { px: { start: box.xOffset, strides: xs }, py: { start: box.yOffset, strides: ys } };
  const count = sizeOf(box.dims);
  return count ? [eachKernel(count, args, `${offsets('i', dims, walks)}y[py] = x[px];`)] : [];
}

/** Sets all of y to one value, on WebGPU. */
export function fillShader(y: Value, value: number): WebgpuKernel {
  const f = y.dtype === 'f32';
  const text = f ? `vec4f(${float(value)})` : `vec4i(${value}i)`;
  return vectorKernel(sizeOf(y.shape), [writes('y', y, f ? 'vec4f' : 'vec4i')], `y[i] = ${text};`);
}

/** The same copy as plain loops. */
export function copyReference(
  x: TensorData,
  y: TensorData,
  { dims, xStrides, xOffset, yStrides, yOffset }: BoxCopy,
): void {
  const steps = stridesOf(dims);
  const count = sizeOf(dims);
  for (let i = 0; i < count; i++) {
    let from = xOffset;
    let to = yOffset;
    for (let d = 0; d < dims.length; d++) {
      const at = Math.floor(i / steps[d]) % dims[d];
      from += at * xStrides[d];
      to += at * yStrides[d];
    }
    y[to] = x[from];
  }
}
