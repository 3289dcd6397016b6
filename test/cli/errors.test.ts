/** Bad input: one line that says what to do, a status other than 0, and no file touched. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { idx, lenslet, newFolder, writeDigits } from './run.ts';

const folder = newFolder();
const at = (name: string) => join(folder, name);

async function expectError(args: readonly string[], status: number, ...parts: readonly (string | RegExp)[]) {
  const result = await lenslet(args, { cwd: folder });
  expect([result.status, result.stdout]).toEqual([status, '']);
  expect(result.stderr).toMatch(/^lenslet: [^\n]+\n$/);
  for (const part of parts) expect(result.stderr).toMatch(part);
}

beforeAll(() => {
  writeDigits(at('digits'), 100, 20);
  writeFileSync(at('foreign.safetensors'), writeSafetensors(new Map([['a.weight', tensor([2, 3])]])));
  const wrongShape = new Map([['c1.weight', tensor([6, 1, 3, 3])]]);
  writeFileSync(at('wrong.safetensors'), writeSafetensors(wrongShape, { model: 'lenet5-modern' }));
  writeFileSync(at('text.safetensors'), 'these are no weights at all');
  writeDigits(at('truncated'), 100, 20);
  const images = join(at('truncated'), 'train-images-idx3-ubyte');
  writeFileSync(images, readFileSync(images).subarray(0, 5000));
  writeDigits(at('mismatch'), 100, 20);
  writeFileSync(join(at('mismatch'), 'train-labels-idx1-ubyte'), idx([99], new Uint8Array(99)));
  writeDigits(at('label'), 100, 20);
  writeFileSync(join(at('label'), 'train-labels-idx1-ubyte'), idx([100], new Uint8Array(100).fill(11)));
  mkdirSync(at('empty'));
});

test('broken data', async () => {
  const train = (data: string) => ['train', 'lenet5-modern', '--data', data, '--epochs', '1'];
  await expectError(train('truncated'), 1, /train-images-idx3-ubyte: IDX of shape \[100,28,28\] holds/);
  await expectError(train('mismatch'), 1, /100 images.*99 labels/);
  await expectError(train('label'), 1, /label of image 0 is 11/);
  await expectError(train('empty'), 1, /empty holds neither IDX files/);
  await expectError(train('nowhere'), 1, /no folder nowhere.*lenslet data mnist/);
  await expectError(['train', 'lenet5-modern'], 1, /no folder data.mnist/);
  expect(readdirSync(folder).filter((name) => /checkpoint|lenet5|tmp/.test(name))).toEqual([]);
});

test('weights that do not fit', async () => {
  const evaluate = (model: string, ...more: string[]) => ['eval', model, '--data', 'digits', ...more];
  await expectError(evaluate('lenet6'), 1, /no network and no file "lenet6".*lenet5-modern/);
  await expectError(evaluate('./none.safetensors'), 1, /Cannot read .*none\.safetensors: it does not exist/);
  await expectError(evaluate('text.safetensors'), 1, /text\.safetensors: safetensors: /);
  await expectError(evaluate('foreign.safetensors'), 1, /does not say which network.*--arch/);
  await expectError(evaluate('foreign.safetensors', '--arch', 'lenet5'), 1, /not those of lenet5/);
  await expectError(evaluate('foreign.safetensors', '--arch', 'x'), 1, /no network "x"/);
  await expectError(evaluate('wrong.safetensors'), 1, /lenet5-modern/);
});

test('impossible options are wrong usage', async () => {
  const train = ['train', 'lenet5-modern', '--data', 'digits'];
  await expectError([...train, '--epochs', '0'], 2, /--epochs.*whole number, 1 or more/);
  await expectError([...train, '--epochs', '1.5'], 2, /--epochs/);
  await expectError([...train, '--lr', 'fast'], 2, /--lr.*number, above 0/);
  await expectError([...train, '--lr', '-1'], 2, /--lr/);
  await expectError([...train, '--momentum', '1.1'], 2, /--momentum/);
  await expectError([...train, '--optimizer', 'lion'], 2, /sgd, adam, adamw/);
  await expectError([...train, '--threads', '0'], 2, /--threads.*from 1 to 64/);
  await expectError([...train, '--epoch', '3'], 2, /--epoch.*--epochs/);
  await expectError(['trian'], 2, /unknown command 'trian'.*train/);
  await expectError(['train'], 2, /model/);
  await expectError(['eval', 'lenet5', '--split', 'all'], 2, /train, test/);
  await expectError(['data', 'imagenet'], 2, /mnist, cifar10/);
});

test('impossible combinations are told before any work', async () => {
  const train = ['train', 'lenet5-modern', '--data', 'digits', '--epochs', '1'];
  for (const n of ['100', '101']) {
    await expectError([...train, '--validation', n], 1, /leaves nothing to train on: there are 100 images/);
  }
  await expectError(
    [...train, '--validation', 'test', '--patience', '2'],
    1,
    /only measures.*--validation N/,
  );
  for (const n of ['0', '10000000000000000']) {
    await expectError(['eval', 'lenet5', '--data', `synthetic:${n}`], 1, /synthetic:\d+ .*from 1 to 1000000/);
  }
  await expectError([...train, '--out', 'text.safetensors/x'], 1, /a part of its path is no folder/);
  await expectError([...train, '--out', 'digits'], 1, /Cannot write digits: it is a folder/);
  await expectError([...train, '--resume'], 1, /Cannot read .*lenet5-modern\.checkpoint: it does not exist/);
  await expectError([...train, '--resume', '--checkpoint', 'foreign.safetensors'], 1, /no checkpoint/);
  await expectError(['train', 'cifar-resnet20', '--data', 'digits', '--epochs', '1'], 1, /channels/);
});

test.runIf(process.platform === 'linux')('a folder that the system cannot make is an error', async () => {
  const train = ['train', 'lenet5-modern', '--data', 'digits', '--out', '/proc/none/x.safetensors'];
  await expectError(train, 1, /Cannot write \/proc\/none\/x\.safetensors: it does not exist/);
});

test('a loss that is no number any more ends the run without weights', async () => {
  const out = at('diverged.safetensors');
  const args = [
    'train',
    'lenet5-modern',
    '--data',
    'digits',
    '--lr',
    '1000',
    '--out',
    out,
    '--momentum',
    '0.99',
  ];
  const { status, stderr } = await lenslet([...args, '--weight-decay', '1000', '--epochs', '30'], {
    cwd: folder,
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/lenslet: Training diverged.*lower learning rate/);
  expect(readdirSync(folder)).not.toContain('diverged.safetensors');
});

test('help and version go to stdout', async () => {
  const help = await lenslet(['--help']);
  expect([help.status, help.stderr]).toEqual([0, '']);
  const commands = ['train', 'eval', 'predict', 'info', 'bench', 'data'];
  for (const command of commands) {
    expect(help.stdout).toContain(`\n  ${command} `);
    expect((await lenslet([command, '--help'])).stdout).toMatch(/Examples?:\n {2}lenslet /);
  }
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect((await lenslet(['--version'])).stdout.trim()).toBe(version);
  expect((await lenslet([])).status).toBe(2);
});

test('--verbose shows where an error came from', async () => {
  const { status, stderr } = await lenslet(['eval', 'lenet6', '--verbose']);
  expect(status).toBe(1);
  expect(stderr).toMatch(/\n\s+at /);
});
