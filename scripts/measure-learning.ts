/**
 * npm run measure:learning -- [--data DIR] [--weights FILE] [--first N] [--writers N] [--lines N] [--steps N] [--lr X] [--batch N]: what
 * 20 corrected lines of a writer change in reading other lines of theirs, single digits of MNIST's test set, and amounts of
 * ORAND-CAR-A (validation part). Writers with even numbers are synthetic, their hands lean or are narrow or wide beyond those
 * of training; the others write with a few digits of MNIST's test set, those of three classes hard to read.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  chequeReader,
  LABEL_SIZE,
  readerNetwork,
  readerSettings,
  writeLabel,
} from '../models/cheque-reader.ts';
import { parseSafetensors } from '../src/io/safetensors.ts';
import { Session } from '../src/session.ts';
import { everybody } from '../src/train/reader/everybody.ts';
import { type Correction, learnCorrections } from '../src/train/reader/learn.ts';
import { readLine, together } from '../src/vision/reader/read.ts';
import { createBackend } from '../workers/node.ts';
import { readDigits } from './reader/lines.ts';
import { readAmounts } from './reader/orand.ts';
import { leaning, single, type Writer, withHardDigits } from './reader/writers.ts';

const { values: args } = parseArgs({
  options: {
    data: { type: 'string', default: process.env.LENSLET_DATA ?? '../shared/data' },
    weights: { type: 'string', default: 'models/cheque-reader.safetensors' },
    first: { type: 'string', default: '0' },
    writers: { type: 'string', default: '4' },
    lines: { type: 'string', default: '60' },
    digits: { type: 'string', default: '500' },
    steps: { type: 'string' },
    batch: { type: 'string' },
    lr: { type: 'string' },
  },
});
const CORRECTIONS = 20;
/** The sequence that replayed lines come from; training did not see it. */
const REPLAYED = 1003;

const many = (count: number, make: (i: number) => Correction) =>
  Array.from({ length: count }, (_, i) => make(i));

async function main(): Promise<void> {
  const backend = await createBackend({ threads: 1 });
  const [shipped, own] = [
    await Session.create(chequeReader, backend),
    await Session.create(chequeReader, backend),
  ];
  const weights = parseSafetensors(new Uint8Array(readFileSync(args.weights))).tensors;
  for (const session of [shipped, own]) await session.loadStateDict(weights);
  const network = together([shipped, own].map(readerNetwork));
  const errors = async (lines: readonly Correction[]): Promise<number> => {
    let wrong = 0;
    for (const { line, digits } of lines) {
      if ((await readLine(network, line, readerSettings)).digits !== digits) wrong++;
    }
    return wrong / lines.length;
  };
  const hasData = existsSync(join(args.data, 'mnist'));
  const mnist = hasData ? await readDigits(args.data, 'mnist', 't10k-', '-ubyte.gz') : null;
  const digits = mnist ? many(Number(args.digits), (i) => single(mnist, i)) : [];
  const amounts = hasData ? (await readAmounts(join(args.data, 'orand-car-a'))).validation : [];
  const others = async (): Promise<number[]> => [await errors(digits), await errors(amounts)];
  const [usualDigits, usualAmounts] = await others();
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const hard = mnist ? await withHardDigits(mnist, network, readerSettings) : leaning;
  const first = Number(args.first);
  for (let writer = first; writer < first + Number(args.writers); writer++) {
    const written: Writer = writer % 2 ? hard : leaning;
    await own.loadStateDict(weights);
    const corrections = many(CORRECTIONS, (i) => written(i, writer));
    const theirs = many(Number(args.lines), (i) => written(CORRECTIONS + i, writer));
    const before = await errors(theirs);
    const start = performance.now();
    const cpu = process.cpuUsage();
    const { kept } = await learnCorrections(own, corrections, {
      network,
      settings: readerSettings,
      labelSize: LABEL_SIZE,
      writeLabel,
      replay: everybody(REPLAYED),
      steps: args.steps ? Number(args.steps) : undefined,
      batch: args.batch ? Number(args.batch) : undefined,
      lr: args.lr ? Number(args.lr) : undefined,
    });
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    const used = process.cpuUsage(cpu);
    const after = await errors(theirs);
    const [nowDigits, nowAmounts] = await others();
    console.log(
      `writer ${writer}: errors ${percent(before)} → ${percent(after)}, MNIST ${percent(usualDigits)} → ${percent(nowDigits)}, ` +
        `ORAND ${percent(usualAmounts)} → ${percent(nowAmounts)}, ` +
        `${seconds} s (${((used.user + used.system) / 1e6).toFixed(0)} s of processor time)${kept ? '' : ', taken back'}`,
    );
  }
  backend.dispose();
}

await main();
