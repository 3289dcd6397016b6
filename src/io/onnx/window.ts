/** Windows of convolutions and pools as ONNX gives them: strides, dilations, pads or auto_pad, one or two dimensions. */
import { check } from '../../core/error.ts';
import type { Value } from '../../ir/graph.ts';
import { reshape } from '../../ops/shape.ts';
import type { Reading } from './reading.ts';

export interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** top, left, bottom, right */
  readonly padding: readonly [number, number, number, number];
}

/** A tensor [N,C,L] or [N,C,H,W] as [N,C,H,W]; a single spatial dimension becomes the width. */
export function asPlanes(x: Value, what = 'input'): Value {
  if (x.shape.length === 3) return reshape(x, [x.shape[0], x.shape[1], 1, x.shape[2]]);
  check(
    x.shape.length === 4,
    'unsupported',
    () => `the ${what} [${x.shape}] has ${x.shape.length - 2} spatial dimensions; one and two are supported.`,
  );
  return x;
}

/** The result in the rank of the input. */
export const asGiven = (y: Value, x: Value): Value =>
  x.shape.length === 3 ? reshape(y, [y.shape[0], y.shape[1], y.shape[3]]) : y;

/** A list of one number a spatial dimension, as [height, width]. */
export function pairFrom(r: Reading, name: string, rank: number, otherwise: number): [number, number] {
  const list = r.ints(name);
  if (!list?.length) return [rank === 1 && name === 'kernel_shape' ? 1 : otherwise, otherwise];
  const isSize = (v: number) => Number.isInteger(v) && v >= 0 && v < 2 ** 20;
  check(
    list.length === rank && list.every(isSize),
    'shape',
    () => `${name} [${list}] is not one size for each of ${rank} dimensions.`,
  );
  return rank === 1 ? [name === 'output_padding' ? 0 : 1, list[0]] : [list[0], list[1]];
}

function explicitPads(r: Reading, rank: number): Window['padding'] {
  const pads = r.ints('pads');
  if (!pads?.length) return [0, 0, 0, 0];
  check(
    pads.length === 2 * rank && pads.every((p) => Number.isInteger(p) && Math.abs(p) < 2 ** 20),
    'shape',
    () => `pads [${pads}] are not two for each of ${rank} dimensions.`,
  );
  return rank === 1 ? [0, pads[0], 0, pads[1]] : [pads[0], pads[1], pads[2], pads[3]];
}

/** Splits padding so that an odd rest goes to the end (SAME_UPPER) or the start (SAME_LOWER). */
export function halves(total: number, upper: boolean): [number, number] {
  const small = Math.floor(total / 2);
  return upper ? [small, total - small] : [total - small, small];
}

/** @param size height and width of the input @param rank number of spatial dimensions in the file */
export function readWindow(
  r: Reading,
  size: readonly number[],
  kernel: readonly number[],
  rank: number,
): Window {
  const stride = pairFrom(r, 'strides', rank, 1);
  const dilation = pairFrom(r, 'dilations', rank, 1);
  const k: [number, number] = [kernel[0], kernel[1]];
  check(
    [...k, ...stride, ...dilation].every((v) => v > 0),
    'shape',
    () => `kernel [${k}], strides [${stride}] and dilations [${dilation}] must be positive.`,
  );
  const mode = r.string('auto_pad', 'NOTSET');
  if (mode === 'NOTSET' || mode === '')
    return { kernel: k, stride, dilation, padding: explicitPads(r, rank) };
  if (mode === 'VALID') return { kernel: k, stride, dilation, padding: [0, 0, 0, 0] };
  if (mode !== 'SAME_UPPER' && mode !== 'SAME_LOWER') r.fail(`auto_pad "${mode}" is unknown.`);
  const [v, h] = [0, 1].map((i) => {
    const out = Math.ceil(size[i] / stride[i]);
    const total = Math.max(0, (out - 1) * stride[i] + dilation[i] * (k[i] - 1) + 1 - size[i]);
    return halves(total, mode === 'SAME_UPPER');
  });
  return { kernel: k, stride, dilation, padding: [v[0], h[0], v[1], h[1]] };
}
