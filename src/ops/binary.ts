/** Elementwise functions of two operands, broadcast as in ONNX and NumPy: trailing dimensions align, 1 stretches. */
import { Binary } from '../../as/kinds.ts';
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { type Shape, showType, sizeOf, stridesOf, type Tensor, tensor } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import {
  i32,
  read,
  reads,
  type WasmKernel,
  type WebgpuKernel,
  type WgslElement,
  write,
  writes,
} from '../ir/kernel.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { combineFunction } from './binary-wgsl.ts';
import { unary } from './elementwise.ts';
import { outerFive } from './outer.ts';
import { sumTo } from './reduce.ts';
import { eachKernel, offsets, vectorKernel } from './wgsl.ts';

/** The shape two shapes broadcast to. @throws LensletError when a pair of dimensions is neither equal nor 1 */
export function broadcastShapes(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const da = a[i - rank + a.length] ?? 1;
    const db = b[i - rank + b.length] ?? 1;
    check(
      da === db || da === 1 || db === 1,
      'shape',
      () => `[${a}] and [${b}] do not broadcast: ${da} against ${db}.`,
    );
    return da === 1 ? db : da;
  });
}

interface Box {
  readonly dims: number[];
  readonly a: number[];
  readonly b: number[];
}

/** Dimensions of the result with the operands' strides (0 where stretched), neighbours merged where possible. */
function broadcastBox(a: Shape, b: Shape, out: Shape): Box {
  const strides = (s: Shape) => {
    const own = stridesOf(s);
    return out.map((_, i) => {
      const j = i - out.length + s.length;
      return j < 0 || s[j] === 1 ? 0 : own[j];
    });
  };
  const sa = strides(a);
  const sb = strides(b);
  const box: Box = { dims: [], a: [], b: [] };
  for (let i = 0; i < out.length; i++) {
    if (out[i] === 1) continue;
    const last = box.dims.length - 1;
    if (last >= 0 && box.a[last] === sa[i] * out[i] && box.b[last] === sb[i] * out[i]) {
      box.dims[last] *= out[i];
      box.a[last] = sa[i];
      box.b[last] = sb[i];
    } else {
      box.dims.push(out[i]);
      box.a.push(sa[i]);
      box.b.push(sb[i]);
    }
  }
  return box;
}

function lower(name: string, kind: Binary, a: Value, b: Value, y: Value): WasmKernel[] {
  const { dims, a: sa, b: sb } = broadcastBox(a.shape, b.shape, y.shape);
  const inner = dims.pop() ?? 1;
  const aStep = sa.pop() ?? 0;
  const bStep = sb.pop() ?? 0;
  const outer = sizeOf(dims);
  const rows = outer === 1 ? 0 : Math.max(1, Math.floor(Layout.TILE / inner));
  return [
    {
      opcode: Opcode.BINARY,
      tiles: rows ? Math.ceil(outer / rows) : Math.ceil(inner / Layout.TILE),
      args: [
        read(a),
        read(b),
        write(y),
        ...[kind, outer, rows, inner, aStep, bStep].map(i32),
        ...outerFive(name, dims, 1).map(i32),
        ...outerFive(name, sa, 0).map(i32),
        ...outerFive(name, sb, 0).map(i32),
      ],
    },
  ];
}

/** A kernel of `combine(a, b)`, a function that `define` gives for vectors or single elements of a type. */
export function broadcastShader(
  a: Value,
  b: Value,
  y: Value,
  type: 'f32' | 'i32',
  define: (type: WgslElement) => string,
): WebgpuKernel {
  const count = sizeOf(y.shape);
  const vector = type === 'f32' ? 'vec4f' : 'vec4i';
  const whole = (v: Value) => sizeOf(v.shape) === count;
  if ([a, b].every((v) => whole(v) || sizeOf(v.shape) === 1)) {
    const args = [
      writes('y', y, vector),
      reads('a', a, whole(a) ? vector : type),
      reads('b', b, whole(b) ? vector : type),
    ];
    const at = (v: Value, name: string) => (whole(v) ? `${name}[i]` : `${vector}(${name}[0])`);
    return vectorKernel(count, args, `y[i] = combine(${at(a, 'a')}, ${at(b, 'b')});`, define(vector));
  }
  const box = broadcastBox(a.shape, b.shape, y.shape);
  const at = offsets('i', box.dims, { pa: { strides: box.a }, pb: { strides: box.b } });
  const args = [writes('y', y, type), reads('a', a, type), reads('b', b, type)];
  return eachKernel(count, args, `${at}y[i] = combine(a[pa], b[pb]);`, define(type));
}

