/** Elementwise functions of one operand: activations and the like. */
import { type Activation, Unary } from '../../as/kinds.ts';
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { showType, sizeOf, type Tensor } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { f32, i32, read, reads, type WasmKernel, write, writes } from '../ir/kernel.ts';
import { defineOp, noGrad, type OpDef } from '../ir/op.ts';
import { derivativeFunction, unaryFunction } from './elementwise-wgsl.ts';
import { vectorKernel } from './wgsl.ts';

export interface UnaryAttrs {
  readonly alpha?: number;
  readonly beta?: number;
}

interface Rule {
  readonly kind: Unary;
  readonly f: (x: number, alpha: number, beta: number) => number;
  /** f′ as a function of the input or of the output. */
  readonly of: 'input' | 'output';
  readonly d: (ref: number, alpha: number, beta: number) => number;
}

const A = 1.7159;
const B = 2 / 3;
const sigmoidOf = (x: number) => 1 / (1 + Math.exp(-x));

/** Names as in ONNX and PyTorch. Where the derivative reads the output, the input need not be kept. */
const rules = {
  relu: { kind: Unary.RELU, f: (x) => Math.max(x, 0), of: 'output', d: (y) => (y <= 0 ? 0 : 1) },
  leaky_relu: {
    kind: Unary.LEAKY_RELU,
    f: (x, a) => (x < 0 ? a * x : x),
    of: 'input',
    d: (x, a) => (x > 0 ? 1 : a),
  },
  sigmoid: { kind: Unary.SIGMOID, f: sigmoidOf, of: 'output', d: (y) => y * (1 - y) },
  tanh: { kind: Unary.TANH, f: Math.tanh, of: 'output', d: (y) => 1 - y * y },
  /** LeCun et al. 1998, appendix A. */
  scaled_tanh: {
    kind: Unary.SCALED_TANH,
    f: (x) => A * Math.tanh(B * x),
    of: 'output',
    d: (y) => (B / A) * (A * A - y * y),
  },
  neg: { kind: Unary.NEG, f: (x) => -x, of: 'input', d: () => -1 },
  abs: { kind: Unary.ABS, f: Math.abs, of: 'input', d: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0) },
  exp: { kind: Unary.EXP, f: Math.exp, of: 'output', d: (y) => y },
  log: { kind: Unary.LOG, f: Math.log, of: 'input', d: (x) => 1 / x },
  sqrt: { kind: Unary.SQRT, f: Math.sqrt, of: 'output', d: (y) => 0.5 / y },
  reciprocal: { kind: Unary.RECIPROCAL, f: (x) => 1 / x, of: 'output', d: (y) => -y * y },
  square: { kind: Unary.SQUARE, f: (x) => x * x, of: 'input', d: (x) => 2 * x },
  clip: {
    kind: Unary.CLIP,
    f: (x, a, b) => Math.min(Math.max(x, a), b),
    of: 'input',
    d: (x, a, b) => (x >= a && x <= b ? 1 : 0),
  },
  elu: {
    kind: Unary.ELU,
    f: (x, a, b) => b * (x > 0 ? x : a * (Math.exp(x) - 1)),
    of: 'input',
    d: (x, a, b) => (x > 0 ? b : a * b * Math.exp(x)),
  },
  hard_sigmoid: {
    kind: Unary.HARD_SIGMOID,
    f: (x, a, b) => Math.max(0, Math.min(1, a * x + b)),
    of: 'input',
    d: (x, a, b) => (a * x + b > 0 && a * x + b < 1 ? a : 0),
  },
  softplus: {
    kind: Unary.SOFTPLUS,
    f: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    of: 'input',
    d: sigmoidOf,
  },
  floor: { kind: Unary.FLOOR, f: Math.floor, of: 'input', d: () => 0 },
  ceil: { kind: Unary.CEIL, f: Math.ceil, of: 'input', d: () => 0 },
  affine: { kind: Unary.AFFINE, f: (x, a, b) => a * x + b, of: 'input', d: (_x, a) => a },
} satisfies Record<string, Rule>;

export type UnaryName = keyof typeof rules;

const tiles = (count: number): number => Math.ceil(count / Layout.TILE);

