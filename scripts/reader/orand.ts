/** The courtesy amounts of ORAND-CAR-A, in three parts that never mix. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { hashString } from '../../src/core/random.ts';
import { DIGITS, type ImageSet } from '../../src/data/dataset.ts';
import type { BoxedLine } from '../../src/train/reader/splice.ts';
import type { Box, GreyImage } from '../../src/vision/grey.ts';
import { prepareLine, sample } from '../../src/vision/reader/line.ts';

export interface Amount extends BoxedLine {
  readonly file: string;
  /** Where each digit is, pixels of the line. */
  readonly boxes: readonly Box[];
}

export interface Parts {
  readonly train: readonly Amount[];
  readonly validation: readonly Amount[];
  /** Both, labels corrected, to train on when nothing is left to be chosen. */
  readonly both: readonly Amount[];
  /** Held out: looked at for figures only. */
  readonly test: readonly Amount[];
}

const TEST = 160;
const VALIDATION = 100;

/** Amounts whose label the picture does not bear out: what it shows instead, or null where that is not clear. */
const CORRECTED: Readonly<Record<string, string | null>> = {
  '000218': null,
  '000232': '49575',
  '000285': '89800',
  '000295': '6657',
  '000375': '47604',
  '000429': null,
  '000525': '22107',
  '000669': '157946',
  '000672': '32712',
  '000768': '17146',
  '000803': '39300',
  '000817': '1119',
  '000819': '671',
  '000950': '146000',
  '001027': '15775',
  '001068': '28304',
  '001086': '97060',
  '001165': null,
  '001167': null,
  '001192': '198',
  '001209': null,
};

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
    both: amounts.slice(TEST).flatMap(correct),
    train: amounts.slice(TEST + VALIDATION).flatMap(correct),
  };
}

/** The amount with the digits that are seen, as many as were labelled; nothing where they are not clear. */
function correct(amount: Amount): Amount[] {
  const digits = CORRECTED[amount.file.slice(-'000000.jpg'.length, -'.jpg'.length)];
  if (digits === null) return [];
  return [digits === undefined ? amount : { ...amount, digits }];
}

function parseRow(row: string): Omit<Amount, 'line'> {
  const [, file, digits, boxes] = /^([^,]+),(\d+),"([^"]*)"$/.exec(row.trim()) ?? [];
  if (!file || !digits || !boxes) throw new Error(`labels.csv: "${row}" is no amount.`);
  const places = boxes.split(' ').map((box): Box => {
    const [x, y, w, h] = box
      .slice(box.indexOf(':') + 1)
      .split(',')
      .map(Number);
    return { x0: x, y0: y, x1: x + w, y1: y + h };
  });
  return { file, digits, boxes: places, edges: places.map(({ x0, x1 }) => [x0, x1]) };
}

/** Side of the images of single digits, and of the box in them that a digit fills. */
const GLYPH = 40;
export const GLYPH_SIZE = 36;

/** The digits of lines that nothing else reaches into, each drawn as large as its box allows. */
export function cutDigits(amounts: readonly Amount[]): ImageSet {
  const labels: number[] = [];
  const pixels: number[] = [];
  for (const { line, digits, boxes } of amounts) {
    boxes.forEach((box, i) => {
      const isAlone = boxes.every((other, k) => k === i || other.x1 <= box.x0 + 1 || other.x0 >= box.x1 - 1);
      if (!isAlone || box.y1 - box.y0 < 8) return;
      labels.push(Number(digits[i]));
      const step = Math.max(box.x1 - box.x0, box.y1 - box.y0) / GLYPH_SIZE;
      const [cx, cy] = [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2];
      for (let p = 0; p < GLYPH * GLYPH; p++) {
        const x = cx + ((p % GLYPH) + 0.5 - GLYPH / 2) * step;
        const y = cy + (Math.floor(p / GLYPH) + 0.5 - GLYPH / 2) * step;
        const isInside = x >= box.x0 && x < box.x1 && y >= box.y0 && y < box.y1;
        pixels.push(isInside ? sample(line.ink, x - 0.5, y - 0.5) : 0);
      }
    });
  }
  return {
    count: labels.length,
    channels: 1,
    height: GLYPH,
    width: GLYPH,
    pixels: Uint8Array.from(pixels),
    labels: Uint8Array.from(labels),
    classes: DIGITS,
  };
}
