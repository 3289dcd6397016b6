/** The kernels of matrix products: which one a shape gets and how it is cut into tiles. */
import { Opcode } from '../../as/protocol.ts';
import { type Buffer, f32, i32, read, scratch, type WasmKernel, write, writePart } from '../ir/kernel.ts';
import type { Epilogue } from './conv-shape.ts';

/** Rows of a panel of a matrix product at most (as/gemm.ts). */
export const PANEL_ROWS = 6;

/** Columns of A in a block of a product (KC of as/gemm.ts). */
export const BLOCK_DEPTH = 256;

/** Panels of an [m × k] matrix (as/pack.ts). */
export const panelCount = (m: number, most: number): number => Math.ceil(m / most);

const clamp = (n: number, low: number, high: number): number => Math.max(low, Math.min(high, Math.floor(n)));

/** Multiply–adds of a tile, for work of `total`: some 16 tiles, each between 5 and 75 µs. */
export const tileMacs = (total: number): number => clamp(total / 16, 1 << 17, 1 << 21);

/** Cuts n into even blocks of about `wanted`, a multiple of `unit`. */
export function evenBlock(n: number, wanted: number, unit: number): number {
  const blocks = Math.ceil(n / Math.max(unit, wanted));
  return unit * Math.ceil(n / blocks / unit);
}

/** Strides of an operand in elements: of a row, of a column, from one matrix of the batch to the next. */
export interface Operand {
  readonly row: number;
  readonly column: number;
  readonly batch: number;
  readonly offset?: number;
}

export interface Product {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Operand;
  readonly b: Operand;
  /** Offset of the results in c, in elements, when c holds more than these. */
  readonly c?: number;
}

/** c [batch][m][n] = activation(a·b + bias[n]). A is packed once, B within each tile. */
export function gemmKernels(
  a: Buffer,
  b: Buffer,
  bias: Buffer | null,
  c: Buffer,
  p: Product,
  e: Epilogue,
): WasmKernel[] {
  const matrices = p.a.batch === 0 ? 1 : p.batch;
  const packed = scratch(4 * matrices * p.m * p.k);
  const all = panelCount(p.m, PANEL_ROWS);
  const perPack = clamp(16384 / (PANEL_ROWS * p.k), 4, all);
  const packArgs = [p.a.offset ?? 0, p.a.batch, p.m, p.a.row, 1, 0, p.k, p.a.column, perPack, BLOCK_DEPTH];
  const pack: WasmKernel = {
    opcode: Opcode.PACK,
    tiles: matrices * Math.ceil(all / perPack),
    args: [read(a), write(packed), ...packArgs.map(i32)],
  };
  // What a tile reads of A at a time, KC columns of its rows, stays in the second-level cache.
  const panels = Math.ceil(all / Math.ceil(all / 43));
  const rows = Math.min(PANEL_ROWS * panels, p.m);
  const macs = clamp((p.batch * p.m * p.n * p.k) / 32, 1 << 17, 1 << 23);
  const columns = evenBlock(p.n, macs / (rows * p.k), 16);
  const sizes = [
    p.m,
    p.n,
    p.k,
    0,
    p.b.offset ?? 0,
    p.c ?? 0,
    matrices > 1 ? p.m * p.k : 0,
    p.b.batch,
    p.b.row,
    p.b.column,
  ];
  const product: WasmKernel = {
    opcode: Opcode.GEMM,
    tiles: p.batch * Math.ceil(all / panels) * Math.ceil(p.n / columns),
    args: [
      read(packed),
      read(b),
      read(bias),
      p.c === undefined ? write(c) : writePart(c),
      ...[...sizes, panels, columns, e.activation ?? 0].map(i32),
      f32(e.alpha ?? 0),
    ],
  };
  return [pack, product];
}

/**
 * y [m][n] = activation(x [m][k] · w [n][k]ᵀ + bias[n]): by dot products of rows, which need no packing, where that
 * is faster than panels (few rows or columns, or little work).
 */
export function linearKernels(
  x: Buffer,
  w: Buffer,
  bias: Buffer | null,
  y: Buffer,
  { m, n, k }: { readonly m: number; readonly n: number; readonly k: number },
  e: Epilogue,
): WasmKernel[] {
  if (m >= 32 && n >= 32 && m * n * k >= 1 << 20) {
    const b = { row: 1, column: k, batch: 0 };
    return gemmKernels(x, w, bias, y, { batch: 1, m, n, k, a: { row: k, column: 1, batch: 0 }, b }, e);
  }
  const rows = clamp(m, 1, 64);
  const columns = evenBlock(n, tileMacs(m * n * k) / (rows * k), 4);
  const args = [
    read(x),
    read(w),
    read(bias),
    write(y),
    ...[m, n, k, rows, columns, e.activation ?? 0].map(i32),
    f32(e.alpha ?? 0),
  ];
  return [{ opcode: Opcode.LINEAR, tiles: Math.ceil(m / rows) * Math.ceil(n / columns), args }];
}
