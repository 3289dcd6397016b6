import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { modelByName } from '../../models/index.ts';
import { weightsUrls } from '../../models/weights.ts';
import { tensor } from '../../src/core/tensor.ts';
import { exportOnnx } from '../../src/io/onnx/export.ts';
import { decodeModel, type GraphProto } from '../../src/io/onnx/proto.ts';
import { parseSafetensors } from '../../src/io/safetensors.ts';
import type { Builder, Model } from '../../src/nn/builder.ts';
import { lecunUniform, zeros } from '../../src/nn/init.ts';
import { conv2d, linear } from '../../src/nn/layers.ts';
import { add, maximum, minimum, mul, pow, scalar, sub } from '../../src/ops/binary.ts';
import { convTranspose2d } from '../../src/ops/conv2d.ts';
import { leakyRelu, sigmoid, type UnaryName, unary } from '../../src/ops/elementwise.ts';
import { localResponseNorm } from '../../src/ops/lrn.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { avgPool2d, maxPool2d } from '../../src/ops/pool.ts';
import { reduceMean, reduceSum } from '../../src/ops/reduce.ts';
import { reduceMax } from '../../src/ops/reduce-extremes.ts';
import { flatten, reshape, transpose } from '../../src/ops/shape.ts';
import { concat, pad, slice } from '../../src/ops/slice.ts';
import { logSoftmax, softmax } from '../../src/ops/softmax.ts';
import { createBackend } from '../../workers/node.ts';
import { checkExport } from '../onnx/export.ts';

const backend = await createBackend({ threads: 2 });

describe('networks exported to ONNX run alike in onnxruntime', () => {
  for (const name of ['cifar-resnet20', 'cifar-plain20']) {
    it(name, () => checkExport(modelByName(name), backend));
  }
  // The penalties of a fresh LeNet-5 are all but equal: only trained ones tell it apart.
  for (const [name, url] of Object.entries(weightsUrls)) {
    it(`${name}, trained`, () => {
      const trained = parseSafetensors(readFileSync(url)).tensors;
      return checkExport(modelByName(name), backend, { trained });
    });
  }
});

const toy = (name: string, build: Model['build']): Model => ({
  name,
  title: name,
  input: [2, 8, 8],
  classes: Array.from({ length: 5 }, (_, i) => `class ${i}`),
  normalize: { scale: [0.5, 0.25], offset: [0, -1] },
  build,
});

/** Scores from any tensor: every case below ends in it. */
const head = (b: Builder, x: Parameters<Model['build']>[1]) =>
  linear(b.at('head'), reshape(x, [x.shape[0], -1]), 5, { weightInit: lecunUniform(), biasInit: zeros });

const functions: readonly [UnaryName, { alpha?: number; beta?: number }?][] = [
  ['abs'],
  ['ceil'],
  ['clip', { alpha: -0.3, beta: 0.4 }],
  ['elu', { alpha: 0.7, beta: 1.3 }],
  ['exp'],
  ['floor'],
  ['hard_sigmoid', { alpha: 0.3, beta: 0.4 }],
  ['leaky_relu', { alpha: 0.2 }],
  ['neg'],
  ['relu'],
  ['scaled_tanh'],
  ['sigmoid'],
  ['softplus'],
  ['square'],
  ['tanh'],
  ['affine', { alpha: 2, beta: -0.5 }],
  ['affine', { alpha: 2, beta: 0 }],
  ['affine', { alpha: 1, beta: 3 }],
];

