/** lenslet bench: how fast this machine runs and trains a network. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import type { Backend, Executable, StepTime } from '../../src/backend.ts';
import { Random } from '../../src/core/random.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import type { Model } from '../../src/nn/builder.ts';
import { Session } from '../../src/session.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { WasmBackend } from '../../src/wasm/index.ts';
import { WebgpuBackend } from '../../src/webgpu/index.ts';
import { isNetwork, openBackend, trained, untrained } from '../network.ts';
import { type CommonOptions, example, integer, real, withCommon, withPrecision } from '../options.ts';
import { print, printJson, table } from '../table.ts';

interface BenchOptions extends CommonOptions {
  readonly model: string;
  readonly batch: number;
  readonly seconds: number;
  readonly profile?: boolean;
}

interface Timing {
  readonly median: number;
  readonly min: number;
  readonly runs: number;
}

interface Measured {
  readonly milliseconds: Timing;
  readonly imagesPerSecond: number;
  /** Medians of each kernel, in order; only with --profile. */
  readonly profile?: readonly StepTime[];
}

/** Runs before anything is counted: plans settle on a number of threads, code gets hot. */
const WARM_UP = 20;
const FEWEST_RUNS = 5;
const PROFILES = 15;

export function benchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description('Measures inference and training of a network on random images.')
    .option('--model <name>', 'network, or a .safetensors or .onnx file', 'lenet5-modern')
    .option('--batch <n>', 'images of the larger inference and of a training step', integer(1), 64)
    .option('--seconds <s>', 'time for each measurement', real(0, 3600, true), 2)
    .option('--profile', 'time of each kernel');
  withPrecision(withCommon(command)).action(run);
  example(command, 'lenslet bench --model lenet5 --threads 2 --profile');
}

async function run(options: BenchOptions): Promise<void> {
  const network = isNetwork(options.model) ? untrained(options.model) : await trained(options.model);
  const { model } = network;
  const backend = await openBackend(options);
  try {
    const session = await Session.create(model, backend);
    if (network.weights) await session.loadStateDict(network.weights);
    const single = await measureInference(session, 1, options);
    const many = await measureInference(session, options.batch, options);
    const training = session.parameters > 0 ? await measureTraining(session, options) : null;
    const machine = machineOf(backend);
    const { batch } = options;
    const result = { model: model.name, ...machine, cores: availableParallelism(), batch };
    if (options.json) printJson({ ...result, inference: single, inferenceBatch: many, training });
    else
      print(
        `${Object.values(machine).join(', ')}${'threads' in machine ? ' thread(s)' : ''}\n\n${show(batch, single, many, training)}`,
      );
  } finally {
    backend.dispose();
  }
}

function machineOf(backend: Backend) {
  const { name } = backend;
  if (backend instanceof WasmBackend)
    return { backend: name, binary: backend.binary, threads: backend.threads };
  if (backend instanceof WebgpuBackend) return { backend: name, gpu: backend.adapter.description };
  return { backend: name, threads: 1 };
}

function randomBatch(model: Model, n: number): { x: Tensor; labels: Tensor } {
  const random = new Random(0);
  const shape = [n, ...model.input];
  const x = tensor(shape);
  for (let i = 0; i < x.data.length; i++) x.data[i] = random.normal();
  const labels = Int32Array.from({ length: n }, () => random.below(model.classes.length));
  return { x, labels: tensor([n], labels) };
}

async function measureInference(session: Session, n: number, options: BenchOptions): Promise<Measured> {
  const { x } = randomBatch(session.model, n);
  const executable = await session.inference(x.shape, []);
  const milliseconds = await time(() => executable.run({ x }), options.seconds);
  return measured(n, milliseconds, executable, options);
}

async function measureTraining(session: Session, options: BenchOptions): Promise<Measured> {
  const { model } = session;
  const batch = randomBatch(model, options.batch);
  const trainer = new Trainer(session, sgd({ momentum: 0.9 }));
  let step = 0;
  // A rate that changes nothing much: the time does not depend on the values, as long as they stay finite.
  const milliseconds = await time(() => trainer.step(batch, 1e-6, ++step), options.seconds);
  return measured(options.batch, milliseconds, await trainer.plan(batch.x.shape), options);
}

async function measured(
  n: number,
  t: Timing,
  executable: Executable,
  { profile }: BenchOptions,
): Promise<Measured> {
  const result = { milliseconds: t, imagesPerSecond: (1000 * n) / t.median };
  return profile ? { ...result, profile: await profileOf(executable) } : result;
}

async function time(work: () => Promise<unknown>, seconds: number): Promise<Timing> {
  for (let i = 0, start = performance.now(); i < WARM_UP && performance.now() - start < 1000 * seconds; i++) {
    await work();
  }
  const times: number[] = [];
  for (const start = performance.now(); ; ) {
    const before = performance.now();
    await work();
    const now = performance.now();
    times.push(now - before);
    if (times.length >= FEWEST_RUNS && now - start > 1000 * seconds) break;
  }
  return { median: median(times), min: Math.min(...times), runs: times.length };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

async function profileOf(executable: Executable): Promise<StepTime[]> {
  const runs: (readonly StepTime[])[] = [];
  for (let i = 0; i < PROFILES; i++) runs.push(await executable.profile());
  return runs[0].map(({ label }, i) => ({ label, milliseconds: median(runs.map((r) => r[i].milliseconds)) }));
}

/** @param training null for a network that is not trained */
function show(batch: number, single: Measured, many: Measured, training: Measured | null): string {
  const cases = [
    ['inference, batch 1', single],
    [`inference, batch ${batch}`, many],
    ...(training ? [[`training step, batch ${batch}`, training] as const] : []),
  ] as const;
  const rows = cases.map(([label, { milliseconds: t, imagesPerSecond }]) => [
    label,
    t.median.toFixed(3),
    t.min.toFixed(3),
    imagesPerSecond.toFixed(0),
    String(t.runs),
  ]);
  const profiles = cases.flatMap(([label, { profile }]) =>
    profile?.length ? [showProfile(label, profile)] : [],
  );
  return [table(['', 'median ms', 'min ms', 'images/s', 'runs'], rows), ...profiles].join('\n\n');
}

function showProfile(title: string, steps: readonly StepTime[]): string {
  const total = steps.reduce((sum, s) => sum + s.milliseconds, 0);
  const rows = steps.map((s, i) => [
    String(i),
    s.label,
    s.milliseconds.toFixed(4),
    ((100 * s.milliseconds) / total).toFixed(1),
  ]);
  const all = ['', 'all', total.toFixed(4), '100'];
  return `Kernels of ${title}, medians:\n${table(['', 'kernel', 'ms', '%'], [...rows, all])}`;
}
