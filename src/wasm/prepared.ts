/** What plans compute once from variables, packed weights for the most part: one copy for all that compute the same. */
import type { WasmKernel } from '../ir/kernel.ts';
import type { Plan } from '../plan/compile.ts';
import type { Heap } from './heap.ts';

export interface Prepared {
  readonly address: number;
  /** Version of the variables that it was computed from. */
  version: number;
}

export class PreparedWeights {
  readonly #shared = new Map<string, Prepared>();
  readonly #users = new Map<Prepared, number>();

  constructor(private readonly heap: Heap) {}

  /** What the plan's prologue writes, perhaps computed already. @throws LensletError 'memory' */
  take(plan: Plan<WasmKernel>): Prepared {
    const key = keyOf(plan);
    const known = key === null ? undefined : this.#shared.get(key);
    const prepared = known ?? { address: this.heap.allocate(plan.memory.persistent), version: 0 };
    if (key !== null) this.#shared.set(key, prepared);
    this.#users.set(prepared, (this.#users.get(prepared) ?? 0) + 1);
    return prepared;
  }

  release(prepared: Prepared): void {
    const users = (this.#users.get(prepared) ?? 0) - 1;
    if (users > 0) {
      this.#users.set(prepared, users);
      return;
    }
    this.#users.delete(prepared);
    this.heap.free(prepared.address);
    for (const [key, value] of this.#shared) if (value === prepared) this.#shared.delete(key);
  }
}

/** The prologue in full, or null where it reads more than variables: constants belong to one plan. */
function keyOf({ prologue, storageOf }: Plan<WasmKernel>): string | null {
  let isShared = true;
  const steps = prologue.map(({ kernel: { opcode, tiles, args } }) => [
    opcode,
    tiles,
    ...args.map((arg) => {
      if (arg.kind !== 'buffer') return arg.value;
      if (!arg.buffer) return null;
      const { region, name, offset } = storageOf(arg.buffer);
      isShared &&= region === 'variable' || region === 'persistent';
      return region === 'variable' ? name : { offset };
    }),
  ]);
  return isShared ? JSON.stringify(steps) : null;
}
