/** The engine worker: the backend and the sessions, behind the interface of api.ts. */
import { expose, transfer } from 'comlink';
import { models } from '../models/index.ts';
import { check } from '../src/core/error.ts';
import type { HybridBackend } from '../src/hybrid/index.ts';
import { writeSafetensors } from '../src/io/safetensors.ts';
import { describeLayers } from '../src/plan/describe.ts';
import { Session } from '../src/session.ts';
import type * as api from './api.ts';
import type { ChequeDesk } from './app/cheque.ts';
import { DataShelf } from './app/data-shelf.ts';
import { graphOf, Shelf } from './app/shelf.ts';
import { openLibrary } from './app/store.ts';
import { Training } from './app/training.ts';
import { createAutoBackend } from './browser-auto.ts';
import type * as cheque from './cheque-api.ts';
import { predictDigit, prepareDigit } from './digits.ts';

/** Sessions that are kept open; those used longest ago are closed first. */
const MOST_SESSIONS = 4;

const transferred = (bytes: Uint8Array): ArrayBuffer => {
  const buffer = bytes.buffer as ArrayBuffer;
  return transfer(buffer, [buffer]);
};

class LocalEngine implements api.Engine {
  readonly #backend: Promise<HybridBackend> = createAutoBackend({ lateThreads: true });
  readonly #library = openLibrary();
  readonly #shelf = new Shelf(this.#library);
  readonly #data = new DataShelf(this.#library);
  readonly #training = new Training(this.#backend, this.#library, this.#shelf);
  readonly #sessions = new Map<string, Promise<Session>>();
  #cheques: Promise<ChequeDesk> | null = null;

  constructor() {
    // A failure is told by the call that needs the backend.
    this.#backend.catch(() => {});
  }

