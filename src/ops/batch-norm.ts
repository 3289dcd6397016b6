/**
 * Batch normalisation (Ioffe & Szegedy 2015, algorithm 1) over all dimensions but the second, as in PyTorch: the
 * biased variance normalises, the unbiased one goes into the running statistics.
 */
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { type Shape, showType, sizeOf, type Tensor, type TensorType, tensor } from '../core/tensor.ts';
import { apply, apply1, type Value } from '../ir/graph.ts';
import { f32, i32, read, type WasmKernel, write } from '../ir/kernel.ts';
import { defineOp, noGrad } from '../ir/op.ts';
import { batchNormGradShaders, batchNormShaders, channelAffineShader } from './batch-norm-webgpu.ts';
import { mul, sub } from './binary.ts';
import { absorbActivation, type Epilogue } from './conv-shape.ts';
import { activationFunction, unary } from './elementwise.ts';
import { reduceSum } from './reduce.ts';

/** The shape as [N][C][plane]. */
const split = (shape: Shape): readonly [number, number, number] => [
  shape[0],
  shape[1],
  sizeOf(shape.slice(2)),
];

/** Checks x [N,C,…] and tensors [C] that go with it. */
function checkChannels(name: string, x: TensorType, ...rest: readonly (TensorType | null)[]): void {
  check(
    x.shape.length >= 2 && x.dtype === 'f32' && sizeOf(x.shape) > 0,
    'shape',
    () => `${name} takes f32[N×C×…], not ${showType(x)}.`,
  );
  for (const t of rest) {
    check(
      !t || (t.dtype === 'f32' && t.shape.length === 1 && t.shape[0] === x.shape[1]),
      'shape',
      () => `${name}: ${showType(x)} needs one number a channel, f32[${x.shape[1]}], not ${showType(t!)}.`,
    );
  }
}

/** Calls back for every element with its index and channel. */
function forChannels(shape: Shape, visit: (i: number, channel: number) => void): void {
  const [n, c, plane] = split(shape);
  for (let i = 0; i < n * c * plane; i++) visit(i, Math.floor(i / plane) % c);
}

/** Mean and mean square deviation of each channel. */
function momentsOf({ shape, data }: Tensor): { mean: Float64Array; variance: Float64Array; count: number } {
  const c = shape[1];
  const count = data.length / c;
  const mean = new Float64Array(c);
  const variance = new Float64Array(c);
  forChannels(shape, (i, k) => (mean[k] += data[i] / count));
  forChannels(shape, (i, k) => (variance[k] += (data[i] - mean[k]) ** 2 / count));
  return { mean, variance, count };
}

/** Up to four channels side by side, for the cache's sake, but eight tiles or more for the threads. */
const channelsPerTile = ([n, c, plane]: readonly number[]): number =>
  Math.min(c, Math.max(Math.min(4, Math.ceil(c / 8)), Math.floor(Layout.TILE / (n * plane))));

export interface BatchNormAttrs extends Epilogue {
  readonly eps: number;
  /** Weight of the new statistics in the running ones. */
  readonly momentum: number;
}

const batchNormGradOp = defineOp<null>({
  name: 'batch_norm_grad',
  infer: ([x, gamma]) => [x!, gamma!, gamma!],
  grad: noGrad,
  reference([x, gamma, mean, istd, dy], [dx, dGamma, dBeta]) {
    const count = x!.data.length / gamma!.data.length;
    const sums = new Float64Array(gamma!.data.length);
    const products = new Float64Array(gamma!.data.length);
    const normal = (i: number, c: number) => (x!.data[i] - mean!.data[c]) * istd!.data[c];
    forChannels(x!.shape, (i, c) => {
      sums[c] += dy!.data[i];
      products[c] += dy!.data[i] * normal(i, c);
    });
    dGamma.data.set(products);
    dBeta.data.set(sums);
    forChannels(x!.shape, (i, c) => {
      const centred = dy!.data[i] - sums[c] / count - (normal(i, c) * products[c]) / count;
      dx.data[i] = gamma!.data[c] * istd!.data[c] * centred;
    });
  },
  wasm({ inputs, outputs }): WasmKernel[] {
    const sizes = split(inputs[0]!.shape);
    const perTile = channelsPerTile(sizes);
    const args = [...inputs.map((v) => read(v)), ...outputs.map((v) => write(v))];
    return [
      {
        opcode: Opcode.BATCH_NORM_GRAD,
        tiles: Math.ceil(sizes[1] / perTile),
        args: [...args, ...[...sizes, perTile].map(i32)],
      },
    ];
  },
  webgpu: ({ inputs, outputs }) => batchNormGradShaders(inputs, outputs),
  inPlace: [[0, 4]],
});

