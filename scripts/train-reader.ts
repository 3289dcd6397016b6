/**
 * npm run train:reader -- [--data DIR] [--out FILE] [--steps N] [--decay N] [--lr N] [--seed N] [--threads N] [--average N]
 * [--from FILE]… [--validation]:
 * trains the reader of amounts on ORAND-CAR-A, MNIST strings and synthetic amounts. Goes on from FILE.checkpoint of --out
 * where that exists, else starts from the mean of the weights --from, variables they lack from their first values; with
 * --lr 0 only the statistics of batch normalisation are measured anew. What is kept is the weights' exponential moving
 * average over some --average steps. With --validation the amounts of the validation part are trained on too: nothing can be
 * chosen by them then.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chequeReader, LABEL_SIZE } from '../models/cheque-reader.ts';
import { parseSafetensors, writeSafetensors } from '../src/io/safetensors.ts';
import { Session } from '../src/session.ts';
import { loadCheckpoint, saveCheckpoint, type Weights } from '../src/train/checkpoint.ts';
import { adamw } from '../src/train/optimizer.ts';
import type { StreamState } from '../src/train/reader/stream.ts';
import { Trainer } from '../src/train/trainer.ts';
import { createBackend } from '../workers/node.ts';
import { SHARES, startLines, WIDTHS } from './reader/lines.ts';
import { accuracy } from './reader/measure.ts';
import { readAmounts } from './reader/orand.ts';

const { values: args } = parseArgs({
  options: {
    data: { type: 'string', default: process.env.LENSLET_DATA ?? '../shared/data' },
    out: { type: 'string', default: 'cheque-reader.safetensors' },
    steps: { type: 'string', default: '20000' },
    decay: { type: 'string', default: '8000' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
    batch: { type: 'string', default: '8' },
    lr: { type: 'string', default: '0.0015' },
    average: { type: 'string', default: '1000' },
    from: { type: 'string', multiple: true },
    validation: { type: 'boolean', default: false },
  },
});
const [steps, decay, seed, batch, lr] = [args.steps, args.decay, args.seed, args.batch, args.lr].map(Number);
const WARM = 150;
/** Steps between reports, each with a checkpoint; and between measurements. */
const EVERY = 100;
const MEASURE = 500;
/** The average is moved on every so many steps by so much. */
const AVERAGED = 10;
const SHARE = AVERAGED / Number(args.average);

/** Factor on the learning rate: rises over the first steps, falls to 0 over the last, so that the end can be chosen late. */
const rate = (step: number): number => Math.min(1, (step + 1) / WARM, (steps - step) / decay);

/** What must not change when a run goes on. */
const identity = { seed, batch, lr, sources: SHARES, averaged: AVERAGED, share: SHARE, all: args.validation };

/** Moves the average towards the weights; at the beginning it is their mean. */
function moveAverage(average: Weights, weights: Weights, step: number): void {
  const share = Math.max(SHARE, AVERAGED / (0.5 * step + AVERAGED));
  for (const [name, { data }] of average) {
    const next = weights.get(name)!.data;
    for (let i = 0; i < data.length; i++) data[i] += share * (next[i] - data[i]);
  }
}

/** P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018. */
function meanOf([first, ...others]: readonly Weights[]): Weights {
  others.forEach((weights, i) => {
    for (const [name, { data }] of first) {
      const next = weights.get(name)!.data;
      for (let k = 0; k < data.length; k++) data[k] += (next[k] - data[k]) / (i + 2);
    }
  });
  return first;
}

async function main(): Promise<void> {
  const { validation } = await readAmounts(join(args.data, 'orand-car-a'));
  const backend = await createBackend({ threads: Number(args.threads) });
  const session = await Session.create(chequeReader, backend, { seed });
  const measured = await Session.create(chequeReader, backend);
  const trainer = new Trainer(session, adamw({ weightDecay: 0.02 }), seed);
  const checkpoint = `${args.out}.checkpoint`;
  let step = 0;
  let state: StreamState | undefined;
  let average: Weights | null = null;
  if (existsSync(checkpoint)) {
    await trainer.plan([batch, 1, chequeReader.input[1], WIDTHS[0]], [LABEL_SIZE]);
    const { progress, best } = await loadCheckpoint(session, readFileSync(checkpoint), identity);
    step = progress.step;
    average = best;
    state = progress.history as StreamState;
  }
  const lines = startLines({ data: args.data, seed, batch, validation: args.validation }, state);
  const measure = async (weights: Weights): Promise<string> => {
    await measured.loadStateDict(weights);
    return `, validation ${(100 * (await accuracy(measured, validation))).toFixed(1)} %`;
  };
  if (step === 0 && args.from) {
    const mean = meanOf(args.from.map((file) => parseSafetensors(readFileSync(file)).tensors));
    await session.loadStateDict(new Map([...(await session.stateDict()), ...mean]));
  }
  let [loss, right, began] = [0, 0, performance.now()];
  while (step < steps) {
    const made = await lines.next();
    const result = await trainer.step(made, lr * rate(step), ++step);
    loss += result.loss;
    right += result.correct;
    if (step % AVERAGED === 0 || step === steps) {
      const weights = await session.stateDict();
      if (average) moveAverage(average, weights, step);
      else average = weights;
    }
    if (step % EVERY && step !== steps) continue;
    const n = step % EVERY || EVERY;
    const ms = (performance.now() - began) / n;
    const score = step % MEASURE === 0 || step === steps ? await measure(average as Weights) : '';
    const share = ((100 * right) / n / batch).toFixed(1);
    console.log(
      `${step} loss ${(loss / n).toFixed(4)}, likely ${share} %${score}, ${ms.toFixed(0)} ms a step`,
    );
    [loss, right, began] = [0, 0, performance.now()];
    const progress = { epoch: 0, batch: 0, step, history: made.state };
    writeFileSync(`${checkpoint}.part`, await saveCheckpoint(session, progress, average, identity));
    renameSync(`${checkpoint}.part`, checkpoint);
  }
  const metadata = { model: chequeReader.name, recipe: JSON.stringify({ ...identity, steps, decay }) };
  writeFileSync(args.out, writeSafetensors(average as Weights, metadata, { half: true }));
  lines.stop();
  backend.dispose();
}

await main();
