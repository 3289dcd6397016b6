/** Layers: operators with their variables. Names of variables as in torch.nn ("weight", "bias"). */
import { hashString } from '../core/random.ts';
import { type Shape, sizeOf, tensor } from '../core/tensor.ts';
import type { Initializer, Value } from '../ir/graph.ts';
import { type BatchNormOptions, batchNormInference, batchNormTraining } from '../ops/batch-norm.ts';
import { add, mul, sub } from '../ops/binary.ts';
import { type Conv2dOptions, conv2d as conv2dOp } from '../ops/conv2d.ts';
import { dropout as dropoutOp } from '../ops/dropout.ts';
import { unary } from '../ops/elementwise.ts';
import { linear as linearOp, matmul } from '../ops/matmul.ts';
import { avgPool2d } from '../ops/pool.ts';
import { reduceMean, reduceSum } from '../ops/reduce.ts';
import { reshape } from '../ops/shape.ts';
import type { Builder } from './builder.ts';
import { constant, heNormal, ones, zeros } from './init.ts';

export interface LayerOptions {
  readonly weightInit?: Initializer;
  readonly biasInit?: Initializer;
  /** Default true. */
  readonly bias?: boolean;
}

type ConvLayerOptions = LayerOptions &
  Omit<Conv2dOptions, 'bias'> & {
    /** 1 where an output channel sees an input channel, [out][in]: a connection table. */
    readonly connections?: readonly (readonly number[])[];
  };

/** Convolution of x [N,C,H,W] with variables weight [out, C/groups, kernel, kernel] and bias [out]. */
export function conv2d(
  b: Builder,
  x: Value,
  out: number,
  kernel: number | readonly [number, number],
  options: ConvLayerOptions = {},
): Value {
  const { weightInit = heNormal, biasInit = zeros, bias = true, connections, ...attrs } = options;
  const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  const shape: Shape = [out, x.shape[1] / (attrs.groups ?? 1), kh, kw];
  const mask = connections && Float32Array.from(connections.flat());
  const connected = mask ? mask.reduce((a, m) => a + m, 0) * kh * kw : sizeOf(shape);
  let weight = b.param('weight', shape, weightInit, connected);
  if (mask) weight = mul(weight, b.graph.constant(tensor([shape[0], shape[1], 1, 1], mask)));
  return conv2dOp(x, weight, { ...attrs, bias: bias ? b.param('bias', [out], biasInit) : undefined });
}

/** y = x·weightᵀ + bias for x [N, in], weight [out, in]. */
export function linear(b: Builder, x: Value, out: number, options: LayerOptions = {}): Value {
  const { weightInit = heNormal, biasInit = zeros, bias = true } = options;
  const weight = b.param('weight', [out, x.shape[1]], weightInit);
  return linearOp(x, weight, bias ? b.param('bias', [out], biasInit) : null);
}

/**
 * Trainable subsampling (LeCun et al. 1998, section II.B): the sum of each 2×2 window times one coefficient a map,
 * plus one bias a map. Variables coef [C], bias [C].
 */
export function subsample(b: Builder, x: Value): Value {
  const c = x.shape[1];
  const perMap = (name: string, init: Initializer) => reshape(b.param(name, [c], init), [c, 1, 1]);
  const sums = avgPool2d(x, 2, { divisorOverride: 1 });
  return add(mul(sums, perMap('coef', constant(0.25))), perMap('bias', zeros));
}

/**
 * Euclidean radial basis functions (LeCun et al. 1998, equation 7): y_j = Σ_i (x_i − w_ji)².
 * @param x [N, in]
 * @param codes [units, in], fixed
 */
export function rbf(x: Value, codes: Value): Value {
  const [units, size] = codes.shape;
  const distance = sub(reshape(x, [-1, 1, size]), reshape(codes, [1, units, size]));
  return reduceSum(unary('square', distance), [2]);
}

/**
 * Batch normalisation of x [N,C,…]: with the batch's statistics in training, with the running ones otherwise.
 * Variables weight and bias [C], buffers running_mean and running_var [C].
 */
export function batchNorm(
  b: Builder,
  x: Value,
  options: BatchNormOptions & { readonly weightInit?: Initializer } = {},
): Value {
  const shape = [x.shape[1]];
  const weight = b.param('weight', shape, options.weightInit ?? ones);
  const bias = b.param('bias', shape, zeros);
  const mean = b.buffer('running_mean', shape, zeros);
  const variance = b.buffer('running_var', shape, ones);
  if (b.training) return batchNormTraining(x, weight, bias, { mean, variance }, options);
  return batchNormInference(x, weight, bias, mean, variance, options.eps);
}

/** In training, a share p of x becomes 0, another one at every run; the builder's path tells layers apart. */
export const dropout = (b: Builder, x: Value, p: number): Value =>
  b.training ? dropoutOp(x, b.seed(), { p, stream: hashString(b.path) | 0 }) : x;

/** Mean over height and width: [N,C,H,W] → [N,C]. */
export const globalAvgPool2d = (x: Value): Value => reduceMean(x, [2, 3]);

/** Averages over a grid of `size`×`size` windows that may overlap: cell i is rows ⌊iH/size⌋ … ⌈(i+1)H/size⌉ − 1. */
export function adaptiveAvgPool2d(x: Value, size: number): Value {
  const [, , h, w] = x.shape;
  if (h === size && w === size) return x;
  if (h % size === 0 && w % size === 0) return avgPool2d(x, [h / size, w / size]);
  const average = (n: number) => x.graph.constant(tensor([size, n], windowMeans(size, n)));
  return matmul(average(h), matmul(x, average(w), false, true));
}

/** [cells][n]: what each of n elements counts in the mean of each cell. */
function windowMeans(cells: number, n: number): Float32Array {
  const weights = new Float32Array(cells * n);
  for (let i = 0; i < cells; i++) {
    const begin = Math.floor((i * n) / cells);
    const end = Math.ceil(((i + 1) * n) / cells);
    weights.fill(1 / (end - begin), i * n + begin, i * n + end);
  }
  return weights;
}
