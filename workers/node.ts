/** The WASM backend in Node. */
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { relaxedSimd } from 'wasm-feature-detect';
import { type Binary, type Spawn, WasmBackend } from '../src/wasm/index.ts';

export { createWebgpuBackend } from './node-webgpu.ts';

/** From the sources (tests) and from the build alike. */
const fromSource = import.meta.url.endsWith('.ts');
const root = new URL(fromSource ? '../' : '../../', import.meta.url);

const spawn: Spawn = (init) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('dist/workers/thread.node.js', root), { workerData: init });
    worker.once('error', reject);
    worker.once('message', () => {
      // A parked thread must not keep the process alive.
      worker.unref();
      resolve({ terminate: () => void worker.terminate() });
    });
  });

/** The best binary that this Node runs; V8 before 11.4 has relaxed SIMD behind a flag. */
async function bestBinary(): Promise<Binary> {
  if (await relaxedSimd()) return 'relaxed';
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  return (await relaxedSimd()) ? 'relaxed' : 'threads';
}

export interface NodeOptions {
  /** Default: one for each core, at most 8. */
  readonly threads?: number;
  readonly binary?: Binary;
  /** Size of the one memory in bytes. Default: half of this machine's, from 1 to 4 GiB; only what is used is taken. */
  readonly memoryBytes?: number;
  /** For tests: guard words around every block. */
  readonly guarded?: boolean;
}

const GIB = 2 ** 30;

/** WebAssembly addresses 4 GiB; the last page stays out, so that ends of buffers are addresses, too. */
const usualMemory = (): number => Math.min(4 * GIB - 65536, Math.max(GIB, totalmem() / 2));

/** The WASM backend on this machine. The calling thread is the first of its threads. */
export async function createBackend(options: NodeOptions = {}): Promise<WasmBackend> {
  const best = await bestBinary();
  const binary = options.binary ?? best;
  const threads = binary === 'simd' ? 1 : (options.threads ?? Math.min(8, availableParallelism()));
  const bytes = await readFile(new URL(`build/wasm/${binary}.wasm`, root));
  const module = await WebAssembly.compile(bytes);
  return WasmBackend.create({
    binary,
    module,
    threads,
    spawn,
    cores: availableParallelism(),
    memoryBytes: options.memoryBytes ?? usualMemory(),
    guarded: options.guarded,
  });
}
