/** A plan encoded into the linear memory, and its replay. */
import { Layout } from '../../as/protocol.ts';
import type { Executable, StepTime } from '../backend.ts';
import { check, LensletError } from '../core/error.ts';
import { bytesOf, sizeOf, type Tensor, type TensorType } from '../core/tensor.ts';
import type { Buffer, WasmKernel } from '../ir/kernel.ts';
import type { Plan, PlanMemory, Step } from '../plan/compile.ts';
import { checkFeeds } from '../plan/feeds.ts';
import type { Storage } from '../plan/storage.ts';
import type { Arena } from './arena.ts';
import { encode, encodedBytes } from './encode.ts';
import type { Heap } from './heap.ts';
import type { Prepared } from './prepared.ts';
import type { WasmStore } from './store.ts';
import { ThreadChoice } from './thread-choice.ts';
import type { ThreadPool } from './threads.ts';

interface Program {
  readonly begin: number;
  readonly end: number;
  readonly counters: number;
  readonly steps: readonly Step<WasmKernel>[];
  /** Addresses of the steps' records. */
  records: readonly number[];
}

export class WasmExecutable implements Executable {
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  readonly memory: PlanMemory;
  readonly #blocks: number[] = [];
  readonly #addresses = new Map<Storage, number>();
  readonly #heap: Heap;
  #prepared: Prepared | null = null;
  readonly #prologue: Program;
  readonly #program: Program;
  /** Where the arena was when the program was written. */
  #arenaAt = -1;
  /** Made when there is something to choose. */
  #choice: ThreadChoice | null = null;
  #hasRun = false;

  constructor(
    readonly plan: Plan<WasmKernel>,
    private readonly arena: Arena,
    private readonly store: WasmStore,
    private readonly pool: ThreadPool,
  ) {
    this.inputs = plan.graph.inputs;
    this.outputs = plan.graph.outputs;
    this.memory = plan.memory;
    this.#heap = store.heap;
    this.store.checkFits(plan.graph.variables.values());
    try {
      this.arena.reserve(this, plan.memory.arena);
      if (plan.prologue.length) this.#prepared = store.prepared.take(plan);
      for (const c of plan.constants) this.#place(c, this.#allocate(c.bytes));
      for (const c of plan.constants) this.#write(this.#address(c), c.tensor as Tensor);
      for (const v of plan.graph.inputs.values()) this.#place(plan.storageOf(v), this.#allocate(bytesOf(v)));
      for (const { storage } of plan.outputs.values()) {
        if (storage.region === 'output' && !this.#addresses.has(storage))
          this.#place(storage, this.#allocate(storage.bytes));
      }
      this.#prologue = this.#programFor(plan.prologue);
      this.#program = this.#programFor(plan.steps);
      this.#encode(this.#prologue);
      this.#encode(this.#program);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  #allocate(bytes: number): number {
    const at = this.#heap.allocate(bytes);
    this.#blocks.push(at);
    return at;
  }

  #place(storage: Storage, at: number): void {
    this.#addresses.set(storage, at);
  }

  #address(s: Storage): number {
    if (s.region === 'variable') return this.store.addressOf(s.name as string);
    if (s.region === 'arena') return this.#arenaAt + s.offset;
    if (s.region === 'persistent') return this.#prepared!.address + s.offset;
    const at = this.#addresses.get(s);
    if (at === undefined)
      throw new LensletError('memory', `A buffer of region "${s.region}" was not placed.`);
    return at;
  }

  #programFor(steps: readonly Step<WasmKernel>[]): Program {
    const begin = this.#allocate(encodedBytes(steps));
    const counters = this.#allocate(steps.length * Layout.COUNTER_STRIDE);
    return { begin, end: begin + encodedBytes(steps), counters, steps, records: [] };
  }

  /** Writes the program for where the arena is now. */
  #encode(program: Program): void {
    this.#arenaAt = this.arena.addressFor(this);
    program.records = encode(
      this.#heap.memory.buffer,
      program.begin,
      program.steps,
      (i) => program.counters + i * Layout.COUNTER_STRIDE,
      (b: Buffer) => this.#address(this.plan.storageOf(b)),
    );
  }

  #write(at: number, value: Tensor): void {
    this.#heap.view(value.dtype, at, sizeOf(value.shape)).set(value.data);
  }

  async run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    this.#checkAlive();
    checkFeeds(this.inputs, feeds);
    for (const [name, value] of this.plan.graph.inputs) {
      this.#write(this.#address(this.plan.storageOf(value)), feeds[name]);
    }
    this.#replay();
    return this.#results();
  }

  async replay(): Promise<void> {
    this.#checkAlive();
    check(
      this.#hasRun || !this.inputs.size,
      'unknown',
      () => 'There are no inputs to run with again; run first.',
    );
    this.#replay();
  }

  async results(): Promise<Record<string, Tensor>> {
    this.#checkAlive();
    return this.#results();
  }

  #replay(): void {
    this.#prepare();
    this.#changing(() => this.#executeBest());
  }

  #checkAlive(): void {
    check(
      this.#blocks.length && !this.store.disposed,
      'value',
      () => 'This executable or its variables have been disposed of; load the graph again.',
    );
  }

  /** Variables change, even when a kernel traps half-way: prologues that read them run again. */
  #changing(work: () => void): void {
    try {
      work();
    } finally {
      if (this.plan.graph.updates.size) {
        this.store.version++;
        if (this.#prepared) this.#prepared.version = this.store.version;
      }
    }
  }

  /**
   * Makes ready to run. The prologue depends on variables that this plan does not change: only writes from elsewhere make
   * it stale, and another plan may have run the same one.
   */
  #prepare(): void {
    if (this.#arenaAt !== this.arena.addressFor(this)) this.#encode(this.#program);
    if (!this.#prepared || this.#prepared.version === this.store.version) return;
    this.#execute(this.#prologue, this.pool.size);
    this.#prepared.version = this.store.version;
  }

  /** With as many threads as are fastest. */
  #executeBest(): void {
    this.#hasRun = true;
    if (this.pool.size > 1) this.#choice ??= new ThreadChoice(this.pool.size);
    const start = performance.now();
    this.#execute(this.#program, this.#threads);
    this.#choice?.took(performance.now() - start);
  }

  get #threads(): number {
    return this.#choice?.threads ?? this.pool.size;
  }

  #execute({ begin, end, records, steps }: Program, threads: number): void {
    this.pool.run(begin, end, threads, (record) => steps[records.indexOf(record)]?.label ?? 'unknown');
  }

  #results(): Record<string, Tensor> {
    const results: Record<string, Tensor> = {};
    for (const [name, { value, storage }] of this.plan.outputs) {
      const at = this.#address(storage);
      const data = this.#heap.view(value.dtype, at, sizeOf(value.shape)).slice();
      results[name] = { dtype: value.dtype, shape: value.shape, data };
    }
    return results;
  }

  async profile(): Promise<readonly StepTime[]> {
    this.#checkAlive();
    this.#prepare();
    const { steps, records, end } = this.#program;
    const times: StepTime[] = [];
    this.#changing(() => {
      steps.forEach(({ label }, i) => {
        const start = performance.now();
        this.#execute({ ...this.#program, begin: records[i], end: records[i + 1] ?? end }, this.#threads);
        times.push({ label, milliseconds: performance.now() - start });
      });
    });
    return times;
  }

  dispose(): void {
    this.arena.release(this);
    if (this.#prepared) this.store.prepared.release(this.#prepared);
    this.#prepared = null;
    for (const at of this.#blocks) this.#heap.free(at);
    this.#blocks.length = 0;
  }
}
