/** A GPU for tests: the WASM backend behind the GPU's interface, that can be slow, refuse work, be lost at any time. */
import type { Executable, VariableStore } from '../../src/backend.ts';
import { LensletError } from '../../src/core/error.ts';
import type { GpuBackend } from '../../src/hybrid/index.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { WasmBackend } from '../../src/wasm/index.ts';

export class FakeGpu implements GpuBackend {
  readonly name = 'webgpu';
  lost: LensletError | null = null;
  /** Runs so far. */
  runs = 0;
  /** What loading a plan, or the end of a run, throws. */
  refusal: { readonly load?: LensletError; readonly run?: LensletError } = {};

  constructor(
    private readonly wasm: WasmBackend,
    readonly adapter = { description: 'fake', software: false },
    /** Milliseconds that a run takes at least. */
    private readonly delay = 0,
    /** Lost in the run of this number, from 1. */
    private readonly fatal = Number.POSITIVE_INFINITY,
  ) {}

  lose(): void {
    this.lost = new LensletError('device', 'The GPU was lost: a test took it away.');
  }

  #check(): void {
    if (this.lost) throw this.lost;
  }

  createStore(): VariableStore {
    return this.#guard(this.wasm.createStore(), ['read', 'write']);
  }

  async load(graph: Graph, store: VariableStore): Promise<Executable> {
    this.#check();
    if (this.refusal.load) throw this.refusal.load;
    const executable = await this.wasm.load(graph, stores.get(store) ?? store);
    const run: Executable['run'] = async (feeds) => {
      this.#check();
      if (++this.runs === this.fatal) this.lose();
      if (this.delay) await new Promise((resolve) => setTimeout(resolve, this.delay));
      const result = await executable.run(feeds);
      this.#check();
      if (this.refusal.run) throw this.refusal.run;
      return result;
    };
    return new Proxy(this.#guard(executable, ['replay', 'results', 'profile']), {
      get: (target, key) => (key === 'run' ? run : target[key as keyof Executable]),
    });
  }

  dispose(): void {}

  /** The same object, whose methods fail when the GPU is lost. */
  #guard<T extends object>(target: T, methods: readonly (keyof T)[]): T {
    const guarded = new Proxy(target, {
      get: (_, key) => {
        const value = target[key as keyof T];
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          if (methods.includes(key as keyof T)) this.#check();
          return value.apply(target, args);
        };
      },
    });
    stores.set(guarded, target as unknown as VariableStore);
    return guarded;
  }
}

/** The store behind a guarded one. */
const stores = new WeakMap<object, VariableStore>();
