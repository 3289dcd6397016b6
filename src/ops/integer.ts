/** Integers and conditions: conversion, arithmetic on i32, selection. Conditions are i32, 0 or 1. */
import { Binary, Cast } from '../../as/kinds.ts';
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { type DType, sameShape, showType, sizeOf, type TensorType } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { i32, read, reads, write, writes } from '../ir/kernel.ts';
import { defineOp, noGrad, type OpDef } from '../ir/op.ts';
import { broadcastShapes, mul, sub } from './binary.ts';
import { expand } from './reduce.ts';
import { eachKernel, NON_FINITE } from './wgsl.ts';

const tiles = (count: number): number => Math.ceil(count / Layout.TILE);

/** Towards zero; what does not fit becomes the nearest that does, NaN 0. */
const toInt = (v: number): number =>
  Number.isNaN(v) ? 0 : Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(v)));

interface CastAttrs {
  readonly to: DType | 'bool';
}

export const castOp: OpDef<CastAttrs> = defineOp<CastAttrs>({
  name: 'cast',
  infer: ([x], { to }) => [{ dtype: to === 'f32' ? 'f32' : 'i32', shape: x!.shape }],
  grad: noGrad,
  reference([x], [y], { to }) {
    for (let i = 0; i < y.data.length; i++) {
      const v = x!.data[i];
      y.data[i] = to === 'f32' ? v : to === 'bool' ? (v !== 0 ? 1 : 0) : toInt(v);
    }
  },
  wasm({ inputs: [x], outputs: [y], attrs: { to } }) {
    const count = sizeOf(y.shape);
    const floats = x!.dtype === 'f32';
    const toBool = floats ? Cast.F32_TO_BOOL : Cast.I32_TO_BOOL;
    const kind = to === 'bool' ? toBool : floats ? Cast.F32_TO_I32 : Cast.I32_TO_F32;
    return [{ opcode: Opcode.CAST, tiles: tiles(count), args: [read(x), write(y), i32(count), i32(kind)] }];
  },
  webgpu({ inputs: [x], outputs: [y], attrs: { to } }) {
    const floats = x!.dtype === 'f32';
    const toI32 =
      'select(select(i32(clamp(v, -2147483648f, 2147483520f)), 2147483647i, v >= 2147483648f), 0i, isNan(v))';
    const text = to === 'f32' ? 'f32(v)' : to === 'bool' ? `i32(!(v == ${floats ? '0f' : '0i'}))` : toI32;
    const args = [reads('x', x!, floats ? 'f32' : 'i32'), writes('y', y, to === 'f32' ? 'f32' : 'i32')];
    return [eachKernel(sizeOf(y.shape), args, `let v = x[i];\ny[i] = ${text};`, NON_FINITE)];
  },
});

/** x as f32, as i32 (towards zero) or as a condition (x ≠ 0). No gradient passes. */
export const cast = (x: Value, to: DType | 'bool'): Value =>
  x.dtype === to ? x : apply1(castOp, [x], { to });

function power(a: number, b: number): number {
  if (b < 0) return a === 1 ? 1 : a === -1 ? (b & 1 ? -1 : 1) : 0;
  let y = 1;
  for (; b > 0; b >>= 1) {
    if (b & 1) y = Math.imul(y, a);
    a = Math.imul(a, a);
  }
  return y;
}

const POWER = `
fn power(base: i32, exponent: i32) -> i32 {
  if (exponent < 0i) { return select(select(0i, select(1i, -1i, (exponent & 1i) == 1i), base == -1i), 1i, base == 1i); }
  var y = 1i;
  var a = base;
  for (var b = exponent; b > 0i; b >>= 1u) {
    if ((b & 1i) == 1i) { y *= a; }
    a *= a;
  }
  return y;
}`;

/** As the f32 ones, on 32-bit integers that wrap; a division truncates, and by zero gives 0. */
const rules = {
  add: { kind: Binary.ADD, f: (a, b) => a + b, wgsl: 'p + q' },
  sub: { kind: Binary.SUB, f: (a, b) => a - b, wgsl: 'p - q' },
  mul: { kind: Binary.MUL, f: Math.imul, wgsl: 'p * q' },
  div: {
    kind: Binary.DIV,
    f: (a, b) => (b === 0 ? 0 : Math.trunc(a / b)),
    wgsl: 'select(p / select(q, 1i, q == 0i), 0i, q == 0i)',
  },
  max: { kind: Binary.MAX, f: Math.max, wgsl: 'max(p, q)' },
  min: { kind: Binary.MIN, f: Math.min, wgsl: 'min(p, q)' },
  pow: { kind: Binary.POW, f: power, wgsl: 'power(p, q)' },
  greater_equal: { kind: Binary.GREATER_EQUAL, f: (a, b) => (a >= b ? 1 : 0), wgsl: 'i32(p >= q)' },
} satisfies Record<string, { kind: Binary; f: (a: number, b: number) => number; wgsl: string }>;

