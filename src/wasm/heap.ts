/** The one linear memory: its size, and a first-fit allocator for the few long-lived blocks in it. */
import { Layout } from '../../as/protocol.ts';
import { check, LensletError } from '../core/error.ts';
import { arrayTypes, type DType, type TensorData } from '../core/tensor.ts';

const PAGE = 65536;
const SMALLEST = 64 * 1024 * 1024;

/**
 * Allocates the memory at its final size; it never grows, because growing shared memory while threads run crashes
 * some engines. Halves the size until the engine agrees; pages are only backed by RAM once touched.
 * @throws LensletError 'memory' when even 64 MiB are refused
 */
export function allocateMemory(bytes: number, shared: boolean): WebAssembly.Memory {
  for (let size = Math.max(bytes, SMALLEST); size >= SMALLEST; size = Math.floor(size / 2)) {
    const pages = Math.floor(size / PAGE);
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw new LensletError(
    'memory',
    'The engine gives no 64 MiB of WebAssembly memory. Close other pages and try again.',
  );
}

const alignUp = (n: number): number => Math.ceil(n / Layout.ALIGN) * Layout.ALIGN;

/** What guard bytes hold: a value that no kernel writes there by accident. */
const GUARD = 0xa5;
/** Four of these bytes are no number. */
const NOT_A_NUMBER = 0xff;

export class Heap {
  /** Free blocks, sorted by address, never adjacent. */
  #free: { at: number; bytes: number }[];
  readonly #used = new Map<number, number>();
  readonly #guards = new Map<number, number>();

  /** @param guarded surrounds every block with guard bytes, for tests of kernels */
  constructor(
    readonly memory: WebAssembly.Memory,
    readonly guarded = false,
  ) {
    const base = Layout.SCRATCH + Layout.MAX_THREADS * Layout.SCRATCH_BYTES;
    this.#free = [{ at: base, bytes: memory.buffer.byteLength - base }];
  }

  get usedBytes(): number {
    return [...this.#used.values()].reduce((a, b) => a + b, 0);
  }

  /**
   * Address of a block of zeros; of an 'unset' one whatever was there before, or with guards what no kernel may read.
   * @throws LensletError 'memory'
   */
  allocate(bytes: number, content: 'zeros' | 'unset' = 'zeros'): number {
    const around = this.guarded ? Layout.ALIGN : 0;
    const at = this.#take(bytes + 2 * around) + around;
    if (content === 'zeros') new Uint8Array(this.memory.buffer, at, bytes).fill(0);
    if (!this.guarded) return at;
    if (content === 'unset') new Uint8Array(this.memory.buffer, at, bytes).fill(NOT_A_NUMBER);
    this.#guards.set(at, bytes);
    for (const guard of this.#guardsOf(at, bytes)) guard.fill(GUARD);
    return at;
  }

  #take(bytes: number): number {
    const size = alignUp(Math.max(bytes, Layout.ALIGN));
    const block = this.#free.find((b) => b.bytes >= size);
    check(
      block,
      'memory',
      () =>
        `${(size / 1048576).toFixed(1)} MiB more are needed than are free of ${(this.memory.buffer.byteLength / 1048576).toFixed(0)} MiB. ` +
        'Use a smaller batch or image, or create the backend with more memory (memoryBytes).',
    );
    const { at } = block;
    block.at += size;
    block.bytes -= size;
    this.#free = this.#free.filter((b) => b.bytes > 0);
    this.#used.set(at, size);
    return at;
  }

  #guardsOf(at: number, bytes: number): Uint8Array[] {
    return [at - Layout.ALIGN, at + bytes].map((g) => new Uint8Array(this.memory.buffer, g, Layout.ALIGN));
  }

  /** False when a kernel has written outside its buffers. */
  guardsIntact(): boolean {
    return [...this.#guards].every(([at, bytes]) =>
      this.#guardsOf(at, bytes).every((guard) => guard.every((byte) => byte === GUARD)),
    );
  }

  free(block: number): void {
    const at = this.#guards.delete(block) ? block - Layout.ALIGN : block;
    const bytes = this.#used.get(at);
    if (bytes === undefined) return;
    this.#used.delete(at);
    const sorted = [...this.#free, { at, bytes }].sort((a, b) => a.at - b.at);
    this.#free = [];
    for (const block of sorted) {
      const last = this.#free.at(-1);
      if (last && last.at + last.bytes === block.at) last.bytes += block.bytes;
      else this.#free.push(block);
    }
  }

  /** Values of a type from an address on. */
  view(dtype: DType, at: number, count: number): TensorData {
    return new arrayTypes[dtype](this.memory.buffer, at, count);
  }

  f32(at: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, count);
  }

  i32(at: number, count: number): Int32Array {
    return new Int32Array(this.memory.buffer, at, count);
  }
}
