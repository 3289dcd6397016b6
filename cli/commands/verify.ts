/** lenslet verify: runs ONNX test folders (model.onnx, test_data_set_N/input_N.pb and output_N.pb). */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import type { Backend } from '../../src/backend.ts';
import { check, LensletError } from '../../src/core/error.ts';
import { Random } from '../../src/core/random.ts';
import { sameShape, showType, type Tensor } from '../../src/core/tensor.ts';
import { importOnnx, type OnnxModel } from '../../src/io/onnx/import.ts';
import { decodeTensor } from '../../src/io/onnx/proto.ts';
import { FileTensor } from '../../src/io/onnx/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder } from '../../src/nn/builder.ts';
import { exists, fileError, readBytes } from '../files.ts';
import { openBackend } from '../network.ts';
import { type CommonOptions, example, withCommon } from '../options.ts';

/** Those of ONNX's own runner (onnx/backend/test/case): |actual − wanted| ≤ ATOL + RTOL·|wanted| for every element. */
const RTOL = 1e-3;
const ATOL = 1e-7;

export interface VerifyOptions {
  readonly backend?: CommonOptions['backend'];
  readonly threads?: number;
  /** Called with each line as it is known. */
  readonly print?: (line: string) => void;
}

export interface VerifyResult {
  readonly passed: number;
  readonly failed: number;
}

interface Case {
  readonly name: string;
  readonly model: string;
  readonly data: string;
}

export function verifyCommand(program: Command): void {
  const command = program
    .command('verify')
    .description('Runs ONNX test folders and compares the results with the expected ones.')
    .argument('<dir...>', 'folders with model.onnx and test_data_set_N, or folders of such folders');
  withCommon(command).action(async (dirs: string[], options: CommonOptions) => {
    const lines = (line: string) => options.json || process.stdout.write(`${line}\n`);
    const result = await verify(dirs, { ...options, print: lines });
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    if (result.failed) process.exitCode = 1;
  });
  example(command, 'lenslet verify shared/reference/onnx-node/*');
}

/**
 * Runs every case of the folders, a line each and a last line "N passed, N failed".
 * @throws LensletError 'unknown' when a folder holds no case
 */
export async function verify(dirs: readonly string[], options: VerifyOptions = {}): Promise<VerifyResult> {
  const { backend: kind = 'wasm', threads, print = () => {} } = options;
  const cases = (await Promise.all(dirs.map(casesOf))).flat();
  const backend = await openBackend({ backend: kind, threads });
  let [passed, failed] = [0, 0];
  try {
    for (const c of cases) {
      const start = performance.now();
      const problem = await runCase(c, backend);
      if (problem === null) passed++;
      else failed++;
      const time = `${(performance.now() - start).toFixed(0)} ms`;
      print(
        problem === null ? `ok    ${c.name}  (${time})` : `FAIL  ${c.name}: ${problem.replaceAll('\n', ' ')}`,
      );
    }
  } finally {
    backend.dispose();
  }
  print(`${passed} passed, ${failed} failed`);
  return { passed, failed };
}

async function list(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  } catch (cause) {
    throw fileError('Cannot read', dir, cause);
  }
}

async function casesOf(dir: string): Promise<Case[]> {
  const model = join(dir, 'model.onnx');
  if (await exists(model)) {
    const sets = (await list(dir)).filter((name) => name.startsWith('test_data_set_'));
    check(sets.length, 'unknown', () => `${dir} has a model.onnx, but no test_data_set_0 beside it.`);
    const name = basename(dir);
    return sets.map((set) => ({
      name: sets.length > 1 ? `${name}/${set}` : name,
      model,
      data: join(dir, set),
    }));
  }
  const cases: Case[] = [];
  for (const name of await list(dir)) {
    if (await exists(join(dir, name, 'model.onnx'))) cases.push(...(await casesOf(join(dir, name))));
  }
  check(cases.length, 'unknown', () => `${dir} is no ONNX test folder: it has no model.onnx.`);
  return cases;
}

/** What is wrong, or null. */
async function runCase(c: Case, backend: Backend): Promise<string | null> {
  try {
    const model = importOnnx(await readBytes(c.model));
    const files = await list(c.data);
    const read = (kind: string) =>
      Promise.all(files.filter((f) => f.startsWith(kind)).map((f) => load(c.data, f)));
    const [inputs, wanted] = [await read('input_'), await read('output_')];
    return compareAll(await run(model, inputs, backend), wanted, model.outputs);
  } catch (error) {
    if (error instanceof LensletError) return error.message;
    return `${error instanceof Error ? error.stack : error}`;
  }
}

async function load(dir: string, file: string): Promise<Tensor> {
  return new FileTensor(decodeTensor(await readBytes(join(dir, file))), file).tensor(file);
}

/** Results in the order of the model's outputs. */
async function run(model: OnnxModel, inputs: readonly Tensor[], backend: Backend): Promise<Tensor[]> {
  check(
    inputs.length === model.inputs.length,
    'shape',
    () => `the network takes ${model.inputs.length} inputs, the data set has ${inputs.length}.`,
  );
  const graph = new Graph();
  const values = new Map(
    model.inputs.map(({ name }, i) => [name, { value: graph.input(name, inputs[i]), known: inputs[i] }]),
  );
  model.build(new Builder(graph, false), values).forEach((value, name) => {
    graph.output(name, value);
  });
  const store = backend.createStore();
  const random = new Random(0);
  try {
    for (const { spec } of graph.variables.values()) {
      store.add(spec);
      await store.write(spec.name, { dtype: 'f32', shape: spec.shape, data: spec.init(spec.shape, random) });
    }
    const executable = await backend.load(graph, store);
    try {
      const results = await executable.run(
        Object.fromEntries(model.inputs.map(({ name }, i) => [name, inputs[i]])),
      );
      return model.outputs.map((name) => results[name]);
    } finally {
      executable.dispose();
    }
  } finally {
    store.dispose();
  }
}

function compareAll(
  actual: readonly Tensor[],
  wanted: readonly Tensor[],
  names: readonly string[],
): string | null {
  if (actual.length !== wanted.length) return `${actual.length} outputs, expected ${wanted.length}`;
  for (const [i, w] of wanted.entries()) {
    const difference = compare(actual[i], w);
    if (difference) return `output "${names[i]}": ${difference}`;
  }
  return null;
}

/** The worst difference in words, or null when all elements are within tolerance; integers must be equal. */
function compare(actual: Tensor, wanted: Tensor): string | null {
  if (actual.dtype !== wanted.dtype || !sameShape(actual.shape, wanted.shape)) {
    return `${showType(actual)}, expected ${showType(wanted)}`;
  }
  let worst = 0;
  let at = -1;
  for (let i = 0; i < wanted.data.length; i++) {
    const [a, w] = [actual.data[i], wanted.data[i]];
    if (a === w || (Number.isNaN(a) && Number.isNaN(w))) continue;
    const allowed = wanted.dtype === 'f32' ? ATOL + RTOL * Math.abs(w) : 0;
    const excess = Number.isFinite(a - w) ? Math.abs(a - w) / allowed : Number.POSITIVE_INFINITY;
    if (excess > Math.max(1, worst)) {
      worst = excess;
      at = i;
    }
  }
  if (at < 0) return null;
  return `element ${at} is ${actual.data[at]}, expected ${wanted.data[at]} (${worst.toPrecision(3)} times the tolerance)`;
}
