import { LensletError } from '../core/error.ts';

/** Pads a list at the front to five entries: the outer dimensions of strided kernels. */
export function outerFive(name: string, list: readonly number[], fill: number): number[] {
  if (list.length > 5) throw new LensletError('unsupported', `${name}: at most six dimensions that differ.`);
  return [...Array<number>(5 - list.length).fill(fill), ...list];
}
