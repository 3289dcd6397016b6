/** lenslet devices: what this machine computes with, what is chosen for which work, and why. */
import { availableParallelism, cpus } from 'node:os';
import type { Command } from 'commander';
import { createAutoBackend } from '../../workers/node-auto.ts';
import { createWebgpuBackend } from '../../workers/node-webgpu.ts';
import { measureWork, type WorkChoice } from '../../workers/work.ts';
import { print, printJson, table } from '../table.ts';

export function devicesCommand(program: Command): void {
  program
    .command('devices')
    .description('Shows processor and GPU, and which of them is faster for which work.')
    .option('--json', 'print one JSON document on stdout')
    .action(run);
}

async function run({ json }: { readonly json?: boolean }): Promise<void> {
  const backend = await createAutoBackend();
  try {
    const gpu = await describeGpu();
    const { binary, threads, memoryBytes } = backend.wasm;
    const processor = {
      name: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      ...{ threads, binary, memoryBytes },
    };
    const rows = await measureWork(backend);
    if (json) printJson({ processor, gpu, choices: rows });
    else show(processor, gpu, rows);
  } finally {
    backend.dispose();
  }
}

async function describeGpu() {
  try {
    const gpu = await createWebgpuBackend();
    const { adapter } = gpu;
    gpu.dispose();
    return adapter;
  } catch (error) {
    return { none: (error as Error).message };
  }
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
  rows: readonly WorkChoice[],
): void {
  print(
    `Processor  ${processor.name}, ${processor.cores} cores: ${processor.threads} threads, binary "${processor.binary}"`,
  );
  if ('none' in gpu) print(`GPU        none: ${gpu.none}`);
  else {
    const kind = gpu.software ? ' (software: never chosen by itself)' : '';
    const buffers = Object.entries(gpu.limits).map(
      ([name, bytes]) => `${name} ${(bytes / 2 ** 20).toFixed(0)} MiB`,
    );
    print(`GPU        ${gpu.description || gpu.vendor}${kind}`);
    print(`           ${[...gpu.features, ...buffers].join(', ')}`);
  }
  print('');
  print(
    table(
      ['work', 'runs on', 'because', 'WASM', 'WebGPU'],
      rows.map(({ title, batch, training, choice }) => [
        `${title}, ${training ? 'training step' : 'inference'}, batch ${batch}`,
        choice.side,
        choice.why,
        ms(choice.wasm),
        ms(choice.webgpu),
      ]),
    ),
  );
}