export type IntBinaryName = keyof typeof rules;

const sameShapes = (name: string, operands: readonly (TensorType | null)[]): void =>
  check(
    operands.every((t) => sameShape(t!.shape, operands[0]!.shape)),
    'shape',
    () => `${name}: ${operands.map((t) => showType(t!)).join(' and ')} differ in shape.`,
  );

function defineIntBinary(name: IntBinaryName): OpDef<null> {
  const { kind, f, wgsl } = rules[name];
  return defineOp<null>({
    name: `int_${name}`,
    infer([a, b]) {
      sameShapes(`int_${name}`, [a, b]);
      check(
        a!.dtype === 'i32' && b!.dtype === 'i32',
        'shape',
        () => `int_${name} takes i32 tensors, not ${showType(a!)} and ${showType(b!)}.`,
      );
      return [a!];
    },
    grad: noGrad,
    reference([a, b], [y]) {
      for (let i = 0; i < y.data.length; i++) y.data[i] = f(a!.data[i], b!.data[i]);
    },
    wasm({ inputs: [a, b], outputs: [y] }) {
      const count = sizeOf(y.shape);
      const args = [read(a), read(b), write(y), i32(count), i32(kind)];
      return [{ opcode: Opcode.INT_BINARY, tiles: tiles(count), args }];
    },
    webgpu({ inputs: [a, b], outputs: [y] }) {
      const args = [reads('a', a!, 'i32'), reads('b', b!, 'i32'), writes('y', y, 'i32')];
      const body = `let p = a[i];\nlet q = b[i];\ny[i] = ${wgsl};`;
      return [eachKernel(sizeOf(y.shape), args, body, name === 'pow' ? POWER : '')];
    },
    inPlace: [
      [0, 0],
      [0, 1],
    ],
  });
}

export const intBinaryOps = Object.fromEntries(
  (Object.keys(rules) as IntBinaryName[]).map((name) => [name, defineIntBinary(name)]),
) as Record<IntBinaryName, OpDef<null>>;

/** a ∘ b on i32, broadcast. */
export function intBinary(name: IntBinaryName, a: Value, b: Value): Value {
  const shape = broadcastShapes(a.shape, b.shape);
  return apply1(intBinaryOps[name], [stretch(a, shape), stretch(b, shape)], null);
}

const stretch = (x: Value, shape: readonly number[]): Value =>
  sameShape(x.shape, shape) ? x : expand(x, shape);

export const whereOp: OpDef<null> = defineOp<null>({
  name: 'where',
  infer([c, a, b]) {
    sameShapes('where', [c, a, b]);
    check(
      c!.dtype === 'i32' && a!.dtype === b!.dtype,
      'shape',
      () =>
        `where takes an i32 condition and two tensors of one type, not ${[c, a, b].map((t) => showType(t!))}.`,
    );
    return [a!];
  },
  grad({ inputs: [c] }, [dy]) {
    const da = mul(dy!, cast(cast(c!, 'bool'), 'f32'));
    return [null, da, sub(dy!, da)];
  },
  reference([c, a, b], [y]) {
    for (let i = 0; i < y.data.length; i++) y.data[i] = c!.data[i] ? a!.data[i] : b!.data[i];
  },
  wasm({ inputs: [c, a, b], outputs: [y] }) {
    const count = sizeOf(y.shape);
    const args = [read(c), read(a), read(b), write(y), i32(count)];
    return [{ opcode: Opcode.SELECT, tiles: tiles(count), args }];
  },
  webgpu({ inputs: [c, a, b], outputs: [y] }) {
    const args = [reads('c', c!, 'i32'), reads('a', a!, 'u32'), reads('b', b!, 'u32'), writes('y', y, 'u32')];
    return [eachKernel(sizeOf(y.shape), args, 'y[i] = select(b[i], a[i], c[i] != 0i);')];
  },
});

/** a where the condition (i32) is not 0, else b; all three broadcast. */
export function where(condition: Value, a: Value, b: Value): Value {
  const shape = broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape));
  return apply1(
    whereOp,
    [condition, a, b].map((x) => stretch(x, shape)),
    null,
  );
}
