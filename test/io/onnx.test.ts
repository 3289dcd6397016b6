import { describe, expect, it } from 'vitest';
import { LensletError } from '../../src/core/error.ts';
import { Random } from '../../src/core/random.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { asClassifier } from '../../src/io/onnx/classifier.ts';
import { importOnnx } from '../../src/io/onnx/import.ts';
import {
  decodeTensor,
  encodeModel,
  encodeTensor,
  type NodeProto,
  type Partially,
} from '../../src/io/onnx/proto.ts';
import { FileTensor } from '../../src/io/onnx/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder } from '../../src/nn/builder.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { Session } from '../../src/session.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { createBackend } from '../../workers/node.ts';
import { type FileOptions, file, floats, int64s, node, smallNetwork } from '../onnx/make.ts';
import { randomTensor } from '../op.ts';

/** Imports a file and runs it on the reference backend. */
async function run(bytes: Uint8Array, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const graph = new Graph();
  const inputs = Object.entries(feeds).map(([name, t]) => [name, { value: graph.input(name, t) }] as const);
  importOnnx(bytes)
    .build(new Builder(graph, false), new Map(inputs))
    .forEach((value, name) => {
      graph.output(name, value);
    });
  const backend = new ReferenceBackend();
  const store = backend.createStore();
  for (const { spec } of graph.variables.values()) {
    store.add(spec);
    await store.write(spec.name, tensor(spec.shape, spec.init(spec.shape, new Random(0))));
  }
  return (await backend.load(graph, store)).run(feeds);
}

const x44 = tensor(
  [1, 1, 4, 4],
  Float32Array.from({ length: 16 }, (_, i) => i),
);

/** The message of the error that importing and building ends in. */
function refusal(bytes: Uint8Array, shape: readonly number[] = [1, 1, 4, 4]): string {
  try {
    const graph = new Graph();
    const x = { value: graph.input('x', { dtype: 'f32', shape }) };
    importOnnx(bytes).build(new Builder(graph, false), new Map([['x', x]]));
  } catch (error) {
    expect(error).toBeInstanceOf(LensletError);
    return (error as LensletError).message;
  }
  throw new Error('nothing was refused');
}

const one = (n: Partially<NodeProto>, options?: FileOptions): Uint8Array => file([n], options);

describe('attributes that became inputs, in both forms', () => {
  const cases: [string, Uint8Array, Uint8Array, number[]][] = [
    [
      'Squeeze',
      one(node('Squeeze', ['x'], 'y', { axes: [0, 1] }), { opset: 11 }),
      one(node('Squeeze', ['x', 'a'], 'y'), { opset: 13, initializers: [int64s('a', [0, -3])] }),
      [4, 4],
    ],
    [
      'Unsqueeze',
      one(node('Unsqueeze', ['x'], 'y', { axes: [0, 5] }), { opset: 11 }),
      one(node('Unsqueeze', ['x', 'a'], 'y'), { opset: 13, initializers: [int64s('a', [-1, 0])] }),
      [1, 1, 1, 4, 4, 1],
    ],
    [
      'ReduceSum',
      one(node('ReduceSum', ['x'], 'y', { axes: [2], keepdims: 0 }), { opset: 11 }),
      one(node('ReduceSum', ['x', 'a'], 'y', { keepdims: 0 }), {
        opset: 13,
        initializers: [int64s('a', [2])],
      }),
      [1, 1, 4],
    ],
    [
      'ReduceMax',
      one(node('ReduceMax', ['x'], 'y', { axes: [3] }), { opset: 13 }),
      one(node('ReduceMax', ['x', 'a'], 'y'), { opset: 18, initializers: [int64s('a', [3])] }),
      [1, 1, 4, 1],
    ],
    [
      'Clip',
      one(node('Clip', ['x'], 'y', { min: { float: 2 }, max: { float: 9 } }), { opset: 7 }),
      one(node('Clip', ['x', 'a', 'b'], 'y'), {
        opset: 13,
        initializers: [floats('a', [], [2]), floats('b', [], [9])],
      }),
      [1, 1, 4, 4],
    ],
    [
      'Pad',
      one(node('Pad', ['x'], 'y', { pads: [0, 0, 1, 0, 0, 0, 2, 3], value: { float: 7 } }), { opset: 9 }),
      one(node('Pad', ['x', 'p', 'v', 'a'], 'y'), {
        opset: 18,
        initializers: [int64s('p', [1, 0, 2, 3]), floats('v', [], [7]), int64s('a', [2, -1])],
      }),
      [1, 1, 7, 7],
    ],
    [
      'Slice',
      one(node('Slice', ['x'], 'y', { starts: [1], ends: [2 ** 53], axes: [2] }), { opset: 9 }),
      one(node('Slice', ['x', 's', 'e', 'a', 'st'], 'y'), {
        opset: 13,
        initializers: [int64s('s', [-3]), int64s('e', [4]), int64s('a', [2]), int64s('st', [1])],
      }),
      [1, 1, 3, 4],
    ],
    [
      'Split',
      one(node('Split', ['x'], ['y', 'z'], { axis: 3, split: [1, 3] }), { opset: 11 }),
      one(node('Split', ['x', 's'], ['y', 'z'], { axis: -1 }), {
        opset: 13,
        initializers: [int64s('s', [1, 3])],
      }),
      [1, 1, 4, 1],
    ],
    [
      'Dropout',
      one(node('Dropout', ['x'], 'y', { ratio: { float: 0.9 } }), { opset: 7 }),
      one(node('Dropout', ['x', 'r'], 'y'), { opset: 13, initializers: [floats('r', [], [0.9])] }),
      [1, 1, 4, 4],
    ],
    [
      'Upsample and Resize',
      one(node('Upsample', ['x', 's'], 'y'), { opset: 9, initializers: [floats('s', [4], [1, 1, 2, 2])] }),
      one(node('Resize', ['x', '', '', 's'], 'y'), { opset: 13, initializers: [int64s('s', [1, 1, 8, 8])] }),
      [1, 1, 8, 8],
    ],
  ];
  for (const [name, before, after, shape] of cases) {
    it(name, async () => {
      const [a, b] = [await run(before, { x: x44 }), await run(after, { x: x44 })];
      expect(a.y.shape).toEqual(shape);
      expect(b.y).toEqual(a.y);
    });
  }

  it('Softmax over all that follows the axis up to opset 12, over the axis from 13 on', async () => {
    const sum = async (opset: number) => {
      const { y } = await run(one(node('Softmax', ['x'], 'y', { axis: 2 }), { opset }), { x: x44 });
      return Array.from(y.data).reduce((a, v) => a + v, 0);
    };
    expect(await sum(12)).toBeCloseTo(1, 5);
    expect(await sum(13)).toBeCloseTo(4, 5);
  });
});

