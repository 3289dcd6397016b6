/** The benchmark's engine worker: one backend, one program at a time. */
import type { Binary, WasmBackend } from '../../src/wasm/index.ts';
import { createBackend } from '../../workers/browser.ts';
import type { Asset, Case } from './network.ts';
import { type Program, prepareInference } from './program.ts';
import { prepareTraining } from './training.ts';

export type Request =
  | {
      readonly call: 'create';
      readonly threads: number;
      readonly binary: Binary | undefined;
      readonly steps: number;
    }
  | { readonly call: 'prepare'; readonly case: Case; readonly asset: Asset }
  | { readonly call: 'run' | 'check' | 'profile' | 'dispose' };

export type Reply = { readonly value: unknown } | { readonly error: string };

let backend: WasmBackend;
let program: Program;
let steps = 0;

async function answer(request: Request): Promise<unknown> {
  switch (request.call) {
    case 'create':
      steps = request.steps;
      backend = await createBackend(request);
      if (backend.threads !== request.threads) throw new Error(`Only ${backend.threads} threads started.`);
      return null;
    case 'prepare': {
      const { case: c, asset } = request;
      program = await (c.kind === 'train'
        ? prepareTraining(backend, c, asset, steps)
        : prepareInference(backend, c, asset));
      return null;
    }
    default:
      return program[request.call]();
  }
}

addEventListener('message', async ({ data }: MessageEvent<Request>) => {
  try {
    postMessage({ value: await answer(data) } satisfies Reply);
  } catch (error) {
    postMessage({ error: (error as Error).message } satisfies Reply);
  }
});
