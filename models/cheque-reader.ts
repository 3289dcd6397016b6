/**
 * Reader of courtesy amounts: a fully convolutional network swept over the line, as LeNet-5 was (LeCun et al. 1998,
 * section VII), that says for every two columns which digit, separator or nothing stands there. Trained with
 * connectionist temporal classification, so that no digit needs to be cut out.
 */
import type { Tensor } from '../src/core/tensor.ts';
import { DIGITS } from '../src/data/dataset.ts';
import type { Value } from '../src/ir/graph.ts';
import type { Builder, Model } from '../src/nn/builder.ts';
import { batchNorm, conv2d, dropout } from '../src/nn/layers.ts';
import { add, greaterEqual, mul, scalar, sub } from '../src/ops/binary.ts';
import { ctcLoss } from '../src/ops/ctc.ts';
import { relu, unary } from '../src/ops/elementwise.ts';
import { cast } from '../src/ops/integer.ts';
import { maxPool2d } from '../src/ops/pool.ts';
import { reduceMean, reduceSum } from '../src/ops/reduce.ts';
import { reshape, transpose } from '../src/ops/shape.ts';
import { concat, slice } from '../src/ops/slice.ts';
import { logSoftmax } from '../src/ops/softmax.ts';
import type { Session } from '../src/session.ts';
import type { ReaderNetwork, ReaderSettings } from '../src/vision/reader/read.ts';

/** Confidence from which an amount is accepted: see models/README.md for what this leaves wrong. */
const THRESHOLD = 0.9;

/** What stands between and behind the digits. */
export const MARKS: readonly string[] = [',', '.', '/', '-', '=', '*'];

/** Longest text that a label can hold. */
export const MOST_LABELS = 20;

/**
 * A line's label: number of digits, of characters (−1 where only the digits are known), classes of the digits (1 … 10),
 * classes of the characters (1 … 10 digits, then `MARKS`), each filled up with zeros.
 */
export const LABEL_SIZE = 2 + 2 * MOST_LABELS;

/** Writes the label of a line. @param text digits and marks as written, or null where only the digits are known */
export function writeLabel(out: Int32Array, digits: string, text: string | null): void {
  out.fill(0);
  out[0] = digits.length;
  out[1] = text === null ? -1 : text.length;
  const put = (s: string, at: number) => {
    for (let i = 0; i < s.length; i++) out[at + i] = 1 + [...DIGITS, ...MARKS].indexOf(s[i]);
  };
  put(digits, 2);
  put(text ?? '', 2 + MOST_LABELS);
}

interface BlockOptions {
  readonly kernel?: number | readonly [number, number];
  readonly stride?: number;
  readonly padding?: number | readonly [number, number];
}

/** Convolution (3×3 where nothing else is said), batch normalisation, ReLU. */
function block(
  b: Builder,
  x: Value,
  out: number,
  { kernel = 3, stride = 1, padding = 1 }: BlockOptions = {},
): Value {
  return relu(batchNorm(b.at('bn'), conv2d(b.at('conv'), x, out, kernel, { bias: false, stride, padding })));
}

/** Steps side by side in the channels become steps: [N, 2C, 1, T] → [N, C, 2T]. */
function unfold(x: Value): Value {
  const [n, c, , t] = x.shape;
  return reshape(transpose(reshape(x, [n, 2, c / 2, t]), [0, 2, 3, 1]), [n, c / 2, 2 * t]);
}

/** Channels [from, from + count) of [N,C,T]. */
const channels = (x: Value, from: number, count: number): Value =>
  slice(x, { starts: [0, from, 0], steps: [1, 1, 1], sizes: [x.shape[0], count, x.shape[2]] });

/** Columns [from, from + count) of i32[N, LABEL_SIZE]. */
const columns = (labels: Value, from: number, count: number): Value =>
  slice(labels, { starts: [0, from], steps: [1, 1], sizes: [labels.shape[0], count] });

/** One column as [N]. */
const column = (labels: Value, at: number): Value => reshape(columns(labels, at, 1), [labels.shape[0]]);

