/** From what the user names (a network, a file) to a session on a backend. */
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chequeReader } from '../models/cheque-reader.ts';
import { modelByName, models } from '../models/index.ts';
import type { Backend } from '../src/backend.ts';
import { check } from '../src/core/error.ts';
import type { Tensor } from '../src/core/tensor.ts';
import type { HybridOptions } from '../src/hybrid/index.ts';
import { asClassifier } from '../src/io/onnx/classifier.ts';
import { importOnnx } from '../src/io/onnx/import.ts';
import { parseSafetensors, type Safetensors } from '../src/io/safetensors.ts';
import type { Model } from '../src/nn/builder.ts';
import { QUANTIZATION, quantizedModel } from '../src/quantize/index.ts';
import { ReferenceBackend } from '../src/reference/index.ts';
import { Session } from '../src/session.ts';
import { createBackend } from '../workers/node.ts';
import { createAutoBackend } from '../workers/node-auto.ts';
import { createWebgpuBackend } from '../workers/node-webgpu.ts';
import { openChoices } from './choices.ts';
import { exists, readBytes } from './files.ts';
import type { CommonOptions } from './options.ts';

export interface Network {
  readonly model: Model;
  /** null: as initialised. */
  readonly weights: ReadonlyMap<string, Tensor> | null;
}

/** Whether a network of that name comes with Lenslet. */
export const isNetwork = (name: string): boolean => models.some((m) => m.name === name);

const names = (): string => models.map((m) => m.name).join(', ');

const named = (path: string, cause: unknown): never => {
  if (cause instanceof Error) cause.message = `${path}: ${cause.message}`;
  throw cause;
};

/**
 * Reads a safetensors file; errors name it.
 * @throws LensletError 'unknown' when there is none, with the networks when a network may have been meant
 */
export async function readWeights(path: string): Promise<Safetensors> {
  check(
    /[./\\]/.test(path) || (await exists(path)),
    'unknown',
    () => `There is no network and no file "${path}"; the networks are ${names()}.`,
  );
  const bytes = await readBytes(path);
  try {
    return parseSafetensors(bytes);
  } catch (cause) {
    return named(path, cause);
  }
}

export const isOnnx = (path: string): boolean => /\.onnx$/i.test(path);

/** The image classifier in an ONNX file; its initial values are the file's weights. Errors name the file. */
export async function readOnnx(path: string): Promise<Model> {
  const bytes = await readBytes(path);
  try {
    return asClassifier(importOnnx(bytes), { name: basename(path).replace(/\.onnx$/i, '') });
  } catch (cause) {
    return named(path, cause);
  }
}

/** A network of Lenslet's by its name, or that of an ONNX file. */
export const architecture = async (nameOrFile: string): Promise<Model> =>
  isOnnx(nameOrFile) ? readOnnx(nameOrFile) : modelByName(nameOrFile);

/** Whether a file was written by `lenslet quantize`. @throws LensletError 'unsupported' for other quantisations */
export function isQuantized({ metadata }: Pick<Safetensors, 'metadata'>): boolean {
  const { quantization } = metadata;
  check(
    quantization === undefined || quantization === QUANTIZATION.quantization,
    'unsupported',
    () =>
      `The file's weights are quantised as "${quantization}"; only ${QUANTIZATION.quantization} is known.`,
  );
  return quantization !== undefined;
}

/** The weights of a model in a file: of a checkpoint those of the network, without the optimiser's variables. */
export function networkTensors({ tensors, metadata }: Safetensors): Map<string, Tensor> {
  if (!metadata.progress) return tensors;
  return new Map([...tensors].filter(([name]) => !/^(optimizer|best)\./.test(name)));
}

/** Where the weights that come with Lenslet are, seen from dist/cli/, in the checkout and in the package. */
const shippedWeights = (name: string): string =>
  fileURLToPath(new URL(`../../models/${name}.safetensors`, import.meta.url));

/** A network by the name of its architecture, not trained. */
export const untrained = (name: string): Network => ({ model: modelByName(name), weights: null });

/**
 * A network with weights: a name stands for the weights that come with Lenslet, else an ONNX or safetensors file.
 * @param arch says what network a safetensors file is for when the file does not: a name or an ONNX file
 * @param option by which the user says so
 * @throws LensletError 'unknown' for an unknown network or file, 'format' for a file that is none
 */
