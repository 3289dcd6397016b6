/**
 * Steps as dispatches, and their submission. Submissions are kept short, so that a page can draw between them and no
 * system takes the device for hung: until times are known, work is cut by its multiply–adds, then by what was measured.
 */
import type { WebgpuArg, WebgpuKernel } from '../ir/kernel.ts';
import type { Step } from '../plan/compile.ts';
import { BASE_BYTES, type Gpu, Usage } from './gpu.ts';
import { MAX_GROUPS, shaderOf } from './shader.ts';

/** What an argument is bound to. */
export interface Place {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
}

interface Dispatch {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: number;
  readonly macs: number;
}

/** Some workgroups of a dispatch. */
export interface Piece {
  readonly step: number;
  readonly first: number;
  readonly count: number;
}

/** Multiply–adds of a submission before anything was measured: 50 ms of 40 GFLOP/s. */
const FIRST_MACS = 2 ** 30;
/** Wanted and largest time of a submission. */
const GOOD_MS = 25;
const LONG_MS = 50;
/** Time of a run below which its end is asked for (`Gpu.nudge`). */
const SHORT_MS = 8;

/** What happens around a run. */
export interface Around {
  /** Called before the first submission. */
  readonly before?: () => void;
  /** Called with the encoder of the last one, for copies. */
  readonly append?: (encoder: GPUCommandEncoder) => void;
  /** Submissions handed over before the first of them must be done. Default `AHEAD`. */
  readonly ahead?: number;
}

/** So few submissions are under way that a page can draw between them. */
const AHEAD = 2;

export class Program {
  #submissions: Piece[][];
  #bases: GPUBuffer | null = null;
  #baseGroup: GPUBindGroup | null = null;
  #baseOffsets = new Map<number, number>();
  /** Runs until the cut is decided: warm up, time the whole, time each step where that was long. */
  #phase: 'warm up' | 'whole' | 'steps' | 'decided' = 'warm up';
  /** Milliseconds of a run as it was handed over first. */
  #whole = Number.POSITIVE_INFINITY;

