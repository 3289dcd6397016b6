/** A network on a backend: its variables, and the plans made for it, one for each shape and use. */
import type { Backend, Executable, Side, VariableStore } from './backend.ts';
import { check, LensletError } from './core/error.ts';
import { Random } from './core/random.ts';
import { type Shape, sameShape, showType, sizeOf, type Tensor } from './core/tensor.ts';
import { Graph, type VariableSpec } from './ir/graph.ts';
import { Builder, type Model } from './nn/builder.ts';

export interface SessionOptions {
  /** The initial values are a function of this and the variables' names. Default 0. */
  readonly seed?: number;
  /** Where inference runs as long as that is there, in a backend that has sides. Default: where it is faster, measured. */
  readonly inference?: Side;
}

export class Session {
  readonly #store: VariableStore;
  readonly #plans = new Map<string, Promise<Executable>>();

  private constructor(
    readonly model: Model,
    readonly backend: Backend,
    readonly seed: number,
    private readonly side?: Side,
  ) {
    this.#store = backend.createStore();
  }

  /** A network with initial values. */
  static async create(model: Model, backend: Backend, options: SessionOptions = {}): Promise<Session> {
    const session = new Session(model, backend, options.seed ?? 0, options.inference);
    await session.inference([1, ...model.input], []);
    return session;
  }

  /** Variables of the model and of optimisers. */
  get variables(): ReadonlyMap<string, VariableSpec> {
    return this.#store.specs;
  }

  /** Number of trained parameters. */
  get parameters(): number {
    return [...this.variables.values()].reduce((sum, v) => sum + v.parameters, 0);
  }

  /**
   * The executable under `key`, built and loaded on first use. Variables it brings along are initialised.
   * @param build appends to an empty graph
   * @param side of the backend (`Backend.load`)
   */
  plan(key: string, training: boolean, build: (b: Builder) => void, side?: Side): Promise<Executable> {
    const known = this.#plans.get(key);
    if (known) return known;
    const made = this.#load(training, build, side);
    this.#plans.set(key, made);
    made.catch(() => this.#plans.delete(key));
    return made;
  }

  async #load(training: boolean, build: (b: Builder) => void, side?: Side): Promise<Executable> {
    const graph = new Graph();
    build(new Builder(graph, training));
    for (const { spec } of graph.variables.values()) {
      if (this.variables.has(spec.name)) continue;
      this.#store.add(spec);
      await this.#initialise(spec);
    }
    return this.backend.load(graph, this.#store, side);
  }

  #initialise(spec: VariableSpec): Promise<void> {
    const data = spec.init(spec.shape, new Random(this.seed).at('init', spec.name));
    return this.#store.write(spec.name, { dtype: 'f32', shape: spec.shape, data });
  }

  /** The inference plan for inputs of this shape [N,C,H,W]: input "x", outputs "scores" and the taps. */
  inference(shape: Shape, taps: readonly string[]): Promise<Executable> {
    const build = (b: Builder) => {
      const scores = this.model.build(b, b.graph.input('x', { dtype: 'f32', shape }));
      b.graph.output('scores', scores);
      for (const name of taps) {
        const value = b.taps.get(name);
        check(
          value,
          'unknown',
          () => `${this.model.name} has no tap "${name}"; it has ${[...b.taps.keys()].join(', ')}.`,
        );
        b.graph.output(name, value);
      }
    };
    return this.plan(`infer ${shape} ${taps}`, false, build, this.side);
  }

  /**
   * Scores f32[N×classes] for normalised images x f32[N×C×H×W], and the values of the taps asked for.
   * @throws LensletError 'shape' when x is no image batch of this network, 'value' when it holds NaN or infinity
   */
  async infer(x: Tensor, taps: readonly string[] = []): Promise<Record<string, Tensor> & { scores: Tensor }> {
    const [c, h, w] = this.model.input;
    const fits =
      x.dtype === 'f32' && x.shape.length === 4 && x.shape[1] === c && x.shape[2] >= h && x.shape[3] >= w;
    check(fits, 'shape', () => `${this.model.name} takes f32[N×${c}×${h}×${w}], not ${showType(x)}.`);
    check(allFinite(x.data), 'value', () => `The images for ${this.model.name} hold NaN or infinity.`);
    const executable = await this.inference(x.shape, taps);
    return (await executable.run({ x })) as Record<string, Tensor> & { scores: Tensor };
  }

