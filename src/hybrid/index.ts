/**
 * WASM and WebGPU as one backend: every plan runs where it was measured to be faster, and what the GPU loses is done
 * again, or goes on, on WASM.
 */
import type { Backend, Executable, Side, VariableStore } from '../backend.ts';
import { check, type LensletError } from '../core/error.ts';
import type { Graph } from '../ir/graph.ts';
import type { WasmBackend } from '../wasm/index.ts';
import { HybridExecutable } from './executable.ts';
import { HybridStore } from './store.ts';

/** What the GPU's backend says beyond the others. */
export interface GpuBackend extends Backend {
  readonly adapter: {
    readonly description: string;
    readonly software: boolean;
    readonly features?: readonly string[];
    readonly limits?: Readonly<Record<string, number>>;
  };
  /** Why it can no longer be used; null while it can. */
  readonly lost: LensletError | null;
}

/** Where a plan runs, and why. */
export interface Choice {
  readonly side: Side;
  readonly why:
    | 'measured'
    | 'remembered'
    | 'asked for'
    /** So short on WASM that no GPU could answer sooner; none was opened. */
    | 'short'
    | 'no GPU'
    | 'software GPU'
    /** The other side has no room for it, or refused it. */
    | 'does not fit';
  /** Milliseconds of a run with its inputs and outputs, where measured. */
  readonly wasm?: number;
  readonly webgpu?: number;
}

export interface HybridOptions {
  readonly wasm: WasmBackend;
  /**
   * Opens the GPU; called again after it was lost.
   * @throws LensletError 'unsupported' where there is none
   */
  readonly openGpu: () => Promise<GpuBackend>;
  /** measure: on the first run of a plan, on both. webgpu: the GPU as long as there is one. Default: measure. */
  readonly use?: 'measure' | 'webgpu';
  /** Keeps measurements for later; keys name the GPU and the plan. */
  readonly memory?: { get(key: string): Choice | undefined; set(key: string, choice: Choice): void };
  /** Told when the GPU was lost and what becomes of it. */
  onLoss?(error: LensletError, next: 'webgpu' | 'wasm'): void;
}

/** A GPU that is lost more often is left alone. */
const MOST_LOSSES = 3;

export class HybridBackend implements Backend {
  readonly name = 'auto';
  /** Variables can be lost with the GPU while the backend goes on: long runs keep copies. */
  readonly mayLose = true;
  /** What was decided, by the plan's fingerprint, the latest last. */
  readonly choices = new Map<string, Choice>();
  /** Whether plans that only WASM will run are timed, too: for who wants to see the times. */
  timesAll = false;
  readonly #stores = new Set<HybridStore>();
  #gpu: Promise<GpuBackend | null> | null = null;
  #losses = 0;

  constructor(readonly options: HybridOptions) {}

  get wasm(): WasmBackend {
    return this.options.wasm;
  }

  /** The GPU; null where there is none, or it was lost too often. */
  gpu(): Promise<GpuBackend | null> {
    if (this.#losses > MOST_LOSSES) return Promise.resolve(null);
    this.#gpu ??= this.options.openGpu().catch(() => null);
    return this.#gpu;
  }

  /** Whether somebody asked for the GPU, so that asking again opens none. */
  get asked(): boolean {
    return this.#gpu !== null || this.#losses > MOST_LOSSES;
  }

  /** Drops a GPU that was lost; the next run opens another one. */
  async dropGpu(error: LensletError): Promise<void> {
    const old = await this.#gpu;
    if (!old) return;
    this.#gpu = null;
    this.#losses++;
    for (const store of this.#stores) store.lose();
    old.dispose();
    this.options.onLoss?.(error, (await this.gpu()) ? 'webgpu' : 'wasm');
  }

  createStore(): HybridStore {
    const store = new HybridStore(this.wasm.createStore(), () => this.#stores.delete(store));
    this.#stores.add(store);
    return store;
  }

  async load(graph: Graph, store: VariableStore, side?: Side): Promise<Executable> {
    check(
      store instanceof HybridStore,
      'value',
      () => 'The variables live in another backend; create the store with this one.',
    );
    return HybridExecutable.create(graph, store, this, side);
  }

  dispose(): void {
    this.wasm.dispose();
    void this.#gpu?.then((gpu) => gpu?.dispose());
  }
}
