/**
 * How often the amount's box is found: on the scans of LENSLET_DATA/cheques by bank, on photographs made from them, and on
 * synthetic cheques. Prints shares of boxes with IoU ≥ 0.5 and milliseconds a stage.
 *
 *   npm run measure:cheques -- [photographs of each scan, default 2] [seed, default 1]
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { mapQuad, type Quad, quadOf } from '../src/core/homography.ts';
import { syntheticCheque } from '../src/data/cheques/cheque.ts';
import { photograph } from '../src/data/cheques/photograph.ts';
import { findAmount } from '../src/vision/cheque/find.ts';
import { cleanLine } from '../src/vision/cheque/line.ts';
import { findOutline } from '../src/vision/cheque/outline.ts';
import type { Box, GreyImage } from '../src/vision/grey.ts';

const folder = join(process.env.LENSLET_DATA ?? '../shared/data', 'cheques');
const [shots = 2, seed = 1] = process.argv.slice(2).map(Number);

interface Tally {
  count: number;
  found: number;
  sum: number;
}
const tallies = new Map<string, Tally>();
const times = { outline: [] as number[], find: [] as number[], clean: [] as number[] };

const area = (b: Box): number => Math.max(0, b.x1 - b.x0) * Math.max(0, b.y1 - b.y0);

function iou(a: Box, b: Box): number {
  const [x0, y0] = [Math.max(a.x0, b.x0), Math.max(a.y0, b.y0)];
  const [x1, y1] = [Math.min(a.x1, b.x1), Math.min(a.y1, b.y1)];
  const common = area({ x0, y0, x1, y1 });
  return common / (area(a) + area(b) - common);
}

function boundsOf(quad: Quad): Box {
  const [xs, ys] = [quad.map((p) => p.x), quad.map((p) => p.y)];
  return { x0: Math.min(...xs), y0: Math.min(...ys), x1: Math.max(...xs), y1: Math.max(...ys) };
}

/** `box` is what was marked: by people with the room around the frame, in synthetic cheques the frame itself. */
function judge(set: string, name: string, image: GreyImage, box: Box): void {
  const t0 = performance.now();
  findOutline(image);
  const t1 = performance.now();
  const amount = findAmount(image, true);
  const t2 = performance.now();
  if (amount) cleanLine(amount.line, amount.lineFrame);
  times.outline.push(t1 - t0);
  times.find.push(t2 - t1);
  times.clean.push(performance.now() - t2);
  const place = amount && (set.startsWith('synthetic') ? boundsOf(amount.frame) : amount.box);
  const overlap = place ? iou(place, box) : 0;
  const tally = tallies.get(set) ?? { count: 0, found: 0, sum: 0 };
  tallies.set(set, tally);
  tally.count++;
  tally.sum += overlap;
  if (overlap >= 0.5) tally.found++;
  else
    console.log(
      `  missed: ${set} ${name}, IoU ${overlap.toFixed(2)}, score ${amount?.score.toFixed(2) ?? '–'}`,
    );
}

function judgePhotographs(set: string, name: string, image: GreyImage, box: Box, first: number): void {
  for (let i = first; i < first + shots; i++) {
    const photo = photograph(image, seed, i);
    const place = mapQuad(photo.toPhoto, quadOf(box.x1 - box.x0, box.y1 - box.y0, box.x0, box.y0));
    judge(`${set}, photographs`, `${name} #${i}`, photo.image, boundsOf(place));
  }
}

async function read(file: string): Promise<GreyImage> {
  const { data, info } = await sharp(file).greyscale().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}

const table = readFileSync(join(folder, 'amounts.csv'), 'utf8').trim().split('\n').slice(1);
for (const [i, row] of table.entries()) {
  const [file, bank] = row.split(',') as [string, string];
  const [x0, y0, x1, y1] = row.split(',').slice(-4).map(Number) as [number, number, number, number];
  const image = await read(join(folder, file));
  judge(bank, file, image, { x0, y0, x1, y1 });
  judgePhotographs(bank, file, image, { x0, y0, x1, y1 }, i * shots);
}
for (let i = 0; i < table.length; i++) {
  const { image, box, style } = syntheticCheque(seed, i);
  judge(`synthetic ${style}`, String(i), image, box);
  judgePhotographs(`synthetic ${style}`, String(i), image, box, (table.length + i) * shots);
}
for (const [set, { count, found, sum }] of [...tallies].sort()) {
  const share = `${found}/${count} = ${((100 * found) / count).toFixed(1)} %`;
  console.log(`${set.padEnd(36)} ${share.padStart(18)}  mean IoU ${(sum / count).toFixed(3)}`);
}
for (const [stage, values] of Object.entries(times)) {
  const sorted = values.sort((a, b) => a - b);
  const at = (q: number): string => sorted[Math.floor(q * (sorted.length - 1))]!.toFixed(1);
  console.log(`${stage.padEnd(8)} median ${at(0.5)} ms, 95 % ${at(0.95)} ms`);
}
