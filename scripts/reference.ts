/**
 * npm run reference -- DIR [--backend wasm|webgpu|reference] [--threads N]: checks the operators, training
 * runs and networks of DIR (ops.json, steps.json, zoo.json) against PyTorch's values. One line a case; the exit
 * status is 1 when any fails.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Backend } from '../src/backend.ts';
import { ReferenceBackend } from '../src/reference/index.ts';
import { createBackend } from '../workers/node.ts';
import { createWebgpuBackend } from '../workers/node-webgpu.ts';
import { runOps } from './reference/ops.ts';
import type { Read } from './reference/read.ts';
import type { CaseResult } from './reference/result.ts';
import { runSteps } from './reference/steps.ts';
import { runZoo } from './reference/zoo.ts';

const USAGE = 'Usage: npm run reference -- DIR [--backend wasm|webgpu|reference] [--threads N]';

type Suite = (read: Read, backend: Backend) => AsyncGenerator<CaseResult>;
const suites: readonly (readonly [file: string, run: Suite])[] = [
  ['ops.json', runOps],
  ['steps.json', runSteps],
  ['zoo.json', runZoo],
];

const backends = {
  wasm: (threads?: number): Promise<Backend> => createBackend({ threads }),
  webgpu: (): Promise<Backend> => createWebgpuBackend(),
  reference: async (): Promise<Backend> => new ReferenceBackend(),
};

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { backend: { type: 'string', default: 'wasm' }, threads: { type: 'string' } },
  });
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  if (positionals.length !== 1) throw new Error('Give one folder.');
  if (!Object.hasOwn(backends, values.backend)) throw new Error(`There is no backend "${values.backend}".`);
  if (threads !== undefined && !(Number.isInteger(threads) && threads > 0)) {
    throw new Error(`--threads must be a whole number from 1, not ${values.threads}.`);
  }
  const dir = positionals[0];
  const present = suites.filter(([file]) => existsSync(join(dir, file)));
  if (!present.length) throw new Error(`${dir} holds none of ${suites.map(([file]) => file).join(', ')}.`);
  return { dir, present, backend: values.backend as keyof typeof backends, threads };
}

async function main(): Promise<number> {
  const { dir, present, backend: name, threads } = options();
  const backend = await backends[name](threads);
  const read: Read = (file) => readFile(join(dir, file));
  let passed = 0;
  let failed = 0;
  for (const [file, run] of present) {
    for await (const result of run(read, backend)) {
      if (result.passed) passed++;
      else failed++;
      const suite = file.replace('.json', '');
      console.log(
        `${result.passed ? 'ok    ' : 'FAILED'} ${suite.padEnd(5)} ${result.name.padEnd(24)} ${result.detail}`,
      );
    }
  }
  backend.dispose();
  console.log(`${passed} passed, ${failed} failed`);
  return failed ? 1 : 0;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exitCode = 1;
  },
);
