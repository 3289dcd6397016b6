/** info and bench: what a network consists of, and how fast it is. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openDecoder } from '../../cli/images.ts';
import { tensor } from '../../src/core/tensor.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { lenslet, newFolder } from './run.ts';

test('info counts the parameters and operations of LeNet-5 (1998)', async () => {
  const { status, stdout } = await lenslet(['info', 'lenet5', '--json']);
  expect(status).toBe(0);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ model: 'lenet5', parameters: 60000, input: [1, 32, 32], classes: 10 });
  const convolutions = report.layers.filter((l: { op: string }) => l.op === 'conv2d');
  // LeCun et al. 1998, section II.B: C1 156, C3 1,516, C5 48,120 parameters.
  expect(convolutions.map((l: { parameters: number }) => l.parameters)).toEqual([156, 1516, 48120]);
  expect(convolutions.map((l: { shape: number[] }) => l.shape)).toEqual([
    [1, 6, 28, 28],
    [1, 16, 10, 10],
    [1, 120, 1, 1],
  ]);
  // 28·28·6·25, 10·10·16·150, 120·400.
  expect(convolutions.map((l: { macs: number }) => l.macs)).toEqual([117600, 240000, 48000]);
  const { inference, training } = report.memory;
  for (const m of [inference, training]) {
    expect(m.arenaLowerBound).toBeGreaterThan(0);
    expect(m.arena).toBeGreaterThanOrEqual(m.arenaLowerBound);
  }
  expect(training.variables).toBeGreaterThan(2 * 4 * 60000);
});

test('info shows what a file holds, of a known network or not', async () => {
  const folder = newFolder();
  const foreign = join(folder, 'foreign.safetensors');
  writeFileSync(foreign, writeSafetensors(new Map([['a.weight', tensor([2, 3])]]), { by: 'someone' }));
  const { file } = JSON.parse((await lenslet(['info', foreign, '--json'])).stdout);
  expect(file.tensors).toEqual([{ name: 'a.weight', dtype: 'f32', shape: [2, 3], values: 6 }]);
  const text = (await lenslet(['info', foreign, '--arch', 'lenet5-modern'])).stdout;
  expect(text).toContain('by: someone');
  expect(text).toContain('61,706');
});

test('bench measures inference, training and each kernel', async () => {
  const args = ['bench', '--batch', '8', '--seconds', '0.1', '--threads', '2', '--profile', '--json'];
  const { status, stdout } = await lenslet(args);
  expect(status).toBe(0);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ model: 'lenet5-modern', backend: 'wasm', threads: 2, batch: 8 });
  for (const part of [report.inference, report.inferenceBatch, report.training]) {
    expect(part.milliseconds.median).toBeGreaterThanOrEqual(part.milliseconds.min);
    expect(part.milliseconds.min).toBeGreaterThan(0);
    expect(part.profile.length).toBeGreaterThan(5);
  }
  expect(report.training.profile.length).toBeGreaterThan(report.inferenceBatch.profile.length);
});

test('the command runs by its name in the checkout', () => {
  const link = fileURLToPath(new URL('../../node_modules/.bin/', import.meta.url));
  const name = process.platform === 'win32' ? 'lenslet.cmd' : 'lenslet';
  expect(existsSync(join(link, name))).toBe(true);
});

test('every asset that the built library names is there', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const wanted = ['workers/browser.js', 'models/weights.js'].flatMap((file) => {
    const path = join(root, 'dist', file);
    const names = readFileSync(path, 'utf8').matchAll(/new URL\('([^']+)', import\.meta\.url\)/g);
    return [...names].map(([, name]) => join(dirname(path), name));
  });
  expect(wanted.length).toBeGreaterThanOrEqual(6);
  const shipped = readdirSync(join(root, 'models')).filter((n) => n.endsWith('.safetensors'));
  const there = wanted.filter((path) => existsSync(path)).map((path) => path.slice(root.length));
  for (const name of shipped) expect(there).toContain(join('models', name));
  for (const name of ['simd', 'threads', 'relaxed'])
    expect(there).toContain(join('build/wasm', `${name}.wasm`));
  expect(there).toContain(join('dist/workers/thread.js'));
});

test('without sharp, predict says what to install', async () => {
  const missing = () => Promise.reject(new Error("Cannot find package 'sharp'"));
  await expect(openDecoder(missing)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('npm install sharp'),
  });
});
