/** Variables that live on the processor and, where a plan runs there, on the GPU: each side knows what it holds. */
import type { Side, VariableStore } from '../backend.ts';
import { LensletError } from '../core/error.ts';
import type { Tensor } from '../core/tensor.ts';
import type { VariableSpec } from '../ir/graph.ts';

export class HybridStore implements VariableStore {
  /** Sides that hold the value of a variable; none: it was lost with the GPU. */
  readonly #holders = new Map<string, Set<Side>>();
  #gpu: VariableStore | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly wasm: VariableStore,
    private readonly onDispose: () => void,
  ) {}

  get specs(): ReadonlyMap<string, VariableSpec> {
    return this.wasm.specs;
  }

  /** Calls `work` when everything that was asked for before is over: values do not change while they are copied. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => {});
    return mine;
  }

  add(spec: VariableSpec): void {
    this.wasm.add(spec);
    this.#holders.set(spec.name, new Set<Side>(['wasm']));
  }

  read(name: string): Promise<Tensor> {
    return this.exclusive(async () => {
      await this.bring([name], 'wasm');
      return this.wasm.read(name);
    });
  }

  write(name: string, value: Tensor): Promise<void> {
    return this.exclusive(async () => {
      await this.wasm.write(name, value);
      this.#holders.set(name, new Set<Side>(['wasm']));
    });
  }

  /** The side's own store; the GPU's is given once a GPU is in use. */
  side(side: Side, make?: () => VariableStore): VariableStore {
    if (side === 'wasm') return this.wasm;
    this.#gpu ??= make?.() ?? null;
    if (!this.#gpu) throw new LensletError('device', 'The variables are not on a GPU.');
    return this.#gpu;
  }

  /**
   * Copies to a side what it does not hold; within `exclusive`.
   * @throws LensletError 'device' for values that were lost with the GPU
   */
  async bring(names: Iterable<string>, to: Side): Promise<void> {
    const target = this.side(to);
    const copy = async (name: string): Promise<void> => {
      const holders = this.#holders.get(name);
      if (holders?.has(to)) return;
      const spec = this.specs.get(name);
      if (spec && !target.specs.has(name)) target.add(spec);
      if (holders?.size === 0) {
        throw new LensletError(
          'device',
          `"${name}" was lost with the GPU: load weights or a checkpoint, and go on.`,
        );
      }
      if (!holders) return;
      await target.write(name, await this.side(to === 'wasm' ? 'webgpu' : 'wasm').read(name));
      holders.add(to);
    };
    await Promise.all([...names].map(copy));
  }

  /** A run on that side gave these variables new values. */
  changed(names: Iterable<string>, at: Side): void {
    for (const name of names) this.#holders.set(name, new Set([at]));
  }

  /** The GPU is gone, and with it what only it held. */
  lose(): void {
    this.#gpu?.dispose();
    this.#gpu = null;
    for (const holders of this.#holders.values()) holders.delete('webgpu');
  }

  dispose(): void {
    this.wasm.dispose();
    this.#gpu?.dispose();
    this.onDispose();
  }
}
