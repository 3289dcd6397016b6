/** Copies from the GPU's memory. */
import { check } from '../core/error.ts';
import type { Gpu } from './gpu.ts';
import { MAP_READ, Usage } from './gpu.ts';

/** Room for the stamp in front of what is read. */
const STAMP_BYTES = 16;

/** Work that was handed over; `errors` rejects when something is wrong with it. */
interface Submitted {
  readonly errors: Promise<unknown>;
}

/** A place that the GPU copies to and the host reads from; used again and again for the same sizes. */
export class Staging {
  readonly #offsets: number[] = [];
  readonly #stamp: GPUBuffer;
  readonly #free: GPUBuffer[] = [];
  readonly #bytes: number;
  #count = 0;
  #disposed = false;

  /** @param bytes of each buffer to be read, multiples of 4 */
  constructor(
    private readonly gpu: Gpu,
    readonly bytes: readonly number[],
  ) {
    let at = STAMP_BYTES;
    for (const b of bytes) {
      this.#offsets.push(at);
      at += b;
    }
    this.#bytes = at;
    this.#stamp = gpu.buffer(STAMP_BYTES, Usage.COPY_SRC | Usage.COPY_DST);
  }

  /**
   * Copies with what `submit` hands over: it calls `append` for its last encoder, and has `errors` to tell later. What
   * comes back, which must be called, waits for the copies and returns them. A stamp travels with them: memory that was never written is an error, not zeros.
   * @throws LensletError as `submit`; what comes back: as `errors`, 'device' when the copies do not arrive
   */
  async copy(
    sources: readonly GPUBuffer[],
    submit: (append: (encoder: GPUCommandEncoder) => void) => Promise<Submitted>,
  ): Promise<() => Promise<ArrayBuffer[]>> {
    const { gpu } = this;
    const stamp = (++this.#count % 0x7fffffff) + 1;
    let to: GPUBuffer | undefined;
    let submitted: Submitted;
    try {
      submitted = await submit((encoder) => {
        to = this.#free.pop() ?? gpu.buffer(this.#bytes, Usage.MAP_READ | Usage.COPY_DST);
        gpu.device.queue.writeBuffer(this.#stamp, 0, new Uint32Array([stamp]));
        encoder.copyBufferToBuffer(this.#stamp, 0, to, 0, 4);
        sources.forEach((source, i) => {
          if (this.bytes[i])
            encoder.copyBufferToBuffer(source, 0, to as GPUBuffer, this.#offsets[i], this.bytes[i]);
        });
      });
    } catch (error) {
      // Whatever went wrong, it may be the buffer's fault.
      if (to) gpu.free(to);
      throw error;
    }
    const from = to as GPUBuffer;
    const arrived = Promise.all([submitted.errors, gpu.wait(from.mapAsync(MAP_READ))]);
    arrived.catch(() => {});
    return () => this.#read(from, stamp, arrived);
  }

  async #read(from: GPUBuffer, stamp: number, arrived: Promise<unknown>): Promise<ArrayBuffer[]> {
    let whole = false;
    try {
      await arrived;
      const data = from.getMappedRange();
      const found = new Uint32Array(data, 0, 1)[0];
      const copies = this.bytes.map((b, i) => data.slice(this.#offsets[i], this.#offsets[i] + b));
      from.unmap();
      whole = found === stamp;
      check(whole, 'device', () => 'The GPU did not write the results. Run again.');
      return copies;
    } finally {
      if (whole && !this.#disposed) this.#free.push(from);
      else this.gpu.free(from);
    }
  }

  dispose(): void {
    this.#disposed = true;
    for (const b of [...this.#free, this.#stamp]) this.gpu.free(b);
    this.#free.length = 0;
  }
}

/** Reads one buffer. @throws LensletError 'device', 'memory' */
export async function readBuffer(gpu: Gpu, source: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
  const staging = new Staging(gpu, [bytes]);
  try {
    const read = await staging.copy([source], async (append) => submitCopies(gpu, append));
    const [data] = await read();
    return data;
  } finally {
    staging.dispose();
  }
}

/** A submission of nothing else. @throws LensletError 'device'; `errors`: 'memory' too */
export function submitCopies(gpu: Gpu, append: (encoder: GPUCommandEncoder) => void): Submitted {
  return gpu.watched(() => {
    const encoder = gpu.device.createCommandEncoder();
    append(encoder);
    gpu.device.queue.submit([encoder.finish()]);
  });
}
