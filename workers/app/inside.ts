/** Looking inside a network: the layers' outputs, gradients, and which pixels matter. */
import type { Executable } from '../../src/backend.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { batches } from '../../src/data/batches.ts';
import type { ImageSet } from '../../src/data/dataset.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import type { Builder, Model } from '../../src/nn/builder.ts';
import { mul } from '../../src/ops/binary.ts';
import { crossEntropy } from '../../src/ops/loss.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { gradients } from '../../src/plan/grad.ts';
import { probabilities, type Session } from '../../src/session.ts';
import type { FeatureMaps, Filters, Histogram, Look, Occlusion, Picture } from '../api.ts';
import { pictureFor } from '../digits.ts';

/** Operators that begin a layer; what follows on the same values belongs to it. */
const ANCHORS = new Set(['conv2d', 'conv_transpose2d', 'max_pool2d', 'avg_pool2d', 'concat', 'linear']);
/** Most feature maps that are sent of a layer, and layers of a network. */
const MOST_MAPS = 32;
const MOST_LAYERS = 40;
const BINS = 48;

export interface Layer {
  readonly name: string;
  readonly value: Value;
}

/** Name of the variable that a weight is made from. */
function variableBehind(value: Value | null | undefined): string | null {
  if (!value) return null;
  if (value.source.kind === 'variable') return value.source.name;
  if (value.source.kind !== 'node') return null;
  for (const x of value.source.node.inputs) {
    const found = variableBehind(x);
    if (found) return found;
  }
  return null;
}

/** Each layer with its last value: after normalisation, residual sum and activation. */
export function layersOf({ graph, taps }: Builder): Layer[] {
  const consumers = new Map<Value, Value[]>();
  for (const node of graph.nodes) {
    for (const x of node.inputs) if (x) consumers.set(x, [...(consumers.get(x) ?? []), ...node.outputs]);
  }
  const tapNames = new Map([...taps].map(([name, value]) => [value, name]));
  const layers: Layer[] = [];
  for (const { op, inputs, outputs } of graph.nodes) {
    let value = outputs[0] as Value;
    if (!ANCHORS.has(op.name) || value.shape.length < 2) continue;
    let name = variableBehind(inputs[1])?.replace(/(\.conv)?\.weight$/, '') ?? '';
    if (op.name === 'concat') name = inputs[0] ? moduleOf(inputs[0]) : '';
    if (/pool/.test(op.name)) name = `${layers.at(-1)?.name ?? ''} ▸ pool`;
    for (;;) {
      name = tapNames.get(value) ?? name;
      const next: Value[] = consumers.get(value) ?? [];
      const [only] = next;
      if (next.length !== 1 || `${only.shape}` !== `${value.shape}`) break;
      if (only.source.kind === 'node' && ANCHORS.has(only.source.node.op.name)) break;
      value = only;
    }
    const layer = { name: name || op.name, value };
    // The second branch of a residual block ends where the first did.
    const known = layers.findIndex((l) => l.value === value);
    if (known >= 0) layers.splice(known, 1);
    layers.push(layer);
  }
  return layers;
}

/** "inception3a" of a branch's value, so that the joined branches have a name. */
function moduleOf(value: Value): string {
  let at: Value | null = value;
  while (at?.source.kind === 'node') {
    const name: string | null = variableBehind(at.source.node.inputs[1]);
    if (name) return name.split('.')[0] as string;
    at = at.source.node.inputs[0] ?? null;
  }
  return '';
}

/** Every so many of a long list, its last one among them. */
function spread<T>(list: readonly T[], most: number): T[] {
  if (list.length <= most) return [...list];
  return Array.from({ length: most }, (_, i) => list[Math.round((i * (list.length - 1)) / (most - 1))] as T);
}

interface Wiring {
  readonly layers: readonly Layer[];
  readonly parameters: readonly string[];
}

/** Forward and back in one graph: outputs "layer i", "gradient i" and "pixels". */
function wire(model: Model, b: Builder): Wiring {
  const { graph } = b;
  const x = graph.input('x', { dtype: 'f32', shape: [1, ...model.input] });
  const label = graph.input('label', { dtype: 'i32', shape: [1] });
  const chosen = graph.input('chosen', { dtype: 'f32', shape: [1, model.classes.length] });
  const scores = model.build(b, x);
  const layers = spread(layersOf(b), MOST_LAYERS);
  const weights = parametersOf(graph);
  const loss = crossEntropy(scores, label);
  const score = reduceSum(mul(scores, chosen), [0, 1]);
  const weightGrads = gradients(
    loss,
    weights.map(([, value]) => value),
  );
  const pixelGrad = gradients(score, [x]).get(x);
  graph.output('scores', scores);
  layers.forEach(({ value }, i) => {
    graph.output(`layer ${i}`, value);
  });
  weights.forEach(([, value], i) => {
    const gradient = weightGrads.get(value);
    if (gradient) graph.output(`gradient ${i}`, gradient);
  });
  if (pixelGrad) graph.output('pixels', pixelGrad);
  return { layers, parameters: weights.map(([name]) => name) };
}

/** Weights of convolutions and linear layers. */
function parametersOf(graph: Graph): [string, Value][] {
  const all = [...graph.variables.values()].filter(
    (v) => v.spec.role === 'parameter' && v.spec.shape.length > 1,
  );
  return spread(all, MOST_LAYERS).map((v) => [v.spec.name, v.value]);
}

const wirings = new WeakMap<Session, Wiring>();

