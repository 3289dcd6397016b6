import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { LensletError } from '../../src/core/error.ts';
import { Random } from '../../src/core/random.ts';
import { importOnnx } from '../../src/io/onnx/import.ts';
import { decodeModel, decodeTensor, encodeModel, type GraphProto } from '../../src/io/onnx/proto.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder } from '../../src/nn/builder.ts';
import { compile } from '../../src/plan/compile.ts';
import { wasmTarget } from '../../src/wasm/index.ts';
import { file, node, smallNetwork } from '../onnx/make.ts';

/** Imports, builds and plans; null when that worked, the error when it is one of ours. Anything else is thrown on. */
function attempt(bytes: Uint8Array): LensletError | null {
  try {
    const model = importOnnx(bytes);
    const graph = new Graph();
    const inputs = model.inputs.map(({ name, dtype, dims }) => {
      const shape = (dims ?? []).map((d) => (typeof d === 'number' ? d : 2));
      return [name, { value: graph.input(name, { dtype, shape }) }] as const;
    });
    for (const [name, value] of model.build(new Builder(graph, false), new Map(inputs)))
      graph.output(name, value);
    compile(graph, wasmTarget);
    return null;
  } catch (error) {
    if (error instanceof LensletError) return error;
    throw error;
  }
}

const real = ['mnist-8.onnx', 'lenet-kanav99.onnx']
  .map((f) => join(process.env.LENSLET_DATA ?? '../shared/data', 'onnx', f))
  .filter((f) => existsSync(f))
  .map((f) => new Uint8Array(readFileSync(f)));
const seeds = [smallNetwork(), smallNetwork(9), ...real];

/** No case may take longer, on a slow machine under load, nor more memory than a multiple of the file. */
const SECONDS = 2;
const EXTRA_BYTES = 64 << 20;

