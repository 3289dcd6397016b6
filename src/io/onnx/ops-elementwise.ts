/** Table rows: elementwise functions, arithmetic, comparisons, conversions. */
import { sizeOf } from '../../core/tensor.ts';
import type { Node, Value } from '../../ir/graph.ts';
import { add, binaryOps, div, greaterEqual, maximum, minimum, mul, pow, sub } from '../../ops/binary.ts';
import { type UnaryAttrs, type UnaryName, unary } from '../../ops/elementwise.ts';
import { cast, type IntBinaryName, intBinary, where } from '../../ops/integer.ts';
import { reshape } from '../../ops/shape.ts';
import type { Reading } from './reading.ts';
import type { Row, Rows } from './row.ts';
import { DataType, dtypeOf } from './tensor.ts';
import { type Attributes, float, type Writing } from './writing.ts';

/** The input as f32; elementwise functions are defined on it alone. */
const f32 = (r: Reading, i = 0): Value => cast(r.x(i), 'f32');

/** An elementwise function that is one in ONNX, too. */
const same = (onnx: string, name: UnaryName): Row => ({
  read: (r) => unary(name, f32(r)),
  write: { [name]: (w, node) => w.emit(onnx, [w.name(node.inputs[0])], node) },
});

const attrsOf = (node: Node): Required<UnaryAttrs> => ({ alpha: 0, beta: 0, ...(node.attrs as UnaryAttrs) });

/** One with attributes. */
const withAttributes = (
  onnx: string,
  name: UnaryName,
  read: (r: Reading) => UnaryAttrs,
  attributes: (a: Required<UnaryAttrs>) => Attributes,
): Row => ({
  read: (r) => unary(name, f32(r), read(r)),
  write: { [name]: (w, node) => w.emit(onnx, [w.name(node.inputs[0])], node, attributes(attrsOf(node))) },
});

/** a ∘ b, in integers when both are. */
function arithmetic(name: IntBinaryName, a: Value, b: Value): Value {
  if (a.dtype === 'i32' && b.dtype === 'i32') return intBinary(name, a, b);
  const f = { add, sub, mul, div, max: maximum, min: minimum, pow, greater_equal: greaterEqual }[name];
  return f(cast(a, 'f32'), cast(b, 'f32'));
}

/** Operators of opset 1 to 6 could name the axis from which the second operand broadcasts. */
function operands(r: Reading): [Value, Value] {
  if (r.given('broadcast') && r.given('axis')) {
    const [a, b] = [r.x(0), r.x(1)];
    const axis = r.axis(r.int('axis', 0), a.shape.length);
    const trailing = a.shape.length - axis - b.shape.length;
    return [a, trailing > 0 ? reshape(b, [...b.shape, ...Array<number>(trailing).fill(1)]) : b];
  }
  return [r.x(0), r.x(1)];
}

const emitBinary =
  (onnx: string) =>
  (w: Writing, { inputs: [a, b], ...node }: Node) =>
    w.emit(onnx, [w.name(a), w.name(b)], { ...node, inputs: [a, b] });

const binary = (onnx: string, name: IntBinaryName): Row => ({
  read: (r) => arithmetic(name, ...operands(r)),
  write: { [binaryOps[name].name]: emitBinary(onnx), [`int_${name}`]: emitBinary(onnx) },
});

/** Any number of operands. */
const variadic = (onnx: string, name: IntBinaryName): Row => ({
  read: (r) => r.all().reduce((a, b) => arithmetic(name, a, b)),
  write: { [name]: emitBinary(onnx), [`int_${name}`]: emitBinary(onnx) },
});

/** Conditions are i32, 0 or 1. */
const atLeast = (a: Value, b: Value): Value => cast(arithmetic('greater_equal', a, b), 'i32');
const not = (r: Reading, c: Value): Value => intBinary('sub', oneLike(r), c);
const oneLike = (r: Reading): Value => r.constant({ dtype: 'i32', shape: [], data: Int32Array.of(1) });
/** 1 where x > 0, else 0, as f32. */
const aboveZero = (r: Reading, x: Value): Value => sub(r.scalar(1), greaterEqual(r.scalar(0), x));
const and = (a: Value, b: Value): Value => intBinary('mul', a, b);

function readCast(r: Reading): Value {
  const to = r.int('to', 0);
  if (to === DataType.BOOL) return cast(r.x(0), 'bool');
  return cast(r.x(0), dtypeOf(to, 'the type to cast to'));
}

