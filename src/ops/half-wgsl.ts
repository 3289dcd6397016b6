/**
 * Weights in half precision (IEEE 754 binary16), two in a word: every GPU can unpack them, with the feature shader-f16
 * or without. Sums stay in f32.
 */
import { type Buffer, reads, type Scratch, scratch, type WebgpuArg, writes } from '../ir/kernel.ts';
import { eachKernel } from './wgsl.ts';

/** `unpack(v)`: four neighbours. */
export const UNPACK =
  'fn unpack(v: vec2u) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }';

/** Two numbers in a word; what is beyond ±65504, the largest half, becomes that. */
export const packed = (a: string, b: string): string =>
  `pack2x16float(clamp(vec2f(${a}, ${b}), vec2f(-65504), vec2f(65504)))`;

/** Packed weights by fours, for `unpack`. */
export const readsHalves = (name: string, buffer: Scratch): WebgpuArg =>
  reads(name, buffer, 'vec2u', 2 * Math.ceil(buffer.bytes / 16));

/** The first `count` elements of `w` in half precision. */
export function halved(w: Buffer, count: number) {
  const halves = scratch(4 * Math.ceil(count / 2));
  const args = [writes('halves', halves, 'u32'), reads('w', w)];
  const body = `halves[i] = ${packed('w[2 * i]', 'w[2 * i + 1]')};`;
  return { halves, kernel: eachKernel(Math.ceil(count / 2), args, body) };
}
