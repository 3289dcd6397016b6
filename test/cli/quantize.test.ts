/** quantize: a file in int8 that the other commands take. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { lenslet, newFolder } from './run.ts';

const folder = newFolder();
const file = join(folder, 'lenet5-int8.safetensors');
const json = async (...args: string[]) => JSON.parse((await lenslet([...args, '--json'])).stdout);

test('quantize, then eval, info, predict and bench', async () => {
  const args = ['lenet5-modern', '--data', 'synthetic:200', '--images', '100', '--out', file];
  const report = await json('quantize', ...args);
  expect(report).toMatchObject({ model: 'lenet5-modern', images: 100, method: 'mse', file });
  // A quarter of 4 · 61,706 bytes and little more.
  expect(report.bytes).toBeGreaterThan(61_000);
  expect(report.bytes).toBeLessThan(67_000);

  const [f32, int8] = await Promise.all(
    ['lenet5-modern', file].map((net) => json('eval', net, '--data', 'synthetic:1000')),
  );
  expect(int8.model).toBe('lenet5-modern');
  expect(int8.accuracy).toBeGreaterThan(f32.accuracy - 0.003);

  const info = await json('info', file);
  expect(info.file.metadata).toMatchObject({ quantization: 'int8', calibration: 'mse, 100 images' });
  expect(info.macs).toBe(416_520);
  expect(info.memory.training).toBeNull();
  expect((await lenslet(['info', file])).stdout).toContain('LeNet-5, modern, int8');

  const bench = await json('bench', '--model', file, '--batch', '4', '--seconds', '0.05', '--threads', '1');
  expect(bench.inferenceBatch.milliseconds.median).toBeGreaterThan(0);
  expect(bench.training).toBeNull();
});

test('what cannot be is told', async () => {
  const told = async (...args: string[]) => {
    const { status, stderr } = await lenslet(args);
    expect(status).toBe(1);
    return stderr;
  };
  const out = join(folder, 'out.safetensors');
  expect(await told('quantize', 'lenet5', '--data', 'synthetic:9', '--out', `${out}.bin`)).toContain(
    'that ending',
  );
  expect(await told('quantize', 'resnet18', '--data', 'synthetic:9', '--out', out)).toContain(
    'without trained weights',
  );
  expect(await told('train', file, '--data', 'synthetic:64', '--epochs', '1')).toContain('does not train');
  expect(await told('convert', file, join(folder, 'x.onnx'))).toContain('not exported');
  expect(await told('quantize', file, '--data', 'synthetic:9', '--out', out)).toContain('is in int8 already');
  const other = join(folder, 'other.safetensors');
  writeFileSync(
    other,
    writeSafetensors(new Map([['a', tensor([1])]]), { model: 'lenet5', quantization: 'int4' }),
  );
  expect(await told('eval', other, '--data', 'synthetic:9')).toContain('quantised as "int4"');
  const broken = join(folder, 'broken.safetensors');
  writeFileSync(
    broken,
    writeSafetensors(new Map([['a', tensor([1])]]), { model: 'lenet5', quantization: 'int8' }),
  );
  expect(await told('eval', broken, '--data', 'synthetic:9')).toContain('is missing');
});