/** min(max(x, low), high); the bounds are attributes up to opset 10 and inputs from 11 on. */
function readClip(r: Reading): Value {
  const old = r.opset < 11;
  const low = old ? r.float('min', Number.NEGATIVE_INFINITY) : r.number(1, Number.NEGATIVE_INFINITY);
  const high = old ? r.float('max', Number.POSITIVE_INFINITY) : r.number(2, Number.POSITIVE_INFINITY);
  const x = r.x(0);
  if (x.dtype === 'f32') return unary('clip', x, { alpha: low, beta: high });
  const bound = (v: number): Value =>
    r.constant({
      dtype: 'i32',
      shape: [],
      data: Int32Array.of(Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, v))),
    });
  return intBinary('min', intBinary('max', x, bound(low)), bound(high));
}

function writeClip(w: Writing, node: Node): void {
  const { alpha, beta } = attrsOf(node);
  const bound = (v: number) => (Number.isFinite(v) ? w.scalar(v) : '');
  w.emit('Clip', [w.name(node.inputs[0]), bound(alpha), bound(beta)], node);
}

/** Integers to the power of floats are floats cut to integers again. */
function readPow(r: Reading): Value {
  const [a, b] = operands(r);
  const y = arithmetic('pow', a, b);
  return cast(y, a.dtype);
}

function readSum(r: Reading): Value {
  return r.all().reduce((a, b) => arithmetic('add', a, b));
}

/** PRelu: x where x ≥ 0, else slope·x; the slope broadcasts to x alone. */
function readPRelu(r: Reading): Value {
  const x = f32(r);
  let slope = f32(r, 1);
  // Up to opset 6 a slope [C] belonged to the channels.
  if (r.opset < 7 && slope.shape.length === 1 && sizeOf(slope.shape) > 1) {
    slope = reshape(slope, [sizeOf(slope.shape), ...x.shape.slice(2).map(() => 1)]);
  }
  return sub(unary('relu', x), mul(slope, unary('relu', unary('neg', x))));
}

const readSoftsign = (r: Reading): Value =>
  div(f32(r), unary('affine', unary('abs', f32(r)), { alpha: 1, beta: 1 }));

/** alpha·x + beta has no operator of its own in ONNX. */
function writeAffine(w: Writing, node: Node): void {
  const { alpha, beta } = attrsOf(node);
  const x = w.name(node.inputs[0]);
  if (beta === 0) return void w.emit('Mul', [x, w.scalar(alpha)], node);
  const scaled = alpha === 1 ? x : w.emit('Mul', [x, w.scalar(alpha)], null);
  w.emit('Add', [scaled, w.scalar(beta)], node);
}

/** 1.7159 tanh(2x/3). */
function writeScaledTanh(w: Writing, node: Node): void {
  const inner = w.emit('Mul', [w.name(node.inputs[0]), w.scalar(2 / 3)], null);
  w.emit('Mul', [w.emit('Tanh', [inner], null), w.scalar(1.7159)], node);
}

function writeSquare(w: Writing, node: Node): void {
  const x = w.name(node.inputs[0]);
  w.emit('Mul', [x, x], node);
}

/** 1 or 0 as f32; our i32 conditions are ONNX's booleans. */
function writeGreaterEqual(w: Writing, node: Node): void {
  const condition = w.emit('GreaterOrEqual', [w.name(node.inputs[0]), w.name(node.inputs[1])], null);
  w.emit('Cast', [condition], node, { to: DataType.FLOAT });
}

const SELU_ALPHA = 1.6732631921768188;
const SELU_GAMMA = 1.0507010221481323;