function run(cases: number, mutate: (bytes: Uint8Array, random: Random) => Uint8Array, name: string): void {
  const outcomes = { built: 0, refused: 0 };
  let slowest = 0;
  let most = 0;
  for (let i = 0; i < cases; i++) {
    const random = new Random(3).at(name, i);
    const bytes = mutate(seeds[i % seeds.length], random);
    const before = process.memoryUsage().arrayBuffers;
    const start = performance.now();
    if (attempt(bytes)) outcomes.refused++;
    else outcomes.built++;
    slowest = Math.max(slowest, performance.now() - start);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(outcomes.built + outcomes.refused).toBe(cases);
  expect(outcomes.refused, 'damage is noticed').toBeGreaterThan(0);
  expect(slowest).toBeLessThan(SECONDS * 1000);
  expect(most).toBeLessThan(EXTRA_BYTES);
}

/** Positions near the front hit structure, not weights, three times out of four. */
const position = (n: number, random: Random): number =>
  random.below(4) ? random.below(Math.min(n, 1500)) : random.below(n);

function flip(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice();
  for (let k = 1 + random.below(4); k > 0; k--) out[position(out.length, random)] ^= 1 << random.below(8);
  return out;
}

const truncate = (bytes: Uint8Array, random: Random): Uint8Array =>
  bytes.slice(0, random.below(bytes.length));

/** A run of 0xff makes the largest lengths, dimensions and numbers that a varint can say. */
function inflate(bytes: Uint8Array, random: Random): Uint8Array {
  const at = position(bytes.length, random);
  const huge = Array.from({ length: 1 + random.below(9) }, () => 0xff);
  return Uint8Array.from([...bytes.subarray(0, at), ...huge, random.below(128), ...bytes.subarray(at + 1)]);
}

function splice(bytes: Uint8Array, random: Random): Uint8Array {
  const from = position(bytes.length, random);
  const part = bytes.subarray(from, from + random.below(64));
  const at = position(bytes.length, random);
  return Uint8Array.from([...bytes.subarray(0, at), ...part, ...bytes.subarray(at)]);
}

/** Valid protobuf with another network in it: names, operators and numbers exchanged. */
function scramble(bytes: Uint8Array, random: Random): Uint8Array {
  const model = decodeModel(bytes);
  const graph = model.graph as GraphProto;
  const names = graph.node.flatMap((n) => [...n.input, ...n.output]);
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
  const numbers = [0, -1, 1, 2 ** 31, 2 ** 40, -(2 ** 62), 3, 65536, 7];
  const mutations = [
    () => pick(graph.node).input.splice(0, 1, pick(names)),
    () => pick(graph.node).output.splice(0, 1, pick(names)),
    () => {
      pick(graph.node).opType = pick([
        'Conv',
        'Reshape',
        'Concat',
        'Gemm',
        'Expand',
        'Tile',
        'Pad',
        'ConstantOfShape',
        'Resize',
        'Split',
        'Nothing',
      ]);
    },
    () => {
      const attribute = pick(pick(graph.node).attribute);
      if (attribute) attribute.ints = attribute.ints.map(() => pick(numbers));
    },
    () => {
      const t = pick(graph.initializer);
      t.dims = t.dims.map((d) => (random.below(2) ? d : pick(numbers)));
    },
    () => {
      const t = pick(graph.initializer);
      t.int64Data = t.int64Data.map(() => pick(numbers));
    },
    () => graph.node.splice(random.below(graph.node.length), 1),
    () => {
      for (const d of pick(graph.input).type?.tensorType?.shape?.dim ?? [])
        if (random.below(2)) d.dimValue = pick(numbers);
    },
  ];
  for (let k = 1 + random.below(3); k > 0; k--) pick(mutations)();
  return encodeModel(model);
}

describe('broken ONNX files end in an error or a network, never a hang or a crash', () => {
  it('bit flips, 4,000', () => run(4000, flip, 'flip'), 300_000);
  it('truncation, 2,000', () => run(2000, truncate, 'truncate'), 300_000);
  it('huge declared sizes, 2,000', () => run(2000, inflate, 'inflate'), 300_000);
  it('pieces inserted twice, 1,000', () => run(1000, splice, 'splice'), 300_000);
  it(
    'other networks in valid files, cycles among them, 2,500',
    () => run(2500, scramble, 'scramble'),
    300_000,
  );

  it('every prefix of a small file', () => {
    const whole = smallNetwork();
    for (let n = 0; n < whole.length; n++)
      expect(attempt(whole.slice(0, n)), `first ${n} bytes`).not.toBeNull();
    expect(attempt(whole)).toBeNull();
  });

  it('random bytes', () => {
    for (let i = 0; i < 500; i++) {
      const random = new Random(9).at(i);
      expect(attempt(Uint8Array.from({ length: random.below(200) }, () => random.below(256)))).not.toBeNull();
    }
  });

  it('attributes nested without end', () => {
    // A graph in an attribute of a node of a graph, 10,000 deep: field 7 (graph), 1 (node), 5 (attribute), 6 (graph) …
    let bytes = new Uint8Array(0);
    const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >> 7)]);
    const wrap = (field: number) => {
      bytes = Uint8Array.from([(field << 3) | 2, ...varint(bytes.length), ...bytes]);
    };
    for (let i = 0; i < 300; i++) for (const field of [6, 5, 1]) wrap(field);
    wrap(7);
    expect(attempt(bytes)?.message).toMatch(/nested/);
  });

  it('shapes that multiply to more than any memory', () => {
    const big = [2 ** 20, 2 ** 20];
    const make = (op: string, input: string[]) =>
      attempt(
        file([node(op, input, 'y')], {
          inputs: { x: [1] },
          initializers: [{ name: 'shape', dims: [2], dataType: 7, int64Data: big }],
        }),
      );
    expect(make('Expand', ['x', 'shape'])?.message).toMatch(/memory/);
    expect(make('ConstantOfShape', ['shape'])?.message).toMatch(/memory/);
    expect(make('Tile', ['x', 'shape'])).not.toBeNull();
  });

  it('operators of very many inputs', () => {
    const model = importOnnx(file([node('Sum', Array<string>(50_000).fill('x'), 'y')]));
    const graph = new Graph();
    const x = graph.input('x', { dtype: 'f32', shape: [1, 1, 4, 4] });
    expect(model.build(new Builder(graph, false), new Map([['x', { value: x }]])).get('y')?.shape).toEqual(
      x.shape,
    );
  });

  it('floats that are not packed, as many as packed ones', () => {
    const count = 400_000;
    const list = new BinaryWriter();
    for (let i = 0; i < count; i++) list.tag(4, WireType.Bit32).float(i);
    list.tag(1, WireType.Varint).int64(count).tag(2, WireType.Varint).int32(1);
    list.tag(4, WireType.LengthDelimited).bytes(new Uint8Array(Float32Array.of(7, 8).buffer));
    const { dims, floatData } = decodeTensor(list.finish());
    expect([dims, floatData.length, floatData[399_999], floatData[400_001]]).toEqual([
      [count],
      count + 2,
      399_999,
      8,
    ]);
  });

  it('a chain of 20,000 nodes is no problem, a ring of them an error', () => {
    const chain = Array.from({ length: 20_000 }, (_, i) =>
      node('Relu', [i ? `v${i}` : 'x'], i === 19_999 ? 'y' : `v${i + 1}`),
    );
    expect(attempt(file(chain))).toBeNull();
    expect(attempt(file([node('Relu', ['y'], 'v1'), ...chain.slice(1)]))?.message).toMatch(/cycle/);
  });
});
