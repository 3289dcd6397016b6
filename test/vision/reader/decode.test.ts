import { expect, it } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { align, beamSearch, logLikelihood, type Scores } from '../../../src/vision/reader/decode.ts';

const CLASSES = 4;

function randomScores(name: string, steps: number, sharpness = 3): Scores {
  const random = new Random(7).at(name);
  const data = Float32Array.from({ length: CLASSES * steps }, () => sharpness * random.normal());
  for (let t = 0; t < steps; t++) {
    let sum = 0;
    for (let c = 0; c < CLASSES; c++) sum += Math.exp(data[c * steps + t]);
    for (let c = 0; c < CLASSES; c++) data[c * steps + t] -= Math.log(sum);
  }
  return { data, classes: CLASSES, steps };
}

/** Every path with its probability and what it reads, repetitions joined and blanks left out. */
function* paths({ data, classes, steps }: Scores): Generator<{ path: number[]; digits: string; p: number }> {
  for (let n = 0; n < classes ** steps; n++) {
    const path = Array.from({ length: steps }, (_, t) => Math.floor(n / classes ** t) % classes);
    const digits = path.filter((c, t) => c && c !== path[t - 1]).map((c) => c - 1);
    yield {
      path,
      digits: digits.join(''),
      p: Math.exp(path.reduce((sum, c, t) => sum + data[c * steps + t], 0)),
    };
  }
}

function bruteForce(scores: Scores): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { digits, p } of paths(scores)) sums.set(digits, (sums.get(digits) ?? 0) + p);
  return sums;
}

it('the likelihood of a string is the sum over all its paths', () => {
  for (const name of ['a', 'b', 'c']) {
    const scores = randomScores(name, 6);
    const sums = bruteForce(scores);
    for (const digits of ['', '0', '1', '00', '01', '011', '212', '222']) {
      expect(Math.exp(logLikelihood(scores, digits))).toBeCloseTo(sums.get(digits) ?? 0, 6);
    }
    expect(logLikelihood(scores, '0000')).toBe(-Infinity);
  }
});

it('a wide beam finds the likeliest strings in their order, with their probabilities', () => {
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    const scores = randomScores(name, 6, 2);
    const wanted = [...bruteForce(scores)].sort(([, a], [, b]) => b - a).slice(0, 5);
    const found = beamSearch(scores, 400).slice(0, 5);
    expect(found.map((c) => c.digits)).toEqual(wanted.map(([digits]) => digits));
    found.forEach((c, i) => {
      expect(Math.exp(c.logProbability)).toBeCloseTo(wanted[i][1], 3);
    });
  }
});

it('repeated digits need a blank between them', () => {
  const step = (c: number) =>
    Array.from({ length: CLASSES }, (_, k) => (k === c ? Math.log(0.97) : Math.log(0.01)));
  const of = (classes: number[]): Scores => {
    const rows = classes.map(step);
    const data = Float32Array.from(
      { length: CLASSES * rows.length },
      (_, i) => rows[i % rows.length][Math.floor(i / rows.length)],
    );
    return { data, classes: CLASSES, steps: rows.length };
  };
  expect(beamSearch(of([1, 1, 0, 1, 2, 2]), 8)[0].digits).toBe('001');
  expect(beamSearch(of([1, 1, 1, 2]), 8)[0].digits).toBe('01');
  expect(beamSearch(of([0, 0, 0]), 8)[0].digits).toBe('');
});

it('the alignment is the likeliest path of the string', () => {
  for (const name of ['a', 'b', 'c', 'd']) {
    const scores = randomScores(name, 7);
    for (const digits of ['0', '01', '11', '2012']) {
      let best = { path: [] as number[], p: -1 };
      for (const found of paths(scores)) if (found.digits === digits && found.p > best.p) best = found;
      const spans: number[][] = [];
      best.path.forEach((c, t) => {
        if (c && c === best.path[t - 1]) spans.at(-1)![1] = t;
        else if (c) spans.push([t, t]);
      });
      expect(align(scores, digits)).toEqual(spans);
    }
  }
  expect(align(randomScores('a', 3), '0000')).toBeNull();
});
