/** Layers: operators with their variables. Names of variables as in torch.nn ("weight", "bias"). */
import { type Shape, sizeOf, tensor } from '../core/tensor.ts';
import type { Initializer, Value } from '../ir/graph.ts';
import { add, mul, sub } from '../ops/binary.ts';
import { type Conv2dOptions, conv2d as conv2dOp } from '../ops/conv2d.ts';
import { unary } from '../ops/elementwise.ts';
import { linear as linearOp } from '../ops/matmul.ts';
import { avgPool2d } from '../ops/pool.ts';
import { reduceSum } from '../ops/reduce.ts';
import { reshape } from '../ops/shape.ts';
import type { Builder } from './builder.ts';
import { constant, heNormal, zeros } from './init.ts';

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
