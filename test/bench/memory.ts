/**
 * Kernels that are bound by memory, each beside the same kernel of an older build, in turns in one process:
 * npx rolldown test/bench/memory.ts -p node -f esm -o build/bench/memory.mjs
 * node build/bench/memory.mjs [binary] [older .wasm] [part of a name]
 */
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { batchNormTraining } from '../../src/ops/batch-norm.ts';
import { add, div, mul } from '../../src/ops/binary.ts';
import { unary } from '../../src/ops/elementwise.ts';
import { crossEntropy } from '../../src/ops/loss.ts';
import { localResponseNorm } from '../../src/ops/lrn.ts';
import { adamStep, sgdStep } from '../../src/ops/optimizer.ts';
import { avgPool2d, maxPool2d } from '../../src/ops/pool.ts';
import { reduceMean, reduceSum } from '../../src/ops/reduce.ts';
import { transpose } from '../../src/ops/shape.ts';
import { pad } from '../../src/ops/slice.ts';
import { softmax } from '../../src/ops/softmax.ts';
import { gradients } from '../../src/plan/grad.ts';
import { type Binary, Machine } from './gemm-machine.ts';

const [binary = 'relaxed', older, wanted = ''] = process.argv.slice(2);
const machines = [new Machine(binary as Binary)];
if (older) machines.push(new Machine(binary as Binary, older));

/** Milliseconds, the least of runs spread over half a second, machine by machine in turns. */
function time(acts: readonly (() => void)[]): number[] {
  const best = acts.map(() => Number.POSITIVE_INFINITY);
  const stop = performance.now() + 500;
  for (let i = 0; i < 5 || performance.now() < stop; i++) {
    acts.forEach((act, k) => {
      const start = performance.now();
      act();
      best[k] = Math.min(best[k], performance.now() - start);
    });
  }
  return best;
}

/** Prints the times of an operator's node and what it reads and writes a second, each buffer once. */
function bench(title: string, inputs: readonly Tensor[], build: (xs: Value[]) => Value, op: string): void {
  if (!title.includes(wanted)) return;
  const graph = new Graph();
  const xs = inputs.map((t, i) => graph.input(`x${i}`, t));
  const y = build(xs);
  if (op.endsWith('_grad')) {
    gradients(
      reduceSum(
        y,
        y.shape.map((_, i) => i),
      ),
      xs.filter((x) => x.dtype === 'f32'),
    );
  }
  const node = graph.nodes.find((n) => n.op.name === op);
  const size = (v: Value | null) => (v ? v.shape.reduce((a, b) => a * b, 4) : 0);
  const bytes = [...node!.inputs, ...node!.outputs].reduce((sum, v) => sum + size(v), 0);
  const feeds = Object.fromEntries(inputs.map((t, i) => [`x${i}`, t]));
  const [now, before] = time(machines.map((m) => m.prepare(graph, feeds, op)));
  const ratio = before ? `${before.toFixed(4).padStart(10)} ms, ${(before / now).toFixed(2)}×` : '';
  console.log(
    `${title.padEnd(42)} ${now.toFixed(4).padStart(9)} ms ${(bytes / now / 1e6).toFixed(1).padStart(6)} GB/s ${ratio}`,
  );
}

const random = (...shape: number[]) => machines[0].random(...shape);
const labels = (n: number, classes: number) =>
  tensor(
    [n],
    Int32Array.from({ length: n }, (_, i) => (i * 7) % classes),
  );

for (const n of [1 << 16, 1 << 20, 8_000_000]) {
  bench(`stream: add ${n}`, [random(n), random(n)], ([a, b]) => add(a, b), 'add');
}

bench('div 2²⁰', [random(1 << 20), random(1 << 20)], ([a, b]) => div(a, b), 'div');

const large = [16, 64, 56, 56];
type Pool = [
  kernel: number,
  options: { stride?: number; padding?: number; ceilMode?: boolean },
  shape: number[],
];
const pools: Pool[] = [
  [3, { stride: 2 }, large],
  [3, { stride: 2, padding: 1 }, [4, 64, 112, 112]],
  [3, { stride: 2, ceilMode: true }, [16, 192, 28, 28]],
  [3, { stride: 1, padding: 1 }, [16, 192, 28, 28]],
  [3, { stride: 1, padding: 1 }, [32, 512, 7, 7]],
  [2, {}, large],
  [2, {}, [64, 6, 28, 28]],
  [2, {}, [64, 16, 10, 10]],
  [7, {}, [64, 512, 7, 7]],
  [5, { stride: 3 }, [16, 528, 14, 14]],
];
for (const [name, build] of Object.entries({ max_pool2d: maxPool2d, avg_pool2d: avgPool2d })) {
  for (const [k, options, shape] of pools) {
    const { stride = k, padding = 0, ceilMode } = options;
    const title = `${name} ${k}×${k}/${stride}${padding ? ` pad ${padding}` : ''}${ceilMode ? ' ceil' : ''} ${shape.join('×')}`;
    bench(title, [random(...shape)], ([x]) => build(x, k, options), name);
    bench(`${title} dX`, [random(...shape)], ([x]) => build(x, k, options), `${name}_grad`);
  }
}