it('LRN over an even window reaches one channel further up', async () => {
  const bytes = one(
    node('LRN', ['x'], 'y', { size: 2, alpha: { float: 2 }, beta: { float: 1 }, bias: { float: 1 } }),
    {
      inputs: { x: [1, 3, 1, 1] },
    },
  );
  const { y } = await run(bytes, { x: tensor([1, 3, 1, 1], [1, 2, 3]) });
  expect([...y.data]).toEqual([1 / 6, 2 / 14, 3 / 10].map(Math.fround));
});

describe('shapes that the file works out', () => {
  it('follow the inputs', async () => {
    const model = importOnnx(smallNetwork());
    expect(model.inputs).toEqual([{ name: 'x', dtype: 'f32', dims: ['N', 1, 8, 8] }]);
    for (const n of [1, 3]) {
      const { y } = await run(smallNetwork(), { x: randomTensor('x', [n, 1, 8, 8]) });
      expect(y.shape).toEqual([n, 3]);
    }
  });

  it('of a file traced with one batch size follow another', async () => {
    const traced = file([node('Reshape', ['x', 's'], 'y')], { initializers: [int64s('s', [1, 16])] });
    const { y } = await run(traced, { x: randomTensor('x', [5, 1, 4, 4]) });
    expect(y.shape).toEqual([5, 16]);
    const open = file([node('Reshape', ['x', 's'], 'y')], { initializers: [int64s('s', [1, -1])] });
    expect((await run(open, { x: randomTensor('x', [5, 1, 4, 4]) })).y.shape).toEqual([5, 16]);
    // A weight is no batch, though its size may be the batch's.
    const biased = file([node('Reshape', ['b', 's'], 'c'), node('Add', ['x', 'c'], 'y')], {
      initializers: [int64s('s', [1, -1, 1, 1]), floats('b', [5], [1, 2, 3, 4, 5])],
    });
    expect((await run(biased, { x: randomTensor('x', [5, 1, 4, 4]) })).y.shape).toEqual([5, 5, 4, 4]);
    expect(refusal(traced, [5, 1, 4, 3])).toMatch(/"x" is f32\[1×1×4×4\]/);
  });

  it('that depend on data are refused with the name of the value', () => {
    const nodes = [
      node('ReduceMax', ['x'], 'm', { keepdims: 0 }),
      node('Cast', ['m'], 'i', { to: 7 }),
      node('Reshape', ['i', 'one'], 'shape'),
      node('Expand', ['x', 'shape'], 'y'),
    ];
    expect(refusal(file(nodes, { initializers: [int64s('one', [1])] }))).toMatch(
      /Expand "the y".*"shape".*must be constant/,
    );
  });
});

