/**
 * GoogLeNet at the size of CIFAR-10: a 3×3 convolution and pooling, then its modules 3a, 3b, 4a, 4e and 5b (Szegedy et
 * al. 2015, table 1) with a quarter of their channels, on 16 × 16, 8 × 8 and 4 × 4; batch normalisation after every
 * convolution.
 */
import { CIFAR10_CLASSES } from '../src/data/cifar10.ts';
import type { Value } from '../src/ir/graph.ts';
import type { Builder, Model } from '../src/nn/builder.ts';
import { dropout, globalAvgPool2d, linear } from '../src/nn/layers.ts';
import { maxPool2d } from '../src/ops/pool.ts';
import { CIFAR10_NORMALIZATION } from './cifar-resnet.ts';
import { convNorm, type GoogLeNetOptions, inception, type Widths } from './googlenet.ts';

const STAGES: readonly (readonly (readonly [string, Widths])[])[] = [
  [
    ['inception3a', [16, 24, 32, 4, 8, 8]],
    ['inception3b', [32, 32, 48, 8, 24, 16]],
  ],
  [
    ['inception4a', [48, 24, 52, 4, 12, 16]],
    ['inception4e', [64, 40, 80, 8, 32, 32]],
  ],
  [['inception5b', [96, 48, 96, 12, 32, 32]]],
];

/** @param options width is the share of the channels, a multiple of 1/4 */
export function makeCifarGoogLeNet(options: GoogLeNetOptions = {}): Model {
  const { classes = CIFAR10_CLASSES, width = 1 } = options;
  return {
    name: 'cifar-googlenet',
    title: 'GoogLeNet, small',
    input: [3, 32, 32],
    classes,
    withClasses: (names) => makeCifarGoogLeNet({ ...options, classes: names }),
    normalize: CIFAR10_NORMALIZATION,
    build(b: Builder, image: Value): Value {
      let x = convNorm(b.at('conv1'), image, 32 * width, 3);
      for (const modules of STAGES) {
        x = maxPool2d(x, 3, { stride: 2, ceilMode: true });
        for (const [name, widths] of modules) {
          x = inception(b.at(name), x, widths.map((n) => n * width) as unknown as Widths);
        }
      }
      return linear(b.at('fc'), dropout(b.at('dropout'), globalAvgPool2d(x), 0.2), classes.length);
    },
  };
}

export const cifarGoogLeNet = makeCifarGoogLeNet();
