/** Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3), as in PyTorch and ONNX. */
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { showType, sizeOf, type Tensor } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { f32, i32, read, reads, type WasmArg, type WasmKernel, write, writes } from '../ir/kernel.ts';
import { defineOp, noGrad } from '../ir/op.ts';
import { eachKernel, float, uint } from './wgsl.ts';

export interface LrnAttrs {
  /** Channels of a window: c − ⌊size/2⌋ … c + ⌊(size − 1)/2⌋. */
  readonly size: number;
  /** Divided by `size`: the paper's α is this one over n. */
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}

/** Floats of a tile's private scratch. */
const SCRATCH_FLOATS = Layout.SCRATCH_BYTES / 4;

function kernel(
  opcode: Opcode,
  buffers: WasmArg[],
  [n, c, ...rest]: readonly number[],
  a: LrnAttrs,
): WasmKernel[] {
  const plane = sizeOf(rest);
  // All channels of a block of pixels are about 32 KiB: they are read SIZE times.
  const pixels = 4 * Math.max(1, Math.min(Math.floor(2048 / c), Math.ceil(plane / 4)));
  const tail = [i32(c), i32(plane), i32(a.size), f32(a.alpha), f32(a.beta), f32(a.k), i32(pixels)];
  return [{ opcode, tiles: n * Math.ceil(plane / pixels), args: [...buffers, ...tail] }];
}

/** b = k + α/size · Σ x² of every element. */
function bases({ shape, data }: Tensor, { size, alpha, k }: LrnAttrs): Float64Array {
  const [, c, ...rest] = shape;
  const plane = sizeOf(rest);
  return Float64Array.from(data, (_, i) => {
    const channel = Math.floor(i / plane) % c;
    let sum = 0;
    for (let j = channel - Math.floor(size / 2); j <= channel + Math.floor((size - 1) / 2); j++) {
      if (j >= 0 && j < c) sum += data[i + (j - channel) * plane] ** 2;
    }
    return k + (alpha / size) * sum;
  });
}

/** `base(i)`: b of element i , the sum over its window of channels. */
const baseFunction = ([, c, ...rest]: readonly number[], { size, alpha, k }: LrnAttrs): string => `
fn channelOf(i: u32) -> i32 { return i32(i / ${uint(sizeOf(rest))} % ${uint(c)}); }
fn base(i: u32) -> f32 {
  let channel = channelOf(i);
  var sum = 0f;
  for (var j = max(0i, channel - ${Math.floor(size / 2)}i); j <= min(${c - 1}i, channel + ${Math.floor((size - 1) / 2)}i); j++) {
    let v = x[i + u32(j - channel) * ${uint(sizeOf(rest))}];
    sum += v * v;
  }
  return ${float(k)} + ${float(alpha / size)} * sum;
}`;

const gradOp = defineOp<LrnAttrs>({
  name: 'local_response_norm_grad',
  infer: ([x]) => [x!],
  grad: noGrad,
  reference([x, dy], [dx], a) {
    const [, c, ...rest] = dx.shape;
    const plane = sizeOf(rest);
    const b = bases(x as Tensor, a);
    const term = Float64Array.from(b, (base, i) => dy!.data[i] * x!.data[i] * base ** (-a.beta - 1));
    for (let i = 0; i < b.length; i++) {
      const channel = Math.floor(i / plane) % c;
      let sum = 0;
      for (let j = channel - Math.floor((a.size - 1) / 2); j <= channel + Math.floor(a.size / 2); j++) {
        if (j >= 0 && j < c) sum += term[i + (j - channel) * plane];
      }
      dx.data[i] = dy!.data[i] * b[i] ** -a.beta - ((2 * a.alpha * a.beta) / a.size) * x!.data[i] * sum;
    }
  },
  wasm: ({ inputs: [x, dy], outputs: [dx], attrs }) =>
    kernel(Opcode.LOCAL_RESPONSE_NORM_GRAD, [read(x), read(dy), write(dx)], dx.shape, attrs),
  webgpu({ inputs: [x, dy], outputs: [dx], attrs }) {
    const [, c, ...rest] = dx.shape;
    const { size, alpha, beta } = attrs;
    const body = `let channel = channelOf(i);
  var sum = 0f;
  for (var j = max(0i, channel - ${Math.floor((size - 1) / 2)}i); j <= min(${c - 1}i, channel + ${Math.floor(size / 2)}i); j++) {
    let at = i + u32(j - channel) * ${uint(sizeOf(rest))};
    sum += dy[at] * x[at] * pow(base(at), ${float(-beta - 1)});
  }
  dx[i] = dy[i] * pow(base(i), ${float(-beta)}) - ${float((2 * alpha * beta) / size)} * x[i] * sum;`;
    const args = [reads('x', x!), reads('dy', dy!), writes('dx', dx)];
    return [eachKernel(sizeOf(dx.shape), args, body, baseFunction(dx.shape, attrs))];
  },
});

const lrnOp = defineOp<LrnAttrs>({
  name: 'local_response_norm',
  infer([x], { size }) {
    check(
      x!.dtype === 'f32' && x!.shape.length >= 2 && x!.shape[1] * 4 <= SCRATCH_FLOATS,
      'shape',
      () =>
        `local_response_norm takes f32[N×C×…] with at most ${SCRATCH_FLOATS / 4} channels, not ${showType(x!)}.`,
    );
    check(
      Number.isInteger(size) && size > 0,
      'shape',
      () => `local_response_norm: the window must be a whole number of channels from 1, not ${size}.`,
    );
    return [x!];
  },
  grad: ({ inputs: [x], attrs }, [dy]) => [apply1(gradOp, [x, dy], attrs)],
  reference([x], [y], a) {
    const b = bases(x as Tensor, a);
    for (let i = 0; i < b.length; i++) y.data[i] = x!.data[i] * b[i] ** -a.beta;
  },
  wasm: ({ inputs: [x], outputs: [y], attrs }) =>
    kernel(Opcode.LOCAL_RESPONSE_NORM, [read(x), read(null), write(y)], y.shape, attrs),
  webgpu({ inputs: [x], outputs: [y], attrs }) {
    const body = `y[i] = x[i] * pow(base(i), ${float(-attrs.beta)});`;
    const args = [reads('x', x!), writes('y', y)];
    return [eachKernel(sizeOf(y.shape), args, body, baseFunction(y.shape, attrs))];
  },
});

/** y = x·(k + alpha/size · Σ x²)^−beta, the sum over a window of `size` channels; x [N,C,…]. */
export const localResponseNorm = (
  x: Value,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: Partial<Omit<LrnAttrs, 'size'>> = {},
): Value => apply1(lrnOp, [x], { size, alpha, beta, k });

export const lrnOps = { local_response_norm: lrnOp };
