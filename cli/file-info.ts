/** What a safetensors file holds. */
import { stat } from 'node:fs/promises';
import { type Shape, sizeOf } from '../src/core/tensor.ts';
import { readWeights } from './network.ts';

export interface FileReport {
  readonly path: string;
  readonly bytes: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly {
    readonly name: string;
    /** As Lenslet reads it: half precision becomes f32. */
    readonly dtype: string;
    readonly shape: Shape;
    readonly values: number;
  }[];
}

export async function describeFile(path: string): Promise<FileReport> {
  const { tensors, metadata } = await readWeights(path);
  const { size: bytes } = await stat(path);
  const list = [...tensors].map(([name, { dtype, shape }]) => ({
    name,
    dtype,
    shape,
    values: sizeOf(shape),
  }));
  return { path, bytes, metadata, tensors: list };
}
