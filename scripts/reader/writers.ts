/** Simulated writers whose hands are unlike those of the reader's training lines. */
import { Random } from '../../src/core/random.ts';
import { syntheticAmount } from '../../src/data/cheques/amount.ts';
import { type ImageSet, imageAt } from '../../src/data/dataset.ts';
import { composeLine, type DigitSource } from '../../src/train/reader/compose.ts';
import { newDesk } from '../../src/train/reader/hand.ts';
import type { Correction } from '../../src/train/reader/learn.ts';
import { logLikelihood } from '../../src/vision/reader/decode.ts';
import { type Line, prepareLine, STRAIGHT, sample } from '../../src/vision/reader/line.ts';
import { drawPoses, type ReaderNetwork, type ReaderSettings } from '../../src/vision/reader/read.ts';

/** Line `index` of writer `writer`. */
export type Writer = (index: number, writer: number) => Correction;

/** The sequence of synthetic amounts and styles; training did not see it. */
const WRITERS = 1001;

/** How a writer's lines differ: columns to the right for each row upwards, and a factor on the width. */
interface Style {
  readonly slant: number;
  readonly stretch: number;
}

function styleOf(writer: number): Style {
  const random = new Random(WRITERS).at('style', writer);
  const side = random.uniform() < 0.5 ? -1 : 1;
  return { slant: side * random.between(0.45, 0.75), stretch: Math.exp(side * random.between(0, 0.3)) };
}

/** The line in another hand. */
function restyle(line: Line, { slant, stretch }: Style): Line {
  const { ink, top, bottom } = line;
  const lean = Math.abs(slant) * (bottom - top);
  const width = Math.ceil(stretch * ink.width + lean);
  const data = new Uint8Array(width * ink.height);
  const from = (x: number, y: number) => (x - lean / 2 - slant * ((top + bottom) / 2 - y)) / stretch;
  for (let i = 0; i < data.length; i++) {
    const y = Math.floor(i / width);
    data[i] = sample(ink, from((i % width) + 0.5, y + 0.5) - 0.5, y);
  }
  const right = Math.min(width, stretch * line.right + lean);
  return { ...line, ink: { width, height: ink.height, data }, left: stretch * line.left, right };
}

/** Synthetic hands that lean, and are narrow or wide, beyond those of training. */
export const leaning: Writer = (index, writer) => {
  const { image, digits } = syntheticAmount(WRITERS, index, { cut: 'tight', writer });
  return { line: restyle(prepareLine(image), styleOf(writer)), digits };
};

/** A digit as a line of its own. */
export function single(images: ImageSet, i: number): Correction {
  const { width, height } = images;
  const data = imageAt(images, i).map((v) => 255 - v);
  return { line: prepareLine({ width, height, data }), digits: images.classes[images.labels[i]] };
}

/** Images of the test set that writers take their digits from, and how many of each class one takes. */
const POOL = { from: 5000, to: 7000 };
const TAKEN = 2;
/** Hard classes of a writer, and the share of a class's images that is hardest to read. */
const HARD_CLASSES = 3;
const HARDEST = 0.06;

/** The digits of a writer: of three classes such as the reader finds hard, of the others any. */
function digitsOf(writer: number, images: ImageSet, loss: Float64Array): DigitSource {
  const random = new Random(WRITERS).at('digits', writer);
  const hard = Array.from(random.permutation(10).subarray(0, HARD_CLASSES));
  const byClass = images.classes.map((_, c) => {
    const all = Array.from(loss.keys(), (i) => POOL.from + i).filter((i) => images.labels[i] === c);
    all.sort((a, b) => loss[b - POOL.from] - loss[a - POOL.from]);
    const choice = hard.includes(c) ? all.slice(0, Math.ceil(HARDEST * all.length)) : all;
    return Int32Array.from({ length: TAKEN }, () => choice[random.below(choice.length)]);
  });
  return { images, byClass, size: 20 };
}

/** People who write with a few digits of the set only, those of three classes hard to read. */
export async function withHardDigits(
  images: ImageSet,
  network: ReaderNetwork,
  settings: ReaderSettings,
): Promise<Writer> {
  const loss = new Float64Array(POOL.to - POOL.from);
  for (let i = 0; i < loss.length; i++) {
    const { line, digits } = single(images, POOL.from + i);
    const { x } = drawPoses(line, [STRAIGHT], settings.scale);
    const { scores } = await network(x);
    const [, classes, steps] = scores.shape;
    loss[i] = -logLikelihood({ data: scores.data as Float32Array, classes, steps }, digits);
  }
  return (index, writer) =>
    composeLine(digitsOf(writer, images, loss), newDesk(), new Random(WRITERS).at('line', writer, index));
}
