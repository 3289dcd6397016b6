/** Host tensors: a type, a shape and a typed array in row-major order. Plain data, no methods. */
import { LensletError } from './error.ts';

export type DType = 'f32' | 'i32';
export type Shape = readonly number[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface Tensor extends TensorType {
  readonly data: Float32Array | Int32Array;
}

/** Number of elements of a shape; 1 for a scalar (`[]`). */
export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** All dtypes have 4 bytes an element. */
export const bytesOf = (type: TensorType): number => 4 * sizeOf(type.shape);

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

export const showType = (t: TensorType): string => `${t.dtype}[${t.shape.join('×')}]`;

/**
 * A tensor over `data` (not copied); without data, zeros.
 * @throws LensletError when the data's length is not the shape's size
 */
export function tensor(shape: Shape, data?: ArrayLike<number>, dtype?: DType): Tensor {
  const type = dtype ?? (data instanceof Int32Array ? 'i32' : 'f32');
  const size = sizeOf(shape);
  if (data && data.length !== size) {
    throw new LensletError(
      'shape',
      `A tensor of shape [${shape}] holds ${size} values, but ${data.length} were given.`,
    );
  }
  if (data instanceof (type === 'f32' ? Float32Array : Int32Array)) return { dtype: type, shape, data };
  const own = type === 'f32' ? new Float32Array(size) : new Int32Array(size);
  if (data) own.set(data);
  return { dtype: type, shape, data: own };
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i] as number;
  }
  return strides;
}
