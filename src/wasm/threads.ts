/** Threads: what the platform must provide, what a thread does, and starting and stopping a run. */
import { Control, Layout } from '../../as/protocol.ts';
import { LensletError } from '../core/error.ts';

export interface ThreadInit {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** 1, 2, …; thread 0 is whoever calls `Executable.run`. */
  readonly thread: number;
}

export interface ThreadHandle {
  terminate(): void;
}

/** Starts a thread that calls `serveThread`; resolves once it has said that it is ready. */
export type Spawn = (init: ThreadInit) => Promise<ThreadHandle>;

/** Exports of the binaries (as/index.ts). */
export interface Exports {
  setup(thread: number, maySleep: boolean): void;
  currentRecord(): number;
  execute(begin: number, end: number, threads: number): number;
  abandon(): void;
  serve(): void;
  recover(): void;
}

function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  thread: number,
  maySleep: boolean,
): Exports {
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const exports = instance.exports as unknown as Exports;
  exports.setup(thread, maySleep);
  return exports;
}

/** The life of a thread other than 0: it never returns. A trapping kernel ends the run, not the thread. */
export function serveThread(init: ThreadInit, ready: () => void): never {
  const exports = instantiate(init.module, init.memory, init.thread, true);
  ready();
  for (;;) {
    try {
      exports.serve();
    } catch {
      exports.recover();
    }
  }
}

/**
 * Looks at a word before a thread sleeps: a tenth of a millisecond, which outlasts the gaps between kernels of a program
 * and between runs one after the other; waking a thread takes half as long. A thread that has no core of its own gives way.
 */
const WATCH = 50_000;
const GLANCE = 200;

/** Thread 0 and the threads it has started. */
export class ThreadPool {
  readonly #exports: Exports;
  readonly #control: Int32Array;
  #handles: ThreadHandle[] = [];
  #disposed = false;

  /** @param maySleep false on a page, whose thread is not allowed to: it looks until the others are done */
  constructor(
    module: WebAssembly.Module,
    readonly memory: WebAssembly.Memory,
    maySleep: boolean,
  ) {
    this.#exports = instantiate(module, memory, 0, maySleep);
    this.#control = new Int32Array(memory.buffer, Layout.CONTROL, Control.BYTES / 4);
  }

  get size(): number {
    return 1 + this.#handles.length;
  }

  /** @param cores of the machine: threads that have one each may watch for one another, others must give way */
  async start(module: WebAssembly.Module, threads: number, cores: number, spawn: Spawn): Promise<void> {
    const { memory } = this;
    this.#control[Control.SPIN / 4] = threads <= cores ? WATCH : GLANCE;
    const ids = Array.from({ length: threads - 1 }, (_, i) => i + 1);
    const handles = await Promise.all(ids.map((thread) => spawn({ module, memory, thread })));
    if (this.#disposed) for (const h of handles) h.terminate();
    else this.#handles = handles;
  }

  /**
   * Runs the records [begin, end) on `threads` threads; returns when all are done.
   * @throws LensletError 'kernel' naming the record's label when a kernel trapped on any thread; the pool stays usable
   */
  run(begin: number, end: number, threads: number, labelOf: (record: number) => string): void {
    if (begin === end) return;
    this.#control[Control.FAULT / 4] = 0;
    let done = 0;
    try {
      done = this.#exports.execute(begin, end, Math.min(threads, this.size));
    } catch (cause) {
      const record = this.#exports.currentRecord();
      this.#exports.abandon();
      throw trapped(labelOf(record), cause);
    }
    if (!done) throw trapped(labelOf(this.#control[Control.FAULT / 4]), undefined);
  }

  dispose(): void {
    this.#disposed = true;
    for (const h of this.#handles) h.terminate();
    this.#handles = [];
  }
}

const trapped = (label: string, cause: unknown): LensletError =>
  new LensletError(
    'kernel',
    `The kernel "${label}" trapped and the run was stopped; its results are lost. The backend can be used again; ` +
      'if this run was training, reload the weights from the last checkpoint.',
    { cause },
  );
