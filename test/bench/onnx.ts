/** A network of the benchmark as an ONNX model (opset 17), for runtimes that read nothing else. */
import { type AttributeProto, encodeModel, type NodeProto, type Partially } from '../../src/io/onnx/proto.ts';
import type { Asset, Operation } from './network.ts';

/** Values of AttributeProto.type and TensorProto.data_type. */
const INT = 2;
const INTS = 7;
const FLOAT = 1;

type Attribute = Partially<AttributeProto>;
type Node = Partially<NodeProto>;

const int = (name: string, i: number): Attribute => ({ name, i, type: INT });
const ints = (name: string, list: readonly number[]): Attribute => ({ name, ints: list, type: INTS });
const window = (k: number, stride: number, pad: number): Attribute[] => [
  ints('kernel_shape', [k, k]),
  ints('strides', [stride, stride]),
  ints('pads', [pad, pad, pad, pad]),
];

const node = (
  opType: string,
  input: readonly string[],
  output: string,
  attribute: Attribute[] = [],
): Node => ({
  opType,
  input,
  output: [output],
  attribute,
});

function nodesOf(o: Operation): Node[] {
  const act = 'act' in o && o.act;
  const y = act ? `${o.y}_before` : o.y;
  const after = act ? [node(act === 'relu' ? 'Relu' : 'Tanh', [y], o.y)] : [];
  switch (o.op) {
    case 'conv':
      return [node('Conv', o.b ? [o.x, o.w, o.b] : [o.x, o.w], y, window(o.k, o.stride, o.pad)), ...after];
    case 'linear':
      return [node('Gemm', [o.x, o.w, o.b], y, [int('transB', 1)]), ...after];
    case 'maxpool':
      return [node('MaxPool', [o.x], y, window(o.k, o.stride, o.pad))];
    case 'gap':
      return [
        node('GlobalAveragePool', [o.x], `${y}_mean`),
        node('Flatten', [`${y}_mean`], y, [int('axis', 1)]),
      ];
    case 'flatten':
      return [node('Flatten', [o.x], y, [int('axis', 1)])];
    case 'add':
      return [node('Add', [o.x, o.x2], y), ...after];
    case 'matmul':
      return [node('MatMul', [o.x, o.x2], y)];
    case 'bn':
      throw new Error('Networks for inference have their batch norm folded.');
  }
}

const info = (name: string, shape: readonly number[]) => ({
  name,
  type: { tensorType: { elemType: FLOAT, shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
});

/** @param shapes of the inputs "x" and, for products, "x2" @param output shape of the output */
export function onnxOf(
  { ops, params, output, t }: Asset,
  shapes: Readonly<Record<string, readonly number[]>>,
  outputShape: readonly number[],
): Uint8Array {
  const initializer = params.map((name) => {
    const { shape, data } = t[name];
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { name, dims: shape, dataType: FLOAT, rawData };
  });
  return encodeModel({
    irVersion: 8,
    producerName: 'lenslet-bench',
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: output,
      node: ops.flatMap(nodesOf),
      initializer,
      input: Object.entries(shapes).map(([name, shape]) => info(name, shape)),
      output: [info(output, outputShape)],
    },
  });
}