describe('what is refused, and how it is told', () => {
  it('operators and domains, by name', () => {
    expect(refusal(one(node('Whirl', ['x'], 'y')))).toMatch(/Whirl "the y".*operator set 17/);
    const foreign = { ...node('FusedConv', ['x'], 'y'), domain: 'com.microsoft' };
    expect(refusal(one(foreign))).toMatch(/FusedConv of domain "com.microsoft"/);
  });

  it('operator sets that are not known yet', () => {
    expect(refusal(one(node('Relu', ['x'], 'y'), { opset: 99 }))).toMatch(/operator set 99/);
  });

  it('external data, with what to do', () => {
    const w = {
      ...floats('w', [1], [1]),
      rawData: undefined,
      dataLocation: 1,
      externalData: [{ key: 'location', value: 'w.bin' }],
    };
    expect(refusal(one(node('Add', ['x', 'w'], 'y'), { initializers: [w] }))).toMatch(
      /"w".*external data.*onnx.save/,
    );
  });

  it('cycles, inputs that nothing makes, names made twice', () => {
    const cycle = [node('Add', ['x', 'b'], 'a'), node('Relu', ['a'], 'b'), node('Relu', ['b'], 'y')];
    expect(refusal(file(cycle))).toMatch(/cycle through/);
    expect(refusal(one(node('Add', ['x', 'ghost'], 'y')))).toMatch(/Add "the y" reads "ghost"/);
    expect(refusal(file([node('Relu', ['x'], 'y'), node('Abs', ['x'], 'y')]))).toMatch(/both make "y"/);
  });

  it('sizes that the bytes do not bear out', () => {
    const w = { ...floats('w', [1], [1]), dims: [2 ** 40, 3] };
    expect(refusal(one(node('Add', ['x', 'w'], 'y'), { initializers: [w] }))).toMatch(
      /"w".*the file holds 1/,
    );
    const negative = { ...floats('w', [1], [1]), dims: [-1] };
    expect(refusal(one(node('Add', ['x', 'w'], 'y'), { initializers: [negative] }))).toMatch(
      /impossible shape/,
    );
  });

  it('strings, sequences, files of something else', () => {
    const w = { name: 'w', dims: [1], dataType: 8, stringData: [new Uint8Array(1)] };
    expect(refusal(one(node('Add', ['x', 'w'], 'y'), { initializers: [w] }))).toMatch(/"w" is of STRING/);
    const sequence = { name: 'x', type: { sequenceType: new Uint8Array() } };
    const graph = { node: [node('Identity', ['x'], 'y')], input: [sequence], output: [{ name: 'y' }] };
    expect(refusal(encodeModel({ opsetImport: [{ version: 17 }], graph }))).toMatch(/"x" is not a tensor/);
    expect(refusal(new TextEncoder().encode('PK this is a zip file, not a network'))).toMatch(/ONNX/);
    expect(refusal(new Uint8Array())).toMatch(/holds no network/);
  });

  it('shapes that do not fit, with the node', () => {
    const conv = node('Conv', ['x', 'w'], 'y');
    const options = { initializers: [floats('w', [1, 3, 1, 1], [1, 2, 3])] };
    expect(refusal(one(conv, options))).toMatch(/Conv "the y" in "test": .*1 channels/);
  });
});

