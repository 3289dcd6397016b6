/**
 * npm run measure:learning -- [--weights FILE] [--writers N] [--lines N]: what 20 corrected lines of a writer change in
 * reading other lines of theirs, and lines of everybody. Writers are synthetic, those that the reader finds hard.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  chequeReader,
  LABEL_SIZE,
  readerNetwork,
  readerSettings,
  writeLabel,
} from '../models/cheque-reader.ts';
import { syntheticAmount } from '../src/data/cheques/amount.ts';
import { parseSafetensors } from '../src/io/safetensors.ts';
import { Session } from '../src/session.ts';
import { type Correction, learnCorrections } from '../src/train/reader/learn.ts';
import { prepareLine } from '../src/vision/reader/line.ts';
import { readLine } from '../src/vision/reader/read.ts';
import { createBackend } from '../workers/node.ts';
import { syntheticLine } from './reader/lines.ts';

const { values: args } = parseArgs({
  options: {
    weights: { type: 'string', default: 'models/cheque-reader.safetensors' },
    writers: { type: 'string', default: '4' },
    lines: { type: 'string', default: '60' },
  },
});
const CORRECTIONS = 20;
/** Sequences of synthetic amounts that training did not see. */
const [WRITERS, EVERYBODY] = [1001, 1002];
/** A writer is hard when at least this share of their first lines is misread. */
const HARD = 0.2;

const written = (sequence: number, index: number, writer?: number): Correction => {
  const { image, digits } = syntheticAmount(sequence, index, { cut: 'tight', writer });
  return { line: prepareLine(image), digits };
};
const many = (count: number, make: (i: number) => Correction) =>
  Array.from({ length: count }, (_, i) => make(i));

async function main(): Promise<void> {
  const backend = await createBackend({ threads: 1 });
  const session = await Session.create(chequeReader, backend);
  const weights = parseSafetensors(new Uint8Array(readFileSync(args.weights))).tensors;
  const network = readerNetwork(session);
  const errors = async (lines: readonly Correction[]): Promise<number> => {
    let wrong = 0;
    for (const { line, digits } of lines) {
      if ((await readLine(network, line, readerSettings)).digits !== digits) wrong++;
    }
    return wrong / lines.length;
  };
  const everybody = many(2 * Number(args.lines), (i) => written(EVERYBODY, i));
  await session.loadStateDict(weights);
  const usual = await errors(everybody);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  for (let writer = 0, found = 0; found < Number(args.writers) && writer < 200; writer++) {
    await session.loadStateDict(weights);
    const corrections = many(CORRECTIONS, (i) => written(WRITERS, i, writer));
    if ((await errors(corrections)) < HARD) continue;
    found++;
    const others = many(Number(args.lines), (i) => written(WRITERS, CORRECTIONS + i, writer));
    const before = await errors(others);
    const start = performance.now();
    const { kept } = await learnCorrections(session, corrections, {
      network,
      settings: readerSettings,
      labelSize: LABEL_SIZE,
      writeLabel,
      replay: (random) => syntheticLine(EVERYBODY + 1, random),
    });
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    const [after, now] = [await errors(others), await errors(everybody)];
    console.log(
      `writer ${writer}: errors ${percent(before)} → ${percent(after)}, everybody ${percent(usual)} → ${percent(now)}, ` +
        `${seconds} s${kept ? '' : ', taken back'}`,
    );
  }
  backend.dispose();
}

await main();