  private constructor(
    private readonly gpu: Gpu,
    private readonly dispatches: readonly Dispatch[],
  ) {
    this.#submissions = cut(
      dispatches,
      dispatches.map((d) => d.macs),
      FIRST_MACS,
      FIRST_MACS,
    );
    this.#place();
  }

  /** Compiles the shaders side by side and binds the buffers. @throws LensletError 'kernel', 'memory', 'device' */
  static async create(
    gpu: Gpu,
    steps: readonly Step<WebgpuKernel>[],
    placeOf: (arg: WebgpuArg) => Place,
  ): Promise<Program> {
    const { device } = gpu;
    const live = steps.filter(({ kernel }) => kernel.workgroups > 0);
    const made = live.map(async ({ kernel, label }): Promise<Dispatch> => {
      const shader = shaderOf(kernel, (arg) => placeOf(arg).buffer);
      const pipeline = await gpu.pipeline(shader);
      const entries = shader.bindings.map(({ arg }, binding) => {
        const { buffer, bytes } = placeOf(arg);
        return { binding, resource: { buffer, size: bytes } };
      });
      const group = device.createBindGroup({ layout: gpu.layout(shader).group, entries });
      return { label, pipeline, group, workgroups: kernel.workgroups, macs: kernel.macs ?? 0 };
    });
    const dispatches = await Promise.all(made);
    const { result, errors } = gpu.watched(() => new Program(gpu, dispatches));
    try {
      await errors;
      return result;
    } catch (error) {
      result.dispose();
      throw error;
    }
  }

  get labels(): readonly string[] {
    return this.dispatches.map((d) => d.label);
  }

  /** Whether a run is known to take little more than the way to the device and back. */
  get short(): boolean {
    return this.#whole < SHORT_MS;
  }

  get pieces(): readonly Piece[] {
    return this.#submissions.flat();
  }

  /** A uniform with the first workgroup of every piece. */
  #place(): void {
    const { device } = this.gpu;
    if (this.#bases) this.gpu.free(this.#bases);
    const stride = device.limits.minUniformBufferOffsetAlignment;
    const firsts = [...new Set([0, ...this.pieces.map((p) => p.first)])];
    this.#baseOffsets = new Map(firsts.map((first, i) => [first, i * stride]));
    const data = new Uint32Array((firsts.length * stride) / 4);
    for (const [first, offset] of this.#baseOffsets) data[offset / 4] = first;
    this.#bases = this.gpu.buffer(data.byteLength, Usage.UNIFORM | Usage.COPY_DST);
    device.queue.writeBuffer(this.#bases, 0, data);
    this.#baseGroup = device.createBindGroup({
      layout: this.gpu.baseLayout,
      entries: [{ binding: 0, resource: { buffer: this.#bases, size: BASE_BYTES } }],
    });
  }

  encode(pass: GPUComputePassEncoder, { step, first, count }: Piece): void {
    const { pipeline, group } = this.dispatches[step];
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.setBindGroup(1, this.#baseGroup, [this.#baseOffsets.get(first) as number]);
    pass.dispatchWorkgroups(Math.min(count, MAX_GROUPS), Math.ceil(count / MAX_GROUPS));
  }

  /**
   * Runs all steps once. Resolves when the last submission was handed over; `errors` tells later whether all is well,
   * so that who reads results asks for both at once.
   * @throws LensletError 'device', 'memory', 'kernel', as `errors`
   */
  async run({ before, append, ahead = AHEAD }: Around = {}): Promise<{ errors: Promise<unknown> }> {
    const { queue } = this.gpu.device;
    const timed = this.#phase === 'steps';
    const submissions = timed ? this.pieces.map((p) => [p]) : this.#submissions;
    const done: Promise<void>[] = [];
    const errors: Promise<void>[] = [];
    const times = new Array<number>(this.dispatches.length).fill(0);
    const start = performance.now();
    const waits = this.#phase !== 'decided' || submissions.length > ahead;
    // Without any step there is still something to append to.
    for (const [i, pieces] of (submissions.length ? submissions : [[]]).entries()) {
      if (i >= ahead) await done[i - ahead];
      const began = performance.now();
      errors.push(
        this.#submit(pieces, i ? undefined : before, i >= submissions.length - 1 ? append : undefined),
      );
      if (!waits) continue;
      const finished = this.gpu.wait(queue.onSubmittedWorkDone());
      // Not all are waited for when an earlier one fails.
      finished.catch(() => {});
      done.push(finished);
      if (!timed) continue;
      await done[i];
      times[pieces[0].step] += performance.now() - began;
    }
    const all = Promise.all(errors);
    all.catch(() => {});
    if (this.#phase !== 'decided') {
      await all;
      await Promise.all(done);
      await this.#learn(performance.now() - start, times);
    }
    return { errors: all };
  }

  #submit(pieces: readonly Piece[], before: Around['before'], append: Around['append']): Promise<void> {
    const { device } = this.gpu;
    return this.gpu.watched(() => {
      before?.();
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (const piece of pieces) this.encode(pass, piece);
      pass.end();
      append?.(encoder);
      device.queue.submit([encoder.finish()]);
    }).errors;
  }

  /** The first run is slow for reasons of its own; short programs become one submission after the second. */
  async #learn(ms: number, times: readonly number[]): Promise<void> {
    if (this.#phase === 'warm up') {
      this.#phase = 'whole';
      return;
    }
    if (this.#phase === 'whole') this.#whole = ms;
    if (this.#phase === 'whole' && ms > GOOD_MS) {
      this.#phase = 'steps';
      return;
    }
    // One by one they take longer than together, by the way to the device and back.
    const sum = times.reduce((a, b) => a + b, 0);
    const costs = times.map((t) => t * Math.min(1, this.#whole / sum || 0));
    this.#submissions = cut(this.dispatches, costs, GOOD_MS, LONG_MS);
    await this.gpu.checked(() => this.#place());
    this.#phase = 'decided';
  }

  dispose(): void {
    if (this.#bases) this.gpu.free(this.#bases);
    this.#bases = null;
  }
}

/**
 * Cuts dispatches into submissions of at most `most`, those that are longer by themselves into pieces of about `good`.
 * @param costs of each dispatch
 */
export function cut(
  dispatches: readonly { readonly workgroups: number }[],
  costs: readonly number[],
  good: number,
  most: number,
): Piece[][] {
  const submissions: Piece[][] = [];
  let sum = Number.POSITIVE_INFINITY;
  dispatches.forEach(({ workgroups }, step) => {
    const parts = costs[step] > most ? Math.min(workgroups, Math.ceil(costs[step] / good)) : 1;
    const count = Math.ceil(workgroups / parts);
    for (let first = 0; first < workgroups; first += count) {
      const piece = { step, first, count: Math.min(count, workgroups - first) };
      const cost = (costs[step] * piece.count) / workgroups;
      if (sum + cost > good) {
        submissions.push([]);
        sum = 0;
      }
      submissions[submissions.length - 1].push(piece);
      sum += cost;
    }
  });
  return submissions;
}
