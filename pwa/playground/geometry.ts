/** Sizes and places of windows, as in textbooks. */
import type { Experiment } from '../../workers/api.ts';

export type Geometry = Pick<Experiment, 'op' | 'size' | 'kernel' | 'stride' | 'padding' | 'dilation'>;

/** Side of the output; below 1 where the window does not fit. */
export function outputSize({ op, size, kernel, stride, padding, dilation }: Geometry): number {
  const span = dilation * (kernel - 1);
  if (op === 'transposed') return (size - 1) * stride - 2 * padding + span + 1;
  return Math.floor((size + 2 * padding - span - 1) / stride) + 1;
}

/** Input place behind tap k of output place o along one axis; null where there is none (padding, or between steps). */
export function inputAt(
  { op, size, stride, padding, dilation }: Geometry,
  o: number,
  k: number,
): number | null {
  const place =
    op === 'transposed' ? (o + padding - k * dilation) / stride : o * stride - padding + k * dilation;
  return Number.isInteger(place) && place >= 0 && place < size ? place : null;
}

export interface Tap {
  readonly row: number;
  readonly column: number;
  /** In the kernel. */
  readonly at: number;
}

/** The inputs that an output is made of. */
export function tapsOf(g: Geometry, row: number, column: number): Tap[] {
  const taps: Tap[] = [];
  for (let a = 0; a < g.kernel; a++) {
    for (let b = 0; b < g.kernel; b++) {
      const [y, x] = [inputAt(g, row, a), inputAt(g, column, b)];
      if (y !== null && x !== null) taps.push({ row: y, column: x, at: a * g.kernel + b });
    }
  }
  return taps;
}

/** Side of the input region that one value sees after 1, 2, … such layers, and the step between neighbours. */
export function receptiveFields(
  { kernel, stride, dilation }: Geometry,
  layers: number,
): [field: number, step: number][] {
  let [field, step] = [1, 1];
  return Array.from({ length: layers }, () => {
    field += dilation * (kernel - 1) * step;
    step *= stride;
    return [field, step];
  });
}

/** A kernel turned by half a circle. */
export const rot180 = (w: Float32Array): Float32Array => w.slice().reverse();
