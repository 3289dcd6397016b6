/** Maximum and average pooling over NCHW, any window, stride, padding, dilation; ceil mode. */
import { PoolKind } from '../../as/kinds.ts';
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { showType, type Tensor, type TensorType } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { i32, read, type WasmArg, type WasmKernel, write } from '../ir/kernel.ts';
import { defineOp, noGrad, type OpDef } from '../ir/op.ts';
import { avgPoolGradShader, avgPoolShader, maxPoolGradShader, maxPoolShader } from './pool-webgpu.ts';

export interface PoolAttrs {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** top, left, bottom, right. */
  readonly padding: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
  /** Also windows that start inside the padded image and end outside. */
  readonly ceilMode: boolean;
  /** Average: whether padding counts into the divisor (PyTorch's default, not ONNX's). */
  readonly countIncludePad: boolean;
  /** Average: a fixed divisor instead of the window's size; 1 makes a sum. */
  readonly divisorOverride?: number;
}

/** Output size along one dimension, as in PyTorch: the last window must start inside the image or left padding. */
function outSize(
  n: number,
  k: number,
  s: number,
  before: number,
  after: number,
  d: number,
  ceil: boolean,
): number {
  const span = n + before + after - d * (k - 1) - 1;
  if (!ceil) return Math.floor(span / s) + 1;
  const out = Math.ceil(span / s) + 1;
  return (out - 1) * s >= n + before ? out - 1 : out;
}

function infer(name: string, x: TensorType, a: PoolAttrs): TensorType[] {
  check(
    x.shape.length === 4 && x.dtype === 'f32',
    'shape',
    () => `${name} takes f32[N×C×H×W], not ${showType(x)}.`,
  );
  const { kernel, stride, dilation, padding, divisorOverride: divisor } = a;
  check(
    [...kernel, ...stride, ...dilation, divisor ?? 1].every((v) => Number.isInteger(v) && v > 0),
    'shape',
    () =>
      `${name}: kernel [${kernel}], stride [${stride}], dilation [${dilation}] and divisor ${divisor ?? ''} must be positive integers.`,
  );
  check(
    padding.every((v) => Number.isInteger(v) && v >= 0),
    'shape',
    () => `${name}: padding [${padding}] must be integers from 0.`,
  );
  const [n, c, h, w] = x.shape;
  const [t, l, b, r] = padding;
  const oh = outSize(h, a.kernel[0], a.stride[0], t, b, a.dilation[0], a.ceilMode);
  const ow = outSize(w, a.kernel[1], a.stride[1], l, r, a.dilation[1], a.ceilMode);
  check(
    oh > 0 && ow > 0,
    'shape',
    () => `${name}: a ${a.kernel.join('×')} window does not fit into ${showType(x)}.`,
  );
  const widest = Math.max(t, b) < a.kernel[0] * a.dilation[0] && Math.max(l, r) < a.kernel[1] * a.dilation[1];
  check(widest, 'shape', () => `${name}: padding [${a.padding}] leaves windows with no element in them.`);
  return [{ dtype: 'f32', shape: [n, c, oh, ow] }];
}

/** Calls back for every element inside each window of a plane; returns nothing, allocates nothing. */
function forWindow(
  [h, w]: readonly number[],
  a: PoolAttrs,
  oy: number,
  ox: number,
  visit: (index: number) => void,
): void {
  const y0 = oy * a.stride[0] - a.padding[0];
  const x0 = ox * a.stride[1] - a.padding[1];
  for (let ky = 0; ky < a.kernel[0]; ky++) {
    const y = y0 + ky * a.dilation[0];
    if (y < 0 || y >= h) continue;
    for (let kx = 0; kx < a.kernel[1]; kx++) {
      const x = x0 + kx * a.dilation[1];
      if (x >= 0 && x < w) visit(y * w + x);
    }
  }
}

/** Elements that an average's window counts along one dimension. */
function counted(
  o: number,
  n: number,
  k: number,
  s: number,
  before: number,
  after: number,
  d: number,
  pad: boolean,
) {
  let count = 0;
  for (let i = 0; i < k; i++) {
    const at = o * s - before + i * d;
    if (pad ? at < n + after : at >= 0 && at < n) count++;
  }
  return count;
}

