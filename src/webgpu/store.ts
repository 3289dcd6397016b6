/** Variables in the GPU's memory. */
import type { VariableStore } from '../backend.ts';
import { check, LensletError } from '../core/error.ts';
import { sameShape, showType, sizeOf, type Tensor } from '../core/tensor.ts';
import type { VariableSpec } from '../ir/graph.ts';
import { checkData } from '../plan/feeds.ts';
import { type Gpu, Usage } from './gpu.ts';
import { readBuffer } from './readback.ts';

export class WebgpuStore implements VariableStore {
  readonly specs = new Map<string, VariableSpec>();
  /** Raised by every write from outside a plan, so that prologues run again. */
  version = 1;
  disposed = false;
  readonly #buffers = new Map<string, GPUBuffer>();

  constructor(readonly gpu: Gpu) {}

  add(spec: VariableSpec): void {
    check(!this.specs.has(spec.name), 'value', () => `There is a variable "${spec.name}" already.`);
    const usage = Usage.STORAGE | Usage.COPY_SRC | Usage.COPY_DST;
    this.#buffers.set(spec.name, this.gpu.buffer(4 * sizeOf(spec.shape), usage));
    this.specs.set(spec.name, spec);
  }

  /** @throws LensletError 'unknown' */
  bufferOf(name: string): GPUBuffer {
    const buffer = this.#buffers.get(name);
    if (!buffer) throw new LensletError('unknown', `There is no variable "${name}".`);
    return buffer;
  }

  async read(name: string): Promise<Tensor> {
    const buffer = this.bufferOf(name);
    const { shape } = this.specs.get(name) as VariableSpec;
    const data = await this.gpu.exclusive(() => readBuffer(this.gpu, buffer, 4 * sizeOf(shape)));
    return { dtype: 'f32', shape, data: new Float32Array(data) };
  }

  async write(name: string, value: Tensor): Promise<void> {
    const buffer = this.bufferOf(name);
    const { shape } = this.specs.get(name) as VariableSpec;
    check(
      value.dtype === 'f32' && sameShape(value.shape, shape),
      'shape',
      () => `"${name}" is f32[${shape.join('×')}]; ${showType(value)} was given.`,
    );
    checkData(`"${name}"`, value);
    // Later work need not wait for the errors of this one: it is done in order.
    const { errors } = await this.gpu.exclusive(async () => {
      const { queue } = this.gpu.device;
      this.version++;
      return this.gpu.watched(() => queue.writeBuffer(buffer, 0, value.data as Float32Array<ArrayBuffer>));
    });
    await errors;
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
    if (this.disposed) return;
    this.disposed = true;
    for (const b of this.#buffers.values()) this.gpu.free(b);
    this.#buffers.clear();
    this.specs.clear();
  }
}
