/** The lines the reader is trained on, made in a thread of their own, always a few batches ahead. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { chequeReader, LABEL_SIZE, writeLabel } from '../../models/cheque-reader.ts';
import type { Batch } from '../../src/data/batches.ts';
import { fromIdx, type ImageSet } from '../../src/data/dataset.ts';
import { readIdxPairs } from '../../src/io/idx.ts';
import { composeLine, type DigitSource, digitSource } from '../../src/train/reader/compose.ts';
import { withEnding } from '../../src/train/reader/ending.ts';
import { syntheticLine } from '../../src/train/reader/everybody.ts';
import { newDesk } from '../../src/train/reader/hand.ts';
import { type BoxedLine, splice } from '../../src/train/reader/splice.ts';
import {
  type LineMaker,
  LineStream,
  type StreamOptions,
  type StreamState,
} from '../../src/train/reader/stream.ts';
import { wholeCheques } from '../../src/train/reader/whole-cheques.ts';
import { FONT_DIGIT, fontDigits } from './fonts.ts';
import { type Amount, cutDigits, GLYPH_SIZE, readAmounts } from './orand.ts';

export interface LinesOptions {
  /** Folder with orand-car-a/, mnist/ and usps/. */
  readonly data: string;
  readonly seed: number;
  readonly batch: number;
  /** Whether the validation part is trained on as well. */
  readonly validation: boolean;
}

/** Widths of the images of a batch; what is wider is left out. */
export const WIDTHS: readonly number[] = [96, 128, 192, 256, 384];

/** Parts of real lines, of lines composed of single digits, of synthetic ones, and of those on whole cheques. */
export const SHARES = [0.43, 0.29, 0.16, 0.12] as const;

/** Batches made ahead. */
const AHEAD = 3;

/** A batch and where the stream stands behind it. */
export interface MadeBatch extends Batch {
  readonly state: StreamState;
}

/** Starts the thread; the function it returns gives the next batch. */
export function startLines(
  options: LinesOptions,
  state?: StreamState,
): { next(): Promise<MadeBatch>; stop(): void } {
  const worker = new Worker(new URL(import.meta.url), { workerData: { options, state } });
  const made: MadeBatch[] = [];
  let fail: ((error: unknown) => void) | null = null;
  let deliver: ((batch: MadeBatch) => void) | null = null;
  let broken: unknown;
  worker.on('message', (batch: MadeBatch) => {
    if (deliver) deliver(batch);
    else made.push(batch);
    deliver = null;
  });
  worker.on('error', (error) => {
    broken = error;
    fail?.(error);
  });
  for (let i = 0; i < AHEAD; i++) worker.postMessage('next');
  return {
    next: () =>
      new Promise((resolve, reject) => {
        if (broken) return reject(broken);
        worker.postMessage('next');
        const batch = made.shift();
        if (batch) return resolve(batch);
        [deliver, fail] = [resolve, reject];
      }),
    stop: () => void worker.terminate(),
  };
}

/** Share of the real lines that are given an ending. */
const ENDED = 0.2;

/** Real lines as they are, or new ones from parts of two or three; some with an ending drawn behind. */
function realLines(amounts: readonly Amount[]): LineMaker {
  const desk = newDesk();
  return (random) => {
    const any = () => amounts[random.below(amounts.length)];
    let made: BoxedLine = any();
    const parts = random.uniform();
    for (let n = parts < 0.45 ? 1 : parts < 0.8 ? 2 : 3; n > 1; n--)
      made = splice(made, any(), random) ?? made;
    const line = random.uniform() < ENDED ? withEnding(made.line, desk, random) : made.line;
    return { line, digits: made.digits, text: null };
  };
}

/** Lines composed of the digits of one source, one asked as often as its share says. */
function composedLines(sources: readonly (readonly [share: number, source: DigitSource])[]): LineMaker {
  const desk = newDesk();
  return (random) => {
    let left = random.uniform();
    const [, source] = sources.find(([share]) => (left -= share) < 0) ?? sources[0];
    return composeLine(source, desk, random);
  };
}

/** The digits in a folder of IDX files whose names begin and end so. */
export async function readDigits(
  data: string,
  folder: string,
  before: string,
  after: string,
): Promise<ImageSet> {
  const files = ['images-idx3', 'labels-idx1'].map((part) => {
    const name = `${before}${part}${after}`;
    return { name, bytes: new Uint8Array(readFileSync(join(data, folder, name))) };
  });
  const { train, test } = await readIdxPairs(files);
  const pair = train ?? test;
  if (!pair) throw new Error(`There are no digits in ${join(data, folder)}.`);
  return fromIdx(pair);
}

async function streamOptions({ data, seed, batch, validation }: LinesOptions): Promise<StreamOptions> {
  const parts = await readAmounts(join(data, 'orand-car-a'));
  const train = validation ? parts.both : parts.train;
  const mnist = await readDigits(data, 'mnist', 'train-', '-ubyte.gz');
  const usps = await readDigits(data, 'usps', 'usps-train-', '-ubyte');
  const makers: LineMaker[] = [
    realLines(train),
    composedLines([
      [0.4, digitSource(mnist)],
      [0.12, digitSource(usps, 16)],
      [0.23, digitSource(cutDigits(train), GLYPH_SIZE)],
      [0.25, digitSource(await fontDigits(), FONT_DIGIT)],
    ]),
    (random) => syntheticLine(seed, random),
    wholeCheques(seed),
  ];
  const sources = makers.map((make, i) => [SHARES[i], make] as const);
  return { seed, batch, sources, widths: WIDTHS, labelSize: LABEL_SIZE, writeLabel };
}

async function serve(): Promise<void> {
  const { options, state } = workerData as { options: LinesOptions; state?: StreamState };
  const stream = new LineStream(await streamOptions(options), state);
  parentPort?.on('message', () => {
    const { x, labels } = stream.next(chequeReader.normalize.scale as number);
    const made: MadeBatch = { x, labels, state: stream.state };
    parentPort?.postMessage(made, [x.data.buffer as ArrayBuffer, labels.data.buffer as ArrayBuffer]);
  });
}

if (!isMainThread && workerData?.options) await serve();