function divisor([h, w]: readonly number[], a: PoolAttrs, oy: number, ox: number): number {
  if (a.divisorOverride) return a.divisorOverride;
  const [t, l, b, r] = a.padding;
  const rows = counted(oy, h, a.kernel[0], a.stride[0], t, b, a.dilation[0], a.countIncludePad);
  return rows * counted(ox, w, a.kernel[1], a.stride[1], l, r, a.dilation[1], a.countIncludePad);
}

/** Calls back for each output element with its plane's offset in x. */
function forEach(
  x: TensorType,
  y: TensorType,
  visit: (o: number, plane: number, oy: number, ox: number) => void,
): void {
  const [n, c, oh, ow] = y.shape;
  const area = x.shape[2] * x.shape[3];
  let o = 0;
  for (let p = 0; p < n * c; p++) {
    for (let oy = 0; oy < oh; oy++) for (let ox = 0; ox < ow; ox++) visit(o++, p * area, oy, ox);
  }
}

function kernel(
  opcode: Opcode,
  kind: PoolKind,
  buffers: readonly WasmArg[],
  x: TensorType,
  y: TensorType,
  a: PoolAttrs,
): WasmKernel[] {
  const [n, c, h, w] = x.shape;
  const [, , oh, ow] = y.shape;
  const planes = Math.max(1, Math.floor(Layout.TILE / (h * w)));
  const [t, l, b, r] = a.padding;
  // The kernel keeps a padded row in its scratch (as/pool.ts).
  const row = (ow + 3) * a.stride[1] + (a.kernel[1] - 1) * a.dilation[1] + 9;
  check(
    4 * row <= Layout.SCRATCH_BYTES,
    'unsupported',
    () => `Pooling over rows of ${row} pixels: at most ${Layout.SCRATCH_BYTES / 4} are possible.`,
  );
  const words = [kind, n * c, planes, h, w, oh, ow, ...a.kernel, ...a.stride, t, l, b, r, ...a.dilation];
  return [
    {
      opcode,
      tiles: Math.ceil((n * c) / planes),
      args: [...buffers, ...[...words, a.countIncludePad ? 1 : 0, a.divisorOverride ?? 0].map(i32)],
    },
  ];
}

const maxPoolGradOp = defineOp<PoolAttrs>({
  name: 'max_pool2d_grad',
  infer: ([x]) => [x!],
  grad: noGrad,
  reference([x, y, dy], [dx], a) {
    const plane = x!.shape.slice(2);
    dx.data.fill(0);
    forEach(x!, y!, (o, at, oy, ox) => {
      let winner = -1;
      forWindow(plane, a, oy, ox, (i) => {
        const v = x!.data[at + i];
        if (winner < 0 && (v === y!.data[o] || Number.isNaN(v))) winner = i;
      });
      if (winner >= 0) dx.data[at + winner] += dy!.data[o];
    });
  },
  wasm: ({ inputs: [x, y, dy], outputs: [dx], attrs }) =>
    kernel(Opcode.POOL_GRAD, PoolKind.MAX, [read(x), read(y), read(dy), write(dx)], dx, y!, attrs),
  webgpu: ({ inputs: [x, y, dy], outputs: [dx], attrs }) => [maxPoolGradShader(x!, y!, dy!, dx, attrs)],
});

const maxPoolOp = defineOp<PoolAttrs>({
  name: 'max_pool2d',
  infer: ([x], attrs) => infer('max_pool2d', x!, attrs),
  grad: ({ inputs: [x], outputs: [y], attrs }, [dy]) => [apply1(maxPoolGradOp, [x, y, dy], attrs)],
  reference([x], [y], a) {
    const plane = x!.shape.slice(2);
    forEach(x!, y, (o, at, oy, ox) => {
      let best = Number.NEGATIVE_INFINITY;
      forWindow(plane, a, oy, ox, (i) => {
        best = Math.max(best, x!.data[at + i]);
      });
      y.data[o] = best;
    });
  },
  wasm: ({ inputs: [x], outputs: [y], attrs }) =>
    kernel(Opcode.POOL, PoolKind.MAX, [read(x), write(y), read(null), read(null)], x!, y, attrs),
  webgpu: ({ inputs: [x], outputs: [y], attrs }) => [maxPoolShader(x!, y, attrs)],
});