/** x, gamma, beta, running mean, running variance (the last two or neither) → y, mean, 1/σ, next running ones. */
const batchNormOp = defineOp<BatchNormAttrs>({
  name: 'batch_norm',
  infer([x, gamma, beta, mean, variance]) {
    checkChannels('batch_norm', x!, gamma, beta, mean, variance);
    check(!mean === !variance, 'shape', () => 'batch_norm: give both running statistics or neither.');
    return mean ? [x!, gamma!, gamma!, gamma!, gamma!] : [x!, gamma!, gamma!];
  },
  grad({ inputs: [x, gamma], outputs: [, mean, istd] }, [dy]) {
    return dy ? apply(batchNormGradOp, [x, gamma, mean, istd, dy], null) : [];
  },
  reference([x, gamma, beta, runningMean, runningVar], [y, mean, istd, meanOut, varOut], a) {
    const f = activationFunction(a.activation ?? 0, a.alpha);
    const m = momentsOf(x as Tensor);
    const inverse = m.variance.map((v) => 1 / Math.sqrt(v + a.eps));
    mean.data.set(m.mean);
    istd.data.set(inverse);
    forChannels(y.shape, (i, c) => {
      y.data[i] = f((x!.data[i] - m.mean[c]) * inverse[c] * gamma!.data[c] + beta!.data[c]);
    });
    if (!runningMean) return;
    const unbias = m.count / Math.max(m.count - 1, 1);
    const blend = (old: number, next: number) => old + a.momentum * (next - old);
    for (let c = 0; c < meanOut.data.length; c++) {
      meanOut.data[c] = blend(runningMean.data[c], m.mean[c]);
      varOut.data[c] = blend(runningVar!.data[c], m.variance[c] * unbias);
    }
  },
  wasm({ inputs, outputs, attrs: a }): WasmKernel[] {
    const sizes = split(inputs[0]!.shape);
    const perTile = channelsPerTile(sizes);
    const out = (i: number) => write(outputs[i] ?? null);
    return [
      {
        opcode: Opcode.BATCH_NORM,
        tiles: Math.ceil(sizes[1] / perTile),
        args: [
          ...inputs.map((v) => read(v)),
          ...[0, 1, 2, 3, 4].map(out),
          ...sizes.map(i32),
          ...[f32(a.eps), f32(a.momentum), i32(a.activation ?? 0), f32(a.alpha ?? 0), i32(perTile)],
        ],
      },
    ];
  },
  webgpu: ({ inputs, outputs, attrs }) => batchNormShaders(inputs, outputs, attrs),
  inPlace: [
    [3, 3],
    [4, 4],
  ],
  absorb: absorbActivation,
});

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Weight of the new statistics in the running ones. Default 0.1. */
  readonly momentum?: number;
}

/**
 * Normalises x [N,C,…] with the mean and variance of the batch, then y = gamma·x + beta, a number a channel each.
 * @param running variables [C] that follow mean and (unbiased) variance from run to run
 */
export function batchNormTraining(
  x: Value,
  gamma: Value,
  beta: Value,
  running: { readonly mean: Value; readonly variance: Value } | null,
  { eps = 1e-5, momentum = 0.1 }: BatchNormOptions = {},
): Value {
  const inputs = [x, gamma, beta, running?.mean ?? null, running?.variance ?? null];
  const [y, , , mean, variance] = apply(batchNormOp, inputs, { eps, momentum });
  if (running) {
    x.graph.update(running.mean, mean);
    x.graph.update(running.variance, variance);
  }
  return y;
}

const channelAffineOp = defineOp<Epilogue>({
  name: 'channel_affine',
  infer([x, scale, shift]) {
    checkChannels('channel_affine', x!, scale, shift);
    return [x!];
  },
  grad({ inputs: [x, scale, shift] }, [dy]) {
    const axes = x!.shape.map((_, i) => i).filter((i) => i !== 1);
    const none = x!.graph.constant(tensor(shift!.shape));
    return [channelAffine(dy!, scale!, none), reduceSum(mul(dy!, x!), axes), reduceSum(dy!, axes)];
  },
  reference([x, scale, shift], [y], a) {
    const f = activationFunction(a.activation ?? 0, a.alpha);
    forChannels(y.shape, (i, c) => {
      y.data[i] = f(x!.data[i] * scale!.data[c] + shift!.data[c]);
    });
  },
  wasm({ inputs, outputs: [y], attrs: a }): WasmKernel[] {
    const [n, c, plane] = split(y.shape);
    const perTile = Math.max(1, Math.floor(Layout.TILE / plane));
    return [
      {
        opcode: Opcode.CHANNEL_AFFINE,
        tiles: Math.ceil((n * c) / perTile),
        args: [
          ...inputs.map((v) => read(v)),
          write(y),
          ...[n * c, c, plane, a.activation ?? 0].map(i32),
          f32(a.alpha ?? 0),
          i32(perTile),
        ],
      },
    ];
  },
  webgpu: ({ inputs: [x, scale, shift], outputs: [y], attrs }) => [
    channelAffineShader(x!, scale!, shift!, y, attrs),
  ],
  inPlace: [[0, 0]],
  absorb: absorbActivation,
});

/** y = x·scale + shift, a number a channel each: x [N,C,…], scale and shift [C]. */
export const channelAffine = (x: Value, scale: Value, shift: Value): Value =>
  apply1(channelAffineOp, [x, scale, shift], {});

/**
 * Normalises x [N,C,…] with given statistics. What depends on the variables only (scale, shift) is computed once for
 * many runs.
 */
export function batchNormInference(
  x: Value,
  gamma: Value,
  beta: Value,
  mean: Value,
  variance: Value,
  eps = 1e-5,
): Value {
  const istd = unary('reciprocal', unary('sqrt', unary('affine', variance, { alpha: 1, beta: eps })));
  const scale = mul(gamma, istd);
  return channelAffine(x, scale, sub(beta, mul(mean, scale)));
}

export const normOps = { batch_norm: batchNormOp, channel_affine: channelAffineOp };
