import { describe, expect, it } from 'vitest';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { type AdamAttrs, adamStep, type SgdAttrs, sgdStep } from '../../src/ops/optimizer.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { checkOp, randomTensor, relativeError, wasmBackends } from '../op.ts';

const plain: SgdAttrs = { momentum: 0, nesterov: false, weightDecay: 0 };
const sgd: Record<string, SgdAttrs> = {
  plain,
  'with L2': { ...plain, weightDecay: 0.05 },
  'with momentum': { ...plain, momentum: 0.9 },
  'with momentum and L2': { ...plain, momentum: 0.9, weightDecay: 0.05 },
  'with Nesterov': { ...plain, momentum: 0.9, nesterov: true },
  'with Nesterov and L2': { momentum: 0.8, nesterov: true, weightDecay: 0.05 },
};
const adam: Record<string, AdamAttrs> = {
  Adam: { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, decoupled: false },
  'Adam with L2': { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.05, decoupled: false },
  AdamW: { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.05, decoupled: true },
  'AdamW, other constants': { beta1: 0.8, beta2: 0.95, eps: 1e-3, weightDecay: 0.1, decoupled: true },
};

describe('one step against the reference', () => {
  const of = (name: string, n: number, low = -1) => randomTensor(name, [n], low, 1);
  for (const n of [1, 5, 8191, 8193]) {
    for (const [name, attrs] of Object.entries(sgd)) {
      it(`SGD ${name}, ${n}`, async () => {
        const inputs = [of('w', n), of('g', n), tensor([2], [0.1, 1]), of('v', n)];
        for (const output of attrs.momentum ? [0, 1] : [0]) {
          await checkOp({
            build: ([w, g, hyper, v]) => sgdStep(w, g, attrs.momentum ? v : null, hyper, attrs)[output],
            inputs,
            step: 0,
          });
        }
      });
    }
    for (const [name, attrs] of Object.entries(adam)) {
      it(`${name}, ${n}`, async () => {
        const inputs = [of('w', n), of('g', n), of('m', n), of('v', n, 0), tensor([2], [0.01, 3])];
        for (const output of [0, 1, 2]) {
          await checkOp({
            build: ([w, g, m, v, hyper]) => adamStep(w, g, m, v, hyper, attrs)[output],
            inputs,
            step: 0,
          });
        }
      });
    }
  }
});

const N = 37;
const steps = 12;
const gradientAt = (t: number): Tensor => randomTensor(`g${t}`, [N]);
const rateAt = (t: number): number => 0.1 / t;

/** Runs `steps` steps of a graph that updates its own variables, on the reference and on every binary. */
async function train(
  states: number,
  build: (w: Value, g: Value, hyper: Value, s: Value[]) => readonly Value[],
) {
  const graph = new Graph();
  const init = () => new Float32Array(N);
  const variable = (name: string) =>
    graph.variable({ name, shape: [N], init, role: 'optimizer', parameters: N });
  const w = variable('w');
  const state = Array.from({ length: states }, (_, i) => variable(`s${i}`));
  const hyper = graph.input('hyper', { dtype: 'f32', shape: [2] });
  const next = build(w, graph.input('g', { dtype: 'f32', shape: [N] }), hyper, state);
  [w, ...state].forEach((v, i) => {
    graph.update(v, next[i]);
  });
  const results: Float32Array[] = [];
  for (const backend of [new ReferenceBackend(), ...(await wasmBackends())]) {
    const store = backend.createStore();
    for (const { spec } of graph.variables.values()) store.add(spec);
    await store.write('w', randomTensor('w', [N]));
    const executable = await backend.load(graph, store);
    for (let t = 1; t <= steps; t++)
      await executable.run({ g: gradientAt(t), hyper: tensor([2], [rateAt(t), t]) });
    results.push((await store.read('w')).data as Float32Array);
    executable.dispose();
    store.dispose();
  }
  return results;
}

describe('several steps against the closed forms', () => {
  for (const [name, a] of Object.entries(sgd)) {
    it(`SGD ${name}`, async () => {
      const w = Float64Array.from(randomTensor('w', [N]).data);
      const v = new Float64Array(N);
      for (let t = 1; t <= steps; t++) {
        const g = gradientAt(t).data;
        for (let i = 0; i < N; i++) {
          const d = g[i] + a.weightDecay * w[i];
          v[i] = a.momentum * v[i] + d;
          w[i] -= rateAt(t) * (a.nesterov ? d + a.momentum * v[i] : v[i]);
        }
      }
      const results = await train(a.momentum ? 1 : 0, (weight, g, hyper, [s]) =>
        sgdStep(weight, g, s ?? null, hyper, a),
      );
      for (const r of results) expect(relativeError(r, w)).toBeLessThan(1e-6);
    });
  }

  for (const [name, a] of Object.entries(adam)) {
    it(name, async () => {
      const w = Float64Array.from(randomTensor('w', [N]).data);
      const m = new Float64Array(N);
      const v = new Float64Array(N);
      for (let t = 1; t <= steps; t++) {
        const g = gradientAt(t).data;
        for (let i = 0; i < N; i++) {
          const d = g[i] + (a.decoupled ? 0 : a.weightDecay * w[i]);
          if (a.decoupled) w[i] *= 1 - rateAt(t) * a.weightDecay;
          m[i] = a.beta1 * m[i] + (1 - a.beta1) * d;
          v[i] = a.beta2 * v[i] + (1 - a.beta2) * d * d;
          const [mean, square] = [m[i] / (1 - a.beta1 ** t), v[i] / (1 - a.beta2 ** t)];
          w[i] -= (rateAt(t) * mean) / (Math.sqrt(square) + a.eps);
        }
      }
      const results = await train(2, (weight, g, hyper, [s0, s1]) => adamStep(weight, g, s0, s1, hyper, a));
      for (const r of results) expect(relativeError(r, w)).toBeLessThan(1e-5);
    });
  }
});

describe('what does not fit is refused', () => {
  const graph = new Graph();
  const input = (name: string, shape: number[]) => graph.input(name, { dtype: 'f32', shape });
  const [w, g, short, hyper, one] = [
    input('w', [3]),
    input('g', [3]),
    input('short', [2, 1]),
    input('hyper', [2]),
    input('one', [1]),
  ];
  const a = adam.Adam;
  const cases: [string, () => readonly Value[], RegExp][] = [
    [
      'another gradient',
      () => sgdStep(w, short, null, hyper, plain),
      /as the weight f32\[3\], not f32\[2×1\]/,
    ],
    ['another velocity', () => sgdStep(w, g, short, hyper, plain), /not f32\[3\], f32\[2×1\]/],
    ['no step number', () => sgdStep(w, g, null, one, plain), /as f32\[2\], not f32\[1\]/],
    ['momentum without velocity', () => sgdStep(w, g, null, hyper, sgd['with momentum']), /need a velocity/],
    ['another mean', () => adamStep(w, g, short, g, hyper, a), /f32\[2×1\]/],
    ['no learning rate', () => adamStep(w, g, g, g, one, a), /as f32\[2\], not f32\[1\]/],
  ];
  for (const [name, build, message] of cases) {
    it(name, () => {
      expect(build).toThrow(message);
    });
  }
});
