/** Rows, columns and channels of a tensor of bytes, picked by a 1×1 convolution that multiplies by one. */
import { Activation } from '../../as/kinds.ts';
import { tensor } from '../core/tensor.ts';
import { qlinearConv } from '../ops/quantized-conv.ts';
import type { Bytes, Conversion } from './convert.ts';

/** Every so many rows and columns as `b` says, with channels of zeros before and after. */
export function pick(conversion: Conversion, b: Bytes, before: number, after: number): Bytes {
  const { value, q, every = [1, 1] } = b;
  const c = value.shape[3];
  const m = before + c + after;
  const weight = tensor([m, 1, 1, c], undefined, 'i8');
  for (let i = 0; i < c; i++) weight.data[(before + i) * c + i] = 1;
  const parts = {
    w: conversion.constant(weight),
    scale: conversion.constant(tensor([m], new Float32Array(m).fill(1))),
  };
  const attrs = { stride: every, padding: [0, 0, 0, 0], dilation: [1, 1], x: q, y: q } as const;
  const y = qlinearConv(value, parts, { ...attrs, residual: null, activation: Activation.NONE });
  const [n, h, w] = y.shape;
  return { value: y, q, shape: [n, m, h, w] };
}