for (const name of [
  'relu',
  'leaky_relu',
  'sigmoid',
  'tanh',
  'scaled_tanh',
  'exp',
  'log',
  'affine',
  'square',
  'softplus',
] as const) {
  const attrs = { alpha: 0.1, beta: 0.5 };
  bench(`${name} 2²⁰`, [random(1 << 20)], ([x]) => unary(name, x, attrs), name);
  bench(`${name} 2²⁰ dX`, [random(1 << 20)], ([x]) => unary(name, x, attrs), `${name}_grad`);
}
bench('relu 300', [random(300)], ([x]) => unary('relu', x), 'relu');
bench('scaled_tanh 64×6×28×28', [random(64, 6, 28, 28)], ([x]) => unary('scaled_tanh', x), 'scaled_tanh');
bench('add bias a channel 16×64×56×56', [random(...large), random(64, 1, 1)], ([a, b]) => add(a, b), 'add');
bench(
  'mul scale a channel 64×512×7×7',
  [random(64, 512, 7, 7), random(512, 1, 1)],
  ([a, b]) => mul(a, b),
  'mul',
);
bench('add bias a row 128×1000', [random(128, 1000), random(1000)], ([a, b]) => add(a, b), 'add');
bench('add bias a row 4096×10', [random(4096, 10), random(10)], ([a, b]) => add(a, b), 'add');
bench('mul scalar 2²⁰', [random(1 << 20), random(1)], ([a, b]) => mul(a, b), 'mul');

const hyper = tensor([2], [0.01, 3]);
for (const n of [431080, 4_000_000]) {
  const state = [random(n), random(n), random(n), random(n), hyper];
  const sgd = { momentum: 0.9, nesterov: false, weightDecay: 1e-4 };
  const adam = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 1e-4, decoupled: false };
  bench(`SGD ${n}`, state, ([w, g, , , h]) => sgdStep(w, g, null, h, { ...sgd, momentum: 0 })[0], 'sgd');
  bench(`SGD, momentum ${n}`, state, ([w, g, m, , h]) => sgdStep(w, g, m, h, sgd)[0], 'sgd');
  bench(`Adam ${n}`, state, ([w, g, m, v, h]) => adamStep(w, g, m, v, h, adam)[0], 'adam');
  bench(
    `AdamW ${n}`,
    state,
    ([w, g, m, v, h]) => adamStep(w, g, m, v, h, { ...adam, decoupled: true })[0],
    'adam',
  );
}

for (const [n, c] of [
  [64, 1000],
  [64, 10],
  [1, 1000],
]) {
  const x = random(n, c);
  bench(`softmax ${n}×${c}`, [x], ([v]) => softmax(v), 'softmax');
  bench(`softmax ${n}×${c} dX`, [x], ([v]) => softmax(v), 'softmax_grad');
  bench(`cross entropy ${n}×${c}`, [x, labels(n, c)], ([v, l]) => crossEntropy(v, l), 'cross_entropy');
  bench(
    `cross entropy ${n}×${c} dX`,
    [x, labels(n, c)],
    ([v, l]) => crossEntropy(v, l),
    'cross_entropy_grad',
  );
}
bench('softmax 4×64×64 along 1', [random(4, 64, 64)], ([v]) => softmax(v, 1), 'softmax');

for (const shape of [
  [32, 16, 32, 32],
  [32, 64, 28, 28],
  [16, 512, 7, 7],
]) {
  const c = shape[1];
  const norm = ([x, g, b]: Value[]) => batchNormTraining(x, g, b, null);
  bench(`batch norm ${shape.join('×')}`, [random(...shape), random(c), random(c)], norm, 'batch_norm');
  bench(
    `batch norm ${shape.join('×')} dX`,
    [random(...shape), random(c), random(c)],
    norm,
    'batch_norm_grad',
  );
}
const lrn = ([x]: Value[]) => localResponseNorm(x, 5, { k: 2 });
bench('LRN 8×96×27×27', [random(8, 96, 27, 27)], lrn, 'local_response_norm');
bench('LRN 8×96×27×27 dX', [random(8, 96, 27, 27)], lrn, 'local_response_norm_grad');

bench('sum over N, H, W 16×64×56×56', [random(...large)], ([x]) => reduceSum(x, [0, 2, 3]), 'reduce_sum');
bench('sum over N 128×1000', [random(128, 1000)], ([x]) => reduceSum(x, [0]), 'reduce_sum');
bench('mean over H, W 64×512×7×7', [random(64, 512, 7, 7)], ([x]) => reduceMean(x, [2, 3]), 'reduce_mean');
bench('transpose 1024×1024', [random(1024, 1024)], ([x]) => transpose(x, [1, 0]), 'transpose');
bench('pad by 1 16×64×56×56', [random(...large)], ([x]) => pad(x, [0, 0, 1, 1], [0, 0, 1, 1], 0), 'pad');