async function inspection(session: Session): Promise<{ executable: Executable; wiring: Wiring }> {
  const executable = await session.plan('inside', false, (b) => {
    wirings.set(session, wire(session.model, b));
  });
  return { executable, wiring: wirings.get(session) as Wiring };
}

/** @param wanted class to look back from; null: the answer */
export async function look(session: Session, picture: Picture, wanted: number | null): Promise<Look> {
  const { model } = session;
  const set = pictureFor(session, picture);
  const { x } = batches(set, { batch: 1, normalize: model.normalize }).at(0);
  const start = performance.now();
  const { scores } = await session.infer(x);
  const milliseconds = performance.now() - start;
  const chances = probabilities(scores.data);
  const chosen = wanted ?? chances.indexOf(Math.max(...chances));
  const { executable, wiring } = await inspection(session);
  const one = new Float32Array(model.classes.length);
  one[chosen] = 1;
  const found = await executable.run({
    x,
    label: tensor([1], new Int32Array([chosen])),
    chosen: tensor([1, one.length], one),
  });
  const outputs = wiring.layers.map(({ name }, i) => ({ name, tensor: found[`layer ${i}`] as Tensor }));
  return {
    prediction: {
      probabilities: chances,
      seen: Float32Array.from(set.pixels, (p) => p / 255),
      features: outputs.filter((o) => o.tensor.shape.length === 4).map((o) => mapsOf(o.name, o.tensor)),
      milliseconds,
    },
    activations: outputs.map((o) => histogram(o.name, o.tensor.data)),
    gradients: wiring.parameters
      .map((name, i) => ({ name, values: found[`gradient ${i}`]?.data }))
      .flatMap(({ name, values }) => (values ? [histogram(name.replace(/\.weight$/, ''), values)] : [])),
    class: chosen,
    saliency: largestOf(found.pixels, model),
  };
}

function mapsOf(layer: string, { shape: [, count, height, width], data }: Tensor): FeatureMaps {
  const shown = Math.min(count, MOST_MAPS);
  return { layer, count: shown, height, width, maps: data.slice(0, shown * height * width) as Float32Array };
}

function histogram(name: string, values: ArrayLike<number>): Histogram {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  const counts = new Uint32Array(BINS);
  const scale = high > low ? BINS / (high - low) : 0;
  for (let i = 0; i < values.length; i++) counts[Math.min(BINS - 1, Math.floor((values[i] - low) * scale))]++;
  return { name, low, high, counts };
}

/** The largest magnitude over the channels at each pixel. */
function largestOf(gradient: Tensor | undefined, { input: [channels, height, width] }: Model): Float32Array {
  const plane = height * width;
  const saliency = new Float32Array(plane);
  for (let i = 0; i < (gradient ? channels * plane : 0); i++) {
    saliency[i % plane] = Math.max(saliency[i % plane], Math.abs((gradient as Tensor).data[i]));
  }
  return saliency;
}

/** Share of the image's side that a patch covers, and patches a side. */
const PATCH = 1 / 4;
const PLACES = 9;

/** The class's probability with a grey patch at each of 9 × 9 places. */
export async function occlusion(session: Session, picture: Picture, wanted: number): Promise<Occlusion> {
  const { model } = session;
  const set = pictureFor(session, picture);
  const covered = coverings(set);
  const classes = model.classes.length;
  const probability = (scores: Tensor, i: number) =>
    probabilities(scores.data.subarray(i * classes, (i + 1) * classes))[wanted];
  const run = async (images: ImageSet) =>
    (await session.infer(batches(images, { batch: images.count, normalize: model.normalize }).at(0).x))
      .scores;
  const scores = await run(covered);
  return {
    rows: PLACES,
    columns: PLACES,
    probabilities: Float32Array.from({ length: PLACES ** 2 }, (_, i) => probability(scores, i)),
    whole: probability(await run(set), 0),
  };
}

/** Digits stand on 0, so that is what covers them; photographs get a middle grey. */
function coverings(set: ImageSet): ImageSet {
  const { channels, height, width } = set;
  const size = channels * height * width;
  const count = PLACES ** 2;
  const pixels = new Uint8Array(count * size);
  const [ph, pw] = [Math.round(height * PATCH), Math.round(width * PATCH)];
  for (let i = 0; i < count; i++) {
    pixels.set(set.pixels, i * size);
    const top = Math.round((Math.floor(i / PLACES) * (height - ph)) / (PLACES - 1));
    const left = Math.round(((i % PLACES) * (width - pw)) / (PLACES - 1));
    for (let c = 0; c < channels; c++) {
      for (let y = top; y < top + ph; y++) {
        const row = i * size + (c * height + y) * width;
        pixels.fill(channels === 1 ? 0 : 128, row + left, row + left + pw);
      }
    }
  }
  return { ...set, count, labels: new Uint8Array(count), pixels };
}

/** Weights of the convolutions, the first ones whole, of later ones a part. */
export async function filters(session: Session): Promise<Filters[]> {
  const found: Filters[] = [];
  for (const [name, { shape, data }] of await session.stateDict()) {
    if (shape.length !== 4 || !name.endsWith('weight')) continue;
    const [out, channels, height, width] = shape;
    const shown = Math.min(out, MOST_MAPS);
    found.push({
      layer: name.replace(/(\.conv)?\.weight$/, ''),
      shape: [shown, channels, height, width],
      weights: data.slice(0, shown * channels * height * width) as Float32Array,
    });
  }
  return spread(
    found.filter((f) => f.shape[2] > 1),
    6,
  );
}
