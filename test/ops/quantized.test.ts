/** Operators on bytes: every binary gives the reference's bits, on 1, 2 and 3 threads. */
import { describe, expect, test } from 'vitest';
import { Activation } from '../../as/kinds.ts';
import { Opcode } from '../../as/protocol.ts';
import { Random } from '../../src/core/random.ts';
import { sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import type { Quantization } from '../../src/ops/quantization.ts';
import { type QlinearConvAttrs, qlinearConv } from '../../src/ops/quantized-conv.ts';
import { dequantizeLinear, qlinearAdd, quantizeLinear } from '../../src/ops/quantized-linear.ts';
import { qlinearAveragePool, qlinearMaxPool } from '../../src/ops/quantized-pool.ts';
import { compile } from '../../src/plan/compile.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { wasmTarget } from '../../src/wasm/index.ts';
import { randomTensor, wasmBackends } from '../op.ts';

const u8 = (scale: number, zeroPoint = 0): Quantization => ({ dtype: 'u8', scale, zeroPoint });
const i8 = (scale: number, zeroPoint = 0): Quantization => ({ dtype: 'i8', scale, zeroPoint });

function bytesFrom(
  name: string,
  shape: readonly number[],
  dtype: 'u8' | 'i8',
  low: number,
  high: number,
): Tensor {
  const random = new Random(2).at(name);
  const draw = () => low + random.below(high - low + 1);
  return tensor(shape, Array.from({ length: sizeOf(shape) }, draw), dtype);
}

/** Bytes of all values of a type. */
const bytes = (name: string, shape: readonly number[], dtype: 'u8' | 'i8'): Tensor =>
  bytesFrom(name, shape, dtype, dtype === 'u8' ? 0 : -128, dtype === 'u8' ? 255 : 127);

const weights = (shape: readonly number[], limit: number): Tensor =>
  bytesFrom('w', shape, 'i8', -limit, limit);

/** Runs a graph of the given inputs on the reference and on every binary: the bits must be the same. */
async function checkExact(
  inputs: readonly Tensor[],
  build: (graph: Graph, xs: Value[]) => Value,
): Promise<Tensor> {
  const graph = new Graph();
  const xs = inputs.map((t, i) => graph.input(`x${i}`, t));
  graph.output('y', build(graph, xs));
  const feeds = Object.fromEntries(inputs.map((t, i) => [`x${i}`, t]));
  const reference = new ReferenceBackend();
  const wanted = (await (await reference.load(graph, reference.createStore())).run(feeds)).y;
  for (const backend of await wasmBackends()) {
    const store = backend.createStore();
    const executable = await backend.load(graph, store);
    const { y } = await executable.run(feeds);
    const where = `${backend.binary} binary, ${backend.threads} threads`;
    expect(backend.guardsIntact(), `guard words, ${where}`).toBe(true);
    expect(y.dtype, where).toBe(wanted.dtype);
    const wrong = y.data.findIndex((v, i) => !Object.is(v + 0, wanted.data[i] + 0));
    expect(wrong, `first difference, ${where}: ${y.data[wrong]} for ${wanted.data[wrong]}`).toBe(-1);
    executable.dispose();
    store.dispose();
  }
  return wanted;
}

interface ConvCase {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly attrs?: Partial<QlinearConvAttrs>;
  readonly kernel?: Opcode;
  /** Largest weight. */
  readonly limit?: number;
}

const defaults: QlinearConvAttrs = {
  stride: [1, 1],
  padding: [0, 0, 0, 0],
  dilation: [1, 1],
  x: u8(0.02),
  y: u8(0.05),
  residual: null,
  activation: Activation.RELU,
};
const same = [1, 1, 1, 1] as const;

async function checkConv({ x, w, attrs = {}, kernel, limit = 127 }: ConvCase): Promise<void> {
  const a = { ...defaults, ...attrs };
  const [m] = w;
  const k = sizeOf(w.slice(1));
  const build = (graph: Graph, [value, residual]: Value[]) => {
    const random = new Random(3).at(`${x} ${w}`);
    // Sums spread over the bytes of y whatever K is.
    const spread = (60 * 0.05) / (0.02 * 70 * limit * 0.5 * Math.sqrt(k));
    const scale = tensor(
      [m],
      Float32Array.from({ length: m }, () => spread * random.between(0.5, 1.5)),
    );
    const bias = tensor(
      [m],
      Int32Array.from({ length: m }, () => random.below(20000) - 10000),
    );
    return qlinearConv(
      value,
      {
        w: graph.constant(weights(w, limit)),
        scale: graph.constant(scale),
        bias: graph.constant(bias),
        residual: a.residual ? residual : null,
      },
      a,
    );
  };
  const inputs = [bytes('x', x, a.x.dtype)];
  const graph = new Graph();
  const plain = { ...a, residual: null };
  const type = graph.input('x', inputs[0]);
  const shape = qlinearConv(
    type,
    { w: graph.constant(weights(w, limit)), scale: graph.constant(tensor([m])) },
    plain,
  ).shape;
  if (a.residual) inputs.push(bytes('residual', shape, a.residual.dtype));
  const y = await checkExact(inputs, build);
  expect(new Set(y.data).size, 'different values').toBeGreaterThan(Math.min(3, y.data.length - 1));
  if (kernel === undefined) return;
  const whole = new Graph();
  whole.output(
    'y',
    build(
      whole,
      inputs.map((t, i) => whole.input(`x${i}`, t)),
    ),
  );
  expect(compile(whole, wasmTarget).steps.map((s) => s.kernel.opcode)).toEqual([kernel]);
}

describe('convolutions of bytes are exact', () => {
  test.each<ConvCase>([
    { x: [2, 14, 14, 6], w: [16, 5, 5, 6] },
    { x: [3, 32, 32, 1], w: [6, 5, 5, 1], attrs: { x: i8(0.02), y: i8(0.05), activation: Activation.NONE } },
    {
      x: [1, 31, 30, 3],
      w: [64, 7, 7, 3],
      attrs: { stride: [2, 2], padding: [3, 3, 3, 3], x: u8(0.02, 132), y: u8(0.05, 123) },
    },
    { x: [2, 9, 7, 5], w: [11, 3, 2, 5], attrs: { stride: [2, 1], padding: [2, 0, 1, 1], x: i8(0.02, -7) } },
    { x: [1, 11, 13, 4], w: [9, 3, 3, 4], attrs: { dilation: [2, 3], padding: [2, 3, 2, 3] } },
    { x: [1, 9, 9, 3], w: [3, 3, 3, 3], attrs: { dilation: [2, 1], stride: [1, 2] } },
    {
      x: [2, 7, 12, 1],
      w: [4, 3, 5, 1],
      attrs: { stride: [1, 2], padding: [1, 2, 1, 1], residual: u8(0.04, 9) },
    },
    { x: [2, 5, 7, 24], w: [13, 1, 1, 24] },
    { x: [2, 8, 8, 16], w: [32, 1, 1, 16], attrs: { stride: [2, 2], activation: Activation.NONE } },
    { x: [1, 5, 5, 16], w: [120, 5, 5, 16] },
    { x: [65, 5, 5, 16], w: [120, 5, 5, 16], attrs: { y: i8(0.05, 3), activation: Activation.TANH } },
    { x: [5, 1, 1, 84], w: [10, 1, 1, 84], attrs: { y: null, activation: Activation.NONE } },
    { x: [1, 1, 1, 513], w: [1000, 1, 1, 513], attrs: { y: null, activation: Activation.RELU } },
    { x: [1, 9, 40, 1], w: [9, 4, 2, 1], attrs: { stride: [2, 1], dilation: [2, 1], residual: u8(0.04) } },
    { x: [3, 7, 20, 1], w: [2, 5, 5, 1], attrs: { padding: same, y: u8(0.05, 90) } },
    { x: [1, 6, 6, 4], w: [4, 3, 3, 4], attrs: { y: i8(0.01), activation: Activation.SCALED_TANH } },
  ])('$x with $w', (c) => checkConv({ ...c, kernel: Opcode.INT8_CONV }));

  test.each<ConvCase>([
    { x: [1, 8, 8, 8], w: [8, 3, 3, 8] },
    { x: [3, 8, 8, 16], w: [16, 3, 3, 16], attrs: { residual: u8(0.04) } },
    {
      x: [2, 13, 17, 16],
      w: [20, 3, 3, 16],
      attrs: { residual: i8(0.04, 5), y: i8(0.05, -9), x: i8(0.02, 3) },
    },
    { x: [1, 7, 7, 64], w: [72, 3, 3, 64], attrs: { x: u8(0.02, 100), y: u8(0.05, 90) } },
    { x: [1, 30, 70, 8], w: [12, 3, 3, 8], attrs: { activation: Activation.TANH, y: i8(0.01) } },
    {
      x: [1, 12, 12, 24],
      w: [9, 3, 3, 24],
      attrs: { padding: [0, 0, 0, 0], y: null, activation: Activation.NONE },
    },
  ])('squares of 4×4: $x with $w', (c) =>
    checkConv({ ...c, attrs: { padding: same, ...c.attrs }, kernel: Opcode.INT8_WINOGRAD }),
  );

  test('sums that squares could not hold take the direct kernel', async () => {
    const c = { x: [1, 8, 8, 520], w: [8, 3, 3, 520], attrs: { padding: same } };
    await checkConv({ ...c, limit: 8, kernel: Opcode.INT8_WINOGRAD });
    await checkConv({ ...c, kernel: Opcode.INT8_CONV });
  });

  test('the largest sums that squares may hold', async () => {
    const [c, m] = [112, 8];
    const x = tensor(
      [1, 8, 8, c],
      Array.from({ length: 64 * c }, () => 255),
      'u8',
    );
    const y = await checkExact([x], (graph, [v]) => {
      const w = graph.constant(
        tensor(
          [m, 3, 3, c],
          Array.from({ length: m * 9 * c }, (_, i) => (i < 9 * c ? -127 : 127)),
          'i8',
        ),
      );
      const scale = graph.constant(tensor([m], new Float32Array(m).fill(1)));
      return qlinearConv(
        v,
        { w, scale },
        { ...defaults, x: u8(1), y: null, padding: same, activation: Activation.NONE },
      );
    });
    expect(Math.max(...y.data)).toBe(9 * c * 127 * 255);
    expect(Math.min(...y.data)).toBe(-9 * c * 127 * 255);
  });
});

describe('maxima of 2×2 are taken of sums', () => {
  interface PoolCase {
    readonly x: readonly number[];
    readonly w: readonly number[];
    readonly attrs?: Partial<QlinearConvAttrs>;
    readonly scales?: readonly [number, number];
    readonly kernels?: readonly Opcode[];
  }
  test.each<PoolCase>([
    { x: [3, 32, 32, 1], w: [6, 5, 5, 1] },
    { x: [2, 12, 13, 1], w: [11, 5, 4, 1], attrs: { x: u8(0.02, 99), y: u8(0.05, 100) } },
    {
      x: [1, 41, 50, 1],
      w: [3, 3, 3, 1],
      attrs: { padding: same, stride: [2, 1], activation: Activation.NONE },
    },
    { x: [2, 14, 14, 6], w: [16, 5, 5, 6] },
    { x: [2, 10, 9, 3], w: [5, 3, 3, 3], attrs: { padding: same, y: i8(0.05, 3), x: i8(0.02, -5) } },
    { x: [1, 7, 6, 8], w: [9, 1, 1, 8], kernels: [Opcode.INT8_CONV, Opcode.INT8_POOL] },
    { x: [1, 14, 600, 3], w: [8, 3, 3, 3], attrs: { dilation: [1, 2] } },
    { x: [1, 6, 700, 1], w: [2, 3, 3, 1] },
    {
      x: [1, 8, 8, 8],
      w: [8, 3, 3, 8],
      attrs: { padding: same },
      kernels: [Opcode.INT8_WINOGRAD, Opcode.INT8_POOL],
    },
    { x: [1, 8, 8, 2], w: [4, 3, 3, 2], scales: [-1, 1], kernels: [Opcode.INT8_CONV, Opcode.INT8_POOL] },
  ])('$x with $w', async ({ x, w, attrs, scales = [0.5, 1.5], kernels = [Opcode.INT8_CONV] }) => {
    const a = { ...defaults, ...attrs };
    const image = bytes('x', x, a.x.dtype);
    const build = (graph: Graph, [v]: Value[]) => {
      const random = new Random(4).at(`${w}`);
      const spread = 0.02 / Math.sqrt(sizeOf(w.slice(1)));
      const data = Float32Array.from({ length: w[0] }, () => spread * random.between(...scales));
      const inputs = { w: graph.constant(weights(w, 127)), scale: graph.constant(tensor([w[0]], data)) };
      const pool = { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] } as const;
      return qlinearMaxPool(qlinearConv(v, inputs, a), { ...pool, x: a.y as Quantization });
    };
    const y = await checkExact([image], build);
    expect(new Set(y.data).size).toBeGreaterThan(3);
    const graph = new Graph();
    graph.output('y', build(graph, [graph.input('x', image)]));
    expect(compile(graph, wasmTarget).steps.map((s) => s.kernel.opcode)).toEqual(kernels);
  });
});

