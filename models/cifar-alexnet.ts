/**
 * AlexNet at the size of CIFAR-10: the layers of 2012 (Krizhevsky, Sutskever & Hinton, section 3) in their order, with
 * response normalisation, overlapping pooling, two groups and dropout, for images of 32 × 32.
 */
import { CIFAR10_CLASSES } from '../src/data/cifar10.ts';
import type { Value } from '../src/ir/graph.ts';
import type { Builder, Model } from '../src/nn/builder.ts';
import { conv2d, dropout, linear } from '../src/nn/layers.ts';
import { relu } from '../src/ops/elementwise.ts';
import { localResponseNorm } from '../src/ops/lrn.ts';
import { maxPool2d } from '../src/ops/pool.ts';
import { flatten } from '../src/ops/shape.ts';
import { type AlexNetOptions, NORMALIZATION } from './alexnet.ts';
import { CIFAR10_NORMALIZATION } from './cifar-resnet.ts';

/** @param options width is the share of 32, 96, 128, 128 and 96 channels and of 384 hidden units */
export function makeCifarAlexNet(options: AlexNetOptions = {}): Model {
  const { classes = CIFAR10_CLASSES, width = 1 } = options;
  return {
    name: 'cifar-alexnet',
    title: 'AlexNet, small',
    input: [3, 32, 32],
    classes,
    withClasses: (names) => makeCifarAlexNet({ ...options, classes: names }),
    normalize: CIFAR10_NORMALIZATION,
    build(b: Builder, image: Value): Value {
      const conv = (name: string, x: Value, out: number, kernel: number, groups: 1 | 2) =>
        relu(conv2d(b.at(name), x, out * width, kernel, { padding: (kernel - 1) / 2, groups }));
      const shrink = (x: Value) => maxPool2d(x, 3, { stride: 2 });
      const normalized = (x: Value) => shrink(localResponseNorm(x, 5, NORMALIZATION));
      // N × 32 × 32 × 32, pooled to 15 × 15; N × 96 × 15 × 15, pooled to 7 × 7
      const conv2 = normalized(conv('conv2', normalized(conv('conv1', image, 32, 5, 1)), 96, 5, 2));
      const conv4 = conv('conv4', conv('conv3', conv2, 128, 3, 1), 128, 3, 2);
      // N × 96 × 3 × 3
      const conv5 = shrink(conv('conv5', conv4, 96, 3, 2));
      const hidden = (name: string, x: Value) =>
        dropout(b.at(name), relu(linear(b.at(name), x, 384 * width)), 0.5);
      return linear(b.at('fc8'), hidden('fc7', hidden('fc6', flatten(conv5))), classes.length);
    },
  };
}

export const cifarAlexNet = makeCifarAlexNet();
