/** Host tensors: a type, a shape and a typed array in row-major order. Plain data, no methods. */
import { LensletError } from './error.ts';

export type DType = 'f32' | 'i32' | 'i8' | 'u8';
export type TensorData = Float32Array | Int32Array | Int8Array | Uint8Array;
export type Shape = readonly number[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface Tensor extends TensorType {
  readonly data: TensorData;
}

/** Whether a number can be a dimension of a shape. */
export const isSize = (d: number): boolean => Number.isInteger(d) && d >= 0;

/** Number of elements of a shape; 1 for a scalar (`[]`). */
export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** The typed array that holds a dtype's values. */
export const arrayTypes = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array } as const;

/** The dtype of an array's values. */
export const dtypeOf = (data: TensorData): DType =>
  (Object.keys(arrayTypes) as DType[]).find((d) => data instanceof arrayTypes[d]) as DType;

export const bytesOf = ({ dtype, shape }: TensorType): number =>
  arrayTypes[dtype].BYTES_PER_ELEMENT * sizeOf(shape);

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
  const Data = arrayTypes[type];
  if (data instanceof Data) return { dtype: type, shape, data };
  const own = new Data(size);
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
