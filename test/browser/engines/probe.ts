/** What an engine can do with Lenslet, measured in a worker of it: inference, training, times. */
import { lenet5Modern, makeCifarNet } from '../../../models/index.ts';
import { Session, sgd, type Tensor, Trainer, tensor, type WasmBackend } from '../../../src/index.ts';

export interface Probe {
  readonly binary: string;
  readonly threads: number;
  /** Scores of LeNet-5 with initial weights for four images, 4×10. */
  readonly scores: readonly number[];
  /** Losses of the first three steps of ResNet-20, batches of 16. */
  readonly losses: readonly number[];
  /** Milliseconds of one image through LeNet-5, median. */
  readonly latency: number;
  /** Images a second in training ResNet-20, batch 16, median. */
  readonly imagesPerSecond: number;
}

const BATCH = 16;
const STEPS = 8;
const COMPARED = 3;
/** Gentle: engines round differently, and steep steps make much of that (test/bench/NOTES.md). */
const RATE = 0.005;

/** The same code in every engine and, for the values to compare with, in Node. */
export async function probe(backend: WasmBackend): Promise<Probe> {
  const { binary, threads } = backend;
  return { binary, threads, ...(await infer(backend)), ...(await train(backend)) };
}

async function infer(backend: WasmBackend) {
  const session = await Session.create(lenet5Modern, backend, { seed: 1 });
  const { scores } = await session.infer(pattern([4, ...lenet5Modern.input]));
  const one = pattern([1, ...lenet5Modern.input]);
  const latency = await median(60, async () => {
    const start = performance.now();
    for (let run = 0; run < 20; run++) await session.infer(one);
    return (performance.now() - start) / 20;
  });
  await session.dispose();
  return { scores: [...scores.data], latency };
}

async function train(backend: WasmBackend) {
  const session = await Session.create(makeCifarNet(20), backend, { seed: 3 });
  const trainer = new Trainer(session, sgd({ momentum: 0.9, weightDecay: 1e-4 }));
  const labels = tensor(
    [BATCH],
    Int32Array.from({ length: BATCH }, (_, i) => i % 10),
  );
  const x = pattern([BATCH, 3, 32, 32]);
  const losses: number[] = [];
  for (let step = 1; step <= COMPARED; step++)
    losses.push((await trainer.step({ x, labels }, RATE, step)).loss);
  let step = COMPARED;
  const time = await median(STEPS - COMPARED, async () => {
    const start = performance.now();
    await trainer.step({ x, labels }, RATE, ++step);
    return performance.now() - start;
  });
  await session.dispose();
  return { losses, imagesPerSecond: (BATCH * 1000) / time };
}

/** Any values in [−1, 1], the same everywhere. */
function pattern(shape: readonly number[]): Tensor {
  const made = tensor(shape);
  for (let i = 0; i < made.data.length; i++) made.data[i] = ((i * 7919) % 1009) / 504 - 1;
  return made;
}

async function median(count: number, measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) times.push(await measure());
  return times.sort((a, b) => a - b)[count >> 1] as number;
}
