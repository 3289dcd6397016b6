/** The networks of steps.json. Those that are no network of models/ are written here, with the reference's names. */
import { makeCifarNet } from '../../models/cifar-resnet.ts';
import { C3_CONNECTIONS, lenet5Modern } from '../../models/lenet5.ts';
import { LensletError } from '../../src/core/error.ts';
import type { Value } from '../../src/ir/graph.ts';
import type { Builder } from '../../src/nn/builder.ts';
import { constant, zeros } from '../../src/nn/init.ts';
import { conv2d, globalAvgPool2d, linear } from '../../src/nn/layers.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { relu, scaledTanh } from '../../src/ops/elementwise.ts';
import { localResponseNorm } from '../../src/ops/lrn.ts';
import { avgPool2d, maxPool2d } from '../../src/ops/pool.ts';
import { flatten, reshape } from '../../src/ops/shape.ts';
import { concat } from '../../src/ops/slice.ts';

type Network = (b: Builder, x: Value) => Value;

/** LeNet-5's trunk of 1998 with a linear layer in place of the radial basis functions. */
const lenet1998: Network = (b, x) => {
  const subsample = (name: string, v: Value) => {
    const c = v.shape[1];
    const coef = reshape(b.param(`${name}_coef`, [c], constant(0.25)), [c, 1, 1]);
    const bias = reshape(b.param(`${name}_bias`, [c], zeros), [c, 1, 1]);
    return scaledTanh(add(mul(avgPool2d(v, 2, { divisorOverride: 1 }), coef), bias));
  };
  const s2 = subsample('s2', scaledTanh(conv2d(b.at('c1'), x, 6, 5)));
  const c3 = conv2d(b.at('c3'), s2, 16, 5, { connections: C3_CONNECTIONS });
  const c5 = scaledTanh(conv2d(b.at('c5'), subsample('s4', scaledTanh(c3)), 120, 5));
  return linear(b.at('out'), scaledTanh(linear(b.at('f6'), flatten(c5), 84)), 10);
};

const normalized = (x: Value): Value => localResponseNorm(x, 5, { alpha: 1e-4, beta: 0.75, k: 2 });

/** Response normalisation, overlapping pooling with ceil mode, one inception module of four branches. */
const miniInception: Network = (b, image) => {
  const conv = (name: string, x: Value, out: number, kernel: number, padding = 0) =>
    relu(conv2d(b.at(name), x, out, kernel, { padding }));
  const conv1 = relu(conv2d(b.at('conv1'), image, 16, 5, { stride: 2, padding: 2 }));
  const x = maxPool2d(normalized(conv1), 3, { stride: 2, ceilMode: true });
  const branches = [
    conv('b1', x, 8, 1),
    conv('b2b', conv('b2a', x, 6, 1), 12, 3, 1),
    conv('b3b', conv('b3a', x, 4, 1), 8, 5, 2),
    conv('b4', maxPool2d(x, 3, { stride: 1, padding: 1 }), 4, 1),
  ];
  return linear(b.at('fc'), globalAvgPool2d(concat(branches, 1)), 10);
};

/** Convolutions in two groups. */
const miniAlexNet: Network = (b, image) => {
  const conv1 = relu(conv2d(b.at('conv1'), image, 16, 5, { stride: 2 }));
  const pooled = maxPool2d(normalized(conv1), 3, { stride: 2 });
  const grouped = (name: string, x: Value, out: number) =>
    relu(conv2d(b.at(name), x, out, 3, { padding: 1, groups: 2 }));
  const features = flatten(grouped('conv3', grouped('conv2', pooled, 24), 16));
  return linear(b.at('fc7'), relu(linear(b.at('fc6'), features, 32)), 10);
};

const networks: Readonly<Record<string, Network>> = {
  lenet5_modern: lenet5Modern.build,
  lenet5_1998_linear_head: lenet1998,
  cifar_resnet20_optionA: makeCifarNet(20).build,
  cifar_plain20: makeCifarNet(20, { residual: false }).build,
  mini_inception: miniInception,
  mini_alexnet: miniAlexNet,
};

/** @throws LensletError 'unknown' */
export function networkByName(name: string): Network {
  if (!Object.hasOwn(networks, name)) {
    throw new LensletError(
      'unknown',
      `steps.json asks for "${name}"; known are ${Object.keys(networks).join(', ')}.`,
    );
  }
  return networks[name];
}
