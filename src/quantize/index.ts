/**
 * Quantisation after training: weights to i8 with one scale for each output channel, tensors between layers to u8 or i8
 * with one scale each, measured on images (B. Jacob et al., arXiv:1712.05877; M. Nagel et al., arXiv:2106.08295).
 */
import { check } from '../core/error.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { Graph, type Value } from '../ir/graph.ts';
import { Builder, type Model } from '../nn/builder.ts';
import type { Session } from '../session.ts';
import { type CalibrationMethod, Observer } from './calibrate.ts';
import { convert } from './convert.ts';
import { quantizingSource, type Range, type Source, storedSource } from './source.ts';

export type { CalibrationMethod } from './calibrate.ts';

export interface QuantizeOptions {
  /** How ranges follow from what is seen. Default 'mse'. */
  readonly method?: CalibrationMethod;
}

/** What says in a file's metadata that its weights are quantised. */
export const QUANTIZATION = { quantization: 'int8' } as const;

/** The graph of a model for inputs like x. */
function graphOf(model: Model, shape: readonly number[]): Graph {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape });
  graph.output('scores', model.build(new Builder(graph, false), x));
  return graph;
}

/**
 * The network in bytes from the image to the scores; it has no variables and cannot be trained.
 * @param tensors what `quantize` has made of its weights
 * @throws LensletError when it is built: 'unknown', 'shape' or 'value' when these are not its weights
 */
export const quantizedModel = (model: Model, tensors: ReadonlyMap<string, Tensor>): Model => ({
  name: model.name,
  title: `${model.title}, int8`,
  input: model.input,
  classes: model.classes,
  normalize: model.normalize,
  loss: model.loss?.bind(model),
  build: (b, x) => {
    check(
      !b.training,
      'unsupported',
      () => `${model.title} in int8 runs but does not train: train the f32 network and quantize it again.`,
    );
    return scoresOf(model, b, x, storedSource(tensors));
  },
});

const scoresOf = (model: Model, b: Builder, x: Value, source: Source): Value =>
  convert(graphOf(model, x.shape), b.graph, x, source).get('scores') as Value;

/** The tensors whose ranges a conversion asks for: values of the f32 graph, by site. */
function sitesOf(f32: Graph, shape: readonly number[]): Map<string, Value> {
  const sites = new Map<string, Value>();
  const source: Source = {
    range(site, value) {
      sites.set(site, value);
      return [-1, 1];
    },
    layer(_, __, make) {
      const { weight, bias } = make();
      const [m, c, h, w] = weight.shape;
      return { weight: tensor([m, h, w, c], undefined, 'i8'), scale: tensor([m]), bias };
    },
    variable: (name) => tensor(f32.variables.get(name)?.spec.shape ?? []),
  };
  const target = new Graph();
  convert(f32, target, target.input('x', { dtype: 'f32', shape }), source);
  return sites;
}

/**
 * Quantises a trained network: runs batches of normalised images (training images, not those it will be judged by)
 * through it, once for ranges and once for histograms.
 * @returns tensors for `quantizedModel` and for a file
 * @throws LensletError 'value' without images or when values are not finite, 'shape' when they do not fit
 */
export async function quantize(
  session: Session,
  batches: readonly Tensor[],
  { method = 'mse' }: QuantizeOptions = {},
): Promise<Map<string, Tensor>> {
  check(batches.length > 0, 'value', () => 'Quantisation needs images to measure ranges by.');
  check(
    session.parameters > 0,
    'value',
    () => `${session.model.title} has no f32 weights to quantize: it is in int8 already.`,
  );
  const observers = new Map<string, Observer>();
  const observerOf = (site: string): Observer => {
    const observer = observers.get(site) ?? new Observer();
    observers.set(site, observer);
    return observer;
  };
  await observe(session, batches, (site, values) => observerOf(site).measure(values, site));
  if (method !== 'minmax') await observe(session, batches, (site, values) => observerOf(site).count(values));
  const ranges = new Map<string, Range>([...observers].map(([site, o]) => [site, o.range(method)]));
  const tensors = new Map<string, Tensor>();
  const target = new Graph();
  const { shape } = batches[0];
  const x = target.input('x', { dtype: 'f32', shape });
  const source = quantizingSource(await session.stateDict(), ranges, tensors);
  convert(graphOf(session.model, shape), target, x, source);
  return tensors;
}

/** Runs the f32 network and shows every tensor that will be bytes. */
async function observe(
  session: Session,
  batches: readonly Tensor[],
  see: (site: string, values: Tensor) => void,
): Promise<void> {
  for (const x of batches) {
    const executable = await session.plan(`calibrate ${x.shape}`, false, (b) => {
      const { graph } = b;
      graph.output('scores', session.model.build(b, graph.input('x', x)));
      for (const [site, value] of sitesOf(graph, x.shape)) graph.output(site, value);
    });
    const { scores: _, ...sites } = await executable.run({ x });
    for (const [site, values] of Object.entries(sites)) see(site, values);
  }
}