/** −log P(digits) of each line, marks counted as blanks. */
function digitsLoss(scores: Value, labels: Value): Value {
  return ctcLoss(scores, columns(labels, 2, MOST_LABELS), everyStep(scores), column(labels, 0));
}

/** −log P(text) of each line; of the empty text where it is not known. */
function textLoss(b: Builder, scores: Value, labels: Value): Value {
  const marks = b.taps.get('marks') as Value;
  const none = channels(scores, 0, 1);
  const blank = add(none, channels(marks, 0, 1));
  const all = concat([blank, channels(scores, 1, 10), add(none, channels(marks, 1, MARKS.length))], 1);
  const length = cast(unary('clip', cast(column(labels, 1), 'f32'), { alpha: 0, beta: MOST_LABELS }), 'i32');
  return ctcLoss(all, columns(labels, 2 + MOST_LABELS, MOST_LABELS), everyStep(scores), length);
}

const everyStep = ({ graph, shape: [n, , t] }: Value): Value =>
  graph.constant({ dtype: 'i32', shape: [n], data: new Int32Array(n).fill(t) });

/**
 * `build` returns the log-probabilities of the digits at each step, f32[N × 11 × W/2]: nothing, then 0 … 9. The tap
 * "marks", f32[N × 7 × W/2], has those of what "nothing" is: really nothing, then `MARKS`.
 */
export const chequeReader: Model = {
  name: 'cheque-reader',
  title: 'Reader of courtesy amounts',
  input: [1, 40, 32],
  classes: ['', ...DIGITS],
  normalize: { scale: 1 / 128, offset: 0 },
  build(b: Builder, image: Value): Value {
    // N × 24 × 20 × W/2
    let x = block(b.at('c1'), image, 24, { kernel: 5, stride: 2, padding: 2 });
    x = block(b.at('c3'), block(b.at('c2'), x, 24), 24);
    // N × 64 × 10 × W/4
    x = block(b.at('c5'), block(b.at('c4'), maxPool2d(x, 2), 64), 64);
    // N × 80 × 5 × W/4
    x = block(b.at('c7'), block(b.at('c6'), maxPool2d(x, [2, 1]), 80), 80);
    // N × 128 × 1 × W/4: one column of features for four of the image
    x = block(b.at('c8'), x, 128, { kernel: [5, 1], padding: 0 });
    x = block(b.at('c9'), x, 128, { kernel: [1, 3], padding: [0, 1] });
    x = dropout(b.at('dropout'), x, 0.3);
    const digits = unfold(conv2d(b.at('digits'), x, 2 * (1 + DIGITS.length), 1));
    const marks = unfold(conv2d(b.at('marks'), x, 2 * (1 + MARKS.length), 1));
    b.tap('marks', logSoftmax(marks, 1));
    return logSoftmax(digits, 1);
  },
  /** Mean of −log P(digits), and where the text is known of the mean of that and −log P(text). */
  loss(b, scores, labels) {
    const digits = digitsLoss(scores, labels);
    const known = unary('clip', cast(column(labels, 1), 'f32'), { alpha: -1, beta: 0 });
    const weight = unary('affine', known, { alpha: 0.5, beta: 0.5 });
    return reduceMean(add(digits, mul(weight, sub(textLoss(b, scores, labels), digits))), [0]);
  },
  /** Lines whose digits have a probability above one half: no other reading is likelier. */
  correct(_, scores, labels) {
    const loss = digitsLoss(scores, labels);
    return reduceSum(cast(greaterEqual(scalar(loss, Math.LN2), loss), 'f32'), [0]);
  },
};

/** How `readAmountLine` uses the network. */
export const readerSettings: ReaderSettings = {
  scale: chequeReader.normalize.scale as number,
  marks: MARKS,
  threshold: THRESHOLD,
};

/** The network of a session as `readAmountLine` takes it. */
export const readerNetwork =
  (session: Session): ReaderNetwork =>
  async (images) => {
    const { scores, marks } = await session.infer(images, ['marks']);
    return { scores, marks: marks as Tensor };
  };