export const elementwiseRows: Rows = {
  Abs: same('Abs', 'abs'),
  Ceil: same('Ceil', 'ceil'),
  Exp: same('Exp', 'exp'),
  Floor: same('Floor', 'floor'),
  Log: same('Log', 'log'),
  Neg: {
    ...same('Neg', 'neg'),
    read: (r) =>
      r.x(0).dtype === 'i32'
        ? intBinary('sub', r.constant({ dtype: 'i32', shape: [], data: Int32Array.of(0) }), r.x(0))
        : unary('neg', r.x(0)),
  },
  Reciprocal: same('Reciprocal', 'reciprocal'),
  Relu: same('Relu', 'relu'),
  Sigmoid: same('Sigmoid', 'sigmoid'),
  Softplus: same('Softplus', 'softplus'),
  Softsign: { read: readSoftsign },
  Sqrt: same('Sqrt', 'sqrt'),
  Tanh: { ...same('Tanh', 'tanh'), write: { ...same('Tanh', 'tanh').write, scaled_tanh: writeScaledTanh } },
  LeakyRelu: withAttributes(
    'LeakyRelu',
    'leaky_relu',
    (r) => ({ alpha: r.float('alpha', 0.01) }),
    ({ alpha }) => ({ alpha: float(alpha) }),
  ),
  HardSigmoid: withAttributes(
    'HardSigmoid',
    'hard_sigmoid',
    (r) => ({ alpha: r.float('alpha', 0.2), beta: r.float('beta', 0.5) }),
    ({ alpha, beta }) => ({ alpha: float(alpha), beta: float(beta) }),
  ),
  HardSwish: {
    read: (r) => mul(f32(r), unary('hard_sigmoid', f32(r), { alpha: 1 / 6, beta: 0.5 })),
  },
  Elu: { read: (r) => unary('elu', f32(r), { alpha: r.float('alpha', 1), beta: 1 }) },
  // Our elu has Selu's two factors.
  Selu: withAttributes(
    'Selu',
    'elu',
    (r) => ({ alpha: r.float('alpha', SELU_ALPHA), beta: r.float('gamma', SELU_GAMMA) }),
    ({ alpha, beta }) => ({ alpha: float(alpha), gamma: float(beta) }),
  ),
  // max(0, x) + min(0, α(e^(x/α) − 1)): an ELU of x/α, times α.
  Celu: {
    read(r) {
      const alpha = r.float('alpha', 1);
      return unary('elu', unary('affine', f32(r), { alpha: 1 / alpha }), { alpha: 1, beta: alpha });
    },
  },
  Mish: { read: (r) => mul(f32(r), unary('tanh', unary('softplus', f32(r)))) },
  Swish: {
    read: (r) => mul(f32(r), unary('sigmoid', unary('affine', f32(r), { alpha: r.float('alpha', 1) }))),
  },
  Sign: { read: (r) => sub(aboveZero(r, f32(r)), aboveZero(r, unary('neg', f32(r)))) },
  ThresholdedRelu: {
    read(r) {
      const isAbove = sub(r.scalar(1), greaterEqual(r.scalar(r.float('alpha', 1)), f32(r)));
      return mul(f32(r), isAbove);
    },
  },
  PRelu: { read: readPRelu },
  Clip: { read: readClip, write: { clip: writeClip } },
  Add: { ...binary('Add', 'add'), write: { ...binary('Add', 'add').write, affine: writeAffine } },
  Sub: binary('Sub', 'sub'),
  Mul: { ...binary('Mul', 'mul'), write: { ...binary('Mul', 'mul').write, square: writeSquare } },
  Div: binary('Div', 'div'),
  Pow: { read: readPow, write: { pow: emitBinary('Pow') } },
  Max: variadic('Max', 'max'),
  Min: variadic('Min', 'min'),
  Sum: { read: readSum },
  Mean: { read: (r) => unary('affine', readSum(r), { alpha: 1 / r.count }) },
  Cast: { read: readCast },
  CastLike: { read: (r) => cast(r.x(0), r.x(1).dtype) },
  Greater: { read: (r) => not(r, atLeast(r.x(1), r.x(0))) },
  GreaterOrEqual: {
    read: (r) => atLeast(r.x(0), r.x(1)),
    write: { greater_equal: writeGreaterEqual },
  },
  Less: { read: (r) => not(r, atLeast(r.x(0), r.x(1))) },
  LessOrEqual: { read: (r) => atLeast(r.x(1), r.x(0)) },
  Equal: { read: (r) => and(atLeast(r.x(0), r.x(1)), atLeast(r.x(1), r.x(0))) },
  And: { read: (r) => and(r.x(0), r.x(1)) },
  Or: { read: (r) => intBinary('max', r.x(0), r.x(1)) },
  Not: { read: (r) => not(r, r.x(0)) },
  Where: {
    read(r) {
      const [a, b] = [r.x(1), r.x(2)];
      return a.dtype === b.dtype ? where(r.x(0), a, b) : where(r.x(0), cast(a, 'f32'), cast(b, 'f32'));
    },
  },
};
