/**
 * Learning from corrections: a few lines of one writer, mixed with lines of everybody so that nothing is forgotten.
 */
import { check } from '../../core/error.ts';
import { Random } from '../../core/random.ts';
import { Builder, type Model } from '../../nn/builder.ts';
import type { Session } from '../../session.ts';
import type { Line } from '../../vision/reader/line.ts';
import { type ReaderNetwork, type ReaderSettings, readLine } from '../../vision/reader/read.ts';
import type { Weights } from '../checkpoint.ts';
import { adamw } from '../optimizer.ts';
import { Trainer } from '../trainer.ts';
import { type LineMaker, LineStream, type StreamOptions } from './stream.ts';

/** A line as `prepareLine` makes it, and what is really written there. */
export interface Correction {
  readonly line: Line;
  readonly digits: string;
}

/** How to learn, and how it is measured: `network` reads with the session that learns, alone or together with others. */
export interface LearnOptions extends Pick<StreamOptions, 'labelSize' | 'writeLabel'> {
  readonly network: ReaderNetwork;
  readonly settings: ReaderSettings;
  /** Lines of everybody: synthetic amounts. */
  readonly replay: LineMaker;
  /** Default 0. */
  readonly seed?: number;
  /** Updates. Default 100. */
  readonly steps?: number;
  /** Lines a step, half of them corrections. Default 8. */
  readonly batch?: number;
  /** Default 0.001: higher rates make the reader forget more of other hands, and learn no more of this one. */
  readonly lr?: number;
  /** Replayed lines by which forgetting is measured. Default 40. */
  readonly checks?: number;
  /** Asked after every step; false stops and takes everything back. */
  onStep?(step: number, steps: number): boolean | Promise<boolean>;
}

export interface LearnReport {
  /** Lines read right, of the corrections and of the lines of everybody, before and after. */
  readonly before: { readonly corrections: number; readonly replay: number };
  readonly after: { readonly corrections: number; readonly replay: number };
  /** Whether the new weights were kept; else those from before are back. */
  readonly kept: boolean;
  /** The weights from before, to undo. */
  readonly previous: Weights;
}

/** Of the replayed lines so many may be read worse, as a share, before what was learned is taken back. */
const MOST_FORGOTTEN = 0.05;
const WIDTHS = [128, 192, 288, 512];

/**
 * The network with the statistics of its batch normalisation as they are and without dropout: a few lines of one writer
 * are no sample from which to estimate the statistics of all.
 */
const withoutNoise = (model: Model): Model => ({
  ...model,
  name: `${model.name}, statistics kept`,
  build: (b, x) => model.build(new Builder(b.graph, false, b.path, b.taps, b.auxiliaries), x),
});

/**
 * Trains the session's network on the corrections. What harms the reading of everybody's lines, or is stopped, is taken
 * back.
 * @throws LensletError 'value' without corrections, or when a correction has no digits
 */
export async function learnCorrections(
  session: Session,
  corrections: readonly Correction[],
  options: LearnOptions,
): Promise<LearnReport> {
  const valid = corrections.length > 0 && corrections.every(({ digits }) => /^\d+$/.test(digits));
  check(valid, 'value', () => 'Correct at least one line; each needs its digits and nothing else.');
  const { seed = 0, checks = 40, replay } = options;
  const random = new Random(seed).at('replay');
  const others = Array.from({ length: checks }, (_, i) => replay(random.at(i)));
  const measure = async () => ({
    corrections: await countRight(corrections, options),
    replay: await countRight(others, options),
  });
  const previous = await session.stateDict();
  const before = await measure();
  const finished = await run(session, corrections, options);
  const after = finished ? await measure() : before;
  const kept = finished && after.replay >= before.replay - MOST_FORGOTTEN * checks;
  if (!kept) await session.loadStateDict(previous);
  return { before, after, kept, previous };
}

async function countRight(
  lines: readonly Correction[],
  { network, settings }: Pick<LearnOptions, 'network' | 'settings'>,
): Promise<number> {
  let right = 0;
  for (const { line, digits } of lines) {
    if ((await readLine(network, line, settings)).digits === digits) right++;
  }
  return right;
}

/** Trains; false when stopped. */
async function run(
  session: Session,
  corrections: readonly Correction[],
  options: LearnOptions,
): Promise<boolean> {
  const { seed = 0, steps = 100, batch = 8, lr = 1e-3, replay, labelSize, writeLabel, onStep } = options;
  const corrected: LineMaker = (random) => ({
    ...corrections[random.below(corrections.length)]!,
    text: null,
  });
  const sources = [[1, corrected] as const, [1, replay] as const];
  const stream = new LineStream({ seed, batch, sources, widths: WIDTHS, labelSize, writeLabel });
  const trainer = new Trainer(session, adamw(), seed, withoutNoise(session.model));
  await forgetMomenta(session);
  for (let step = 1; step <= steps; step++) {
    const lines = stream.next(options.settings.scale);
    await trainer.step(lines, lr * Math.min(1, step / 5, (steps - step + 1) / (steps / 2)), step);
    if (onStep && !(await onStep(step, steps))) return false;
  }
  return true;
}

/** What the optimiser remembers of learning before is not about these corrections. */
async function forgetMomenta(session: Session): Promise<void> {
  const state = await session.stateDict({ optimizer: true });
  for (const [name, { data }] of state) if (session.variables.get(name)?.role === 'optimizer') data.fill(0);
  await session.loadStateDict(state);
}
