/** lenslet read-cheque on synthetic cheques and on amount lines alone. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { syntheticAmount } from '../../src/data/cheques/amount.ts';
import { syntheticCheque } from '../../src/data/cheques/cheque.ts';
import { lenslet, newFolder } from './run.ts';

const folder = newFolder();
const lines = Array.from({ length: 8 }, (_, i) => syntheticAmount(77, i, { cut: 'tight' }));
const lineFiles = lines.map((_, i) => join(folder, `line${i}.png`));
const cheque = syntheticCheque(77, 0);
const chequeFile = join(folder, 'cheque.png');

interface Answer {
  readonly file: string;
  readonly digits: string;
  readonly amount: number | null;
  readonly accepted: boolean;
  readonly confidence: number;
  readonly box: number[] | null;
  readonly ms: number;
}

const write = async (
  file: string,
  { width, height, data }: { width: number; height: number; data: Uint8Array },
) => {
  await sharp(data, { raw: { width, height, channels: 1 } })
    .png()
    .toFile(file);
};

beforeAll(async () => {
  for (const [i, { image }] of lines.entries()) await write(lineFiles[i], image);
  await write(chequeFile, cheque.image);
});

test('--crop reads lines and says how sure it is', async () => {
  const { status, stdout } = await lenslet(['read-cheque', '--crop', '--json', ...lineFiles]);
  expect(status).toBe(0);
  const answers: Answer[] = JSON.parse(stdout);
  expect(answers.map((a) => a.file)).toEqual(lineFiles);
  const right = answers.filter((a, i) => a.digits === lines[i].digits);
  expect(right.length).toBeGreaterThanOrEqual(6);
  answers.forEach((a, i) => {
    expect(Object.keys(a)).toEqual(['file', 'digits', 'amount', 'accepted', 'confidence', 'box', 'ms']);
    expect(a.box).toEqual([0, 0, lines[i].image.width, lines[i].image.height]);
    expect(a.confidence).toBeGreaterThanOrEqual(0);
    expect(a.confidence).toBeLessThanOrEqual(1);
    if (a.accepted) expect(a.digits).toBe(lines[i].digits);
  });
});

test('finds the amount on a cheque', async () => {
  const { status, stdout } = await lenslet(['read-cheque', '--json', chequeFile]);
  expect(status).toBe(0);
  const [{ box, digits }]: Answer[] = JSON.parse(stdout);
  expect(digits).toMatch(/^\d+$/);
  const [x1, y1, x2, y2] = box as number[];
  const { x0: left, y0: top, x1: right, y1: bottom } = cheque.box;
  const middle = { x: (left + right) / 2, y: (top + bottom) / 2 };
  expect(x1 < middle.x && middle.x < x2 && y1 < middle.y && middle.y < y2).toBe(true);
});

test('where no amount is, none is read', async () => {
  const file = join(folder, 'white.png');
  await write(file, { width: 300, height: 140, data: new Uint8Array(42000).fill(250) });
  const { status, stdout } = await lenslet(['read-cheque', '--json', file]);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([
    { digits: '', amount: null, accepted: false, confidence: 0, box: null },
  ]);
  expect((await lenslet(['read-cheque', file])).stdout).toContain('no amount found');
  const crop = await lenslet(['read-cheque', '--crop', '--json', file]);
  expect(JSON.parse(crop.stdout)).toMatchObject([{ accepted: false, box: [0, 0, 300, 140] }]);
});

test('broken pictures and wrong weights are told', async () => {
  const file = join(folder, 'text.png');
  writeFileSync(file, 'no picture');
  const broken = await lenslet(['read-cheque', file]);
  expect([broken.status, broken.stderr]).toEqual([1, expect.stringContaining('text.png is no picture')]);
  const among = await lenslet(['read-cheque', '--json', file, chequeFile]);
  expect([among.status, among.stderr]).toEqual([1, expect.stringContaining('text.png is no picture')]);
  const [first, second]: Answer[] = JSON.parse(among.stdout);
  expect(first).toMatchObject({ file, digits: '', accepted: false, error: expect.stringContaining(file) });
  expect([second.file, second.digits]).toEqual([chequeFile, expect.stringMatching(/^\d+$/)]);
  const weights = ['--model', 'models/lenet5-modern.safetensors'];
  const wrong = await lenslet(['read-cheque', '--crop', lineFiles[0], ...weights]);
  expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringMatching(/not those of cheque-reader/)]);
});
