/**
 * Memory for what plans compute between inputs and results: one for all of a backend, as large as the largest plan needs,
 * for runs never overlap and leave nothing there.
 */
import type { Heap } from './heap.ts';

export class Arena {
  readonly #needs = new Map<object, number>();
  #block = 0;
  #bytes = 0;

  constructor(private readonly heap: Heap) {}

  /** Makes room for a plan. @throws LensletError 'memory'; all is then as before */
  reserve(user: object, bytes: number): void {
    if (bytes > this.#bytes) this.#resize(bytes);
    this.#needs.set(user, bytes);
  }

  release(user: object): void {
    if (!this.#needs.delete(user)) return;
    const most = Math.max(0, ...this.#needs.values());
    if (most <= this.#bytes / 2) this.#resize(most);
  }

  /**
   * Where the plan's part begins, until another plan is loaded or disposed of. It is at the end of the memory: what is
   * written behind it is seen by `Heap.guardsIntact`.
   */
  addressFor(user: object): number {
    return this.#block + this.#bytes - (this.#needs.get(user) ?? 0);
  }

  #resize(bytes: number): void {
    if (this.#bytes) this.heap.free(this.#block);
    try {
      this.#take(bytes);
    } catch (error) {
      this.#take(this.#bytes);
      throw error;
    }
  }

  #take(bytes: number): void {
    this.#block = bytes ? this.heap.allocate(bytes, 'unset') : 0;
    this.#bytes = bytes;
  }
}
