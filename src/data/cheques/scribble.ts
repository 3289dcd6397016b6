/** Handwriting without a meaning: payees, amounts in words, signatures. */
import type { Random } from '../../core/random.ts';
import { appendCurve, curveLength, newTrace, type Trace } from '../digits/pen.ts';

/** Joined loops and arcs in words, about `length` long and mostly 1 high; the baseline starts at (0, 0). */
export function scribble(length: number, random: Random): Trace {
  const most = Math.ceil(6 * length) + 16;
  const trace = newTrace(4 * curveLength(most));
  const step = random.between(0.16, 0.3);
  const lean = random.between(0, 0.35);
  const radius = random.between(0.03, 0.06);
  for (let x = 0.2; x < length - 1.2; ) {
    const letters = Math.min(3 + random.below(7), Math.floor((length - x) / (2 * step)));
    if (letters < 1) break;
    x = appendWord(trace, x, letters, { step, lean, radius }, random) + random.between(0.5, 1.1);
  }
  return trace;
}

function appendWord(
  trace: Trace,
  x: number,
  letters: number,
  { step, lean, radius }: { step: number; lean: number; radius: number },
  random: Random,
): number {
  const n = 2 * letters;
  const px = new Float32Array(n);
  const py = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const tall = i === 0 || random.uniform() < 0.2;
    const high = i % 2 === 0 ? (tall ? random.between(0.8, 1.1) : random.between(0.35, 0.55)) : 0;
    const below = i % 2 === 1 && random.uniform() < 0.12 ? 0.4 : 0.05 * random.normal();
    py[i] = -high + below;
    px[i] = x - lean * py[i]! + (random.uniform() < 0.25 ? -0.6 * step : 0);
    x += step * random.between(0.7, 1.4);
  }
  const start = trace.length;
  appendCurve(trace, px, py, new Uint8Array(n), n);
  trace.radius.fill(radius, start, trace.length);
  return x;
}
