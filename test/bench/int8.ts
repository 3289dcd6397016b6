/** Convolutions in int8 beside f32: npx rolldown test/bench/int8.ts -p node -f esm -o build/bench/int8.mjs && node build/bench/int8.mjs [binary] [threads] */
import { Activation } from '../../as/kinds.ts';
import type { Executable } from '../../src/backend.ts';
import { Random } from '../../src/core/random.ts';
import { sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { conv2d } from '../../src/ops/conv2d.ts';
import { relu } from '../../src/ops/elementwise.ts';
import { qlinearConv } from '../../src/ops/quantized-conv.ts';
import type { Binary } from '../../src/wasm/index.ts';
import { createBackend } from '../../workers/node.ts';

const [binary = 'relaxed', threads = '1'] = process.argv.slice(2);
const backend = await createBackend({ binary: binary as Binary, threads: Number(threads) });
const random = new Random(1);

function bytes(shape: readonly number[], dtype: 'u8' | 'i8'): Tensor {
  const draw = () => (dtype === 'u8' ? random.below(256) : random.below(255) - 127);
  return tensor(shape, Array.from({ length: sizeOf(shape) }, draw), dtype);
}

function real(shape: readonly number[]): Tensor {
  return tensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => random.between(-1, 1)),
  );
}

/** So that results are bytes. */
const scales = (m: number): Tensor =>
  tensor(
    [m],
    Float32Array.from({ length: m }, () => random.between(0.001, 0.01)),
  );

interface Case {
  readonly n: number;
  readonly c: number;
  readonly m: number;
  readonly k: number;
  readonly size: number;
  readonly stride?: number;
  readonly pad?: number;
}

async function load(graph: Graph, x: Tensor): Promise<Executable> {
  const executable = await backend.load(graph, backend.createStore());
  await executable.run({ x });
  return executable;
}

function int8({ n, c, m, k, size, stride = 1, pad = 0 }: Case): Promise<Executable> {
  const graph = new Graph();
  const x = bytes([n, size, size, c], 'u8');
  const weights = { w: graph.constant(bytes([m, k, k, c], 'i8')), scale: graph.constant(scales(m)) };
  const q = { dtype: 'u8', scale: 1, zeroPoint: 0 } as const;
  const attrs = { x: q, y: q, residual: null, activation: Activation.RELU } as const;
  const geometry = { stride: [stride, stride], padding: [pad, pad, pad, pad], dilation: [1, 1] } as const;
  graph.output('y', qlinearConv(graph.input('x', x), weights, { ...attrs, ...geometry }));
  return load(graph, x);
}

function f32({ n, c, m, k, size, stride = 1, pad = 0 }: Case): Promise<Executable> {
  const graph = new Graph();
  const x = real([n, c, size, size]);
  const y = conv2d(graph.input('x', x), graph.constant(real([m, c, k, k])), { stride, padding: pad });
  graph.output('y', relu(y));
  return load(graph, x);
}

/** Medians and best times in turns. */
async function time(executables: readonly Executable[], ms: number): Promise<number[][]> {
  const times = executables.map(() => [] as number[]);
  for (const start = performance.now(); performance.now() - start < ms; ) {
    for (const [i, e] of executables.entries()) {
      const before = performance.now();
      await e.replay();
      times[i].push(performance.now() - before);
    }
  }
  return times.map((list) => {
    list.sort((a, b) => a - b);
    return [list[list.length >> 1], list[0]];
  });
}

const cases: readonly Case[] = [
  { n: 1, c: 64, m: 64, k: 3, size: 56, pad: 1 },
  { n: 1, c: 128, m: 128, k: 3, size: 28, pad: 1 },
  { n: 1, c: 256, m: 256, k: 3, size: 14, pad: 1 },
  { n: 1, c: 512, m: 512, k: 3, size: 7, pad: 1 },
  { n: 1, c: 64, m: 128, k: 3, size: 56, pad: 1, stride: 2 },
  { n: 1, c: 256, m: 512, k: 3, size: 14, pad: 1, stride: 2 },
  { n: 1, c: 256, m: 64, k: 1, size: 56 },
  { n: 1, c: 64, m: 128, k: 1, size: 56, stride: 2 },
  { n: 1, c: 3, m: 64, k: 7, size: 224, pad: 3, stride: 2 },
  { n: 32, c: 3, m: 16, k: 3, size: 32, pad: 1 },
  { n: 32, c: 16, m: 16, k: 3, size: 32, pad: 1 },
  { n: 32, c: 32, m: 32, k: 3, size: 16, pad: 1 },
  { n: 32, c: 64, m: 64, k: 3, size: 8, pad: 1 },
  { n: 32, c: 16, m: 32, k: 3, size: 32, pad: 1, stride: 2 },
  { n: 64, c: 1, m: 6, k: 5, size: 32 },
  { n: 64, c: 6, m: 16, k: 5, size: 14 },
  { n: 64, c: 16, m: 120, k: 5, size: 5 },
  { n: 1, c: 512, m: 1000, k: 1, size: 1 },
];
const chosen = process.argv[4]
  ? cases.filter((_, i) => process.argv[4].split(',').includes(String(i)))
  : cases;
for (const c of chosen) {
  const [[f, fBest], [q, qBest]] = await time([await f32(c), await int8(c)], 700);
  const out = Math.floor((c.size + 2 * (c.pad ?? 0) - c.k) / (c.stride ?? 1)) + 1;
  const macs = c.n * out * out * c.m * c.c * c.k * c.k;
  const label = `${c.n}× ${c.k}×${c.k}${c.stride ? '/2' : ''} ${c.c}→${c.m} ${c.size}²`.padEnd(24);
  const rate = (macs / qBest / 1e6).toFixed(1);
  const ratios = `${(f / q).toFixed(2)}× (best ${(fBest / qBest).toFixed(2)}×)`;
  console.log(
    `${label} f32 ${f.toFixed(3)} ms, int8 ${q.toFixed(3)} (best ${qBest.toFixed(3)}) ms, ${ratios}, ${rate} GMAC/s`,
  );
}
backend.dispose();
