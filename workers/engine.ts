/** The engine worker: the backend and the sessions, behind the interface of api.ts. */
import { expose, transfer } from 'comlink';
import { modelByName, models } from '../models/index.ts';
import { weightsUrls } from '../models/weights.ts';
import { check, LensletError } from '../src/core/error.ts';
import { parseSafetensors, writeSafetensors } from '../src/io/safetensors.ts';
import { Graph } from '../src/ir/graph.ts';
import { Builder } from '../src/nn/builder.ts';
import { Session } from '../src/session.ts';
import type { WasmBackend } from '../src/wasm/index.ts';
import type {
  Capabilities,
  Engine,
  GreyImage,
  ModelSummary,
  Prediction,
  TrainListener,
  TrainOptions,
  TrainReport,
} from './api.ts';
import { createBackend } from './browser.ts';
import { predictDigit } from './digits.ts';
import { Run } from './run.ts';

/** The networks that read a single digit. */
const shown = models.filter((m) => m.name in weightsUrls);

class LocalEngine implements Engine {
  readonly #backend: Promise<WasmBackend> = createBackend();
  readonly #sessions = new Map<string, Promise<Session>>();
  #run: Run | null = null;

  constructor() {
    // A failure is told by the call that needs the backend.
    this.#backend.catch(() => {});
  }

  async capabilities(): Promise<Capabilities> {
    const backend = await this.#backend;
    return {
      backend: backend.name,
      threads: backend.threads,
      binary: backend.binary,
      crossOriginIsolated: globalThis.crossOriginIsolated,
      memoryBytes: backend.memoryBytes,
    };
  }

  async models(): Promise<readonly ModelSummary[]> {
    return shown.map((model) => {
      const graph = new Graph();
      model.build(new Builder(graph, false), graph.input('x', { dtype: 'f32', shape: [1, ...model.input] }));
      const { name, title, input, classes } = model;
      return { id: name, title, parameters: graph.parameters, input, classes };
    });
  }

  async predict(model: string, image: GreyImage, features: boolean): Promise<Prediction> {
    return predictDigit(await this.#session(model), image, features);
  }

  async train(options: TrainOptions, listener: TrainListener): Promise<TrainReport> {
    check(!this.#run, 'value', () => 'A run is under way; stop it before you start another.');
    const model = modelByName(options.model);
    const session = await Session.create(model, await this.#backend, { seed: options.seed });
    const run = new Run(session, options);
    this.#run = run;
    try {
      if (options.fromPretrained) await loadShipped(session);
      const report = await run.go(listener);
      const old = this.#sessions.get(model.name);
      this.#sessions.set(model.name, Promise.resolve(session));
      await (await old)?.dispose();
      return report;
    } catch (error) {
      await session.dispose();
      throw error;
    } finally {
      this.#run = null;
    }
  }

  async pause(): Promise<void> {
    this.#run?.pause();
  }

  async resume(): Promise<void> {
    this.#run?.resume();
  }

  async stop(): Promise<void> {
    this.#run?.stop();
  }

  async exportWeights(model: string): Promise<ArrayBuffer> {
    const session = this.#run?.options.model === model ? this.#run.session : await this.#session(model);
    const { buffer } = writeSafetensors(await session.stateDict(), { model });
    return transfer(buffer as ArrayBuffer, [buffer as ArrayBuffer]);
  }

  async reset(model: string): Promise<void> {
    await loadShipped(await this.#session(model));
  }

  #session(model: string): Promise<Session> {
    const known = this.#sessions.get(model);
    if (known) return known;
    const made = this.#open(model);
    this.#sessions.set(model, made);
    made.catch(() => this.#sessions.delete(model));
    return made;
  }

  async #open(name: string): Promise<Session> {
    const session = await Session.create(modelByName(name), await this.#backend);
    await loadShipped(session);
    return session;
  }
}

/** @throws LensletError 'unknown' when the model has no shipped weights or they cannot be loaded */
async function loadShipped(session: Session): Promise<void> {
  const { name } = session.model;
  const url = weightsUrls[name];
  check(url, 'unknown', () => `${name} comes without trained weights; train it from the start.`);
  const response = await fetch(url);
  if (!response.ok)
    throw new LensletError(
      'unknown',
      `The weights of ${name} could not be loaded (status ${response.status}).`,
    );
  await session.loadStateDict(parseSafetensors(new Uint8Array(await response.arrayBuffer())).tensors);
}

expose(new LocalEngine());
