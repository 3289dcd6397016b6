/** Train, evaluate, stop, resume and predict, as a user does. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { syntheticDigits } from '../../src/data/digits.ts';
import { parseSafetensors } from '../../src/io/safetensors.ts';
import { lenslet, newFolder, writeDigits } from './run.ts';

const folder = newFolder();
const digits = join(folder, 'digits');
const weights = join(folder, 'weights.safetensors');
const training = ['--data', digits, '--epochs', '3', '--batch', '32', '--seed', '7', '--threads', '2'];

beforeAll(async () => {
  writeDigits(digits, 1600, 200);
  const args = ['train', 'lenet5-modern', ...training, '--out', weights, '--log', join(folder, 'log.csv')];
  const { status, stdout, stderr } = await lenslet([...args, '--json']);
  expect(stderr).toContain('epoch 3/3');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    model: 'lenet5-modern',
    parameters: 61706,
    reason: 'finished',
    steps: 3 * 45,
    out: weights,
  });
}, 120_000);

test('training writes weights that name their network, and a log with a row an epoch', () => {
  const { tensors, metadata } = parseSafetensors(readFileSync(weights));
  expect(metadata.model).toBe('lenet5-modern');
  expect(JSON.parse(metadata.training)).toMatchObject({
    data: 'digits',
    images: 1440,
    validation: 160,
    seed: 7,
  });
  expect(tensors.get('c1.weight')?.shape).toEqual([6, 1, 5, 5]);
  const rows = readFileSync(join(folder, 'log.csv'), 'utf8').trim().split('\n');
  expect(rows).toHaveLength(4);
  expect(rows[3].split(',')).toHaveLength(rows[0].split(',').length);
});

test('with --validation test all training images are trained on, and the test images are only measured', async () => {
  const out = join(folder, 'all.safetensors');
  const args = ['train', 'lenet5-modern', ...training, '--epochs', '1', '--validation', 'test', '--out', out];
  const { stdout } = await lenslet([...args, '--json']);
  const { epochs, steps } = JSON.parse(stdout);
  expect(steps).toBe(1600 / 32);
  const { metadata } = parseSafetensors(readFileSync(out));
  expect(JSON.parse(metadata.training)).toMatchObject({ images: 1600, validation: 'test' });
  const report = JSON.parse((await lenslet(['eval', out, '--data', digits, '--json'])).stdout);
  expect(epochs[0].validationAccuracy).toBe(report.accuracy);
});

test('eval prints one JSON document, equal for a file and for the same file of a checkpoint', async () => {
  const { status, stdout, stderr } = await lenslet(['eval', weights, '--data', digits, '--json']);
  expect([status, stderr]).toEqual([0, '']);
  const report = JSON.parse(stdout);
  expect(Object.keys(report)).toEqual(['model', 'images', 'accuracy', 'loss', 'confusion']);
  expect(report).toMatchObject({ model: 'lenet5-modern', images: 200 });
  expect(report.accuracy).toBeGreaterThan(0.6);
  const right = report.confusion.reduce((sum: number, row: number[], i: number) => sum + row[i], 0);
  expect(right / 200).toBe(report.accuracy);
});

test('eval is the same on the reference backend, and reads the training part when asked', async () => {
  const args = ['eval', weights, '--data', digits, '--json'];
  const fast = JSON.parse((await lenslet([...args, '--threads', '1'])).stdout);
  const slow = JSON.parse((await lenslet([...args, '--backend', 'reference'])).stdout);
  expect(slow.confusion).toEqual(fast.confusion);
  expect(slow.loss).toBeCloseTo(fast.loss, 4);
  expect(JSON.parse((await lenslet([...args, '--split', 'train'])).stdout).images).toBe(1600);
});

test('stopped with Ctrl-C and resumed, the weights are the same to the last bit', async () => {
  const [out, checkpoint] = [join(folder, 'resumed.safetensors'), join(folder, 'run.ckpt')];
  const args = ['train', 'lenet5-modern', ...training, '--out', out, '--checkpoint', checkpoint];
  const stopped = await lenslet(args, { signalOn: (text) => (text.includes('epoch 1/3') ? 'SIGINT' : null) });
  expect(stopped.status).toBe(130);
  expect(stopped.stderr).toMatch(/Stopped after step \d+, saved in .*run\.ckpt/);
  expect(stopped.stderr).toContain('--resume');
  expect(existsSync(out)).toBe(false);
  const step = Number(/after step (\d+)/.exec(stopped.stderr)?.[1]);
  expect(step).toBeLessThan(3 * 45);
  const middle = await lenslet(['eval', checkpoint, '--data', digits, '--json']);
  expect(JSON.parse(middle.stdout).images).toBe(200);
  const resumed = await lenslet([...args, '--resume']);
  expect(resumed.status).toBe(0);
  const [one, two] = [weights, out].map((file) => parseSafetensors(readFileSync(file)).tensors);
  expect(two).toEqual(one);
});

test('a checkpoint is neither overwritten nor resumed with other settings', async () => {
  const checkpoint = join(folder, 'short.ckpt');
  const out = join(folder, 'short.safetensors');
  const args = [
    'train',
    'lenet5-modern',
    '--data',
    digits,
    '--epochs',
    '1',
    '--out',
    out,
    '--checkpoint',
    checkpoint,
  ];
  expect((await lenslet(args)).status).toBe(0);
  const before = readFileSync(checkpoint);
  const again = await lenslet(args);
  expect([again.status, again.stderr]).toEqual([1, expect.stringContaining('add --resume')]);
  const other = await lenslet([...args, '--resume', '--momentum', '0.5']);
  expect([other.status, other.stderr]).toEqual([1, expect.stringContaining('other settings')]);
  expect(readFileSync(checkpoint).equals(before)).toBe(true);
});

test('training goes on from weights in a file', async () => {
  const out = join(folder, 'tuned.safetensors');
  const args = ['train', weights, '--data', digits, '--epochs', '1', '--lr', '0.001', '--out', out, '--json'];
  const { status, stdout } = await lenslet(args);
  expect(status).toBe(0);
  expect(JSON.parse(stdout).epochs[0].trainAccuracy).toBeGreaterThan(0.6);
});

test('predict reads digits from pictures', async () => {
  const set = syntheticDigits({ count: 20, seed: 1 });
  const files: string[] = [];
  for (let i = 0; i < set.count; i++) {
    const ink = set.pixels.subarray(i * 784, (i + 1) * 784).map((v) => 255 - v);
    const file = join(folder, `${i}.png`);
    await sharp(ink, { raw: { width: 28, height: 28, channels: 1 } })
      .resize(280, 280)
      .extend({ top: 60, bottom: 60, left: 60, right: 60, background: '#fff' })
      .png()
      .toFile(file);
    files.push(file);
  }
  const { status, stdout } = await lenslet(['predict', ...files, '--model', weights, '--json']);
  expect(status).toBe(0);
  const { model, images } = JSON.parse(stdout);
  expect(model).toBe('lenet5-modern');
  expect(images.map((a: { file: string }) => a.file)).toEqual(files);
  const right = images.filter((a: { answer: string }, i: number) => Number(a.answer) === set.labels[i]);
  expect(right.length).toBeGreaterThanOrEqual(12);
  const sum = Object.values<number>(images[0].probabilities).reduce((a, b) => a + b, 0);
  expect(sum).toBeCloseTo(1, 5);
});

test('predict says what is wrong with a picture', async () => {
  const file = join(folder, 'text.png');
  writeFileSync(file, 'no picture');
  const broken = await lenslet(['predict', file, '--model', weights]);
  expect([broken.status, broken.stderr]).toEqual([1, expect.stringContaining('text.png is no picture')]);
  const blank = join(folder, 'blank.png');
  await sharp({ create: { width: 64, height: 64, channels: 3, background: '#fff' } })
    .png()
    .toFile(blank);
  const empty = await lenslet(['predict', blank, '--model', weights]);
  expect([empty.status, empty.stderr]).toEqual([1, expect.stringMatching(/blank\.png: No digit was found/)]);
});

test('divided batches tell how they were divided; other commands divide nothing', async () => {
  // Quicker without a GPU in software.
  const none = { VK_ICD_FILENAMES: '/none', VK_DRIVER_FILES: '/none' };
  const args = ['--data', digits, '--epochs', '1', '--backend', 'both', '--json'];
  const out = join(folder, 'both.safetensors');
  const { status, stdout } = await lenslet(['train', 'lenet5-modern', ...args, '--out', out], { env: none });
  expect(status).toBe(0);
  const { steps, share } = JSON.parse(stdout);
  expect(steps).toBe(23);
  expect(share).toBeGreaterThan(0);
  expect(share).toBeLessThanOrEqual(1);
  const { training } = parseSafetensors(readFileSync(out)).metadata;
  expect(JSON.parse(training!)).toMatchObject({ share });
  expect((await lenslet(['eval', weights, ...args])).stderr).toMatch(/'both' is invalid/);
});
