/** lenslet verify: runs ONNX test folders (model.onnx, test_data_set_N/input_N.pb and output_N.pb). */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import type { Backend } from '../../src/backend.ts';
import { check, LensletError } from '../../src/core/error.ts';
import { exists, fileError, readBytes } from '../files.ts';
import { openBackend } from '../network.ts';
import { type CommonOptions, example, withCommon } from '../options.ts';
import { verifyCase } from './verify-case.ts';

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
    const files = await list(c.data);
    const read = (kind: string) =>
      Promise.all(files.filter((f) => f.startsWith(kind)).map((f) => readBytes(join(c.data, f))));
    const parts = { inputs: await read('input_'), outputs: await read('output_') };
    return await verifyCase({ model: await readBytes(c.model), ...parts }, backend);
  } catch (error) {
    if (error instanceof LensletError) return error.message;
    return `${error instanceof Error ? error.stack : error}`;
  }
}