  async capabilities(): Promise<api.Capabilities> {
    const { wasm } = await this.#backend;
    await wasm.started;
    return {
      threads: wasm.threads,
      binary: wasm.binary,
      crossOriginIsolated: globalThis.crossOriginIsolated,
      memoryBytes: wasm.memoryBytes,
      keeps: (await this.#library).keeps,
    };
  }

  async devices(): Promise<api.Devices> {
    const [backend, { measureWork }] = await Promise.all([this.#backend, import('./work.ts')]);
    const gpu = await backend.gpu();
    const work = await measureWork(backend);
    return { gpu: gpu?.adapter ?? null, work };
  }

  async networks(): Promise<readonly api.NetworkSummary[]> {
    return models
      .filter((m) => m.input[1] === 32 || m.name === 'resnet18')
      .map((m) => {
        const graph = graphOf(m);
        const macs = describeLayers(graph).reduce((sum, row) => sum + row.macs, 0);
        const { name: id, title, input, classes } = m;
        const facts = { classes: classes.length, anyClasses: m.withClasses !== undefined };
        return { id, title, input, ...facts, parameters: graph.parameters, macs };
      });
  }

  models(): Promise<readonly api.ModelSummary[]> {
    return this.#shelf.list();
  }

  importModel(name: string, bytes: ArrayBuffer, network: string | null): Promise<api.ModelSummary> {
    return this.#shelf.importFile(name, new Uint8Array(bytes), network);
  }

  renameModel(id: string, title: string): Promise<void> {
    return this.#shelf.rename(id, title);
  }

  async removeModel(id: string): Promise<void> {
    await this.#shelf.remove(id);
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    await (await session)?.dispose();
  }

  async exportWeights(id: string): Promise<ArrayBuffer> {
    const { model, weights } = await this.#open(id);
    const metadata = { model: model.name, classes: JSON.stringify(model.classes) };
    return transferred(writeSafetensors(await weights(), metadata));
  }

  async exportOnnx(id: string): Promise<ArrayBuffer> {
    const { model, weights } = await this.#open(id);
    const { exportOnnx } = await import('../src/io/onnx/export.ts');
    return transferred(exportOnnx(model, await weights()));
  }

  async #open(id: string) {
    const session = await this.#session(id);
    return { model: session.model, weights: () => session.stateDict() };
  }

  runLog(model: string): Promise<api.RunLog | null> {
    return this.#shelf.log(model);
  }

  dataSets(): Promise<readonly api.DataSummary[]> {
    return this.#data.list();
  }

  importData(
    title: string,
    files: readonly api.DataFile[],
    onProgress: (share: number) => void,
  ): Promise<api.DataSummary> {
    return this.#data.importFiles(title, files, onProgress);
  }

  saveOwnPictures(id: string | null, title: string, pictures: api.OwnPictures): Promise<api.DataSummary> {
    return this.#data.saveOwn(id, title, pictures);
  }

  ownPictures(id: string): Promise<api.OwnPictures> {
    return this.#data.own(id);
  }

  async saveChequeDigits(title: string, corrections: readonly cheque.Correction[]): Promise<api.DataSummary> {
    return this.#data.saveChequeDigits(title, await (await this.#desk()).digits(corrections));
  }

  removeData(id: string): Promise<void> {
    return this.#data.remove(id);
  }

  async prepare(model: string): Promise<void> {
    await prepareDigit(await this.#session(model));
  }

  async predict(model: string, image: api.GreyImage, features: boolean): Promise<api.Prediction> {
    return predictDigit(await this.#session(model), image, features);
  }

  async look(model: string, picture: api.Picture, wanted: number | null): Promise<api.Look> {
    const [session, { look }] = await Promise.all([this.#session(model), import('./app/inside.ts')]);
    return look(session, picture, wanted);
  }

  async occlusion(model: string, picture: api.Picture, wanted: number): Promise<api.Occlusion> {
    const [session, { occlusion }] = await Promise.all([this.#session(model), import('./app/inside.ts')]);
    return occlusion(session, picture, wanted);
  }

  async filters(model: string): Promise<readonly api.Filters[]> {
    const [session, { filters }] = await Promise.all([this.#session(model), import('./app/inside.ts')]);
    return filters(session);
  }

  async experiment(e: api.Experiment): Promise<api.ExperimentResult> {
    const [backend, { experiment }] = await Promise.all([this.#backend, import('./app/experiment.ts')]);
    return experiment(backend, e);
  }

  async prepareCheques(): Promise<void> {
    await (await this.#desk()).prepare();
  }

  async readCheque(picture: ImageBitmap, quick: boolean): Promise<cheque.ChequeReading> {
    return (await this.#desk()).read(picture, quick);
  }

  async sampleCheque(index: number): Promise<api.GreyImage> {
    return (await this.#desk()).sample(index);
  }

  async learnAmounts(
    corrections: readonly cheque.Correction[],
    onProgress: (share: number) => void,
  ): Promise<cheque.LearnReport> {
    return (await this.#desk()).learn(corrections, onProgress);
  }

  async setReader(weights: ArrayBuffer | null): Promise<void> {
    await (await this.#desk()).setWeights(weights);
  }

  #desk(): Promise<ChequeDesk> {
    this.#cheques ??= import('./app/cheque.ts').then((m) => new m.ChequeDesk(this.#backend));
    return this.#cheques;
  }

  train(options: api.TrainOptions, title: string, listener: api.TrainListener): Promise<api.TrainReport> {
    return this.#training.start(options, title, listener);
  }

  resumable(onFreed: () => void): Promise<readonly api.ResumableRun[]> {
    return this.#training.resumable(onFreed);
  }

  resumeRun(id: string, listener: api.TrainListener): Promise<api.TrainReport> {
    return this.#training.goOn(id, listener);
  }

  forgetRun(id: string): Promise<void> {
    return this.#training.forget(id);
  }

  async pause(): Promise<void> {
    this.#training.run?.pause();
  }

  async resume(): Promise<void> {
    this.#training.run?.resume();
  }

  async stop(): Promise<void> {
    this.#training.stop();
  }

  async checkpoint(): Promise<void> {
    this.#training.run?.saveSoon();
  }

  #session(id: string): Promise<Session> {
    const known = this.#sessions.get(id) ?? this.#load(id);
    // In the order of use.
    this.#sessions.delete(id);
    this.#sessions.set(id, known);
    known.catch(() => this.#sessions.delete(id));
    return known;
  }

  async #load(id: string): Promise<Session> {
    const { model, weights } = await this.#shelf.load(id);
    const [oldest] = this.#sessions;
    if (oldest && this.#sessions.size > MOST_SESSIONS) {
      this.#sessions.delete(oldest[0]);
      await (await oldest[1].catch(() => null))?.dispose();
    }
    const session = await Session.create(model, await this.#backend);
    check(session.parameters > 0, 'value', () => `${model.title} has no weights.`);
    if (weights.size > 0) await session.loadStateDict(weights);
    return session;
  }
}

expose(new LocalEngine());
