/** A folder of pictures, one folder a class: trained on and evaluated. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { parseSafetensors } from '../../src/io/safetensors.ts';
import { lenslet, newFolder } from './run.ts';

const folder = newFolder();
const pictures = join(folder, 'pictures');
const weights = join(folder, 'colours.safetensors');
const COLOURS = { blue: [40, 60, 200], green: [50, 180, 60], red: [200, 50, 40] } as const;

/** Noisy pictures of one colour, larger than the network's input and not square. */
async function writePictures(part: string, count: number): Promise<void> {
  for (const [name, colour] of Object.entries(COLOURS)) {
    const place = join(pictures, part, name);
    mkdirSync(place, { recursive: true });
    for (let i = 0; i < count; i++) {
      const random = new Random(i).at(part, name);
      const raw = Uint8Array.from({ length: 48 * 40 * 3 }, (_, k) => colour[k % 3] + random.below(50));
      const picture = sharp(raw, { raw: { width: 48, height: 40, channels: 3 } });
      writeFileSync(
        join(place, `${i}.${i % 2 ? 'png' : 'jpg'}`),
        await (i % 2 ? picture.png() : picture.jpeg()).toBuffer(),
      );
    }
  }
}

beforeAll(async () => {
  await writePictures('train', 16);
  await writePictures('test', 4);
  writeFileSync(join(pictures, 'train', 'notes.txt'), 'no picture');
});

test('a network takes over the classes of the folder, and its weights remember them', async () => {
  const options = [
    '--epochs',
    '12',
    '--batch',
    '16',
    '--lr',
    '0.05',
    '--validation',
    '0',
    '--augment',
    '--threads',
    '1',
  ];
  const run = await lenslet(['train', 'cifar-resnet20', '--data', pictures, ...options, '--out', weights]);
  expect([run.status, run.stderr.includes('lenslet:')]).toEqual([0, false]);
  expect(JSON.parse(parseSafetensors(readFileSync(weights)).metadata.classes)).toEqual([
    'blue',
    'green',
    'red',
  ]);
  const { status, stdout } = await lenslet(['eval', weights, '--data', pictures, '--json', '--threads', '1']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ images: 12, accuracy: 1 });
}, 60_000);

test('a folder that is not divided into parts is used as a whole', async () => {
  const data = join(pictures, 'test');
  const { stdout } = await lenslet(['eval', weights, '--data', data, '--json', '--threads', '1']);
  expect(JSON.parse(stdout)).toMatchObject({ images: 12, accuracy: 1 });
});

test('a network for fixed classes says so; a broken picture is named', async () => {
  const fixed = await lenslet([
    'train',
    'lenet5',
    '--data',
    pictures,
    '--out',
    join(folder, 'x.safetensors'),
  ]);
  expect([fixed.status, fixed.stderr]).toEqual([
    1,
    expect.stringMatching(/lenet5 tells 10 classes apart, the data have 3/),
  ]);
  writeFileSync(join(pictures, 'test', 'red', 'broken.png'), 'not a picture');
  const broken = await lenslet(['eval', weights, '--data', pictures, '--threads', '1']);
  expect([broken.status, broken.stderr]).toEqual([1, expect.stringMatching(/broken\.png is no picture/)]);
});
