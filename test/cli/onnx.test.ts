/** verify and convert, and ONNX files where networks are asked for. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeModel, encodeTensor } from '../../src/io/onnx/proto.ts';
import { parseSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import { file, floats, node, smallNetwork } from '../onnx/make.ts';
import { lenslet, newFolder, writeDigits } from './run.ts';

/** A test folder for y = |x| with this expected result. */
function writeCase(folder: string, wanted: readonly number[], sets = 1): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.onnx'), file([node('Abs', ['x'], 'y')], { inputs: { x: [3] } }));
  for (let i = 0; i < sets; i++) {
    const data = join(folder, `test_data_set_${i}`);
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'input_0.pb'), encodeTensor(floats('x', [3], [-1, 2, -3])));
    writeFileSync(join(data, 'output_0.pb'), encodeTensor(floats('y', [3], wanted)));
  }
  return folder;
}

test('verify prints a line a case, counts, and fails when one does', async () => {
  const root = newFolder();
  const good = writeCase(join(root, 'good'), [1, 2, 3], 2);
  const bad = writeCase(join(root, 'bad'), [1, 2, 3.01]);
  const passed = await lenslet(['verify', good]);
  expect(passed.status).toBe(0);
  expect(passed.stdout.trim().split('\n').at(-1)).toBe('2 passed, 0 failed');
  for (const backend of ['wasm', 'reference']) {
    const all = await lenslet(['verify', root, '--backend', backend]);
    expect(all.status).toBe(1);
    const lines = all.stdout.trim().split('\n');
    expect(lines.map((l) => l.replace(/^(\w+) +([\w/]+:?) .*/, '$1 $2'))).toEqual([
      'FAIL bad:',
      'ok good/test_data_set_0',
      'ok good/test_data_set_1',
      '2 passed, 1 failed',
    ]);
    expect(lines[0]).toMatch(/element 2 is 3, expected 3.0/);
  }
  expect((await lenslet(['verify', bad, '--json'])).stdout).toBe('{"passed":0,"failed":1}\n');
});

test('verify goes on after a broken case and says when there is none', async () => {
  const root = newFolder();
  writeCase(join(root, 'good'), [1, 2, 3]);
  writeFileSync(join(writeCase(join(root, 'broken'), [1, 2, 3]), 'model.onnx'), new Uint8Array(50).fill(255));
  const { status, stdout } = await lenslet(['verify', root]);
  expect(status).toBe(1);
  expect(stdout).toMatch(/FAIL {2}broken: ONNX: .*\nok {4}good .*\n1 passed, 1 failed\n$/);
  const empty = await lenslet(['verify', newFolder()]);
  expect(empty.status).toBe(1);
  expect(empty.stderr).toMatch(/no ONNX test folder/);
});

test('convert goes to ONNX and back without loss', async () => {
  const root = newFolder();
  const [onnx, weights] = [join(root, 'lenet.onnx'), join(root, 'lenet.safetensors')];
  expect((await lenslet(['convert', 'lenet5-modern', onnx])).stdout).toMatch(/lenet5-modern with 10 weights/);
  expect((await lenslet(['convert', onnx, weights])).status).toBe(0);
  const shipped = parseSafetensors(readFileSync('models/lenet5-modern.safetensors')).tensors;
  const { tensors, metadata } = parseSafetensors(readFileSync(weights));
  expect(metadata.model).toBe('lenet5-modern');
  expect([...tensors.keys()].sort()).toEqual([...shipped.keys()].sort());
  for (const [name, { data }] of tensors) expect(data, name).toEqual(shipped.get(name)?.data);
});

test('convert halves a file of weights, and keeps what it says of itself', async () => {
  const root = newFolder();
  const [single, half] = [join(root, 'single.safetensors'), join(root, 'half.safetensors')];
  const shipped = parseSafetensors(readFileSync('models/lenet5-modern.safetensors'));
  const numbers = [...shipped.tensors].map(([name, { shape, data }]) => {
    return [name, { shape, dtype: 'f32', data: data.map((v) => v * 1.0007) }] as const;
  });
  const whole = writeSafetensors(new Map(numbers), shipped.metadata);
  writeFileSync(single, whole);
  expect((await lenslet(['convert', single, half, '--half'])).stderr).toBe('');
  const bytes = readFileSync(half);
  expect(bytes.length).toBeLessThan(0.52 * whole.length);
  const [before, after] = [parseSafetensors(whole), parseSafetensors(bytes)];
  expect(after.metadata).toEqual(before.metadata);
  for (const [name, { data }] of before.tensors) {
    const off = after.tensors
      .get(name)
      ?.data.map((v, i) => Math.abs(v - data[i]!) / (Math.abs(data[i]!) + 1e-4));
    expect(Math.max(...(off ?? [Number.NaN])), name).toBeLessThan(2 ** -11 * 1.01);
  }
});

test('convert says what it cannot do', async () => {
  const root = newFolder();
  const nameless = join(root, 'w.safetensors');
  writeFileSync(nameless, writeSafetensors(new Map()));
  expect((await lenslet(['convert', nameless, join(root, 'w.onnx')])).stderr).toMatch(/name it with --model/);
  expect((await lenslet(['convert', 'a.onnx', 'b.onnx'])).stderr).toMatch(/one must end in .onnx/);
  expect((await lenslet(['convert', nameless, join(root, 'v.safetensors')])).stderr).toMatch(/with --half/);
});

test('a network from an ONNX file is shown, measured, trained, and its weights go back into the file', async () => {
  const root = newFolder();
  const original = join(root, 'small.onnx');
  writeFileSync(original, smallNetwork());
  const info = JSON.parse((await lenslet(['info', original, '--json'])).stdout);
  expect(info).toMatchObject({
    model: 'small',
    input: [1, 8, 8],
    classes: 3,
    parameters: 36 + 4 + 8 + 192 + 3,
  });

  const digits = join(root, 'digits.onnx');
  const tall = [
    node('Conv', ['x', 'w'], 'c', { strides: [4, 4] }),
    node('Relu', ['c'], 'r'),
    node('Flatten', ['r'], 'f'),
    node('Gemm', ['f', 'v'], 'y', { transB: 1 }),
  ];
  const noise = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * i) * 0.2);
  const initializers = [floats('w', [8, 1, 4, 4], noise(128)), floats('v', [10, 392], noise(3920))];
  writeFileSync(digits, file(tall, { inputs: { x: [1, 1, 28, 28] }, initializers }));
  const data = writeDigits(join(root, 'data'), 600, 200);
  const accuracy = async (path: string) =>
    JSON.parse((await lenslet(['eval', path, '--data', data, '--json'])).stdout).accuracy;
  const tuned = join(root, 'tuned.safetensors');
  const train = ['train', digits, '--data', data, '--epochs', '10', '--lr', '0.1', '--out', tuned];
  expect((await lenslet(train, { cwd: root })).stderr).not.toMatch(/lenslet:/);
  const back = join(root, 'tuned.onnx');
  expect((await lenslet(['convert', tuned, back, '--model', digits])).status).toBe(0);
  expect(decodeModel(readFileSync(back)).graph?.node.length).toBe(4);
  expect(await accuracy(back)).toBeGreaterThan((await accuracy(digits)) + 0.2);
});
