/** From the reader's log-probabilities to strings of digits. */

/** Log-probabilities [classes][steps]: class 0 is nothing, class 1 + d the digit d. */
export interface Scores {
  readonly data: Float32Array;
  readonly classes: number;
  readonly steps: number;
}

export interface Candidate {
  readonly digits: string;
  readonly logProbability: number;
}

const logAdd = (a: number, b: number): number => {
  if (a === -Infinity) return b;
  if (b === -Infinity) return a;
  return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b));
};

/** Classes less likely than this at a step do not start a new string there. */
const LEAST = Math.log(1e-4);

/** log-probabilities of the paths of a prefix that end in nothing and in its last digit. */
interface Ends {
  nothing: number;
  digit: number;
}

/**
 * The likeliest strings, best first: prefix beam search (A. Hannun, A. Maas, D. Jurafsky, A. Ng, "First-Pass Large
 * Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", 2014, algorithm 1) without a language model.
 */
export function beamSearch({ data, classes, steps }: Scores, width: number): Candidate[] {
  let beam = new Map<string, Ends>([['', { nothing: 0, digit: -Infinity }]]);
  for (let t = 0; t < steps; t++) {
    const next = new Map<string, Ends>();
    const at = (prefix: string): Ends => {
      let ends = next.get(prefix);
      if (!ends) {
        ends = { nothing: -Infinity, digit: -Infinity };
        next.set(prefix, ends);
      }
      return ends;
    };
    for (const [prefix, { nothing, digit }] of beam) {
      const all = logAdd(nothing, digit);
      const stay = at(prefix);
      stay.nothing = logAdd(stay.nothing, all + data[t]!);
      const last = prefix === '' ? 0 : 1 + Number(prefix.at(-1));
      if (last) stay.digit = logAdd(stay.digit, digit + data[last * steps + t]!);
      for (let c = 1; c < classes; c++) {
        const p = data[c * steps + t]!;
        if (p < LEAST) continue;
        const longer = at(prefix + (c - 1));
        longer.digit = logAdd(longer.digit, (c === last ? nothing : all) + p);
      }
    }
    const best = [...next].sort(([, a], [, b]) => logAdd(b.nothing, b.digit) - logAdd(a.nothing, a.digit));
    beam = new Map(best.slice(0, width));
  }
  return [...beam].map(([digits, ends]) => ({ digits, logProbability: logAdd(ends.nothing, ends.digit) }));
}

/** Class of state s of a string's 2n + 1 states: nothing before, between and behind the digits. */
const classOf = (digits: string, s: number): number => (s & 1 ? 1 + Number(digits[s >> 1]) : 0);

/** Whether state s may follow the one two before it. */
const skips = (digits: string, s: number): boolean =>
  s >= 2 && (s & 1) === 1 && digits[s >> 1] !== digits[(s >> 1) - 1];

/** Each class's probability at each step, [steps][classes]. */
export function probabilitiesOf({ data, classes, steps }: Scores): Float64Array {
  const p = new Float64Array(classes * steps);
  for (let c = 0; c < classes; c++) {
    for (let t = 0; t < steps; t++) p[t * classes + c] = Math.exp(data[c * steps + t]!);
  }
  return p;
}

/** log P(digits), over all alignments (Graves et al. 2006, equations 5 to 8, each step scaled to a sum of 1). */
export function logLikelihood(
  scores: Scores,
  digits: string,
  probabilities: Float64Array = probabilitiesOf(scores),
): number {
  const { classes, steps } = scores;
  const states = 2 * digits.length + 1;
  const classAt = Array.from({ length: states }, (_, s) => classOf(digits, s));
  const skip = Array.from({ length: states }, (_, s) => skips(digits, s));
  const alpha = new Float64Array(states);
  let log = 0;
  for (let t = 0; t < steps; t++) {
    let sum = 0;
    // From the last state on: those before it still stand as they were a step ago.
    for (let s = states - 1; s >= 0; s--) {
      let before = t === 0 ? (s < 2 ? 1 : 0) : alpha[s]!;
      if (t > 0 && s > 0) before += alpha[s - 1]!;
      if (t > 0 && skip[s]) before += alpha[s - 2]!;
      alpha[s] = before * probabilities[t * classes + classAt[s]!]!;
      sum += alpha[s]!;
    }
    if (sum === 0) return -Infinity;
    for (let s = 0; s < states; s++) alpha[s]! /= sum;
    log += Math.log(sum);
  }
  return log + Math.log(alpha[states - 1]! + (states > 1 ? alpha[states - 2]! : 0));
}

/** First and last step of each digit on the likeliest alignment of the string; null where there is none. */
export function align({ data, steps }: Scores, digits: string): (readonly [number, number])[] | null {
  const states = 2 * digits.length + 1;
  let best = new Float64Array(states).fill(-Infinity);
  const from = new Uint8Array(steps * states);
  for (let t = 0; t < steps; t++) {
    const next = new Float64Array(states);
    for (let s = 0; s < states; s++) {
      let before = t === 0 ? (s < 2 ? 0 : -Infinity) : best[s]!;
      for (const back of skips(digits, s) ? [1, 2] : [1]) {
        if (t === 0 || s < back || best[s - back]! <= before) continue;
        before = best[s - back]!;
        from[t * states + s] = back;
      }
      next[s] = before + data[classOf(digits, s) * steps + t]!;
    }
    best = next;
  }
  let s = states > 1 && best[states - 2]! > best[states - 1]! ? states - 2 : states - 1;
  if (best[s] === -Infinity) return null;
  const spans = Array.from(digits, (): [number, number] => [steps, -1]);
  for (let t = steps - 1; t >= 0; t--) {
    if (s & 1) {
      const span = spans[s >> 1]!;
      span[0] = t;
      span[1] = Math.max(span[1], t);
    }
    s -= from[t * states + s]!;
  }
  return spans;
}
