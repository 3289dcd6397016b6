/**
 * Lenslet in the benchmark's page. Programs of some milliseconds run on the page, longer ones in a worker, at the price
 * of two messages a run: the page must not stand still.
 */
import { createBackend, createWebgpuBackend } from '../../workers/browser.ts';
import type { Asset, Case } from './network.ts';
import { type Program, prepareInference } from './program.ts';
import type { Reply, Request } from './worker.ts';

interface Options {
  /** Default: wasm. */
  readonly backend?: 'wasm' | 'webgpu';
  readonly threads?: number | string;
  readonly binary?: 'simd' | 'threads' | 'relaxed';
  /** Networks for inference in int8. */
  readonly int8?: number | string;
  /** Training steps whose losses are checked. */
  readonly steps?: number | string;
}

/** About 10 ms on one thread. */
const SHORT_FLOPS = 5e8;

/** Calls of a worker, answered in order. */
class Remote {
  readonly #worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  readonly #waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const call = this.#waiting.shift();
      if ('error' in data) call?.reject(new Error(data.error));
      else call?.resolve(data.value);
    };
    this.#worker.onerror = ({ message }) => {
      for (const { reject } of this.#waiting.splice(0))
        reject(new Error(message || 'the worker did not load'));
    };
  }

  call<T>(request: Request): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage(request);
    });
  }
}

export default async function create(options: Options) {
  const threads = Number(options.threads ?? 1);
  const steps = Number(options.steps ?? 4);
  const int8 = Boolean(Number(options.int8 ?? 0));
  const { binary } = options;
  let remote: Promise<Remote> | null = null;
  const onGpu = options.backend === 'webgpu';
  const backend = onGpu
    ? await createWebgpuBackend()
    : await createBackend({ threads, binary, lateThreads: true });

  async function prepareHere(c: Case, asset: Asset): Promise<Program> {
    if (c.kind !== 'train' && int8) return (await import('./quantized.ts')).prepareInt8(backend, c, asset);
    if (c.kind !== 'train') return prepareInference(backend, c, asset);
    const { prepareTraining } = await import('./training.ts');
    return prepareTraining(backend, c, asset, steps);
  }

  async function startRemote(): Promise<Remote> {
    const made = new Remote();
    await made.call({ call: 'create', threads, binary, steps, int8 });
    return made;
  }

  async function prepareThere(c: Case, asset: Asset): Promise<Program> {
    remote ??= startRemote();
    const worker = await remote;
    await worker.call({ call: 'prepare', case: c, asset: { ...asset, t: { ...asset.t } } });
    return {
      run: () => worker.call({ call: 'run' }),
      check: () => worker.call({ call: 'check' }),
      profile: () => worker.call({ call: 'profile' }),
      dispose: () => void worker.call({ call: 'dispose' }),
    };
  }

  return {
    async setup() {
      const how =
        backend.name === 'webgpu' ? { adapter: backend.adapter } : { binary: backend.binary, threads };
      return { version: '0.1.0', ...how, shortFlops: SHORT_FLOPS };
    },
    prepare: (c: Case, asset: Asset): Promise<Program> =>
      onGpu || threads === 1 || c.flops < SHORT_FLOPS ? prepareHere(c, asset) : prepareThere(c, asset),
  };
}
