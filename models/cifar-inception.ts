/**
 * Inception v3 at the size of CIFAR-10: a 3×3 convolution and pooling, then one module of each kind (Szegedy et al.
 * 2016, figures 5, 10, 6, 10 and 7) with an eighth of their channels, on 16 × 16, 7 × 7 and 3 × 3.
 */
import { CIFAR10_CLASSES } from '../src/data/cifar10.ts';
import type { Value } from '../src/ir/graph.ts';
import type { Builder, Model } from '../src/nn/builder.ts';
import { dropout, globalAvgPool2d, linear } from '../src/nn/layers.ts';
import { maxPool2d } from '../src/ops/pool.ts';
import { CIFAR10_NORMALIZATION } from './cifar-resnet.ts';
import { convNorm, type InceptionOptions, moduleA, moduleB, moduleC, moduleD, moduleE } from './inception.ts';

/** @param options width is the share of the channels, a multiple of 1/2 */
export function makeCifarInception(options: InceptionOptions = {}): Model {
  const { classes = CIFAR10_CLASSES, width = 1 } = options;
  const w = width / 8;
  return {
    name: 'cifar-inception',
    title: 'Inception, small',
    input: [3, 32, 32],
    classes,
    withClasses: (names) => makeCifarInception({ ...options, classes: names }),
    normalize: CIFAR10_NORMALIZATION,
    build(b: Builder, image: Value): Value {
      let x = maxPool2d(convNorm(b.at('conv1'), image, 192 * w, 3), 3, { stride: 2, ceilMode: true });
      x = moduleA(b.at('mixed5'), x, w, 64);
      x = moduleB(b.at('mixed6a'), x, w);
      x = moduleC(b.at('mixed6b'), x, w, 160);
      x = moduleD(b.at('mixed7a'), x, w);
      x = moduleE(b.at('mixed7b'), x, w);
      return linear(b.at('fc'), dropout(b.at('dropout'), globalAvgPool2d(x), 0.2), classes.length);
    },
  };
}

export const cifarInception = makeCifarInception();
