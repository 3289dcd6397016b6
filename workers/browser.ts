/**
 * The WASM backend in the browser. On the page itself a run saves the two messages to a worker and back (0.03 ms in
 * Chromium), but the page stands still meanwhile and, as it may not sleep, looks until the other threads are done: right
 * for programs of some milliseconds. Create the backend in a worker for longer ones.
 */
import { relaxedSimd, threads as sharedMemory, simd } from 'wasm-feature-detect';
import { LensletError } from '../src/core/error.ts';
import { type Binary, type Spawn, WasmBackend } from '../src/wasm/index.ts';
import type { WebgpuBackend, WebgpuBackendOptions } from '../src/webgpu/index.ts';

/** `createWebgpuBackend` of browser-webgpu.ts, whose code is loaded with the first call. */
export const createWebgpuBackend = async (options?: WebgpuBackendOptions): Promise<WebgpuBackend> =>
  (await import('./browser-webgpu.ts')).createWebgpuBackend(options);

/** Literal paths, so that bundlers see them. */
const binaries: Record<Binary, URL> = {
  simd: new URL('../build/wasm/simd.wasm', import.meta.url),
  threads: new URL('../build/wasm/threads.wasm', import.meta.url),
  relaxed: new URL('../build/wasm/relaxed.wasm', import.meta.url),
};

const START_MS = 20_000;

const spawn: Spawn = (init) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./thread.js', import.meta.url), { type: 'module' });
    const fail = (why: string) => {
      worker.terminate();
      reject(
        new LensletError(
          'unsupported',
          `A thread did not start (${why}). Reload the page, or use one thread.`,
        ),
      );
    };
    const timer = setTimeout(() => fail('no answer'), START_MS);
    worker.addEventListener('error', (event) => fail(event.message || 'its script did not load'));
    worker.addEventListener(
      'message',
      () => {
        clearTimeout(timer);
        resolve({ terminate: () => worker.terminate() });
      },
      { once: true },
    );
    worker.postMessage(init);
  });

/** The best binary that this engine and page can run. @throws LensletError 'unsupported' without WebAssembly SIMD */
async function bestBinary(): Promise<Binary> {
  if (!(await simd())) {
    throw new LensletError(
      'unsupported',
      'This browser has no WebAssembly SIMD; update it to a version of 2023 or later.',
    );
  }
  if (!globalThis.crossOriginIsolated || !(await sharedMemory())) return 'simd';
  return (await relaxedSimd()) ? 'relaxed' : 'threads';
}

export interface BrowserOptions {
  /** Default: one for each core, at most 8; 1 on a page and without cross-origin isolation. */
  readonly threads?: number;
  /** Whether to be ready before the other threads are; they join once they have started, if they do. Default false. */
  readonly lateThreads?: boolean;
  readonly binary?: Binary;
  /** Size of the one memory in bytes. Default 1 GiB, less where the browser gives less. */
  readonly memoryBytes?: number;
}

/**
 * The WASM backend on this device. Threads that cannot be started are done without.
 * @throws LensletError 'unsupported' when the browser is too old
 */
export async function createBackend(options: BrowserOptions = {}): Promise<WasmBackend> {
  const binary = options.binary ?? (await bestBinary());
  const onPage = 'document' in globalThis;
  const cores = Math.min(8, navigator.hardwareConcurrency || 1);
  const threads = binary === 'simd' ? 1 : (options.threads ?? (onPage ? 1 : cores));
  const module = await compile(binaries[binary]);
  const { memoryBytes, lateThreads } = options;
  try {
    return await WasmBackend.create({
      binary,
      module,
      threads,
      spawn,
      cores: navigator.hardwareConcurrency,
      maySleep: !onPage,
      lateThreads,
      memoryBytes,
    });
  } catch (error) {
    if (threads === 1) throw error;
    return WasmBackend.create({ binary, module, threads: 1, memoryBytes });
  }
}

async function compile(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok)
    throw new LensletError('unsupported', `${url.pathname} could not be loaded (status ${response.status}).`);
  // Servers that do not know application/wasm: compile from the bytes.
  if (response.headers.get('content-type') === 'application/wasm')
    return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}