describe('operators exported to ONNX run alike in onnxruntime', () => {
  for (const [name, attrs] of functions) {
    it(`${name} ${JSON.stringify(attrs ?? {})}`, () =>
      checkExport(
        toy(name, (b, x) => head(b, unary(name, x, attrs))),
        backend,
      ));
  }

  const cases: Record<string, Model['build']> = {
    'log, sqrt, reciprocal': (b, x) => {
      const positive = unary('affine', unary('square', x), { alpha: 1, beta: 0.1 });
      return head(
        b,
        concat([unary('log', positive), unary('sqrt', positive), unary('reciprocal', positive)], 1),
      );
    },
    'convolution, asymmetric padding, dilation, groups': (b, x) =>
      head(
        b,
        conv2d(b.at('c'), x, 4, [3, 2], {
          padding: [1, 0, 2, 1],
          stride: [2, 1],
          dilation: [1, 2],
          groups: 2,
        }),
      ),
    'transposed convolution': (b, x) => {
      const w = b.param('w', [2, 3, 3, 3], lecunUniform());
      return head(
        b,
        convTranspose2d(x, w, { stride: 2, padding: 1, outputPadding: 1, bias: b.param('b', [3], zeros) }),
      );
    },
    'pools with padding and in ceil mode': (b, x) =>
      head(
        b,
        concat(
          [
            maxPool2d(x, 3, { stride: 2, padding: 1, dilation: 2 }),
            avgPool2d(pad(x, [0, 0, 0, 0], [0, 0, 0, 0]), 3, {
              stride: 3,
              padding: 1,
              countIncludePad: false,
            }),
            avgPool2d(x, 3, { stride: 3, padding: 1 }),
          ].map((y) => flatten(y)),
          1,
        ),
      ),
    'pool in ceil mode, sums': (b, x) =>
      head(
        b,
        concat(
          [
            flatten(maxPool2d(x, 3, { stride: 2, ceilMode: true })),
            flatten(avgPool2d(x, 2, { divisorOverride: 1 })),
          ],
          1,
        ),
      ),
    'local response normalisation': (b, x) =>
      head(b, localResponseNorm(x, 3, { alpha: 0.5, beta: 0.6, k: 2 })),
    'slice with steps, pad, transpose': (b, x) => {
      const part = slice(x, { starts: [0, 0, 7, 1], steps: [1, 1, -2, 3], sizes: [x.shape[0], 2, 4, 2] });
      return head(b, transpose(pad(part, [0, 1, 0, 0], [0, 0, 2, 1], 0.5), [0, 2, 3, 1]));
    },
    reductions: (b, x) =>
      head(
        b,
        concat(
          [
            reduceSum(x, [2, 3]),
            reduceMean(x, [1, 3]),
            flatten(reduceMax(x, [2], true)),
            flatten(reduceSum(x, [1], true)),
          ],
          1,
        ),
      ),
    'arithmetic with broadcasting': (b, x) => {
      const column = b.param('column', [2, 1, 1], lecunUniform(2));
      const y = add(mul(x, column), scalar(x, 0.5));
      return head(b, sub(maximum(y, x), minimum(pow(unary('abs', x), scalar(x, 1.5)), column)));
    },
    'matrix products': (b, x) => {
      const w = b.param('w', [8, 6], lecunUniform(8));
      return head(b, concat([matmul(x, w), matmul(x, b.param('v', [6, 8], lecunUniform(8)), true, true)], 2));
    },
    'softmax and log-softmax': (b, x) =>
      head(b, concat([softmax(x, 1), logSoftmax(x), sigmoid(leakyRelu(x))], 1)),
  };
  for (const [name, build] of Object.entries(cases)) it(name, () => checkExport(toy(name, build), backend));
});

describe('files', () => {
  const model = modelByName('lenet5-modern');
  const weights = (async () => {
    const { Session } = await import('../../src/session.ts');
    const session = await Session.create(model, backend);
    return session.stateDict();
  })();

  it('hold weights under our names, the batch size open or fixed', async () => {
    const dims = (bytes: Uint8Array) =>
      (decodeModel(bytes).graph as GraphProto).input[0].type?.tensorType?.shape?.dim.map(
        (d) => d.dimParam ?? d.dimValue,
      );
    expect(dims(exportOnnx(model, await weights))).toEqual(['N', 1, 32, 32]);
    expect(dims(exportOnnx(model, await weights, { batch: 4 }))).toEqual([4, 1, 32, 32]);
  });

  it('are the same for the same weights', async () => {
    const [a, b] = [exportOnnx(model, await weights), exportOnnx(model, await weights)];
    expect(Buffer.from(a).equals(b)).toBe(true);
  });

  it('miss no weight', async () => {
    const some = new Map([...(await weights)].slice(1));
    expect(() => exportOnnx(model, some)).toThrow(/"c1.weight" is missing/);
  });

  it('are refused for what ONNX cannot say', () => {
    const even = toy('even', (b, x) => head(b, localResponseNorm(x, 4)));
    const w = new Map([
      ['head.weight', tensor([5, 128])],
      ['head.bias', tensor([5])],
    ]);
    expect(() => exportOnnx(even, w)).toThrow(/window of 4 channels/);
  });
});