function defineUnary(name: string, rule: Rule): { op: OpDef<UnaryAttrs>; gradOp: OpDef<UnaryAttrs> } {
  const gradOp = defineOp<UnaryAttrs>({
    name: `${name}_grad`,
    infer: ([ref]) => [ref!],
    grad: noGrad,
    reference([ref, dy], [dx], { alpha = 0, beta = 0 }) {
      const [r, d] = [(ref as Tensor).data, (dy as Tensor).data];
      for (let i = 0; i < r.length; i++) dx.data[i] = d[i] * rule.d(r[i], alpha, beta);
    },
    wasm({ inputs: [ref, dy], outputs: [dx], attrs }): WasmKernel[] {
      const count = sizeOf(dx.shape);
      return [
        {
          opcode: Opcode.UNARY_GRAD,
          tiles: tiles(count),
          args: [
            read(ref),
            read(dy),
            write(dx),
            i32(count),
            i32(rule.kind),
            f32(attrs.alpha ?? 0),
            f32(attrs.beta ?? 0),
          ],
        },
      ];
    },
    webgpu({ inputs: [ref, dy], outputs: [dx], attrs }) {
      const args = [writes('dx', dx, 'vec4f'), reads('ref_', ref!, 'vec4f'), reads('dy', dy!, 'vec4f')];
      const body = 'dx[i] = dy[i] * derivative(ref_[i]);';
      return [vectorKernel(sizeOf(dx.shape), args, body, derivativeFunction(rule.kind, attrs))];
    },
    inPlace: [[0, 1]],
  });
  const op = defineOp<UnaryAttrs>({
    name,
    infer([x]) {
      check(x!.dtype === 'f32', 'shape', () => `${name} takes an f32 tensor, not ${showType(x!)}.`);
      return [x!];
    },
    grad({ inputs: [x], outputs: [y], attrs }, [dy]) {
      return [apply1(gradOp, [rule.of === 'input' ? x : y, dy], attrs)];
    },
    reference([x], [y], { alpha = 0, beta = 0 }) {
      const { data } = x as Tensor;
      for (let i = 0; i < data.length; i++) y.data[i] = rule.f(data[i], alpha, beta);
    },
    wasm({ inputs: [x], outputs: [y], attrs }): WasmKernel[] {
      const count = sizeOf(y.shape);
      return [
        {
          opcode: Opcode.UNARY,
          tiles: tiles(count),
          args: [read(x), write(y), i32(count), i32(rule.kind), f32(attrs.alpha ?? 0), f32(attrs.beta ?? 0)],
        },
      ];
    },
    webgpu({ inputs: [x], outputs: [y], attrs }) {
      const args = [writes('y', y, 'vec4f'), reads('x', x!, 'vec4f')];
      return [
        vectorKernel(sizeOf(y.shape), args, 'y[i] = unary(x[i]);', unaryFunction('unary', rule.kind, attrs)),
      ];
    },
    inPlace: [[0, 0]],
  });
  return { op, gradOp };
}

/** All elementwise operators by name; each with its gradient's. */
export const unaryOps = Object.fromEntries(
  Object.entries(rules).map(([name, rule]) => [name, defineUnary(name, rule)]),
) as Record<UnaryName, { op: OpDef<UnaryAttrs>; gradOp: OpDef<UnaryAttrs> }>;

/** Applies an elementwise function: y = f(x), same shape. */
export const unary = (name: UnaryName, x: Value, attrs: UnaryAttrs = {}): Value =>
  apply1(unaryOps[name].op, [x], attrs);

export const relu = (x: Value): Value => unary('relu', x);
export const leakyRelu = (x: Value, negativeSlope = 0.01): Value =>
  unary('leaky_relu', x, { alpha: negativeSlope });
export const sigmoid = (x: Value): Value => unary('sigmoid', x);
export const tanh = (x: Value): Value => unary('tanh', x);
/** 1.7159 tanh(2x/3): f(±1) = ±1 (LeCun et al. 1998, appendix A). */
export const scaledTanh = (x: Value): Value => unary('scaled_tanh', x);

/** The epilogue that computes this operator at the end of a kernel, where there is one. */
export function activationOf(name: string): Activation | null {
  const kind = Object.hasOwn(rules, name) ? rules[name as UnaryName].kind : Unary.IDENTITY;
  return kind >= Unary.RELU && kind <= Unary.SCALED_TANH ? (kind as number as Activation) : null;
}

/** The function of an epilogue, for references. */
export function activationFunction(kind: Activation, alpha = 0): (x: number) => number {
  const rule = Object.values(rules).find((r) => (r.kind as number) === kind);
  return rule ? (x) => rule.f(x, alpha, 0) : (x) => x;
}
