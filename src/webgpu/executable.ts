/** A plan in the GPU's memory, and its replay. */
import type { Executable, StepTime } from '../backend.ts';
import { check } from '../core/error.ts';
import { bytesOf, type Tensor, type TensorType } from '../core/tensor.ts';
import type { WebgpuArg, WebgpuKernel } from '../ir/kernel.ts';
import type { Plan, PlanMemory } from '../plan/compile.ts';
import { checkFeeds } from '../plan/feeds.ts';
import type { Storage } from '../plan/storage.ts';
import { ALIGN, type Gpu, Usage } from './gpu.ts';
import { profileProgram } from './profile.ts';
import { type Around, type Place, Program } from './program.ts';
import { Staging, submitCopies } from './readback.ts';
import type { WebgpuStore } from './store.ts';

const USAGE = Usage.STORAGE | Usage.COPY_SRC | Usage.COPY_DST;
const padded = (bytes: number): number => Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);

type Feeds = Readonly<Record<string, Tensor>>;

export class WebgpuExecutable implements Executable {
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  readonly memory: PlanMemory;
  readonly #own: GPUBuffer[] = [];
  readonly #placed = new Map<Storage, GPUBuffer>();
  readonly #arena: GPUBuffer[] = [];
  #staging!: Staging;
  #prologue!: Program;
  #program!: Program;
  #version = 0;
  #ran = false;
  #disposed = false;

  private constructor(
    readonly plan: Plan<WebgpuKernel>,
    private readonly gpu: Gpu,
    private readonly store: WebgpuStore,
  ) {
    this.inputs = plan.graph.inputs;
    this.outputs = plan.graph.outputs;
    this.memory = plan.memory;
  }