function defineBinary(
  name: string,
  kind: Binary,
  f: (a: number, b: number) => number,
  grad: (a: Value, b: Value, y: Value, dy: Value) => readonly (Value | null)[],
): OpDef<null> {
  return defineOp<null>({
    name,
    infer([a, b]) {
      check(
        a!.dtype === 'f32' && b!.dtype === 'f32',
        'shape',
        () => `${name} takes two f32 tensors, not ${showType(a!)} and ${showType(b!)}.`,
      );
      return [{ dtype: 'f32', shape: broadcastShapes(a!.shape, b!.shape) }];
    },
    grad({ inputs: [a, b], outputs: [y] }, [dy]) {
      const [da, db] = grad(a!, b!, y, dy!);
      return [da && sumTo(da, a!.shape), db && sumTo(db, b!.shape)];
    },
    reference([a, b], [y]) {
      const [x, z] = [a as Tensor, b as Tensor];
      const box = broadcastBox(x.shape, z.shape, y.shape);
      const steps = stridesOf(box.dims);
      for (let i = 0; i < y.data.length; i++) {
        let pa = 0;
        let pb = 0;
        for (let d = 0; d < box.dims.length; d++) {
          const at = Math.floor(i / steps[d]) % box.dims[d];
          pa += at * box.a[d];
          pb += at * box.b[d];
        }
        y.data[i] = f(x.data[pa], z.data[pb]);
      }
    },
    wasm: ({ inputs: [a, b], outputs: [y] }) => lower(name, kind, a!, b!, y),
    webgpu: ({ inputs: [a, b], outputs: [y] }) => [
      broadcastShader(a!, b!, y, 'f32', (type) => combineFunction(kind, type)),
    ],
    inPlace: [
      [0, 0],
      [0, 1],
    ],
  });
}

const addOp = defineBinary(
  'add',
  Binary.ADD,
  (a, b) => a + b,
  (_a, _b, _y, dy) => [dy, dy],
);
const subOp = defineBinary(
  'sub',
  Binary.SUB,
  (a, b) => a - b,
  (_a, _b, _y, dy) => [dy, unary('neg', dy)],
);
const mulOp = defineBinary(
  'mul',
  Binary.MUL,
  (a, b) => a * b,
  (a, b, _y, dy) => [mul(dy, b), mul(dy, a)],
);
const divOp = defineBinary(
  'div',
  Binary.DIV,
  (a, b) => a / b,
  (_a, b, y, dy) => {
    const da = div(dy, b);
    return [da, unary('neg', mul(da, y))];
  },
);
const greaterEqualOp = defineBinary(
  'greater_equal',
  Binary.GREATER_EQUAL,
  (a, b) => (a >= b ? 1 : 0),
  () => [null, null],
);
/** Ties: the gradient goes to the first operand, as for pooling's winner. */
const maxOp = defineBinary('max', Binary.MAX, Math.max, (a, b, _y, dy) => toWinner(dy, greaterEqual(a, b)));
const minOp = defineBinary('min', Binary.MIN, Math.min, (a, b, _y, dy) => toWinner(dy, greaterEqual(b, a)));
const powOp = defineBinary(
  'pow',
  Binary.POW,
  (a, b) => a ** b,
  (a, b, y, dy) => [mul(dy, mul(b, pow(a, sub(b, scalar(b, 1))))), mul(dy, mul(y, unary('log', a)))],
);

function toWinner(dy: Value, first: Value): [Value, Value] {
  const da = mul(dy, first);
  return [da, sub(dy, da)];
}

/** All binary operators by name. */
export const binaryOps = {
  add: addOp,
  sub: subOp,
  mul: mulOp,
  div: divOp,
  max: maxOp,
  min: minOp,
  pow: powOp,
  greater_equal: greaterEqualOp,
};

export const add = (a: Value, b: Value): Value => apply1(addOp, [a, b], null);
export const sub = (a: Value, b: Value): Value => apply1(subOp, [a, b], null);
export const mul = (a: Value, b: Value): Value => apply1(mulOp, [a, b], null);
export const div = (a: Value, b: Value): Value => apply1(divOp, [a, b], null);
export const maximum = (a: Value, b: Value): Value => apply1(maxOp, [a, b], null);
export const minimum = (a: Value, b: Value): Value => apply1(minOp, [a, b], null);
export const pow = (a: Value, b: Value): Value => apply1(powOp, [a, b], null);
export const greaterEqual = (a: Value, b: Value): Value => apply1(greaterEqualOp, [a, b], null);

/** A one-number constant in the graph of `like`. */
export const scalar = (like: Value, value: number): Value =>
  like.graph.constant(tensor([], new Float32Array([value])));
