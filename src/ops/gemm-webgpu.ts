/** The shader of matrix products. */
import { sizeOf } from '../core/tensor.ts';
import { type Buffer, reads, type WebgpuKernel, writes } from '../ir/kernel.ts';
import type { Epilogue } from './conv-shape.ts';
import { activationFunctionWgsl } from './elementwise-wgsl.ts';
import { offsets, uint } from './wgsl.ts';

/** Strides in elements. */
interface Operand {
  readonly row: number;
  readonly column: number;
}

export interface ProductShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Operand;
  readonly b: Operand;
  /** The matrices of a batch: dimensions over which they are counted, strides of both operands. */
  readonly batch?: {
    readonly dims: readonly number[];
    readonly a: readonly number[];
    readonly b: readonly number[];
  };
}

/** y […,m,n] = activation(a·b + bias[n]). */
export function gemmShader(
  a: Buffer,
  b: Buffer,
  bias: Buffer | null,
  y: Buffer,
  s: ProductShape,
  e: Epilogue,
): WebgpuKernel {
  const { dims, a: az, b: bz } = s.batch ?? { dims: [], a: [], b: [] };
  const [rows, columns] = [Math.ceil(s.m / 16), Math.ceil(s.n / 16)];
  const wgsl = `
${activationFunctionWgsl(e, 'f32')}
fn run(group: u32, local: u32) {
  let z = group / ${uint(rows * columns)};
  let t = group % ${uint(rows * columns)};
  let row = (t / ${uint(columns)}) * 16 + local / 16;
  let column = (t % ${uint(columns)}) * 16 + local % 16;
  if (row >= ${uint(s.m)} || column >= ${uint(s.n)}) { return; }
  ${offsets('z', dims, { pa: { strides: az }, pb: { strides: bz } })}
  pa += row * ${uint(s.a.row)};
  pb += column * ${uint(s.b.column)};
  var sum = ${bias ? 'bias[column]' : '0f'};
  for (var i = 0u; i < ${uint(s.k)}; i++) {
    sum += a[pa] * b[pb];
    pa += ${uint(s.a.column)};
    pb += ${uint(s.b.row)};
  }
  y[z * ${uint(s.m * s.n)} + row * ${uint(s.n)} + column] = activate(sum);
}`;
  const args = [reads('a', a), reads('b', b), ...(bias ? [reads('bias', bias)] : []), writes('y', y)];
  const matrices = sizeOf(dims);
  return { wgsl, workgroups: matrices * rows * columns, size: 256, args, macs: matrices * s.m * s.n * s.k };
}
