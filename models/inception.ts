/**
 * Inception v3 (Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", table 1) as
 * torchvision builds it; names are torchvision's.
 */
import type { Value } from '../src/ir/graph.ts';
import type { Builder, Model } from '../src/nn/builder.ts';
import { normal } from '../src/nn/init.ts';
import { batchNorm, conv2d, dropout, globalAvgPool2d, linear } from '../src/nn/layers.ts';
import { relu } from '../src/ops/elementwise.ts';
import { avgPool2d, maxPool2d } from '../src/ops/pool.ts';
import { concat } from '../src/ops/slice.ts';
import { IMAGENET_CLASSES, SYMMETRIC_NORMALIZATION } from './imagenet.ts';

/** A number for both dimensions, or [height, width]. */
type Kernel = number | readonly [number, number];

interface ConvOptions {
  readonly stride?: number;
  /** Keeps height and width. Default true. */
  readonly same?: boolean;
  readonly std?: number;
}

/** Convolution without bias, batch normalisation, ReLU: names conv and bn. */
export function convNorm(b: Builder, x: Value, out: number, kernel: Kernel, o: ConvOptions = {}): Value {
  const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  const padding = o.same === false ? 0 : ([(kh - 1) / 2, (kw - 1) / 2] as const);
  const y = conv2d(b.at('conv'), x, out, [kh, kw], {
    weightInit: normal(o.std ?? 0.1),
    bias: false,
    stride: o.stride ?? 1,
    padding,
  });
  return relu(batchNorm(b.at('bn'), y, { eps: 1e-3 }));
}

/** One after the other: name, channels and kernel of each; the last one may have a stride, then without padding. */
function chain(
  b: Builder,
  x: Value,
  layers: readonly (readonly [name: string, out: number, kernel: Kernel])[],
  stride = 1,
): Value {
  return layers.reduce((y, [name, out, kernel], i) => {
    const shrinks = stride > 1 && i === layers.length - 1;
    return convNorm(b.at(name), y, out, kernel, shrinks ? { stride, same: false } : {});
  }, x);
}

const average = (x: Value): Value => avgPool2d(x, 3, { stride: 1, padding: 1 });
const shrink = (x: Value): Value => maxPool2d(x, 3, { stride: 2 });
const WIDE: Kernel = [1, 7];
const HIGH: Kernel = [7, 1];

/** Branches of 1×1, 5×5 and two 3×3: figure 5 of the paper. */
export const moduleA = (b: Builder, x: Value, w: number, pool: number): Value =>
  concat(
    [
      convNorm(b.at('branch1x1'), x, 64 * w, 1),
      chain(b, x, [
        ['branch5x5_1', 48 * w, 1],
        ['branch5x5_2', 64 * w, 5],
      ]),
      chain(b, x, [
        ['branch3x3dbl_1', 64 * w, 1],
        ['branch3x3dbl_2', 96 * w, 3],
        ['branch3x3dbl_3', 96 * w, 3],
      ]),
      convNorm(b.at('branch_pool'), average(x), pool * w, 1),
    ],
    1,
  );

/** Halves the grid: figure 10. */
export const moduleB = (b: Builder, x: Value, w: number): Value =>
  concat(
    [
      chain(b, x, [['branch3x3', 384 * w, 3]], 2),
      chain(
        b,
        x,
        [
          ['branch3x3dbl_1', 64 * w, 1],
          ['branch3x3dbl_2', 96 * w, 3],
          ['branch3x3dbl_3', 96 * w, 3],
        ],
        2,
      ),
      shrink(x),
    ],
    1,
  );

/** 7×7 factorised into 1×7 and 7×1: figure 6. */
export const moduleC = (b: Builder, x: Value, w: number, c7: number): Value =>
  concat(
    [
      convNorm(b.at('branch1x1'), x, 192 * w, 1),
      chain(b, x, [
        ['branch7x7_1', c7 * w, 1],
        ['branch7x7_2', c7 * w, WIDE],
        ['branch7x7_3', 192 * w, HIGH],
      ]),
      chain(b, x, [
        ['branch7x7dbl_1', c7 * w, 1],
        ['branch7x7dbl_2', c7 * w, HIGH],
        ['branch7x7dbl_3', c7 * w, WIDE],
        ['branch7x7dbl_4', c7 * w, HIGH],
        ['branch7x7dbl_5', 192 * w, WIDE],
      ]),
      convNorm(b.at('branch_pool'), average(x), 192 * w, 1),
    ],
    1,
  );

