/** The models there are: those shipped, and the user's, trained here or imported. */
import { modelByName, models } from '../../models/index.ts';
import { shippedAccuracy, weightsUrls } from '../../models/weights.ts';
import { check } from '../../src/core/error.ts';
import { sizeOf, type Tensor } from '../../src/core/tensor.ts';
import { parseSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder, type Model } from '../../src/nn/builder.ts';
import type { ModelSummary, RunLog, StoredModel } from '../api.ts';
import { type Library, newId } from './library.ts';

export interface Trained {
  readonly model: Model;
  readonly weights: ReadonlyMap<string, Tensor>;
}

/** The network's graph for one image. */
export function graphOf(model: Model): Graph {
  const graph = new Graph();
  model.build(new Builder(graph, false), graph.input('x', { dtype: 'f32', shape: [1, ...model.input] }));
  return graph;
}

/** A network of ours for these classes and this size of images. */
export function networkFor(name: string, classes: readonly string[], size: number | null): Model {
  const model = modelByName(name);
  const same = classes.length === model.classes.length && classes.every((c, i) => c === model.classes[i]);
  check(
    same || model.withClasses,
    'value',
    () =>
      `${model.title} is made for ${model.classes.length} digits; choose another network for these classes.`,
  );
  const fitted = same ? model : (model.withClasses as NonNullable<Model['withClasses']>)(classes);
  return size ? { ...fitted, input: [model.input[0], size, size] } : fitted;
}

const shippedSummary = (model: Model): ModelSummary => {
  const { variables, parameters } = graphOf(model);
  const values = [...variables.values()].reduce((sum, { spec }) => sum + sizeOf(spec.shape), 0);
  const { name, title, input, classes } = model;
  return {
    ...{ id: name, title, network: name, input, classes, parameters },
    origin: 'shipped',
    bytes: 4 * values,
    ...(shippedAccuracy[name] ?? { accuracy: null, measuredOn: null }),
    created: null,
    log: false,
  };
};

export class Shelf {
  /** Models that could not be stored: lost with the page. */
  readonly #unsaved = new Map<
    string,
    { summary: StoredModel; bytes: Uint8Array<ArrayBuffer>; log: RunLog | null }
  >();
  readonly #shipped = models.filter((m) => m.name in weightsUrls).map(shippedSummary);

  constructor(private readonly library: Promise<Library>) {}

  async list(): Promise<readonly ModelSummary[]> {
    const stored = (await (await this.library).list()).models;
    return [...this.#shipped, ...stored, ...[...this.#unsaved.values()].map((u) => u.summary)];
  }

  async #stored(id: string): Promise<StoredModel> {
    const list = (await (await this.library).list()).models;
    const found = list.find((m) => m.id === id) ?? this.#unsaved.get(id)?.summary;
    check(found, 'unknown', () => 'This model is no longer there: it was deleted, perhaps in another tab.');
    return found;
  }

  async load(id: string): Promise<Trained> {
    if (id in weightsUrls) {
      const { tensors } = parseSafetensors(await fetchShipped(id));
      return { model: modelByName(id), weights: tensors };
    }
    const summary = await this.#stored(id);
    const bytes = this.#unsaved.get(id)?.bytes ?? (await (await this.library).bytes(summary.file));
    if (summary.network === null) return readOnnx(bytes, summary.title);
    const model = networkFor(summary.network, summary.classes, null);
    return { model: { ...model, input: summary.input }, weights: parseSafetensors(bytes).tensors };
  }

  /** Keeps a model. @returns its summary, and why it could not be stored, if so */
  async add(
    trained: Trained,
    facts: Pick<ModelSummary, 'title' | 'origin' | 'network' | 'accuracy' | 'measuredOn'>,
    log: RunLog | null,
    onnx: Uint8Array<ArrayBuffer> | null = null,
  ): Promise<{ summary: ModelSummary; problem: string | null }> {
    const { model, weights } = trained;
    const metadata = { model: model.name, classes: JSON.stringify(model.classes) };
    const bytes = onnx ?? (writeSafetensors(weights, metadata) as Uint8Array<ArrayBuffer>);
    const id = newId();
    const summary: StoredModel = {
      ...facts,
      id,
      file: `model-${id}`,
      parameters: graphOf(model).parameters,
      input: model.input,
      classes: model.classes,
      bytes: bytes.length,
      created: Date.now(),
      log: log !== null,
    };
    try {
      const library = await this.library;
      await library.files.write(summary.file, bytes);
      if (log) await library.files.write(`log-${id}`, new TextEncoder().encode(JSON.stringify(log)));
      await library.change((list) => ({ ...list, models: [...list.models, summary] }));
      return { summary, problem: null };
    } catch (error) {
      this.#unsaved.set(id, { summary, bytes, log });
      return { summary, problem: error instanceof Error ? error.message : String(error) };
    }
  }

