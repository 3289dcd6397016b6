/**
 * GoogLeNet (Szegedy et al. 2015, "Going Deeper with Convolutions", table 1) as torchvision builds it: batch
 * normalisation after every convolution, 3×3 kernels in the branch the paper gives 5×5, pooling with ceil mode.
 */
import type { Value } from '../src/ir/graph.ts';
import type { Builder, Model } from '../src/nn/builder.ts';
import { normal } from '../src/nn/init.ts';
import { adaptiveAvgPool2d, batchNorm, conv2d, dropout, globalAvgPool2d, linear } from '../src/nn/layers.ts';
import { relu } from '../src/ops/elementwise.ts';
import { maxPool2d } from '../src/ops/pool.ts';
import { flatten } from '../src/ops/shape.ts';
import { concat } from '../src/ops/slice.ts';
import { IMAGENET_CLASSES, SYMMETRIC_NORMALIZATION } from './imagenet.ts';

const weightInit = normal(0.01);

/** Convolution without bias, batch normalisation, ReLU: names conv and bn. */
export const convNorm = (b: Builder, x: Value, out: number, kernel: number, stride = 1): Value => {
  const geometry = { stride, padding: (kernel - 1) / 2 };
  const y = conv2d(b.at('conv'), x, out, kernel, { weightInit, bias: false, ...geometry });
  return relu(batchNorm(b.at('bn'), y, { eps: 1e-3 }));
};

/** 1×1; 3×3 reduce and 3×3; "5×5" reduce and "5×5"; pool projection: columns of the paper's table 1. */
export type Widths = readonly [number, number, number, number, number, number];

/** Inception module with dimension reduction: figure 2 (b). */
export function inception(b: Builder, x: Value, [one, reduce3, three, reduce5, five, pool]: Widths): Value {
  const two = (name: string, first: number, second: number) =>
    convNorm(b.at(name).at(1), convNorm(b.at(name).at(0), x, first, 1), second, 3);
  const pooled = maxPool2d(x, 3, { stride: 1, padding: 1, ceilMode: true });
  return concat(
    [
      convNorm(b.at('branch1'), x, one, 1),
      two('branch2', reduce3, three),
      two('branch3', reduce5, five),
      convNorm(b.at('branch4').at(1), pooled, pool, 1),
    ],
    1,
  );
}

/** Adds a classifier on x to the training loss. */
function auxiliary(b: Builder, x: Value, width: number, classes: number): void {
  if (!b.training) return;
  const conv = convNorm(b.at('conv'), adaptiveAvgPool2d(x, 4), 128 * width, 1);
  const hidden = relu(linear(b.at('fc1'), flatten(conv), 1024 * width, { weightInit }));
  const scores = linear(b.at('fc2'), dropout(b, hidden, 0.7), classes, { weightInit });
  b.auxiliaries.push({ scores, weight: 0.3 });
}

const STAGES: readonly (readonly (readonly [string, Widths])[])[] = [
  [
    ['inception3a', [64, 96, 128, 16, 32, 32]],
    ['inception3b', [128, 128, 192, 32, 96, 64]],
  ],
  [
    ['inception4a', [192, 96, 208, 16, 48, 64]],
    ['inception4b', [160, 112, 224, 24, 64, 64]],
    ['inception4c', [128, 128, 256, 24, 64, 64]],
    ['inception4d', [112, 144, 288, 32, 64, 64]],
    ['inception4e', [256, 160, 320, 32, 128, 128]],
  ],
  [
    ['inception5a', [256, 160, 320, 32, 128, 128]],
    ['inception5b', [384, 192, 384, 48, 128, 128]],
  ],
];

/** Modules that training puts a classifier on. */
const AUXILIARIES: Readonly<Record<string, string>> = { inception4a: 'aux1', inception4d: 'aux2' };

export interface GoogLeNetOptions {
  readonly classes?: readonly string[];
  /** Share of the channels, a multiple of 1/8. Default 1. */
  readonly width?: number;
}

/** torchvision's `googlenet`: 6,624,904 parameters with 1000 classes, 13,004,888 with the auxiliary heads. */
export const makeGoogLeNet = ({ classes = IMAGENET_CLASSES, width = 1 }: GoogLeNetOptions = {}): Model => ({
  name: 'googlenet',
  title: 'GoogLeNet',
  input: [3, 224, 224],
  classes,
  withClasses: (names) => makeGoogLeNet({ classes: names, width }),
  normalize: SYMMETRIC_NORMALIZATION,
  build(b: Builder, image: Value): Value {
    const shrink = (v: Value, kernel = 3) => maxPool2d(v, kernel, { stride: 2, ceilMode: true });
    const conv1 = shrink(convNorm(b.at('conv1'), image, 64 * width, 7, 2));
    const conv2 = convNorm(b.at('conv2'), conv1, 64 * width, 1);
    let x = shrink(convNorm(b.at('conv3'), conv2, 192 * width, 3));
    STAGES.forEach((modules, stage) => {
      if (stage > 0) x = shrink(x, stage === 2 ? 2 : 3);
      for (const [name, widths] of modules) {
        x = inception(b.at(name), x, widths.map((n) => n * width) as unknown as Widths);
        const head = AUXILIARIES[name];
        if (head) auxiliary(b.at(head), x, width, classes.length);
      }
    });
    const features = dropout(b.at('dropout'), globalAvgPool2d(x), 0.2);
    return linear(b.at('fc'), features, classes.length, { weightInit });
  },
});

export const googlenet = makeGoogLeNet();
