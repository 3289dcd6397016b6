/** The courtesy amounts of ORAND-CAR-A, in three parts that never mix. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { hashString } from '../../src/core/random.ts';
import type { BoxedLine } from '../../src/train/reader/splice.ts';
import type { GreyImage } from '../../src/vision/grey.ts';
import { prepareLine } from '../../src/vision/reader/line.ts';

export interface Amount extends BoxedLine {
  readonly file: string;
}

export interface Parts {
  readonly train: readonly Amount[];
  readonly validation: readonly Amount[];
  /** Held out: looked at for figures only. */
  readonly test: readonly Amount[];
}

const TEST = 160;
const VALIDATION = 100;

/** A picture as luma, 0 = black … 255 = white. */
export async function readGrey(path: string): Promise<GreyImage> {
  const picture = sharp(path).toColourspace('b-w').raw({ depth: 'uchar' });
  const { data, info } = await picture.toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return { width, height, data: Uint8Array.from({ length: width * height }, (_, i) => data[i * channels]) };
}

/** Splits by the hash of the file's name: the first to the test, the next to validation. */
export async function readAmounts(folder: string): Promise<Parts> {
  const rows = readFileSync(join(folder, 'labels.csv'), 'utf8').trim().split('\n').slice(1).map(parseRow);
  rows.sort((a, b) => hashString(a.file) - hashString(b.file));
  const amounts: Amount[] = [];
  for (const row of rows) amounts.push({ ...row, line: prepareLine(await readGrey(join(folder, row.file))) });
  return {
    test: amounts.slice(0, TEST),
    validation: amounts.slice(TEST, TEST + VALIDATION),
    train: amounts.slice(TEST + VALIDATION),
  };
}

function parseRow(row: string): Omit<Amount, 'line'> {
  const [, file, digits, boxes] = /^([^,]+),(\d+),"([^"]*)"$/.exec(row.trim()) ?? [];
  if (!file || !digits || !boxes) throw new Error(`labels.csv: "${row}" is no amount.`);
  const edges = boxes.split(' ').map((box): [number, number] => {
    const [x, , w] = box
      .slice(box.indexOf(':') + 1)
      .split(',')
      .map(Number);
    return [x, x + w];
  });
  return { file, digits, edges };
}