test('results far beyond the bytes are clamped, by both kernels', async () => {
  const x = bytes('x', [1, 8, 8, 8], 'u8');
  for (const padding of [same, [0, 0, 0, 0]] as const) {
    for (const y of [u8(1e-7, 3), i8(1e-9)]) {
      const values = await checkExact([x], (graph, [v]) => {
        const w = graph.constant(weights([16, 3, 3, 8], 127));
        const scale = graph.constant(tensor([16], new Float32Array(16).fill(1)));
        return qlinearConv(
          v,
          { w, scale },
          { ...defaults, x: u8(1, 128), y, padding, activation: Activation.NONE },
        );
      });
      expect(new Set(values.data)).toEqual(new Set(y.dtype === 'u8' ? [0, 255] : [-128, 127]));
    }
  }
});

describe('other operators on bytes', () => {
  const pool = { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] } as const;
  test.each([1, 6, 16, 19])('pooling of %i channels', async (c) => {
    for (const q of [u8(0.02, 7), i8(0.02, -3)]) {
      const x = bytes('pool', [2, 9, 8, c], q.dtype);
      const padded = { kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1], x: q } as const;
      await checkExact([x], (_, [v]) => qlinearMaxPool(v, { ...pool, x: q }));
      await checkExact([x], (_, [v]) => qlinearMaxPool(v, padded));
      await checkExact([x], (_, [v]) =>
        qlinearAveragePool(v, { ...pool, x: q, scale: 0.013, countIncludePad: true }),
      );
      await checkExact([x], (_, [v]) =>
        qlinearAveragePool(v, { ...padded, scale: 0.02, countIncludePad: false }),
      );
      await checkExact([x], (_, [v]) =>
        qlinearAveragePool(v, { ...padded, kernel: [9, 8], scale: 0.02, countIncludePad: true }),
      );
    }
  });

  test.each([[[2, 3, 7, 5]], [[1, 130, 3, 3]], [[4, 10]], [[9000]]])(
    'to bytes and back, %j',
    async (shape) => {
      const x = randomTensor('real', shape, -3, 3);
      for (const q of [u8(0.011, 128), i8(0.03)]) {
        await checkExact([x], (_, [v]) => quantizeLinear(v, q));
        const y = await checkExact([x], (_, [v]) => dequantizeLinear(quantizeLinear(v, q), q));
        y.data.forEach((v, i) => {
          const clipped = Math.max(-128 * q.scale, Math.min(127 * q.scale, x.data[i]));
          expect(Math.abs(v - clipped)).toBeLessThanOrEqual(0.51 * q.scale);
        });
      }
    },
  );

  test('halves go to the even neighbour', async () => {
    const x = tensor([8], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 1e9, -1e9]);
    const y = await checkExact([x], (_, [v]) => quantizeLinear(v, i8(1)));
    expect([...y.data]).toEqual([-2, -2, 0, 0, 2, 2, 127, -128]);
  });

  test('sums', async () => {
    const [a, b] = [bytes('a', [3, 5, 7, 9], 'u8'), bytes('b', [3, 5, 7, 9], 'i8')];
    for (const relu of [true, false]) {
      const attrs = { a: u8(0.02, 30), b: i8(0.03, 4), y: i8(0.04, -2), relu };
      await checkExact([a, b], (_, [p, q]) => qlinearAdd(p, q, attrs));
    }
  });
});

