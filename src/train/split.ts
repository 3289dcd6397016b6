/**
 * Training steps whose batch is divided between WASM and the GPU, which compute at the same time: data parallelism with
 * two workers. Each computes the gradients of its images; their mean, weighted by the number of images, updates the
 * parameters once, on WASM. The gradient of a mean loss is the same as that of the whole batch, but for batch norm: each
 * part normalises by its own statistics, and the running ones become the weighted mean of both (Goyal et al. 2017,
 * Accurate, Large Minibatch SGD, section 3.1 and "BN statistics"). Dropout draws other masks than for the whole.
 */
import type { Executable, Side } from '../backend.ts';
import { check } from '../core/error.ts';
import { Random } from '../core/random.ts';
import { type Shape, type Tensor, type TensorType, tensor } from '../core/tensor.ts';
import type { Batch } from '../data/batches.ts';
import type { HybridBackend } from '../hybrid/index.ts';
import type { Value, VariableSpec } from '../ir/graph.ts';
import { add } from '../ops/binary.ts';
import { unary } from '../ops/elementwise.ts';
import type { Session } from '../session.ts';
import type { Optimizer } from './optimizer.ts';
import { buildGradients, checkLoss, type StepResult } from './trainer.ts';

/** Runs before a side is timed (a GPU's first ones decide how its work is cut), and the timed ones. */
const WARM_UP = 4;
const TIMED = 3;
/** No more runs after so many milliseconds. */
const PATIENCE = 2000;

/** Outputs of a part that are gradients, and new values of what a model changes itself, like running statistics. */
const GRADIENT = 'gradient ';
const STATE = 'state ';

interface Part {
  readonly side: Side;
  readonly batch: Batch;
  /** Of the images of the whole batch. */
  readonly share: number;
}

type Results = Record<string, Tensor>;

export class SplitTrainer {
  /** Of a batch, what WASM computes: measured at the first step unless it is set before, and then fixed. */
  share: number | null = null;
  readonly #backend: HybridBackend;
  readonly #hyper = tensor([2]);

  /** @throws LensletError 'value' for a backend that is not WASM and a GPU at once */
  constructor(
    readonly session: Session,
    readonly optimizer: Optimizer,
    readonly seed = 0,
  ) {
    check(
      session.backend.name === 'auto',
      'value',
      () => `Batches can be divided on the backend "auto" only, not on "${session.backend.name}".`,
    );
    this.#backend = session.backend as HybridBackend;
  }

  /** The plan of the gradients of a whole batch on WASM; after that all variables exist. */
  async plan(shape: Shape, labelShape: Shape = []): Promise<Executable> {
    const executable = await this.#gradients('wasm', shape, labelShape);
    await this.#update(executable.outputs, [1]);
    return executable;
  }

  /**
   * One update.
   * @param step number of the update, from 1
   * @throws LensletError 'value' when the loss is no number any more
   */
  async step(batch: Batch, lr: number, step: number): Promise<StepResult> {
    this.share ??= await this.#measure(batch, step);
    const parts = divide(batch, this.share);
    const results = await this.#compute(parts, step);
    const sum = (of: (r: Results, share: number) => number) =>
      results.reduce((total, r, i) => total + of(r, (parts[i] as Part).share), 0);
    const loss = sum((r, share) => share * (r.loss as Tensor).data[0]);
    checkLoss(loss, lr, step);
    const { outputs } = await this.#executable(parts[0] as Part);
    const update = await this.#update(
      outputs,
      parts.map((p) => p.share),
    );
    this.#hyper.data.set([lr, step]);
    const feeds: Record<string, Tensor> = { hyper: this.#hyper };
    results.forEach((r, i) => {
      for (const name of changes(outputs)) feeds[`${i} ${name}`] = r[name] as Tensor;
    });
    await update.run(feeds);
    return { loss, correct: sum((r) => (r.correct as Tensor).data[0]) };
  }