  /** Copies of the model's variables; with `optimizer` also of the optimisers'. */
  async stateDict(options: { readonly optimizer?: boolean } = {}): Promise<Map<string, Tensor>> {
    const dict = new Map<string, Tensor>();
    for (const [name, spec] of this.variables) {
      if (options.optimizer || spec.role !== 'optimizer') dict.set(name, await this.#store.read(name));
    }
    return dict;
  }

  /**
   * Sets the model's variables; nothing is changed unless all fit. What only training has (auxiliary heads) may be
   * there or not; PyTorch's counters "num_batches_tracked" are left out.
   * @throws LensletError 'unknown' for missing or surplus names, 'shape', 'value' for NaN or infinity
   */
  async loadStateDict(dict: ReadonlyMap<string, Tensor>): Promise<void> {
    const given = new Map([...dict].filter(([name]) => !name.endsWith('.num_batches_tracked')));
    const specs = new Map(this.variables);
    if ([...given.keys()].some((name) => !specs.has(name))) {
      for (const spec of this.#specs(true)) specs.set(spec.name, spec);
    }
    const missing = this.#specs(false).filter((v) => !given.has(v.name));
    check(
      missing.length === 0,
      'unknown',
      () => `The weights are not those of ${this.model.name}: ${list(missing.map((v) => v.name))} missing.`,
    );
    const surplus = [...given.keys()].filter((name) => !specs.has(name));
    check(
      surplus.length === 0,
      'unknown',
      () => `The weights are not those of ${this.model.name}: ${list(surplus)} unknown to it.`,
    );
    for (const [name, value] of given) {
      const { shape } = specs.get(name) as VariableSpec;
      check(
        sameShape(shape, value.shape) && value.dtype === 'f32',
        'shape',
        () => `"${name}" of ${this.model.name} is f32[${shape.join('×')}], the file has ${showType(value)}.`,
      );
      check(
        value.data.every(Number.isFinite),
        'value',
        () => `"${name}" holds NaN or infinity: the file is damaged.`,
      );
    }
    for (const [name, value] of given) {
      if (!this.variables.has(name)) this.#store.add(specs.get(name) as VariableSpec);
      await this.#store.write(name, value);
    }
  }

  /** The variables of the network's inference or training form. */
  #specs(training: boolean): VariableSpec[] {
    const graph = new Graph();
    const shape = [1, ...this.model.input];
    this.model.build(new Builder(graph, training), graph.input('x', { dtype: 'f32', shape }));
    return [...graph.variables.values()].map((v) => v.spec);
  }

  /** All variables back to their initial values. */
  async reset(): Promise<void> {
    for (const spec of this.variables.values()) await this.#initialise(spec);
  }

  /** Frees the plans; they are made again when needed. */
  async releasePlans(): Promise<void> {
    const plans = [...this.#plans.values()];
    this.#plans.clear();
    for (const p of plans) (await p).dispose();
  }

  async dispose(): Promise<void> {
    await this.releasePlans();
    this.#store.dispose();
  }
}

/** Whether no value is NaN or infinite: those times 0 are NaN, which stays in a sum. */
function allFinite(data: ArrayLike<number>): boolean {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]! * 0;
  return sum === 0;
}

function list(names: readonly string[]): string {
  const shown = names
    .slice(0, 3)
    .map((n) => `"${n}"`)
    .join(', ');
  return names.length > 3
    ? `${shown} and ${names.length - 3} more are`
    : `${shown} ${names.length > 1 ? 'are' : 'is'}`;
}

/** Softmax of one row of scores. */
export function probabilities(scores: ArrayLike<number>): Float32Array {
  const top = Math.max(...Array.from(scores));
  const e = Float32Array.from(scores, (s) => Math.exp(s - top));
  const sum = e.reduce((a, v) => a + v, 0);
  if (!Number.isFinite(sum))
    throw new LensletError('value', 'The scores are not finite: the weights or the image hold NaN.');
  return e.map((v) => v / sum);
}

/** Index of the largest score of each row of f32[N×classes]. */
export function classify({ shape, data }: Tensor): number[] {
  const classes = sizeOf(shape.slice(1));
  return Array.from({ length: shape[0] }, (_, row) => {
    let best = row * classes;
    for (let i = best; i < (row + 1) * classes; i++) if (data[i] > data[best]) best = i;
    return best - row * classes;
  });
}
