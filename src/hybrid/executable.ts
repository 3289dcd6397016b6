/** A plan on the side that was chosen for it, moved to the other one when the GPU is lost. */
import type { Backend, Executable, StepTime } from '../backend.ts';
import { LensletError } from '../core/error.ts';
import type { Tensor, TensorType } from '../core/tensor.ts';
import type { Graph } from '../ir/graph.ts';
import type { PlanMemory } from '../plan/compile.ts';
import type { Choice, HybridBackend } from './index.ts';
import { fingerprint, measure } from './measure.ts';
import type { HybridStore, Side } from './store.ts';

/** Milliseconds on WASM below which the way to a GPU and back takes longer. */
const SHORT = 2;

function better(wasm: number | null, webgpu: number | null): Choice {
  if (webgpu === null) return { side: 'wasm', why: 'does not fit' };
  if (wasm === null) return { side: 'webgpu', why: 'does not fit' };
  return { side: webgpu < wasm ? 'webgpu' : 'wasm', why: 'measured', wasm, webgpu };
}

type Feeds = Readonly<Record<string, Tensor>>;

export const isLoss = (error: unknown): error is LensletError =>
  error instanceof LensletError && error.code === 'device';

export class HybridExecutable implements Executable {
  readonly #loaded = new Map<Side, { readonly by: Backend; readonly executable: Executable }>();
  #feeds: Feeds | null = null;
  #choice: Choice | null = null;

  private constructor(
    private readonly graph: Graph,
    private readonly store: HybridStore,
    private readonly backend: HybridBackend,
  ) {}

  static async create(graph: Graph, store: HybridStore, backend: HybridBackend): Promise<HybridExecutable> {
    const made = new HybridExecutable(graph, store, backend);
    // Plans that fit nowhere are refused at once, as by every backend.
    await made.#on('wasm');
    return made;
  }

  get inputs(): ReadonlyMap<string, TensorType> {
    return this.graph.inputs;
  }

  get outputs(): ReadonlyMap<string, TensorType> {
    return this.graph.outputs;
  }

  get memory(): PlanMemory {
    return (this.#loaded.get('webgpu') ?? this.#loaded.get('wasm'))!.executable.memory;
  }

  run(feeds: Feeds): Promise<Record<string, Tensor>> {
    return this.store.exclusive(async () => {
      const result = await this.#perform((e) => e.run(feeds), feeds);
      this.#feeds = feeds;
      return result;
    });
  }

  replay(): Promise<void> {
    return this.store.exclusive(() => this.#again((e) => e.replay()));
  }

  results(): Promise<Record<string, Tensor>> {
    return this.store.exclusive(async () => (await this.#on(this.#side())).results());
  }

  profile(): Promise<readonly StepTime[]> {
    return this.store.exclusive(() => this.#again((e) => e.profile()));
  }

  /** On the side that has the inputs of the last run; where that is gone, they are given again. */
  #again<T>(work: (e: Executable) => Promise<T>): Promise<T> {
    const feeds = this.#feeds;
    if (!feeds && this.inputs.size) {
      throw new LensletError('unknown', 'There are no inputs to run with again; run first.');
    }
    return this.#perform(work, feeds ?? {});
  }

  #side = (): Side => this.#choice?.side ?? 'wasm';

  async #perform<T>(work: (e: Executable) => Promise<T>, feeds: Feeds): Promise<T> {
    this.#choice ??= await this.#choose(feeds);
    const { side } = this.#choice;
    try {
      return await this.#onSide(side, work);
    } catch (error) {
      if (!isLoss(error)) throw error;
      await this.backend.dropGpu(error);
      this.#choice = null;
      // What a training step changed is gone: only who has a copy of the weights can go on.
      if (side === 'wasm' || this.graph.updates.size) throw error;
      await this.#onSide('wasm', (e) => e.run(feeds));
      return this.#onSide('wasm', work);
    }
  }

  async #onSide<T>(side: Side, work: (e: Executable) => Promise<T>): Promise<T> {
    const executable = await this.#on(side);
    await this.store.bring(this.graph.variables.keys(), side);
    const result = await work(executable);
    this.store.changed(this.graph.updates.keys(), side);
    return result;
  }

  /** The plan loaded on a side, again where another GPU took the place of a lost one. */
  async #on(side: Side): Promise<Executable> {
    const by = side === 'wasm' ? this.backend.wasm : await this.backend.gpu();
    if (!by) throw new LensletError('device', 'The GPU was lost.');
    const known = this.#loaded.get(side);
    if (known?.by === by) return known.executable;
    known?.executable.dispose();
    this.#loaded.delete(side);
    const store = this.store.side(side, () => by.createStore());
    for (const { spec } of this.graph.variables.values()) {
      if (side === 'webgpu' && !store.specs.has(spec.name)) store.add(spec);
    }
    const executable = await by.load(this.graph, store);
    this.#loaded.set(side, { by, executable });
    return executable;
  }

  async #choose(feeds: Feeds): Promise<Choice> {
    const plan = fingerprint(this.graph);
    const choice = await this.#decide(plan, feeds);
    this.backend.choices.delete(plan);
    this.backend.choices.set(plan, choice);
    return choice;
  }

  async #decide(plan: string, feeds: Feeds): Promise<Choice> {
    const { use = 'measure', memory } = this.backend.options;
    if (use === 'webgpu') {
      return (await this.backend.gpu())
        ? { side: 'webgpu', why: 'asked for' }
        : { side: 'wasm', why: 'no GPU' };
    }
    const values = await this.#values();
    const wasm = await measure(this.backend.wasm, this.graph, values, feeds);
    if (wasm !== null && wasm < SHORT) return { side: 'wasm', why: 'short', wasm };
    const gpu = await this.backend.gpu();
    const alone = wasm === null ? {} : { wasm };
    if (!gpu) return { side: 'wasm', why: 'no GPU', ...alone };
    if (gpu.adapter.software) return { side: 'wasm', why: 'software GPU', ...alone };
    const key = `${gpu.adapter.description} ${plan}`;
    const known = memory?.get(key);
    if (known) return { ...known, why: 'remembered' };
    const webgpu = await measure(gpu, this.graph, values, feeds);
    const choice = better(wasm, webgpu);
    memory?.set(key, choice);
    return choice;
  }

  async #values(): Promise<Map<string, Tensor>> {
    const values = new Map<string, Tensor>();
    await this.store.bring(this.graph.variables.keys(), 'wasm');
    for (const name of this.graph.variables.keys())
      values.set(name, await this.store.side('wasm').read(name));
    return values;
  }

  dispose(): void {
    for (const { executable } of this.#loaded.values()) executable.dispose();
    this.#loaded.clear();
  }
}
