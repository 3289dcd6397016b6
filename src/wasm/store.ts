/** Variables in the linear memory. */

import type { VariableStore } from '../backend.ts';
import { check, LensletError } from '../core/error.ts';
import { sameShape, showType, sizeOf, type Tensor } from '../core/tensor.ts';
import type { VariableSpec } from '../ir/graph.ts';
import { checkData } from '../plan/feeds.ts';
import type { Heap } from './heap.ts';
import { PreparedWeights } from './prepared.ts';

export class WasmStore implements VariableStore {
  readonly specs = new Map<string, VariableSpec>();
  /** Raised by every write from outside a plan, so that prologues run again. */
  version = 1;
  readonly #address = new Map<string, number>();

  disposed = false;

  /** What plans computed from the variables. */
  readonly prepared: PreparedWeights;

  constructor(readonly heap: Heap) {
    this.prepared = new PreparedWeights(heap);
  }

  add(spec: VariableSpec): void {
    check(!this.specs.has(spec.name), 'value', () => `There is a variable "${spec.name}" already.`);
    this.#address.set(spec.name, this.heap.allocate(4 * sizeOf(spec.shape)));
    this.specs.set(spec.name, spec);
  }

  /** @throws LensletError 'unknown' */
  addressOf(name: string): number {
    const at = this.#address.get(name);
    if (at === undefined) throw new LensletError('unknown', `There is no variable "${name}".`);
    return at;
  }

  async read(name: string): Promise<Tensor> {
    const at = this.addressOf(name);
    const { shape } = this.specs.get(name) as VariableSpec;
    return { dtype: 'f32', shape, data: this.heap.f32(at, sizeOf(shape)).slice() };
  }

  async write(name: string, value: Tensor): Promise<void> {
    const at = this.addressOf(name);
    const { shape } = this.specs.get(name) as VariableSpec;
    check(
      value.dtype === 'f32' && sameShape(value.shape, shape),
      'shape',
      () => `"${name}" is f32[${shape.join('×')}]; ${showType(value)} was given.`,
    );
    checkData(`"${name}"`, value);
    this.heap.f32(at, sizeOf(shape)).set(value.data);
    this.version++;
  }

  /** @throws LensletError 'shape' when a graph knows a variable of this name with another shape */
  checkFits(variables: Iterable<{ readonly spec: VariableSpec }>): void {
    for (const { spec } of variables) {
      const own = this.specs.get(spec.name);
      check(
        !own || sameShape(own.shape, spec.shape),
        'shape',
        () => `"${spec.name}" is [${own?.shape}] in the store, but [${spec.shape}] in the graph.`,
      );
    }
  }

  dispose(): void {
    this.disposed = true;
    for (const at of this.#address.values()) this.heap.free(at);
    this.#address.clear();
    this.specs.clear();
  }
}
