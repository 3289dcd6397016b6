/** Small ONNX files for tests, written from plain objects. */
import {
  type AttributeProto,
  encodeModel,
  type NodeProto,
  type Partially,
  type TensorProto,
} from '../../src/io/onnx/proto.ts';
import { DataType } from '../../src/io/onnx/tensor.ts';

type Attribute = number | string | readonly number[] | Partially<TensorProto> | { readonly float: number };

function attribute(name: string, value: Attribute): Partially<AttributeProto> {
  if (typeof value === 'number') return { name, type: 2, i: value };
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if (Array.isArray(value)) return { name, type: 7, ints: value };
  if ('float' in value) return { name, type: 1, f: Number(value.float) };
  return { name, type: 4, t: value as Partially<TensorProto> };
}

/** A node; the name of its first output is also its own. */
export const node = (
  opType: string,
  input: readonly string[],
  output: string | readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): Partially<NodeProto> => ({
  name: `the ${typeof output === 'string' ? output : output[0]}`,
  opType,
  input,
  output: typeof output === 'string' ? [output] : output,
  attribute: Object.entries(attributes).map(([k, v]) => attribute(k, v)),
});

export const floats = (
  name: string,
  dims: readonly number[],
  data: ArrayLike<number>,
): Partially<TensorProto> => ({
  name,
  dims,
  dataType: DataType.FLOAT,
  rawData: new Uint8Array(Float32Array.from(data).buffer),
});

export const int64s = (
  name: string,
  data: readonly number[],
  dims = [data.length],
): Partially<TensorProto> => ({
  name,
  dims,
  dataType: DataType.INT64,
  int64Data: data,
});

export interface FileOptions {
  readonly opset?: number;
  readonly inputs?: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs?: readonly string[];
  readonly initializers?: readonly Partially<TensorProto>[];
  readonly producer?: string;
}

/** A file with inputs of f32 (default: "x" [1,1,4,4]) and outputs "y". */
export function file(nodes: readonly Partially<NodeProto>[], options: FileOptions = {}): Uint8Array {
  const { opset = 17, inputs = { x: [1, 1, 4, 4] }, outputs = ['y'], initializers = [], producer } = options;
  return encodeModel({
    irVersion: 8,
    producerName: producer,
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'test',
      node: nodes,
      initializer: initializers,
      input: Object.entries(inputs).map(([name, dims]) => ({
        name,
        type: {
          tensorType: {
            elemType: DataType.FLOAT,
            shape: { dim: dims.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d })) },
          },
        },
      })),
      output: outputs.map((name) => ({ name })),
    },
  });
}

const ramp = (n: number, scale = 0.1): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(i) * scale);

/** A convolutional classifier of 3 classes as a model-zoo exporter writes it: shapes worked out by nodes, softmax at the end. */
export const smallNetwork = (opset = 17): Uint8Array =>
  file(
    [
      node('Conv', ['x', 'conv.weight', 'conv.bias'], 'c', { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
      node('BatchNormalization', ['c', 'bn.weight', 'bn.bias', 'bn.mean', 'bn.var'], 'n'),
      node('Relu', ['n'], 'r'),
      node('MaxPool', ['r'], 'p', { kernel_shape: [2, 2], strides: [2, 2] }),
      node('Shape', ['p'], 's'),
      node('Gather', ['s', 'zero'], 'batch'),
      node('Unsqueeze', ['batch', 'axis0'], 'b0'),
      node('Concat', ['b0', 'rest'], 'shape', { axis: 0 }),
      node('Reshape', ['p', 'shape'], 'f'),
      opset < 12
        ? node('Dropout', ['f'], ['d', 'mask'], { ratio: { float: 0.1 } })
        : node('Dropout', ['f', 'ratio'], ['d', 'mask']),
      node('Gemm', ['d', 'fc.weight', 'fc.bias'], 'g', { transB: 1 }),
      node('Softmax', ['g'], 'y', { axis: 1 }),
    ],
    {
      opset,
      inputs: { x: ['N', 1, 8, 8] },
      initializers: [
        floats('conv.weight', [4, 1, 3, 3], ramp(36)),
        floats('conv.bias', [4], ramp(4)),
        floats('bn.weight', [4], [1, 1.1, 0.9, 1]),
        floats('bn.bias', [4], ramp(4)),
        floats('bn.mean', [4], ramp(4)),
        floats('bn.var', [4], [1, 0.5, 2, 1]),
        int64s('zero', [0], []),
        int64s('axis0', [0]),
        int64s('rest', [-1]),
        floats('ratio', [], [0.1]),
        floats('fc.weight', [3, 64], ramp(192)),
        floats('fc.bias', [3], ramp(3)),
      ],
    },
  );