describe('data types', () => {
  const cases: [string, number, Uint8Array, number[]][] = [
    ['FLOAT16', 10, new Uint8Array(Uint16Array.of(0x3c00, 0xc000).buffer), [1, -2]],
    ['BFLOAT16', 16, new Uint8Array(Uint16Array.of(0x3f80, 0xc020).buffer), [1, -2.5]],
    ['DOUBLE', 11, new Uint8Array(Float64Array.of(0.5, -3).buffer), [0.5, -3]],
    ['INT8', 3, new Uint8Array(Int8Array.of(-5, 7).buffer), [-5, 7]],
    ['UINT8', 2, Uint8Array.of(250, 7), [250, 7]],
    ['INT64', 7, new Uint8Array(BigInt64Array.of(-5n, 7n).buffer), [-5, 7]],
    ['BOOL', 9, Uint8Array.of(1, 0), [1, 0]],
  ];
  for (const [name, dataType, rawData, wanted] of cases) {
    it(name, () => {
      const bytes = encodeTensor({ dims: [2], dataType, rawData });
      expect([...new FileTensor(decodeTensor(bytes), 't').tensor('t').data]).toEqual(wanted);
    });
  }

  it('values in typed fields are the same', () => {
    const f = encodeTensor({ dims: [2], dataType: 1, floatData: Float32Array.of(1.5, -2) });
    expect([...new FileTensor(decodeTensor(f), 't').tensor('t').data]).toEqual([1.5, -2]);
    const h = encodeTensor({ dims: [1], dataType: 10, int32Data: [0x3c00] });
    expect([...new FileTensor(decodeTensor(h), 't').tensor('t').data]).toEqual([1]);
  });

  it('integers of more than 32 bits are refused as data, and without bound as the end of a slice', async () => {
    const t = (v: bigint) =>
      new FileTensor(
        decodeTensor(
          encodeTensor({ dims: [1], dataType: 7, rawData: new Uint8Array(BigInt64Array.of(v).buffer) }),
        ),
        't',
      );
    expect(() => t(2n ** 40n).tensor('t')).toThrow(/32 bits/);
    expect(t(2n ** 63n - 1n).tensor('t').data[0]).toBe(2 ** 31 - 1);
    const slice = file([node('Slice', ['x', 's', 'e'], 'y')], {
      initializers: [int64s('s', [0, 0, 2]), { ...int64s('e', [9, 9, 0]), int64Data: [9, 9, 2 ** 63] }].map(
        (p) =>
          p.name === 'e'
            ? {
                name: 'e',
                dims: [3],
                dataType: 7,
                rawData: new Uint8Array(BigInt64Array.of(9n, 9n, 2n ** 63n - 1n).buffer),
              }
            : p,
      ),
    });
    expect((await run(slice, { x: x44 })).y.shape).toEqual([1, 1, 2, 4]);
  });
});

describe('an imported classifier', () => {
  it('gives scores before its softmax, knows its classes, and takes images with channels last', async () => {
    const model = asClassifier(importOnnx(smallNetwork()), { name: 'small' });
    expect(model.input).toEqual([1, 8, 8]);
    expect(model.classes).toEqual(['0', '1', '2']);
    const backend = new ReferenceBackend();
    const session = await Session.create(model, backend);
    const x = randomTensor('x', [2, 1, 8, 8]);
    const { scores } = await session.infer(x);
    const { y } = await run(smallNetwork(), { x });
    const e = Array.from(scores.data.subarray(0, 3), Math.exp);
    const total = e.reduce((a, b) => a + b);
    e.forEach((v, i) => {
      expect(v / total).toBeCloseTo(y.data[i], 5);
    });

    const last = file(
      [node('ReduceMean', ['x'], 'm', { axes: [1, 2], keepdims: 0 }), node('MatMul', ['m', 'w'], 'y')],
      { inputs: { x: ['N', 5, 6, 3] }, initializers: [floats('w', [3, 2], [1, 0, 0, 1, 0, 0])] },
    );
    expect(asClassifier(importOnnx(last)).input).toEqual([3, 5, 6]);
  });

  it('says what is missing when it is none', () => {
    const open = file([node('Relu', ['x'], 'y')], { inputs: { x: ['N', 3, 'H', 'W'] } });
    expect(() => asClassifier(importOnnx(open))).toThrow(/how large its images/);
    expect(() => asClassifier(importOnnx(open), { size: [4, 4] })).toThrow(/not a score for each class/);
    const flat = file([node('Relu', ['x'], 'y')], { inputs: { x: ['N', 3] } });
    expect(() => asClassifier(importOnnx(flat))).toThrow(/no batch of images/);
  });

  it('is fine-tuned: the loss falls, weights and running statistics move', async () => {
    const backend = await createBackend({ threads: 2 });
    const session = await Session.create(asClassifier(importOnnx(smallNetwork())), backend);
    const roles = Object.fromEntries([...session.variables].map(([name, v]) => [name, v.role]));
    expect(roles).toMatchObject({ 'conv.weight': 'parameter', 'fc.bias': 'parameter', 'bn.mean': 'buffer' });
    const before = await session.stateDict();
    const labels = tensor(
      [12],
      new Int32Array(12).map((_, i) => i % 3),
    );
    const x = randomTensor('x', [12, 1, 8, 8]);
    for (let i = 0; i < 12; i++) x.data.subarray(i * 64, i * 64 + 20).fill((i % 3) - 1);
    const trainer = new Trainer(session, sgd({ momentum: 0.9 }));
    const losses: number[] = [];
    for (let step = 1; step <= 40; step++) losses.push((await trainer.step({ x, labels }, 0.05, step)).loss);
    expect(losses[0]).toBeGreaterThan(0.8);
    expect(losses[39]).toBeLessThan(0.1);
    const after = await session.stateDict();
    for (const name of ['conv.weight', 'bn.weight', 'bn.mean', 'bn.var', 'fc.weight']) {
      expect(after.get(name)?.data, name).not.toEqual(before.get(name)?.data);
    }
    backend.dispose();
  });
});