/** Halves the grid again. */
export const moduleD = (b: Builder, x: Value, w: number): Value =>
  concat(
    [
      chain(
        b,
        x,
        [
          ['branch3x3_1', 192 * w, 1],
          ['branch3x3_2', 320 * w, 3],
        ],
        2,
      ),
      chain(
        b,
        x,
        [
          ['branch7x7x3_1', 192 * w, 1],
          ['branch7x7x3_2', 192 * w, WIDE],
          ['branch7x7x3_3', 192 * w, HIGH],
          ['branch7x7x3_4', 192 * w, 3],
        ],
        2,
      ),
      shrink(x),
    ],
    1,
  );

/** 3×3 as 1×3 beside 3×1: figure 7. */
export function moduleE(b: Builder, x: Value, w: number): Value {
  const fork = (y: Value, name: string) => [
    convNorm(b.at(`${name}a`), y, 384 * w, [1, 3]),
    convNorm(b.at(`${name}b`), y, 384 * w, [3, 1]),
  ];
  const double = chain(b, x, [
    ['branch3x3dbl_1', 448 * w, 1],
    ['branch3x3dbl_2', 384 * w, 3],
  ]);
  return concat(
    [
      convNorm(b.at('branch1x1'), x, 320 * w, 1),
      ...fork(convNorm(b.at('branch3x3_1'), x, 384 * w, 1), 'branch3x3_2'),
      ...fork(double, 'branch3x3dbl_3'),
      convNorm(b.at('branch_pool'), average(x), 192 * w, 1),
    ],
    1,
  );
}

/** Adds a classifier on x [N,C,17,17] to the training loss. */
function auxiliary(b: Builder, x: Value, w: number, classes: number): void {
  if (!b.training) return;
  const y = convNorm(b.at('conv0'), avgPool2d(x, 5, { stride: 3 }), 128 * w, 1);
  const features = globalAvgPool2d(convNorm(b.at('conv1'), y, 768 * w, 5, { same: false, std: 0.01 }));
  const scores = linear(b.at('fc'), features, classes, { weightInit: normal(0.001) });
  b.auxiliaries.push({ scores, weight: 0.4 });
}

export interface InceptionOptions {
  readonly classes?: readonly string[];
  /** Share of the channels, a multiple of 1/16. Default 1. */
  readonly width?: number;
}

/** torchvision's `inception_v3`: 23,834,568 parameters with 1000 classes, 27,161,264 with the auxiliary head. */
export const makeInceptionV3 = ({
  classes = IMAGENET_CLASSES,
  width: w = 1,
}: InceptionOptions = {}): Model => ({
  name: 'inception_v3',
  title: 'Inception v3',
  input: [3, 299, 299],
  classes,
  withClasses: (names) => makeInceptionV3({ classes: names, width: w }),
  normalize: SYMMETRIC_NORMALIZATION,
  build(b: Builder, image: Value): Value {
    const conv1 = convNorm(b.at('Conv2d_1a_3x3'), image, 32 * w, 3, { stride: 2, same: false });
    const conv2 = convNorm(b.at('Conv2d_2a_3x3'), conv1, 32 * w, 3, { same: false });
    const conv3 = convNorm(
      b.at('Conv2d_3b_1x1'),
      shrink(convNorm(b.at('Conv2d_2b_3x3'), conv2, 64 * w, 3)),
      80 * w,
      1,
    );
    let x = shrink(convNorm(b.at('Conv2d_4a_3x3'), conv3, 192 * w, 3, { same: false }));
    // N × 192 × 35 × 35
    x = moduleA(b.at('Mixed_5b'), x, w, 32);
    x = moduleA(b.at('Mixed_5c'), x, w, 64);
    x = moduleA(b.at('Mixed_5d'), x, w, 64);
    // N × 768 × 17 × 17
    x = moduleB(b.at('Mixed_6a'), x, w);
    x = moduleC(b.at('Mixed_6b'), x, w, 128);
    x = moduleC(b.at('Mixed_6c'), x, w, 160);
    x = moduleC(b.at('Mixed_6d'), x, w, 160);
    x = moduleC(b.at('Mixed_6e'), x, w, 192);
    auxiliary(b.at('AuxLogits'), x, w, classes.length);
    // N × 2048 × 8 × 8
    x = moduleD(b.at('Mixed_7a'), x, w);
    x = moduleE(b.at('Mixed_7b'), x, w);
    x = moduleE(b.at('Mixed_7c'), x, w);
    const features = dropout(b.at('dropout'), globalAvgPool2d(x), 0.5);
    return linear(b.at('fc'), features, classes.length, { weightInit: normal(0.1) });
  },
});

export const inceptionV3 = makeInceptionV3();
