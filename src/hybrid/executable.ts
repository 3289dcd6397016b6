/** A plan on the side that was chosen for it, moved to the other one when the GPU is lost. */
import type { Backend, Executable, Side, StepTime } from '../backend.ts';
import { LensletError } from '../core/error.ts';
import type { Tensor, TensorType } from '../core/tensor.ts';
import type { Graph } from '../ir/graph.ts';
import type { PlanMemory } from '../plan/compile.ts';
import type { Choice, GpuBackend, HybridBackend } from './index.ts';
import { fingerprint, measure } from './measure.ts';
import type { HybridStore } from './store.ts';

/** Milliseconds on WASM below which the way to a GPU and back takes longer. */
const SHORT = 2;

function better(wasm: number | null, webgpu: number | null): Choice {
  if (webgpu === null) return { side: 'wasm', why: 'does not fit' };
  if (wasm === null) return { side: 'webgpu', why: 'does not fit' };
  return { side: webgpu < wasm ? 'webgpu' : 'wasm', why: 'measured', wasm, webgpu };
}

/** Why WASM need not be compared with it; null where it has to be. */
function noRival(gpu: GpuBackend | null): 'no GPU' | 'software GPU' | null {
  if (!gpu) return 'no GPU';
  return gpu.adapter.software ? 'software GPU' : null;
}

type Feeds = Readonly<Record<string, Tensor>>;
type Work<T> = (e: Executable) => Promise<T>;

const isLoss = (error: unknown): error is LensletError =>
  error instanceof LensletError && error.code === 'device';

/** The GPU has no room for this plan, or does not take it. */
const isRefusal = (error: unknown): error is LensletError =>
  error instanceof LensletError && (error.code === 'memory' || error.code === 'kernel');

export class HybridExecutable implements Executable {
  readonly #loaded = new Map<Side, { readonly by: Backend; readonly executable: Executable }>();
  #feeds: Feeds | null = null;
  /** What ran last. */
  #last: Executable | null = null;
  #choice: Choice | null = null;

  private constructor(
    private readonly graph: Graph,
    private readonly store: HybridStore,
    private readonly backend: HybridBackend,
    /** Where it runs as long as that is there; else where it is faster. */
    private readonly fixed?: Side,
  ) {}

