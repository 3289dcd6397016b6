/** Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up, so that inference needs nothing. */
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { Random, randomBits } from '../core/random.ts';
import { showType, sizeOf } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { f32, i32, read, reads, write, writes } from '../ir/kernel.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { eachKernel, float, uint } from './wgsl.ts';

export interface DropoutAttrs {
  /** Share of the elements that become 0, in [0, 1). */
  readonly p: number;
  /** Tells layers apart that have the same seed: 32 bits. */
  readonly stream: number;
}

/** Of 2²⁴ numbers, how many are dropped. */
const threshold = (p: number): number => Math.round(p * 0x1000000);

/** The generator's hash (src/core/random.ts). */
const FMIX32 = `
fn fmix32(v: u32) -> u32 {
  var h = (v ^ (v >> 16u)) * 0x85ebca6bu;
  h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
  return h ^ (h >> 16u);
}`;

/** x, seed i32[1] → y. The mask is a pure function of seed, stream and index: the gradient draws it again. */
const dropoutOp: OpDef<DropoutAttrs> = defineOp<DropoutAttrs>({
  name: 'dropout',
  infer([x, seed], { p }) {
    check(
      x!.dtype === 'f32' && seed!.dtype === 'i32' && sizeOf(seed!.shape) === 1,
      'shape',
      () => `dropout takes an f32 tensor and a seed i32[1], not ${showType(x!)} and ${showType(seed!)}.`,
    );
    check(p >= 0 && p < 1, 'value', () => `dropout: the share to drop must be in [0, 1), not ${p}.`);
    return [x!];
  },
  grad: ({ inputs: [, seed], attrs }, [dy]) => [apply1(dropoutOp, [dy, seed!], attrs), null],
  reference([x, seed], [y], { p, stream }) {
    const { key } = new Random(seed!.data[0]).at(stream);
    for (let i = 0; i < y.data.length; i++) {
      y.data[i] = randomBits(key, i) >>> 8 >= threshold(p) ? x!.data[i] / (1 - p) : 0;
    }
  },
  wasm({ inputs: [x, seed], outputs: [y], attrs: { p, stream } }) {
    const count = sizeOf(y.shape);
    const tail = [i32(count), i32(stream), i32(threshold(p)), f32(1 / (1 - p))];
    return [
      {
        opcode: Opcode.DROPOUT,
        tiles: Math.ceil(count / Layout.TILE),
        args: [read(x), read(seed), write(y), ...tail],
      },
    ];
  },
  webgpu({ inputs: [x, seed], outputs: [y], attrs: { p, stream } }) {
    const body = `let key = fmix32(u32(seed[0]) * 0x9e3779b1u + ${uint(stream)});
  let kept = (fmix32(key + i * 0x9e3779b9u) >> 8u) >= ${uint(threshold(p))};
  y[i] = select(0f, x[i] * ${float(1 / (1 - p))}, kept);`;
    const args = [reads('x', x!), reads('seed', seed!, 'i32'), writes('y', y)];
    return [eachKernel(sizeOf(y.shape), args, body, FMIX32)];
  },
  inPlace: [[0, 0]],
});

/** Sets a share p of x to 0, at random, and divides the rest by 1 − p. @param seed i32[1], another for every run */
export const dropout = (x: Value, seed: Value, attrs: DropoutAttrs): Value =>
  apply1(dropoutOp, [x, seed], attrs);

export const dropoutOps = { dropout: dropoutOp };