export async function trained(nameOrFile: string, arch?: string, option = '--arch'): Promise<Network> {
  if (!isNetwork(nameOrFile)) return fromFile(nameOrFile, arch, option);
  const path = shippedWeights(nameOrFile);
  check(
    await exists(path),
    'unknown',
    () =>
      `${nameOrFile} comes without trained weights: train it (lenslet train ${nameOrFile}), then name the file.`,
  );
  return { model: modelByName(nameOrFile), weights: (await readWeights(path)).tensors };
}

/** The reader of amounts with the weights that come with Lenslet, or those of a file. */
export async function trainedReader(file?: string): Promise<Network> {
  return {
    model: chequeReader,
    weights: networkTensors(await readWeights(file ?? shippedWeights(chequeReader.name))),
  };
}

async function fromFile(path: string, arch?: string, option = '--arch'): Promise<Network> {
  if (isOnnx(path)) return { model: await readOnnx(path), weights: null };
  const file = await readWeights(path);
  const name = arch ?? file.metadata.model;
  check(
    name,
    'unknown',
    () => `${path} does not say which network it is for: name it with ${option} (${names()}).`,
  );
  const known = await architecture(name);
  const { classes } = file.metadata;
  const model = classes ? forClasses(known, parseClasses(path, classes)) : known;
  if (isQuantized(file)) return { model: quantizedModel(model, file.tensors), weights: null };
  return { model, weights: networkTensors(file) };
}

function parseClasses(path: string, text: string): string[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    list = null;
  }
  const valid = Array.isArray(list) && list.length > 0 && list.every((c) => typeof c === 'string');
  check(valid, 'format', () => `${path}: its list of classes is damaged.`);
  return list as string[];
}

/** The network for the classes of some data; unchanged where it is made for some only. */
export const forClasses = (model: Model, classes: readonly string[]): Model =>
  model.withClasses && classes.some((c, i) => c !== model.classes[i]) ? model.withClasses(classes) : model;

/** A name is a network to start anew, a file one to go on from. */
export const trainable = (nameOrFile: string, arch?: string): Promise<Network> =>
  isNetwork(nameOrFile) ? Promise.resolve(untrained(nameOrFile)) : fromFile(nameOrFile, arch);

const tellLoss: HybridOptions['onLoss'] = ({ message }, next) => {
  const then = next === 'wasm' ? 'WASM' : 'the GPU, opened again';
  process.stderr.write(`lenslet: ${message} What follows runs on ${then}.\n`);
};

/**
 * The GPU for a run that outlives it: on after a loss, opened again or on WASM.
 * @throws LensletError 'unsupported' where there is no GPU
 */
async function openLastingGpu({ threads, precision }: CommonOptions): Promise<Backend> {
  const backend = await createAutoBackend({ threads, precision, use: 'webgpu', onLoss: tellLoss });
  if (await backend.gpu()) return backend;
  backend.dispose();
  // Says why.
  return createWebgpuBackend();
}

/** @throws LensletError 'value' for half precision anywhere but on the GPU */
function checkPrecision({ backend, precision }: CommonOptions): void {
  check(
    precision !== 'f16' || backend === 'webgpu',
    'value',
    () => '--precision f16 is for the GPU: add --backend webgpu.',
  );
}

export async function openBackend(options: CommonOptions): Promise<Backend> {
  const { backend, threads, precision } = options;
  checkPrecision(options);
  if (backend === 'reference') return new ReferenceBackend();
  if (backend === 'auto') return createAutoBackend({ threads, memory: openChoices(), onLoss: tellLoss });
  return backend === 'webgpu' ? createWebgpuBackend({ precision }) : createBackend({ threads });
}

/** Runs `use` with the network on the backend asked for, and frees both. */
export async function withSession<T>(
  { model, weights }: Network,
  options: CommonOptions & { readonly seed?: number },
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const backend = await (options.backend === 'webgpu' ? openLastingGpu(options) : openBackend(options));
  try {
    const session = await Session.create(model, backend, { seed: options.seed });
    if (weights) await session.loadStateDict(weights);
    return await use(session);
  } finally {
    backend.dispose();
  }
}
