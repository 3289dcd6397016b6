/** lenslet devices: what this machine computes with, what is chosen for which work, and why. */
import { availableParallelism, cpus } from 'node:os';
import type { Command } from 'commander';
import { modelByName } from '../../models/index.ts';
import { tensor } from '../../src/core/tensor.ts';
import type { Choice, HybridBackend } from '../../src/hybrid/index.ts';
import { Session } from '../../src/session.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { WasmBackend } from '../../src/wasm/index.ts';
import { createAutoBackend } from '../../workers/node-auto.ts';
import { createWebgpuBackend } from '../../workers/node-webgpu.ts';
import { print, printJson, table } from '../table.ts';

/** Work of different size, from a drawn digit to a training step. */
const WORK = [
  { model: 'lenet5-modern', batch: 1, training: false },
  { model: 'lenet5-modern', batch: 64, training: true },
  { model: 'cifar-resnet20', batch: 32, training: false },
  { model: 'cifar-resnet20', batch: 32, training: true },
] as const;

export function devicesCommand(program: Command): void {
  program
    .command('devices')
    .description('Shows processor and GPU, and which of them is faster for which work.')
    .option('--json', 'print one JSON document on stdout')
    .action(run);
}

interface Row {
  readonly work: string;
  readonly choice: Choice;
}

async function run({ json }: { readonly json?: boolean }): Promise<void> {
  const backend = await createAutoBackend();
  try {
    const gpu = await describeGpu();
    const { binary, threads, memoryBytes } = backend.wasm as WasmBackend;
    const processor = {
      name: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      ...{ threads, binary, memoryBytes },
    };
    const rows: Row[] = [];
    for (const work of WORK) rows.push(await choose(backend, work));
    if (json) printJson({ processor, gpu, choices: rows });
    else show(processor, gpu, rows);
  } finally {
    backend.dispose();
  }
}

async function describeGpu() {
  try {
    const gpu = await createWebgpuBackend();
    const { limits, features } = gpu.device;
    const facts = {
      ...gpu.adapter,
      features: [...features].sort(),
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    };
    gpu.dispose();
    return facts;
  } catch (error) {
    return { none: (error as Error).message };
  }
}

async function choose(
  backend: HybridBackend,
  { model: name, batch, training }: (typeof WORK)[number],
): Promise<Row> {
  const model = modelByName(name);
  const session = await Session.create(model, backend);
  const x = tensor([batch, ...model.input]);
  backend.choices.clear();
  if (training) {
    const labels = tensor([batch], new Int32Array(batch));
    await new Trainer(session, sgd({ momentum: 0.9 })).step({ x, labels }, 1e-3, 1);
  } else await session.infer(x);
  await session.dispose();
  const [choice] = backend.choices.values();
  return {
    work: `${model.title}, ${training ? 'training step' : 'inference'}, batch ${batch}`,
    choice: choice as Choice,
  };
}

const ms = (time: number | undefined): string => (time === undefined ? '–' : `${time.toPrecision(3)} ms`);

function show(
  processor: {
    readonly name: string;
    readonly cores: number;
    readonly threads: number;
    readonly binary: string;
  },
  gpu: Awaited<ReturnType<typeof describeGpu>>,
  rows: readonly Row[],
): void {
  print(
    `Processor  ${processor.name}, ${processor.cores} cores: ${processor.threads} threads, binary "${processor.binary}"`,
  );
  if ('none' in gpu) print(`GPU        none: ${gpu.none}`);
  else {
    const kind = gpu.software ? ' (software: never chosen by itself)' : '';
    print(`GPU        ${gpu.description || gpu.vendor}${kind}\n           ${gpu.features.join(', ')}`);
  }
  print('');
  print(
    table(
      ['work', 'runs on', 'because', 'WASM', 'WebGPU'],
      rows.map(({ work, choice }) => [work, choice.side, choice.why, ms(choice.wasm), ms(choice.webgpu)]),
    ),
  );
}
