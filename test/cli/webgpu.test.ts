/** The commands on a GPU, or on what Node has in its place. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { webgpuBackend } from '../op.ts';
import { lenslet, newFolder, writeDigits } from './run.ts';

const found = await webgpuBackend();

/** Losses and shares of each epoch, without its seconds. */
const rowsOf = (file: string): number[][] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((row) => row.split(',').slice(0, -1).map(Number));

test.skipIf(!found)('train and eval say on WebGPU what they say on WASM', async () => {
  const folder = newFolder();
  const digits = join(folder, 'digits');
  writeDigits(digits, 400, 100);
  const rows: number[][][] = [];
  const accuracies: number[] = [];
  for (const backend of ['wasm', 'webgpu']) {
    const [out, log] = [join(folder, `${backend}.safetensors`), join(folder, `${backend}.csv`)];
    const args = ['--data', digits, '--epochs', '1', '--batch', '32', '--seed', '7', '--backend', backend];
    const trained = await lenslet(['train', 'lenet5-modern', ...args, '--out', out, '--log', log, '--json']);
    expect([trained.status, JSON.parse(trained.stdout).reason]).toEqual([0, 'finished']);
    rows.push(rowsOf(log));
    const checked = await lenslet(['eval', out, '--data', digits, '--backend', backend, '--json']);
    accuracies.push(JSON.parse(checked.stdout).accuracy);
  }
  const [wasm, webgpu] = rows;
  expect(webgpu).toHaveLength(1);
  // Sums in another order: losses differ in the seventh digit after 12 steps, and no image is near an edge.
  for (const [i, row] of wasm!.entries()) {
    for (const [k, value] of row.entries()) expect(Math.abs(webgpu![i]![k]! - value)).toBeLessThan(1e-5);
  }
  expect(accuracies[0]).toBe(accuracies[1]);
});
