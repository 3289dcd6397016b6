/** The benchmark's engine worker: one backend, one program at a time. */
import type { Binary, WasmBackend } from '../../src/wasm/index.ts';
import { createBackend } from '../../workers/browser.ts';
import type { Asset, Case } from './network.ts';
import { type Program, prepareInference } from './program.ts';
import { prepareInt8 } from './quantized.ts';
import { prepareTraining } from './training.ts';

export type Request =
  | {
      readonly call: 'create';
      readonly threads: number;
      readonly binary: Binary | undefined;
      readonly steps: number;
      readonly int8: boolean;
    }
  | { readonly call: 'prepare'; readonly case: Case; readonly asset: Asset }
  | { readonly call: 'run' | 'check' | 'profile' | 'dispose' };

export type Reply = { readonly value: unknown } | { readonly error: string };

let backend: WasmBackend;
let program: Program;
let steps = 0;
let int8 = false;

async function answer(request: Request): Promise<unknown> {
  switch (request.call) {
    case 'create':
      ({ steps, int8 } = request);
      backend = await createBackend(request);
      if (backend.threads !== request.threads) throw new Error(`Only ${backend.threads} threads started.`);
      return null;
    case 'prepare': {
      const { case: c, asset } = request;
      const prepare = int8 ? prepareInt8 : prepareInference;
      program = await (c.kind === 'train'
        ? prepareTraining(backend, c, asset, steps)
        : prepare(backend, c, asset));
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