test('what does not fit is told', () => {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'u8', shape: [1, 8, 8, 3] });
  const w = graph.constant(tensor([4, 3, 3, 3], undefined, 'i8'));
  const scale = graph.constant(tensor([4]));
  const conv = (attrs: Partial<QlinearConvAttrs>, weights = w) =>
    qlinearConv(x, { w: weights, scale }, { ...defaults, ...attrs });
  expect(() => conv({ x: i8(1) })).toThrow('the input is u8[1×8×8×3], but its quantisation is of i8');
  expect(() => conv({ x: u8(0) })).toThrow('scale of the input must be a positive number');
  expect(() => conv({ x: u8(1, 256) })).toThrow(
    'zero point of the input must be a whole number from 0 to 255',
  );
  expect(() => conv({ y: u8(Number.NaN) })).toThrow('scale of the result');
  expect(() => conv({}, graph.constant(tensor([4, 3, 3, 2], undefined, 'i8')))).toThrow(
    'has 3 channels, the weights take 2',
  );
  expect(() => conv({}, graph.constant(tensor([4, 9, 3, 3], undefined, 'i8')))).toThrow(
    '9×3 kernel does not fit',
  );
  expect(() => conv({ stride: [0, 1] })).toThrow('impossible');
  expect(() => conv({ residual: u8(1) })).toThrow('a residual and its quantisation go together');
  expect(() => quantizeLinear(x, u8(1))).toThrow('takes an f32 tensor');
  expect(() =>
    qlinearMaxPool(x, { kernel: [2, 2], stride: [2, 2], padding: [2, 0, 0, 0], x: u8(1) }),
  ).toThrow('do not fit');
});
