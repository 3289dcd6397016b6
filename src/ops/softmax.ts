/** Softmax and log-softmax along an axis. */
import { Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { type Shape, showType, sizeOf, type Tensor } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { i32, read, type WasmArg, type WasmKernel, write } from '../ir/kernel.ts';
import { defineOp, noGrad, type OpDef } from '../ir/op.ts';
import { softmaxGradShader, softmaxShader } from './softmax-webgpu.ts';

interface SoftmaxAttrs {
  readonly axis: number;
}

/** The shape as [outer][axis][inner]. */
const split = (shape: Shape, axis: number): [number, number, number] => [
  sizeOf(shape.slice(0, axis)),
  shape[axis],
  sizeOf(shape.slice(axis + 1)),
];

/** Calls back with the indices of each row's elements. */
function forRows(shape: Shape, axis: number, visit: (indices: number[]) => void): void {
  const [outer, n, inner] = split(shape, axis);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) visit(Array.from({ length: n }, (_, k) => (o * n + k) * inner + i));
  }
}

function kernel(
  opcode: Opcode,
  buffers: WasmArg[],
  shape: Shape,
  axis: number,
  isLog: boolean,
): WasmKernel[] {
  const [outer, n, inner] = split(shape, axis);
  // A row costs about 20 simple operations an element.
  const rows = Math.max(1, Math.floor(512 / n));
  const words = [outer, n, inner, isLog ? 1 : 0, rows].map(i32);
  return [{ opcode, tiles: Math.ceil((outer * inner) / rows), args: [...buffers, ...words] }];
}

function define(isLog: boolean): OpDef<SoftmaxAttrs> {
  const name = isLog ? 'log_softmax' : 'softmax';
  const gradOp = defineOp<SoftmaxAttrs>({
    name: `${name}_grad`,
    infer: ([y]) => [y!],
    grad: noGrad,
    reference([y, dy], [dx], { axis }) {
      const [v, d] = [(y as Tensor).data, (dy as Tensor).data];
      forRows(dx.shape, axis, (at) => {
        const sum = at.reduce((s, i) => s + (isLog ? d[i] : d[i] * v[i]), 0);
        for (const i of at) dx.data[i] = isLog ? d[i] - Math.exp(v[i]) * sum : v[i] * (d[i] - sum);
      });
    },
    wasm: ({ inputs: [y, dy], outputs: [dx], attrs: { axis } }) =>
      kernel(Opcode.SOFTMAX_GRAD, [read(null), read(y), read(dy), write(dx)], dx.shape, axis, isLog),
    webgpu: ({ inputs: [y, dy], outputs: [dx], attrs: { axis } }) => [
      softmaxGradShader(y!, dy!, dx, split(dx.shape, axis), isLog),
    ],
  });
  return defineOp<SoftmaxAttrs>({
    name,
    infer([x], { axis }) {
      check(x!.dtype === 'f32', 'shape', () => `${name} takes an f32 tensor, not ${showType(x!)}.`);
      check(
        Number.isInteger(axis) && axis >= 0 && axis < x!.shape.length,
        'shape',
        () => `${name}: ${showType(x!)} has no axis ${axis}.`,
      );
      return [x!];
    },
    grad: ({ outputs: [y], attrs }, [dy]) => [apply1(gradOp, [y, dy], attrs)],
    reference([x], [y], { axis }) {
      const { data } = x as Tensor;
      forRows(y.shape, axis, (at) => {
        const top = Math.max(...at.map((i) => data[i]));
        const total = Math.log(at.reduce((s, i) => s + Math.exp(data[i] - top), 0));
        for (const i of at) y.data[i] = isLog ? data[i] - top - total : Math.exp(data[i] - top - total);
      });
    },
    wasm: ({ inputs: [x], outputs: [y], attrs: { axis } }) =>
      kernel(Opcode.SOFTMAX, [read(x), write(y), read(null), read(null)], y.shape, axis, isLog),
    webgpu: ({ inputs: [x], outputs: [y], attrs: { axis } }) => [
      softmaxShader(x!, y, split(y.shape, axis), isLog),
    ],
  });
}

export const softmaxOps = { softmax: define(false), log_softmax: define(true) };

/** eˣ / Σ eˣ along an axis (the last by default). */
export const softmax = (x: Value, axis = x.shape.length - 1): Value =>
  apply1(softmaxOps.softmax, [x], { axis });
/** x − log Σ eˣ along an axis (the last by default). */
export const logSoftmax = (x: Value, axis = x.shape.length - 1): Value =>
  apply1(softmaxOps.log_softmax, [x], { axis });
