import { describe, expect, it } from 'vitest';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { type CtcOptions, ctcLoss } from '../../src/ops/ctc.ts';
import { logSoftmax } from '../../src/ops/softmax.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { checkOp, randomTensor, wasmBackends } from '../op.ts';

const ints = (shape: number[], data: number[]): Tensor => tensor(shape, Int32Array.from(data));

interface Case {
  readonly classes: number;
  readonly steps: number;
  /** Labels of each sample. */
  readonly targets: readonly (readonly number[])[];
  readonly inputLengths?: readonly number[];
  readonly options?: CtcOptions;
}

/** Scores, targets padded with −1, lengths. */
function inputsOf({ classes, steps, targets, inputLengths }: Case): Tensor[] {
  const n = targets.length;
  const most = Math.max(1, ...targets.map((t) => t.length));
  return [
    randomTensor('scores', [n, classes, steps], -2, 2),
    ints(
      [n, most],
      targets.flatMap((t) => [...t, ...Array(most - t.length).fill(-1)]),
    ),
    ints([n], [...(inputLengths ?? targets.map(() => steps))]),
    ints(
      [n],
      targets.map((t) => t.length),
    ),
  ];
}

const build =
  (options?: CtcOptions) =>
  ([scores, targets, inputLengths, targetLengths]: readonly Value[]): Value =>
    ctcLoss(logSoftmax(scores, 1), targets, inputLengths, targetLengths, options);

/** Losses on the reference and on every binary. */
async function losses(c: Case, inputs = inputsOf(c)): Promise<number[][]> {
  const results: number[][] = [];
  for (const backend of [new ReferenceBackend(), ...(await wasmBackends())]) {
    const graph = new Graph();
    graph.output('loss', build(c.options)(inputs.map((t, i) => graph.input(`x${i}`, t))));
    const store = backend.createStore();
    const executable = await backend.load(graph, store);
    const feeds = Object.fromEntries(inputs.map((t, i) => [`x${i}`, t]));
    results.push([...(await executable.run(feeds)).loss.data]);
    executable.dispose();
    store.dispose();
  }
  return results;
}

/** −log of the sum over every path of the sample whose repetitions and blanks taken out leave the target. */
function bruteForce(c: Case, n: number): number {
  const { classes, steps, targets, inputLengths, options } = c;
  const blank = options?.blank ?? 0;
  const scores = inputsOf(c)[0].data.slice(n * classes * steps);
  const length = inputLengths?.[n] ?? steps;
  let sum = 0;
  for (let path = 0; path < classes ** length; path++) {
    const ks = Array.from({ length }, (_, t) => Math.floor(path / classes ** t) % classes);
    const read = ks.filter((k, t) => k !== blank && k !== ks[t - 1]);
    if (read.join() !== targets[n].join()) continue;
    sum += ks.reduce((p, k, t) => {
      const total = Array.from({ length: classes }, (_, i) => Math.exp(scores[i * steps + t]));
      return (p * Math.exp(scores[k * steps + t])) / total.reduce((a, v) => a + v);
    }, 1);
  }
  return -Math.log(sum);
}

describe('ctc_loss', () => {
  const small: Record<string, Case> = {
    'empty, single and repeated labels': {
      classes: 3,
      steps: 5,
      targets: [[], [1], [1, 1], [1, 2, 1], [2, 2, 2]],
    },
    'as many labels as steps': { classes: 4, steps: 4, targets: [[1, 2, 3, 1]] },
    'lengths of its own for each sample': {
      classes: 3,
      steps: 6,
      targets: [[1, 2], [2], [], [1, 1]],
      inputLengths: [6, 1, 2, 3],
    },
    'another blank': { classes: 3, steps: 5, targets: [[0, 1], [1, 1], [0]], options: { blank: 2 } },
  };
  for (const [name, c] of Object.entries(small)) {
    it(`is the sum over all alignments: ${name}`, async () => {
      for (const result of await losses(c)) {
        result.forEach((loss, n) => {
          expect(loss).toBeCloseTo(bruteForce(c, n), 4);
        });
      }
    });

    it(`gradient: ${name}`, () =>
      checkOp({ build: build(c.options), inputs: inputsOf(c), differentiate: [0] }));
  }

  it('long lines', () =>
    checkOp({
      build: build(),
      inputs: inputsOf({
        classes: 17,
        steps: 130,
        targets: Array.from({ length: 9 }, (_, n) =>
          Array.from({ length: 3 + 2 * n }, (_, i) => 1 + ((i >> 1) % 16)),
        ),
      }),
      tolerance: 1e-4,
      step: 0,
      differentiate: [0],
    }));

  it('scores of ±10⁴ are neither NaN nor infinite', async () => {
    const c: Case = { classes: 3, steps: 4, targets: [[1], [1, 2]] };
    const inputs = inputsOf(c);
    inputs[0].data.forEach((v, i) => {
      inputs[0].data[i] = v > 0 ? 1e4 : -1e4;
    });
    const [wanted, ...actual] = await losses(c, inputs);
    for (const result of actual) {
      result.forEach((loss, n) => {
        expect(Math.abs(loss - wanted[n])).toBeLessThanOrEqual(1e-4 * (1 + wanted[n]));
      });
    }
  });

  it('a target that does not fit costs infinity, or nothing where that is asked for', async () => {
    const c: Case = { classes: 3, steps: 3, targets: [[1, 1, 1], [1]], inputLengths: [3, 3] };
    for (const [loss, other] of await losses(c)) {
      expect(loss).toBe(Infinity);
      expect(other).toBeCloseTo(bruteForce(c, 1), 4);
    }
    const options = { zeroInfinity: true };
    for (const [loss] of await losses({ ...c, options })) expect(loss).toBe(0);
    await checkOp({ build: build(options), inputs: inputsOf(c), differentiate: [0] });
  });

  it('impossible classes and lengths give NaN', async () => {
    const c: Case = {
      classes: 3,
      steps: 3,
      targets: [[0], [3], [-2], [1], [1], [2]],
      inputLengths: [3, 3, 3, 0, 4, 3],
    };
    for (const result of await losses(c))
      expect(result.map(Number.isNaN)).toEqual([true, true, true, true, true, false]);
    const inputs = inputsOf({ classes: 3, steps: 3, targets: [[1], [1]] });
    inputs[3].data.set([-1, 2]);
    for (const result of await losses({ classes: 3, steps: 3, targets: [[], []] }, inputs)) {
      expect(result).toEqual([Number.NaN, Number.NaN]);
    }
  });

  it('what does not fit is refused', () => {
    const graph = new Graph();
    const [x, t, i, l] = inputsOf({ classes: 3, steps: 4, targets: [[1], [2]] }).map((v, k) =>
      graph.input(`x${k}`, v),
    );
    const wrong =
      /takes log-probabilities f32\[N×C×T\], targets i32\[N×L\] and lengths i32\[N\], not f32\[2×3×4\]/;
    expect(() => ctcLoss(x, i, i, l)).toThrow(wrong);
    expect(() => ctcLoss(x, t, t, l)).toThrow(wrong);
    expect(() => ctcLoss(x, t, i, l, { blank: 3 })).toThrow(/blank 3 is none of the 3 classes/);
    const long = graph.input('long', { dtype: 'i32', shape: [2, 65536] });
    expect(() => ctcLoss(x, long, i, l)).toThrow(/at most 65535 labels a sample, not 65536/);
  });
});
