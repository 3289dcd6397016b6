/** The WASM backend: plans replayed by threads over one linear memory. */
import { Layout } from '../../as/protocol.ts';
import type { Backend, Executable, VariableStore } from '../backend.ts';
import { check, LensletError } from '../core/error.ts';
import type { Graph, Node } from '../ir/graph.ts';
import type { WasmKernel } from '../ir/kernel.ts';
import { compile, type Target } from '../plan/compile.ts';
import { Arena } from './arena.ts';
import { WasmExecutable } from './executable.ts';
import { allocateMemory, Heap } from './heap.ts';
import { WasmStore } from './store.ts';
import { type Spawn, ThreadPool } from './threads.ts';

export type { Spawn, ThreadHandle, ThreadInit } from './threads.ts';

/** simd: one thread. threads: shared memory. relaxed: shared memory and fused multiply-add. */
export type Binary = 'simd' | 'threads' | 'relaxed';

export interface WasmOptions {
  readonly binary: Binary;
  /** The compiled binary (build/wasm). */
  readonly module: WebAssembly.Module;
  /** Threads, the caller's included. The "simd" binary has one. */
  readonly threads: number;
  /** Needed for more than one thread. */
  readonly spawn?: Spawn;
  /** Whether to be ready before the other threads are; they join runs once they have started, if they do. */
  readonly lateThreads?: boolean;
  /** Cores of the machine. Default: as many as threads. */
  readonly cores?: number;
  /** Whether the calling thread may sleep while it waits for the others; a page may not. Default true. */
  readonly maySleep?: boolean;
  /** Size of the one memory; halved until the engine agrees. Default 1 GiB. */
  readonly memoryBytes?: number;
  /** For tests: guard words around every block; see `guardsIntact`. */
  readonly guarded?: boolean;
}

/** How the planner sees this backend; needs no memory, so plans can be made and studied without running them. */
export const wasmTarget: Target<WasmKernel> = {
  align: Layout.ALIGN,
  memory: 'offsets',
  lower: (node: Node) => node.op.wasm(node),
};

export class WasmBackend implements Backend {
  readonly name = 'wasm';
  readonly #heap: Heap;
  readonly #arena: Arena;

  private constructor(
    readonly binary: Binary,
    private readonly pool: ThreadPool,
    guarded: boolean,
    /** Resolves once all threads have started, or cannot. */
    readonly started: Promise<void>,
  ) {
    this.#heap = new Heap(pool.memory, guarded);
    this.#arena = new Arena(this.#heap);
  }

  /** @throws LensletError 'value' for an impossible number of threads, 'memory' when there is none */
  static async create(options: WasmOptions): Promise<WasmBackend> {
    const {
      binary,
      module,
      threads,
      spawn,
      maySleep = true,
      memoryBytes = 1 << 30,
      guarded = false,
    } = options;
    check(
      Number.isInteger(threads) && threads >= 1 && threads <= Layout.MAX_THREADS,
      'value',
      () => `threads must be a whole number from 1 to ${Layout.MAX_THREADS}, not ${threads}.`,
    );
    check(
      threads === 1 || (binary !== 'simd' && spawn),
      'value',
      () =>
        'More than one thread needs the "threads" or "relaxed" binary and a way to start threads (spawn).',
    );
    const pool = new ThreadPool(module, allocateMemory(memoryBytes, binary !== 'simd'), maySleep);
    const started =
      spawn && threads > 1 ? pool.start(module, threads, options.cores ?? threads, spawn) : Promise.resolve();
    if (!options.lateThreads) await started;
    return new WasmBackend(
      binary,
      pool,
      guarded,
      started.catch(() => {}),
    );
  }

  /** Threads that have started, the caller's included. */
  get threads(): number {
    return this.pool.size;
  }

  get memoryBytes(): number {
    return this.pool.memory.buffer.byteLength;
  }

  /** Bytes taken by stores and executables. */
  get usedBytes(): number {
    return this.#heap.usedBytes;
  }

  /** With `guarded`: false when a kernel has written outside its buffers. */
  guardsIntact(): boolean {
    return this.#heap.guardsIntact();
  }

  createStore(): WasmStore {
    return new WasmStore(this.#heap);
  }

  async load(graph: Graph, store: VariableStore): Promise<Executable> {
    if (!(store instanceof WasmStore) || store.heap !== this.#heap) {
      throw new LensletError(
        'value',
        'The variables live in another backend; create the store with this one.',
      );
    }
    return new WasmExecutable(compile(graph, wasmTarget), this.#arena, store, this.pool);
  }

  dispose(): void {
    this.pool.dispose();
  }
}
