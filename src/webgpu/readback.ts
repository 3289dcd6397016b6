/** Copies from the GPU's memory. */
import { check } from '../core/error.ts';
import type { Gpu } from './gpu.ts';
import { MAP_READ, Usage } from './gpu.ts';

/** Room for the stamp in front of what is read. */
const STAMP_BYTES = 16;

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
   * Appends the copies to `encoder`; what is returned, called after the submission, waits for them and returns them.
   * A stamp travels with them: memory that was never written is an error, not zeros.
   * @throws LensletError 'device' when they do not arrive
   */
  copy(encoder: GPUCommandEncoder, sources: readonly GPUBuffer[]): () => Promise<ArrayBuffer[]> {
    const { gpu } = this;
    const to = this.#free.pop() ?? gpu.buffer(this.#bytes, Usage.MAP_READ | Usage.COPY_DST);
    const stamp = (++this.#count % 0x7fffffff) + 1;
    gpu.device.queue.writeBuffer(this.#stamp, 0, new Uint32Array([stamp]));
    encoder.copyBufferToBuffer(this.#stamp, 0, to, 0, 4);
    sources.forEach((source, i) => {
      if (this.bytes[i]) encoder.copyBufferToBuffer(source, 0, to, this.#offsets[i], this.bytes[i]);
    });
    return async () => {
      try {
        await gpu.wait(to.mapAsync(MAP_READ));
        const data = to.getMappedRange();
        const arrived = new Uint32Array(data, 0, 1)[0];
        const copies = this.bytes.map((b, i) => data.slice(this.#offsets[i], this.#offsets[i] + b));
        to.unmap();
        check(arrived === stamp, 'device', () => 'The GPU did not write the results. Run again.');
        return copies;
      } finally {
        if (this.#disposed) gpu.free(to);
        else this.#free.push(to);
      }
    };
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
    const { result, errors } = gpu.watched(() => {
      const encoder = gpu.device.createCommandEncoder();
      const read = staging.copy(encoder, [source]);
      gpu.device.queue.submit([encoder.finish()]);
      return read;
    });
    const [[data]] = await Promise.all([result(), errors]);
    return data;
  } finally {
    staging.dispose();
  }
}
