/**
 * LeNet-5 (LeCun, Bottou, Bengio & Haffner 1998, "Gradient-Based Learning Applied to Document Recognition",
 * section II.B), as it was and in its modern form. C5 is a convolution, so both accept larger images and then give
 * scores for every position: [N, 10, h, w].
 */

import { tensor } from '../src/core/tensor.ts';
import { DIGITS } from '../src/data/dataset.ts';
import type { Value } from '../src/ir/graph.ts';
import type { Builder, Model } from '../src/nn/builder.ts';
import { lecunUniform, lenetUniform, values } from '../src/nn/init.ts';
import { conv2d, linear, rbf, subsample } from '../src/nn/layers.ts';
import { scaledTanh, tanh, unary } from '../src/ops/elementwise.ts';
import { mapLoss } from '../src/ops/loss.ts';
import { avgPool2d } from '../src/ops/pool.ts';
import { reshape, transpose } from '../src/ops/shape.ts';

/** Table I of the paper: the S2 maps that each C3 map sees. */
const C3_TABLE = [
  '012',
  '123',
  '234',
  '345',
  '045',
  '015',
  '0123',
  '1234',
  '2345',
  '0345',
  '0145',
  '0125',
  '0134',
  '1245',
  '0235',
  '012345',
];
/** 1 where a C3 map (row) sees an S2 map (column). */
export const C3_CONNECTIONS = C3_TABLE.map((row) =>
  Array.from({ length: 6 }, (_, i) => (row.includes(String(i)) ? 1 : 0)),
);

/** [N,C,h,w] → one row a position, [N·h·w, C]. */
function toRows(x: Value): Value {
  const [, c, h, w] = x.shape;
  return reshape(h * w === 1 ? x : transpose(x, [0, 2, 3, 1]), [-1, c]);
}

/** [N·h·w, C] → [N,C,h,w], or [N,C] for a single position. */
function fromRows(rows: Value, [n, , h, w]: readonly number[]): Value {
  const c = rows.shape[1];
  return h * w === 1 ? rows : transpose(reshape(rows, [n, h, w, c]), [0, 3, 1, 2]);
}

/** Zero mean and unit variance over MNIST's training images in their 28×28 frames. */
const MNIST_MEAN = 0.1307;
const MNIST_STD = 0.3081;

/** Plain tanh and averages, softmax instead of radial basis functions, full connections. */
export const makeLenet5Modern = (classes: readonly string[] = DIGITS): Model => ({
  name: 'lenet5-modern',
  title: 'LeNet-5, modern',
  input: [1, 32, 32],
  classes,
  withClasses: makeLenet5Modern,
  normalize: { scale: 1 / (255 * MNIST_STD), offset: -MNIST_MEAN / MNIST_STD },
  build(b: Builder, x: Value): Value {
    const weightInit = lecunUniform();
    // N × 6 × 28 × 28
    const c1 = b.tap('c1', tanh(conv2d(b.at('c1'), x, 6, 5, { weightInit })));
    const s2 = b.tap('s2', avgPool2d(c1, 2));
    // N × 16 × 10 × 10
    const c3 = b.tap('c3', tanh(conv2d(b.at('c3'), s2, 16, 5, { weightInit })));
    const s4 = b.tap('s4', avgPool2d(c3, 2));
    // N × 120 × 1 × 1
    const c5 = b.tap('c5', tanh(conv2d(b.at('c5'), s4, 120, 5, { weightInit })));
    const f6 = tanh(linear(b.at('f6'), toRows(c5), 84, { weightInit }));
    return fromRows(linear(b.at('out'), f6, classes.length, { weightInit }), c5.shape);
  },
});

/** 61,706 parameters. */
export const lenet5Modern = makeLenet5Modern();

/** j of equation 9: the rubbish class's penalty. */
const RUBBISH_PENALTY = 10;

/** The network of 1998: exactly 60,000 trained parameters. */
export const lenet5: Model = {
  name: 'lenet5',
  title: 'LeNet-5 (1998)',
  input: [1, 32, 32],
  classes: DIGITS,
  // White is −0.1 and black 1.175: about zero mean and unit variance (section II.B).
  normalize: { scale: 1.275 / 255, offset: -0.1 },
  build(b: Builder, x: Value): Value {
    const init = (inputs: number) => ({ weightInit: lenetUniform(inputs) });
    const c1 = b.tap('c1', scaledTanh(conv2d(b.at('c1'), x, 6, 5, init(25))));
    const s2 = b.tap('s2', scaledTanh(subsample(b.at('s2'), c1)));
    const c3 = b.tap(
      'c3',
      scaledTanh(conv2d(b.at('c3'), s2, 16, 5, { ...init(100), connections: C3_CONNECTIONS })),
    );
    const s4 = b.tap('s4', scaledTanh(subsample(b.at('s4'), c3)));
    const c5 = b.tap('c5', scaledTanh(conv2d(b.at('c5'), s4, 120, 5, init(400))));
    const f6 = scaledTanh(linear(b.at('f6'), toRows(c5), 84, init(120)));
    const codes = b.buffer('rbf.codes', [10, 84], values(CODES));
    return fromRows(unary('neg', rbf(f6, codes)), c5.shape);
  },
  loss: (_, scores, labels) => mapLoss(scores, labels, RUBBISH_PENALTY),
};

/** Stylised 7×12 bitmaps, as in figure 3 of the paper: +1 is ink, −1 paper. */
const BITMAPS = [
  '..###.. .#...#. #.....# #.....# #.....# #.....# #.....# #.....# .#...#. ..###.. ....... .......',
  '...#... ..##... .#.#... ...#... ...#... ...#... ...#... ...#... ...#... .#####. ....... .......',
  '.#####. #.....# ......# ......# .....#. ...##.. ..#.... .#..... #...... ####### ....... .......',
  '####### .....#. ....#.. ...#... ..####. ......# ......# ......# #.....# .#####. ....... .......',
  '.....#. ....##. ...#.#. ..#..#. .#...#. #....#. ####### .....#. .....#. .....#. ....... .......',
  '####### #...... #...... #.####. ##....# ......# ......# ......# #.....# .#####. ....... .......',
  '..####. .#..... #...... #...... #.####. ##....# #.....# #.....# #.....# .#####. ....... .......',
  '####### #.....# .....#. ....#.. ...#... ...#... ..#.... ..#.... ..#.... ..#.... ....... .......',
  '.#####. #.....# #.....# #.....# .#####. #.....# #.....# #.....# #.....# .#####. ....... .......',
  '.#####. #.....# #.....# #.....# .###### ......# ......# ......# .....#. .####.. ....... .......',
];
const CODES = tensor(
  [10, 84],
  BITMAPS.flatMap((rows) => [...rows.replaceAll(' ', '')].map((c) => (c === '#' ? 1 : -1))),
).data;