  /** @throws LensletError 'unknown' when a safetensors file does not say what it is for and `network` is null */
  async importFile(
    name: string,
    bytes: Uint8Array<ArrayBuffer>,
    network: string | null,
  ): Promise<ModelSummary> {
    const title = name.replace(/\.(onnx|safetensors)$/i, '');
    const facts = { title, origin: 'imported', accuracy: null, measuredOn: null } as const;
    if (/\.onnx$/i.test(name)) {
      const { summary } = await this.add(
        await readOnnx(bytes, title),
        { ...facts, network: null },
        null,
        bytes,
      );
      return summary;
    }
    const { tensors, metadata } = parseSafetensors(bytes);
    const id = network ?? metadata.model;
    check(
      id,
      'unknown',
      () => `${name} does not say which network it is for: choose the network, then import it again.`,
    );
    const base = modelByName(id);
    const classes = metadata.classes ? (JSON.parse(metadata.classes) as string[]) : base.classes;
    const model = networkFor(id, classes, null);
    const weights = new Map([...tensors].filter(([n]) => !/^(optimizer|best)\./.test(n)));
    checkWeights(model, weights);
    return (await this.add({ model, weights }, { ...facts, network: id }, null)).summary;
  }

  async rename(id: string, title: string): Promise<void> {
    const trimmed = title.trim().slice(0, 80);
    check(trimmed, 'value', () => 'A model needs a name.');
    await this.#stored(id);
    await (await this.library).change((list) => ({
      ...list,
      models: list.models.map((m) => (m.id === id ? { ...m, title: trimmed } : m)),
    }));
  }

  async remove(id: string): Promise<void> {
    const { file } = await this.#stored(id);
    if (this.#unsaved.delete(id)) return;
    const library = await this.library;
    await library.change((list) => ({ ...list, models: list.models.filter((m) => m.id !== id) }));
    await library.files.remove(file);
    await library.files.remove(`log-${id}`);
  }

  async log(id: string): Promise<RunLog | null> {
    const unsaved = this.#unsaved.get(id);
    if (unsaved) return unsaved.log;
    const bytes = await (await this.library).files.read(`log-${id}`);
    return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as RunLog);
  }
}

async function fetchShipped(id: string): Promise<Uint8Array> {
  const response = await fetch(weightsUrls[id] as URL);
  check(
    response.ok,
    'unknown',
    () => `The weights of ${id} could not be loaded (status ${response.status}).`,
  );
  return new Uint8Array(await response.arrayBuffer());
}

/** The classifier in an ONNX file; its initial values are the file's weights. */
async function readOnnx(bytes: Uint8Array, name: string): Promise<Trained> {
  const [{ importOnnx }, { asClassifier }] = await Promise.all([
    import('../../src/io/onnx/import.ts'),
    import('../../src/io/onnx/classifier.ts'),
  ]);
  return { model: asClassifier(importOnnx(bytes), { name }), weights: new Map() };
}

/** Before it is kept: whether the file has the weights that the network needs, in their shapes. */
function checkWeights(model: Model, weights: ReadonlyMap<string, Tensor>): void {
  for (const { spec } of graphOf(model).variables.values()) {
    const found = weights.get(spec.name);
    check(
      found && `${found.shape}` === `${spec.shape}`,
      'value',
      () =>
        `The file does not fit ${model.title}: it needs "${spec.name}" [${spec.shape}], the file has ` +
        `${found ? `[${found.shape}]` : 'none'}. Choose another network.`,
    );
  }
}
