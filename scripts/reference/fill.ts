/** Procedural values: every tensor is a function of the salt and its name (defined in make_reference.py). */
import { hashString, randomBits } from '../../src/core/random.ts';
import { type Shape, sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';

/** Uniform in [−1, 1), 24 bits. */
export function fill(salt: string, name: string, count: number): Float32Array {
  const key = hashString(`${salt}/${name}`);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = (randomBits(key, i) >>> 8) / 0x800000 - 1;
  return values;
}

/** fill · scale + shift, rounded to f32 after each operation. */
export function filled(salt: string, name: string, shape: Shape, scale = 1, shift = 0): Tensor {
  const values = fill(salt, name, sizeOf(shape));
  const s = Math.fround(scale);
  const b = Math.fround(shift);
  for (let i = 0; i < values.length; i++) values[i] = Math.fround(values[i] * s) + b;
  return tensor(shape, values);
}

/** The value of a parameter or buffer of a network. */
export function procedural(salt: string, name: string, shape: Shape, gain: number): Tensor {
  const of = (scale: number, shift = 0) => filled(salt, name, shape, scale, shift);
  if (shape.length > 1) return of(gain * Math.sqrt(3 / sizeOf(shape.slice(1))));
  if (name.endsWith('running_var')) return of(0.25, 1);
  if (name.endsWith('running_mean')) return of(0.1);
  if (name.endsWith('weight')) return of(0.1, 0.5);
  if (name.endsWith('coef')) return of(0.1, 0.25);
  return of(0.1);
}

/** Labels 0 … 9. */
export const labels = (salt: string, name: string, count: number): Tensor =>
  tensor(
    [count],
    Int32Array.from(fill(salt, name, count), (u) =>
      Math.max(0, Math.min(9, Math.trunc(Math.fround(Math.fround(u + 1) * 5)))),
    ),
  );
