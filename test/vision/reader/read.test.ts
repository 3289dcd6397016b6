import { expect, it } from 'vitest';
import { type Tensor, tensor } from '../../../src/core/tensor.ts';
import type { Scores } from '../../../src/vision/reader/decode.ts';
import {
  byPlausibility,
  type ReaderNetwork,
  rank,
  readAmountLine,
  together,
} from '../../../src/vision/reader/read.ts';

const MARKS = [',', '.', '/', '-'];
const image = {
  width: 160,
  height: 50,
  data: Uint8Array.from({ length: 8000 }, (_, i) => (i % 160 > 30 && i % 160 < 130 && i % 9 < 3 ? 30 : 220)),
};

/** A network that sees these characters, one every four steps, in all poses; `doubt` goes to a digit one higher. */
const seeing =
  (text: string, doubt: Readonly<Record<number, number>> = {}): ReaderNetwork =>
  async ({ shape: [n, , , width] }: Tensor) => {
    const steps = width / 2;
    const scores = tensor([n, 11, steps]);
    const marks = tensor([n, 1 + MARKS.length, steps]);
    for (let i = 0; i < n; i++) {
      for (let t = 0; t < steps; t++) {
        const at = t % 4 === 2 ? (t - 2) / 4 : -1;
        const c = text[at] ?? '';
        const digit = /\d/.test(c) ? 1 + Number(c) : 0;
        const mark = 1 + MARKS.indexOf(c);
        const p = new Array(11).fill(1e-6);
        p[digit] = 1 - (doubt[at] ?? 0);
        if (doubt[at]) p[digit + 1] = doubt[at];
        for (let k = 0; k < 11; k++) scores.data[(i * 11 + k) * steps + t] = Math.log(p[k]);
        for (let k = 0; k < 5; k++) marks.data[(i * 5 + k) * steps + t] = Math.log(k === mark ? 1 : 1e-6);
      }
    }
    return { scores, marks };
  };

const settings = { scale: 1 / 128, marks: MARKS, threshold: 0.5 };

it('reads digits and marks, sure of them', async () => {
  const reading = await readAmountLine(seeing('1,250/-'), image, settings);
  expect(reading).toMatchObject({ digits: '1250', text: '1,250/-', accepted: true });
  expect(reading.confidence).toBeGreaterThan(0.99);
  const middles = reading.characters.map(({ box }) => (box.x0 + box.x1) / 2);
  expect(middles).toEqual([...middles].sort((a, b) => a - b));
  reading.characters.slice(1).forEach(({ box }, i) => {
    expect(box.x0).toBeGreaterThanOrEqual(reading.characters[i].box.x1 - 1e-6);
  });
});

it('doubt about a digit makes it and the amount unsure, not its neighbours', async () => {
  const reading = await readAmountLine(seeing('5550', { 1: 0.4 }), image, settings);
  expect(reading).toMatchObject({ digits: '5550', accepted: false });
  expect(reading.alternatives[0]).toMatchObject({ digits: '5650' });
  expect(reading.confidence).toBeCloseTo(0.2, 1);
  const sure = reading.characters.map((c) => c.confidence);
  expect(sure[1]).toBeCloseTo(0.6, 1);
  for (const i of [0, 2, 3]) expect(sure[i]).toBeGreaterThan(0.95);
});

it('of two networks together the one that is surer decides, with half its probability', async () => {
  const both = [seeing('5550', { 1: 0.4 }), seeing('5650')];
  for (const networks of [both, both.toReversed()]) {
    const reading = await readAmountLine(together(networks), image, settings);
    expect(reading).toMatchObject({ digits: '5650', accepted: false });
    expect(reading.confidence).toBeCloseTo(0.7 - 0.3, 1);
  }
  const sure = await readAmountLine(together([seeing('12.50'), seeing('12.50')]), image, settings);
  expect(sure).toMatchObject({ digits: '1250', text: '12.50', accepted: true });
});

it('nothing there is nothing read, and never accepted', async () => {
  const reading = await readAmountLine(seeing(''), image, settings);
  expect(reading).toMatchObject({ digits: '', text: '', characters: [], accepted: false });
});

it('strings are ranked by the geometric mean over views, the mean over networks', () => {
  const view = (p: number): Scores => {
    const steps = 3;
    const data = new Float32Array(11 * steps).fill(Math.log(1e-9));
    for (let t = 0; t < steps; t++) data[t] = Math.log(t === 1 ? 1e-9 : 1);
    data[4 * steps + 1] = Math.log(p);
    data[9 * steps + 1] = Math.log(1 - p);
    return { data, classes: 11, steps };
  };
  const ranked = rank([[view(0.9), view(0.9), view(0.2)]]);
  expect(ranked.slice(0, 2).map((r) => r.digits)).toEqual(['3', '8']);
  expect(ranked[0].probability).toBeCloseTo((0.9 * 0.9 * 0.2) ** (1 / 3), 4);
  expect(ranked[1].probability).toBeCloseTo((0.1 * 0.1 * 0.8) ** (1 / 3), 4);
  const both = rank([[view(0.9), view(0.1)], [view(0.8)]]);
  expect(both[0].probability).toBeCloseTo((0.3 + 0.8) / 2, 4);
});

it('of strings about as likely, round ones and those whose separators make groups come first', () => {
  const texts: Readonly<Record<string, string>> = {
    '12250': '1,2250',
    '1250': '1,250/-',
    '0250': '0250',
    '125': '12,5',
    '1570': '1570',
    '1579': '1579',
    '270': ',270/-',
    '9270': '9270/-',
    '71200': '712,00/-',
    '712000': '712,000/-',
  };
  const ranked = (...entries: [string, number][]) => {
    const [first, ...rest] = entries.map(([digits, probability]) => ({ digits, probability }));
    return byPlausibility([first, ...rest], (digits) => texts[digits]).map((r) => r.digits);
  };
  expect(ranked(['12250', 0.5], ['1250', 0.3])).toEqual(['1250', '12250']);
  expect(ranked(['12250', 0.9], ['1250', 0.048])).toEqual(['12250', '1250']);
  expect(ranked(['0250', 0.4], ['1250', 0.3])).toEqual(['1250', '0250']);
  expect(ranked(['71200', 0.8], ['712000', 0.1])).toEqual(['712000', '71200']);
  expect(ranked(['270', 0.5], ['9270', 0.3])).toEqual(['9270', '270']);
  expect(ranked(['1250', 0.9], ['125', 0.01])).toEqual(['1250', '125']);
  expect(ranked(['1579', 0.5], ['1570', 0.3])).toEqual(['1570', '1579']);
  expect(ranked(['1579', 0.7], ['1570', 0.3])).toEqual(['1579', '1570']);
  const all = byPlausibility(
    [
      { digits: '1579', probability: 0.7 },
      { digits: '1570', probability: 0.2 },
    ],
    (d) => d,
  );
  // 0.1 belongs to strings that are not here: 0.7 and 2 · 0.2 of 1.2.
  expect(all.map((r) => r.probability)).toEqual([expect.closeTo(0.7 / 1.2), expect.closeTo(0.4 / 1.2)]);
});