  #place(): void {
    const { plan, gpu } = this;
    for (const bytes of plan.arena) this.#arena.push(this.#buffer(bytes));
    const storages = [
      ...plan.constants,
      ...[...plan.graph.inputs.values()].map((v) => plan.storageOf(v)),
      ...[...plan.outputs.values()].map((o) => o.storage).filter((s) => s.region === 'output'),
    ];
    for (const s of storages) if (!this.#placed.has(s)) this.#placed.set(s, this.#buffer(s.bytes));
    for (const s of plan.constants) this.#write(s, s.tensor as Tensor);
    this.#staging = new Staging(
      gpu,
      [...plan.outputs.values()].map((o) => bytesOf(o.value)),
    );
  }

  /** @throws LensletError 'memory' when it does not fit, 'kernel', 'device', 'unknown' or 'shape' */
  static async create(plan: Plan<WebgpuKernel>, gpu: Gpu, store: WebgpuStore): Promise<WebgpuExecutable> {
    store.checkFits(plan.graph.variables.values());
    const made = new WebgpuExecutable(plan, gpu, store);
    try {
      await gpu.checked(() => made.#place());
      const placeOf = (arg: WebgpuArg): Place => {
        const s = plan.storageOf(arg.buffer);
        return { buffer: made.#bufferOf(s), bytes: padded(s.bytes) };
      };
      made.#prologue = await Program.create(gpu, plan.prologue, placeOf);
      made.#program = await Program.create(gpu, plan.steps, placeOf);
      return made;
    } catch (error) {
      made.dispose();
      throw error;
    }
  }

  #buffer(bytes: number): GPUBuffer {
    const made = this.gpu.buffer(bytes, USAGE);
    this.#own.push(made);
    return made;
  }

  /** Where a storage is; what is kept from run to run gets its buffer on first sight. */
  #bufferOf(s: Storage): GPUBuffer {
    if (s.region === 'variable') return this.store.bufferOf(s.name as string);
    if (s.region === 'arena') return this.#arena[s.offset];
    let buffer = this.#placed.get(s);
    if (!buffer) this.#placed.set(s, (buffer = this.#buffer(s.bytes)));
    return buffer;
  }

  #write(s: Storage, { data }: Tensor): void {
    if (data.length)
      this.gpu.device.queue.writeBuffer(this.#bufferOf(s), 0, data as Float32Array<ArrayBuffer>);
  }

  async run(feeds: Feeds): Promise<Record<string, Tensor>> {
    return (await this.#start(feeds))();
  }

  /** All submissions are handed over at once: nothing is left to do here while they run. */
  start(feeds: Feeds): Promise<() => Promise<Record<string, Tensor>>> {
    return this.#start(feeds, Number.POSITIVE_INFINITY);
  }

  async #start(feeds: Feeds, ahead?: number): Promise<() => Promise<Record<string, Tensor>>> {
    this.#checkAlive();
    checkFeeds(this.inputs, feeds);
    const before = () => {
      for (const [name, value] of this.plan.graph.inputs)
        this.#write(this.plan.storageOf(value), feeds[name]);
    };
    const read = await this.gpu.exclusive(() =>
      this.#staging.copy(this.#sources(), (append) => this.#execute({ before, append, ahead })),
    );
    return async () => this.#tensors(await this.#soon(read()));
  }

  /** What `work` comes to, told as soon as it is there where runs are short. */
  #soon<T>(work: Promise<T>): Promise<T> {
    if (this.gpu.sluggish && this.#program.short) void this.gpu.nudge(work);
    return work;
  }

  async replay(): Promise<void> {
    this.#checkAlive();
    check(
      this.#ran || !this.inputs.size,
      'unknown',
      () => 'There are no inputs to run with again; run first.',
    );
    const { errors } = await this.gpu.exclusive(() => this.#execute());
    const done = this.gpu.wait(this.gpu.device.queue.onSubmittedWorkDone());
    await this.#soon(Promise.all([errors, done]));
  }

  async results(): Promise<Record<string, Tensor>> {
    this.#checkAlive();
    const read = await this.gpu.exclusive(() =>
      this.#staging.copy(this.#sources(), async (append) => submitCopies(this.gpu, append)),
    );
    return this.#tensors(await this.#soon(read()));
  }

  /** Prologue where variables were written from outside, then the steps. */
  async #execute(around: Around = {}): Promise<{ errors: Promise<unknown> }> {
    this.#checkAlive();
    if (this.#version !== this.store.version) await (await this.#prologue.run()).errors;
    this.#version = this.store.version;
    try {
      const submitted = await this.#program.run(around);
      this.#ran = true;
      return submitted;
    } finally {
      // Variables change even when something failed half-way: prologues of others that read them run again.
      if (this.plan.graph.updates.size) this.#version = ++this.store.version;
    }
  }

  #sources(): GPUBuffer[] {
    return [...this.plan.outputs.values()].map((o) => this.#bufferOf(o.storage));
  }

  #tensors(copies: readonly ArrayBuffer[]): Record<string, Tensor> {
    const named = [...this.plan.outputs].map(([name, { value }], i) => {
      const data = value.dtype === 'f32' ? new Float32Array(copies[i]) : new Int32Array(copies[i]);
      return [name, { dtype: value.dtype, shape: value.shape, data }];
    });
    return Object.fromEntries(named);
  }

  async profile(): Promise<readonly StepTime[]> {
    this.#checkAlive();
    // The prologue first, and the cut of long steps known.
    await this.replay();
    return this.gpu.exclusive(async () => {
      try {
        return await profileProgram(this.gpu, this.#program);
      } finally {
        if (this.plan.graph.updates.size) this.#version = ++this.store.version;
      }
    });
  }

  #checkAlive(): void {
    check(
      !this.#disposed && !this.store.disposed,
      'value',
      () => 'This executable or its variables have been disposed of; load the graph again.',
    );
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const b of this.#own) this.gpu.free(b);
    this.#staging?.dispose();
    this.#prologue?.dispose();
    this.#program?.dispose();
  }
}
