/**
 * A device and what every use of it needs: waiting that ends when the device is lost, the errors that WebGPU reports
 * beside its calls, pipelines by their text, and one piece of work at a time.
 */
import { check, LensletError } from '../core/error.ts';
import type { Shader } from './shader.ts';

/** Flags of the WebGPU specification; Node has no globals for them. */
export const Usage = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128 } as const;
export const MAP_READ = 1;
const COMPUTE = 4;

/** Milliseconds for which the end of short work is asked for. */
const NUDGE_MS = 3;

/** All buffers are a multiple of this, so that kernels may read and write vectors up to the end. */
export const ALIGN = 16;
/** Bytes of the uniform that every kernel binds in group 1: its first workgroup. */
export const BASE_BYTES = 16;

interface Layout {
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

export class Gpu {
  /** Bytes of all buffers made here and not freed. */
  usedBytes = 0;
  readonly baseLayout: GPUBindGroupLayout;
  readonly #layouts = new Map<string, Layout>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #waiting = new Set<(error: LensletError) => void>();
  #lost: LensletError | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** @param sluggish whether the end of work is told late unless it is asked for (`nudge`) */
  constructor(
    readonly device: GPUDevice,
    readonly sluggish = false,
  ) {
    this.baseLayout = device.createBindGroupLayout({
      entries: [
        {
          binding: 0,
          visibility: COMPUTE,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: BASE_BYTES },
        },
      ],
    });
    device.lost.then(({ reason, message }) => {
      const why = reason === 'destroyed' ? 'its backend was disposed of' : message || 'no reason was given';
      this.#lost = new LensletError(
        'device',
        `The GPU was lost: ${why}. Go on with a new backend, or on WASM.`,
      );
      for (const reject of this.#waiting) reject(this.#lost);
      this.#waiting.clear();
    });
  }

  /** Why the device can no longer be used; null while it can. */
  get lost(): LensletError | null {
    return this.#lost;
  }

  /** What `work` comes to, or an error as soon as the device is lost. @throws LensletError 'device' */
  wait<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#lost) reject(this.#lost);
      else this.#waiting.add(reject);
      work
        .then(resolve, (error) => reject(this.#lost ?? asLenslet(error)))
        .finally(() => this.#waiting.delete(reject));
    });
  }

  /**
   * Resolves no later than `work`, which is short. Chromium looks for work that is done when commands arrive, and else
   * every 2 ms: questions about nothing let it look sooner.
   */
  async nudge(work: Promise<unknown>): Promise<void> {
    let over = false;
    const end = () => {
      over = true;
    };
    const ended = work.then(end, end);
    const until = performance.now() + NUDGE_MS;
    while (!over && !this.#lost && performance.now() < until) {
      this.device.pushErrorScope('validation');
      await Promise.race([ended, this.device.popErrorScope().catch(end)]);
    }
  }

  /** Calls `work` when everything that was asked for before is over, so that two runs never mix. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => {});
    return mine;
  }

  /**
   * Calls `work`; `errors` rejects when WebGPU has something to say about it.
   * @throws LensletError 'device' when it is lost; `errors`: 'memory' when there is not enough, 'kernel', 'device'
   */
  watched<T>(work: () => T): { result: T; errors: Promise<void> } {
    if (this.#lost) throw this.#lost;
    const { device } = this;
    // Popped in reverse order.
    for (const filter of ['internal', 'out-of-memory', 'validation'] as const) device.pushErrorScope(filter);
    let errors: Promise<void> | undefined;
    try {
      return {
        result: work(),
        get errors() {
          return errors as Promise<void>;
        },
      };
    } finally {
      const scopes = [device.popErrorScope(), device.popErrorScope(), device.popErrorScope()];
      errors = this.wait(Promise.all(scopes)).then(throwFirst);
      errors.catch(() => {});
    }
  }

  /** Calls `work` and waits for its errors. @throws LensletError as `watched` */
  async checked<T>(work: () => T): Promise<T> {
    const { result, errors } = this.watched(work);
    await errors;
    return result;
  }

  /** A buffer of zeros. @throws LensletError 'memory' when no device of this kind has one of this size */
  buffer(bytes: number, usage: number): GPUBuffer {
    const size = Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    check(
      size <= Math.min(maxBufferSize, maxStorageBufferBindingSize),
      'memory',
      () =>
        `A buffer of ${mib(size)} MiB is needed; this GPU takes up to ${mib(Math.min(maxBufferSize, maxStorageBufferBindingSize))}. Use a smaller batch or image.`,
    );
    const made = this.device.createBuffer({ size, usage });
    this.usedBytes += size;
    return made;
  }

  free(buffer: GPUBuffer): void {
    this.usedBytes -= buffer.size;
    buffer.destroy();
  }

  layout(shader: Shader): Layout {
    const key = shader.bindings.map((b) => b.access).join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      const entries = shader.bindings.map(({ access }, binding) => ({
        binding,
        visibility: COMPUTE,
        buffer: { type: access === 'read' ? ('read-only-storage' as const) : ('storage' as const) },
      }));
      const group = this.device.createBindGroupLayout({ entries });
      const pipeline = this.device.createPipelineLayout({ bindGroupLayouts: [group, this.baseLayout] });
      this.#layouts.set(key, (layout = { group, pipeline }));
    }
    return layout;
  }

  /** The pipeline of a shader, made once. @throws LensletError 'kernel' with the compiler's words */
  pipeline(shader: Shader): Promise<GPUComputePipeline> {
    let made = this.#pipelines.get(shader.text);
    if (!made) {
      made = this.#compile(shader);
      this.#pipelines.set(shader.text, made);
      made.catch(() => this.#pipelines.delete(shader.text));
    }
    return made;
  }

  async #compile(shader: Shader): Promise<GPUComputePipeline> {
    const { result: module } = this.watched(() => this.device.createShaderModule({ code: shader.text }));
    const pipeline = this.device.createComputePipelineAsync({
      layout: this.layout(shader).pipeline,
      compute: { module, entryPoint: 'main' },
    });
    try {
      return await this.wait(pipeline);
    } catch (error) {
      if (this.#lost) throw this.#lost;
      const { messages } = await this.wait(module.getCompilationInfo());
      const [first] = messages.filter((m) => m.type === 'error');
      const line = first && shader.text.split('\n')[first.lineNum - 1];
      throw new LensletError(
        'kernel',
        `A shader did not compile: ${first ? `${first.message} in "${line}"` : (error as Error).message}`,
      );
    }
  }
}

const mib = (bytes: number): string => (bytes / 1048576).toFixed(1);

const asLenslet = (error: unknown): LensletError =>
  error instanceof LensletError
    ? error
    : new LensletError('device', `The GPU gave no answer: ${(error as Error)?.message ?? error}`);

function throwFirst([validation, memory, internal]: (GPUError | null)[]): void {
  if (memory) {
    throw new LensletError(
      'memory',
      `The GPU has not enough memory: ${memory.message} Use a smaller batch or image.`,
    );
  }
  const error = validation ?? internal;
  if (error) throw new LensletError('kernel', `The GPU refused: ${error.message}`);
}