  static async create(
    graph: Graph,
    store: HybridStore,
    backend: HybridBackend,
    fixed?: Side,
  ): Promise<HybridExecutable> {
    const made = new HybridExecutable(graph, store, backend, fixed);
    // Plans that fit nowhere are refused at once, as by every backend.
    if (fixed !== 'webgpu') await made.#on('wasm');
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
      const result = await this.#perform(feeds, (e) => e.run(feeds));
      this.#feeds = feeds;
      return result;
    });
  }

  start(feeds: Feeds): Promise<() => Promise<Record<string, Tensor>>> {
    return this.store.exclusive(async () => {
      const finish = await this.#perform(feeds, async (e) => {
        if (e.start) return e.start(feeds);
        const results = await e.run(feeds);
        return async () => results;
      });
      this.#feeds = feeds;
      const side = this.#choice?.side ?? 'wasm';
      return () =>
        finish().catch((error) =>
          this.store.exclusive(async () => {
            await this.#recover(error, side, true);
            return this.#onSide('wasm', (e) => e.run(feeds));
          }),
        );
    });
  }

  replay(): Promise<void> {
    return this.store.exclusive(() =>
      this.#again(
        (e) => e.replay(),
        async (e, feeds) => void (await e.run(feeds)),
      ),
    );
  }

  results(): Promise<Record<string, Tensor>> {
    return this.store.exclusive(async () => (this.#last ?? (await this.#on('wasm'))).results());
  }

  profile(): Promise<readonly StepTime[]> {
    return this.store.exclusive(() =>
      this.#again(
        (e) => e.profile(),
        async (e, feeds) => {
          await e.run(feeds);
          return e.profile();
        },
      ),
    );
  }

  /** Where the last run was, which has its inputs; `anew` where they have to be given again. */
  #again<T>(work: Work<T>, anew: (e: Executable, feeds: Feeds) => Promise<T>): Promise<T> {
    const feeds = this.#feeds;
    if (!feeds && this.inputs.size) {
      throw new LensletError('unknown', 'There are no inputs to run with again; run first.');
    }
    return this.#perform(feeds ?? {}, (e) => (e === this.#last ? work(e) : anew(e, feeds ?? {})));
  }

  async #perform<T>(feeds: Feeds, work: Work<T>): Promise<T> {
    this.#choice ??= await this.#choose(feeds);
    const { side } = this.#choice;
    let begun = false;
    try {
      return await this.#onSide(side, (e) => {
        begun = true;
        return work(e);
      });
    } catch (error) {
      await this.#recover(error, side, begun);
      return this.#onSide('wasm', work);
    }
  }

  /** After that, WASM can do what failed; else throws. @param begun whether variables may have changed */
  async #recover(error: unknown, side: Side, begun: boolean): Promise<void> {
    if (isLoss(error)) await this.#lose(error, side);
    else if (side === 'webgpu' && isRefusal(error)) await this.#refuse(error, begun);
    else throw error;
  }

  /** What a training step changed is gone: only who has a copy of the weights can go on. */
  async #lose(error: LensletError, side: Side): Promise<void> {
    await this.backend.dropGpu(error);
    this.#choice = null;
    if (side === 'wasm' || this.graph.updates.size) throw error;
  }

  /** The plan stays on WASM from now on. A training step that was begun may have changed some of the weights. */
  async #refuse(error: LensletError, begun: boolean): Promise<void> {
    if (begun && this.graph.updates.size) {
      const lost = new LensletError('device', `${error.message} The weights may be half changed.`);
      await this.#lose(lost, 'webgpu');
    }
    this.#loaded.get('webgpu')?.executable.dispose();
    this.#loaded.delete('webgpu');
    this.#decided({ side: 'wasm', why: 'does not fit' });
  }

  async #onSide<T>(side: Side, work: Work<T>): Promise<T> {
    const executable = await this.#on(side);
    await this.store.bring(this.graph.variables.keys(), side);
    const result = await work(executable);
    this.#last = executable;
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
    return this.#decided(await this.#decide(feeds));
  }

  #decided(choice: Choice): Choice {
    const plan = fingerprint(this.graph);
    this.backend.choices.delete(plan);
    this.backend.choices.set(plan, choice);
    this.#choice = choice;
    return choice;
  }

  async #decide(feeds: Feeds): Promise<Choice> {
    const { memory } = this.backend.options;
    const use = this.fixed ?? this.backend.options.use;
    if (use === 'wasm') return { side: 'wasm', why: 'asked for' };
    if (use === 'webgpu') {
      return (await this.backend.gpu())
        ? { side: 'webgpu', why: 'asked for' }
        : { side: 'wasm', why: 'no GPU' };
    }
    if (this.backend.asked && !this.backend.timesAll) {
      const why = noRival(await this.backend.gpu());
      if (why) return { side: 'wasm', why };
    }
    const values = await this.#values();
    const wasm = await measure(this.backend.wasm, this.graph, values, feeds);
    if (wasm !== null && wasm < SHORT) return { side: 'wasm', why: 'short', wasm };
    const gpu = await this.backend.gpu();
    const alone = wasm === null ? {} : { wasm };
    const why = noRival(gpu);
    if (why) return { side: 'wasm', why, ...alone };
    const rival = gpu as GpuBackend;
    const key = `${rival.adapter.description} ${fingerprint(this.graph)}`;
    const known = memory?.get(key);
    if (known) return { ...known, why: 'remembered' };
    const webgpu = await measure(rival, this.graph, values, feeds);
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