  /** Outputs of the parts; the GPU has its work before WASM keeps this thread busy. */
  async #compute(parts: readonly Part[], step: number): Promise<Results[]> {
    const finish: (() => Promise<Results>)[] = [];
    for (const [i, part] of [...parts.entries()].reverse()) {
      const executable = await this.#executable(part);
      const feeds = this.#feeds(executable, part.batch, step, i);
      const { start } = executable;
      finish[i] =
        part.side === 'webgpu' && start ? await start.call(executable, feeds) : () => executable.run(feeds);
    }
    return Promise.all(finish.map((f) => f()));
  }

  #feeds(executable: Executable, { x, labels }: Batch, step: number, part: number): Record<string, Tensor> {
    if (!executable.inputs.has('seed')) return { x, labels };
    const { key } = new Random(this.seed).at('step', step, part);
    return { x, labels, seed: tensor([1], Int32Array.of(key)) };
  }

  #executable({ side, batch }: Pick<Part, 'side' | 'batch'>): Promise<Executable> {
    return this.#gradients(side, batch.x.shape, batch.labels.shape.slice(1));
  }

  #gradients(side: Side, shape: Shape, labelShape: Shape): Promise<Executable> {
    const { session } = this;
    const build = (b: Parameters<typeof buildGradients>[0]) => {
      const { graph } = b;
      const grads = buildGradients(b, session.model, shape, labelShape);
      for (const [name, gradient] of grads) graph.output(GRADIENT + name, gradient);
      for (const [name, next] of graph.updates) graph.output(STATE + name, next);
      graph.updates.clear();
    };
    return session.plan(`gradients ${shape} ${labelShape} ${side}`, true, build, side);
  }

  /** Takes the mean of the parts' gradients, and updates. */
  #update(outputs: ReadonlyMap<string, TensorType>, shares: readonly number[]): Promise<Executable> {
    const { session, optimizer } = this;
    return session.plan(
      `update ${shares} ${optimizer.name}`,
      true,
      (b) => {
        const { graph } = b;
        const hyper = graph.input('hyper', { dtype: 'f32', shape: [2] });
        for (const name of changes(outputs)) {
          const type = outputs.get(name) as TensorType;
          const parts = shares.map((alpha, i): Value => {
            const part = graph.input(`${i} ${name}`, type);
            return alpha === 1 ? part : unary('affine', part, { alpha });
          });
          const mean = parts.reduce(add);
          const isGradient = name.startsWith(GRADIENT);
          const variableName = name.slice((isGradient ? GRADIENT : STATE).length);
          const variable = graph.variable(session.variables.get(variableName) as VariableSpec);
          if (isGradient) optimizer.apply(b, variableName, variable, mean, hyper);
          else graph.update(variable, mean);
        }
      },
      'wasm',
    );
  }

  /** WASM's share of the speed, measured with the whole batch on each side; nothing is changed. */
  async #measure(batch: Batch, step: number): Promise<number> {
    if (!(await this.#backend.gpu())) return 1;
    const time = async (side: Side): Promise<number> => {
      const executable = await this.#executable({ side, batch });
      const feeds = this.#feeds(executable, batch, step, 0);
      let best = Number.POSITIVE_INFINITY;
      const begin = performance.now();
      for (let i = 0; i < WARM_UP + TIMED; i++) {
        const start = performance.now();
        await executable.run(feeds);
        if (i >= WARM_UP) best = Math.min(best, performance.now() - start);
        if (i >= WARM_UP && performance.now() - begin > PATIENCE) break;
      }
      return best;
    };
    const [wasm, webgpu] = [await time('wasm'), await time('webgpu')];
    return webgpu / (wasm + webgpu);
  }
}

const changes = (outputs: ReadonlyMap<string, TensorType>): string[] =>
  [...outputs.keys()].filter((name) => name.startsWith(GRADIENT) || name.startsWith(STATE));

/** WASM's images first; a side without any has no part. */
function divide(batch: Batch, share: number): Part[] {
  const images = batch.labels.shape[0];
  const onWasm = Math.round(images * share);
  const parts = [
    { side: 'wasm' as const, from: 0, to: onWasm },
    { side: 'webgpu' as const, from: onWasm, to: images },
  ];
  return parts
    .filter(({ from, to }) => to > from)
    .map(({ side, from, to }) => ({
      side,
      share: (to - from) / images,
      batch: { x: rows(batch.x, from, to), labels: rows(batch.labels, from, to) },
    }));
}

/** Images from … to − 1 of a batch, or their labels. */
function rows({ dtype, shape: [n, ...rest], data }: Tensor, from: number, to: number): Tensor {
  const size = data.length / (n as number);
  return { dtype, shape: [to - from, ...rest], data: data.subarray(from * size, to * size) } as Tensor;
}