/** dx from dy and, for its shape alone, x. */
const avgPoolGradOp: OpDef<PoolAttrs & { readonly shape: readonly number[] }> = defineOp({
  name: 'avg_pool2d_grad',
  infer: (_, { shape }) => [{ dtype: 'f32', shape }],
  grad: noGrad,
  reference([dy], [dx], a) {
    const plane = dx.shape.slice(2);
    const sums = new Float64Array(dx.data.length);
    forEach(dx, dy as Tensor, (o, at, oy, ox) => {
      const share = dy!.data[o] / divisor(plane, a, oy, ox);
      forWindow(plane, a, oy, ox, (i) => {
        sums[at + i] += share;
      });
    });
    dx.data.set(sums);
  },
  wasm: ({ inputs: [dy], outputs: [dx], attrs }) =>
    kernel(Opcode.POOL_GRAD, PoolKind.AVERAGE, [read(null), read(null), read(dy), write(dx)], dx, dy!, attrs),
  webgpu: ({ inputs: [dy], outputs: [dx], attrs }) => [avgPoolGradShader(dy!, dx, attrs)],
});

const avgPoolOp = defineOp<PoolAttrs>({
  name: 'avg_pool2d',
  infer: ([x], attrs) => infer('avg_pool2d', x!, attrs),
  grad: ({ inputs: [x], attrs }, [dy]) => [apply1(avgPoolGradOp, [dy], { ...attrs, shape: x!.shape })],
  reference([x], [y], a) {
    const plane = x!.shape.slice(2);
    forEach(x!, y, (o, at, oy, ox) => {
      let sum = 0;
      forWindow(plane, a, oy, ox, (i) => {
        sum += x!.data[at + i];
      });
      y.data[o] = sum / divisor(plane, a, oy, ox);
    });
  },
  wasm: ({ inputs: [x], outputs: [y], attrs }) =>
    kernel(Opcode.POOL, PoolKind.AVERAGE, [read(x), write(y), read(null), read(null)], x!, y, attrs),
  webgpu: ({ inputs: [x], outputs: [y], attrs }) => [avgPoolShader(x!, y, attrs)],
});

type Pair = number | readonly [number, number];
const pair = (p: Pair): readonly [number, number] => (typeof p === 'number' ? [p, p] : p);

export interface PoolOptions {
  /** Default: the kernel's size. */
  readonly stride?: Pair;
  readonly padding?: Pair | readonly [number, number, number, number];
  readonly dilation?: Pair;
  readonly ceilMode?: boolean;
  readonly countIncludePad?: boolean;
  readonly divisorOverride?: number;
}

function attrsOf(kernelSize: Pair, o: PoolOptions): PoolAttrs {
  const p = o.padding ?? 0;
  const [ph, pw] = typeof p === 'number' || p.length === 2 ? pair(p as Pair) : [0, 0];
  return {
    kernel: pair(kernelSize),
    stride: pair(o.stride ?? kernelSize),
    padding: typeof p !== 'number' && p.length === 4 ? p : [ph, pw, ph, pw],
    dilation: pair(o.dilation ?? 1),
    ceilMode: o.ceilMode ?? false,
    countIncludePad: o.countIncludePad ?? true,
    divisorOverride: o.divisorOverride,
  };
}

/** Maximum over windows of x [N,C,H,W]. Padding never wins. Options as in torch.nn.MaxPool2d. */
export const maxPool2d = (x: Value, kernelSize: Pair, options: PoolOptions = {}): Value =>
  apply1(maxPoolOp, [x], attrsOf(kernelSize, options));

/** Average over windows of x [N,C,H,W]. Options as in torch.nn.AvgPool2d. */
export const avgPool2d = (x: Value, kernelSize: Pair, options: PoolOptions = {}): Value =>
  apply1(avgPoolOp, [x], attrsOf(kernelSize, options));

export const poolOps = { max_pool2d: maxPoolOp, avg_pool2d: avgPoolOp };
