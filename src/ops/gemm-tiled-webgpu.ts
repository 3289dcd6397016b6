/**
 * The shader of large matrix products on GPUs: a workgroup makes 64 × 64 results from tiles of both operands in its
 * memory, an invocation 8 × 8 of them in registers.
 */
import { sizeOf } from '../core/tensor.ts';
import { type Buffer, reads, type Scratch, type WebgpuKernel, writes } from '../ir/kernel.ts';
import type { Epilogue } from './conv-shape.ts';
import { activationFunctionWgsl } from './elementwise-wgsl.ts';
import { readsHalves, UNPACK } from './half-wgsl.ts';
import { GROUP, offsets, pickFour, range, uint } from './wgsl.ts';

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
  /** Whether B is packed in half precision, four neighbours along k. */
  readonly half?: boolean;
}

/** Rows and columns of a workgroup's tile, and how deep its share of k is. */
export const SIDE = 64;
export const DEPTH = 16;
/** Columns between an invocation's two vectors: neighbours read neighbours. */
export const SPREAD = SIDE / 2;
/** Sizes from which tiles of workgroups are filled well enough. */
export const TILED = 32;

/** The tiles, [k][row] and [k][column]. */
export const TILES = `
var<workgroup> tileA: array<f32, ${SIDE * DEPTH}>;
var<workgroup> tileB: array<f32, ${SIDE * DEPTH}>;`;

/** Statements that add the product of both tiles to an invocation's sums `s{row}_{vector}`, 8 × 2 vectors. */
export const MULTIPLY = `for (var deep = 0u; deep < ${DEPTH}; deep++) {
      let ta = deep * ${SIDE} + rowAt;
      let tb = deep * ${SIDE} + columnAt;
      ${range(2)
        .map((v) => {
          const parts = range(4).map((j) => `tileB[tb + ${v * SPREAD + j}]`);
          return `let b${v} = vec4f(${parts.join(', ')});`;
        })
        .join('\n      ')}
      ${range(8)
        .map((r) => `let a${r} = tileA[ta + ${r}]; s${r}_0 += a${r} * b0; s${r}_1 += a${r} * b1;`)
        .join('\n      ')}
    }`;

/** Statements that say which rows and columns of the tiles an invocation's sums are of. */
export const PLACE = `let rowAt = (local / 8) * 8;
  let columnAt = (local % 8) * 4;`;

/**
 * Statements that fetch a tile as [k][row or column], zero outside the matrix. Neighbours fetch what lies beside each
 * other in memory.
 */
function fetch(to: string, { name, at, first, count, step, kStep, half }: Fetched, k: number): string {
  const alongK = kStep === 1;
  return `for (var i = local; i < ${SIDE * DEPTH}; i += ${GROUP}) {
      let line = ${alongK ? `i / ${DEPTH}` : `i % ${SIDE}`};
      let deep = ${alongK ? `i % ${DEPTH}` : `i / ${SIDE}`};
      let place = ${at} + (${first} + line) * ${uint(step)} + (k + deep) * ${uint(kStep)};
      let inside = ${first} + line < ${uint(count)} && k + deep < ${uint(k)};
      ${to}[deep * ${SIDE} + line] = select(0f, ${half ? `unpack(${name}[place >> 2])[place & 3]` : `${name}[place]`}, inside);
    }`;
}

interface Fetched {
  readonly name: string;
  /** The matrix of the batch. */
  readonly at: string;
  /** The tile's first row of A or column of B, how many there are, the steps between them and along k. */
  readonly first: string;
  readonly count: number;
  readonly step: number;
  readonly kStep: number;
  readonly half?: boolean;
}

/** y […,m,n] = activation(a·b + bias[n]). */
export function tiledShader(
  a: Buffer,
  b: Buffer,
  bias: Buffer | null,
  y: Buffer,
  s: ProductShape,
  e: Epilogue,
): WebgpuKernel {
  const { dims, a: az, b: bz } = s.batch ?? { dims: [], a: [], b: [] };
  const [down, across] = [Math.ceil(s.m / SIDE), Math.ceil(s.n / SIDE)];
  const matrices = sizeOf(dims);
  const tile = { rows: 8, vectors: 2 };
  const parts = (v: number) => range(4).map((j) => `bias[min(column + ${v * SPREAD + j}, ${uint(s.n - 1)})]`);
  const wgsl = `${TILES}
${activationFunctionWgsl(e)}
${s.half ? UNPACK : ''}
fn run(group: u32, local: u32) {
  let z = group / ${uint(down * across)};
  let firstRow = (group / ${uint(across)} % ${uint(down)}) * ${SIDE};
  let firstColumn = (group % ${uint(across)}) * ${SIDE};
  ${offsets('z', dims, { pa: { strides: az }, pb: { strides: bz } })}
  ${PLACE}
  let row = firstRow + rowAt;
  let column = firstColumn + columnAt;
  ${range(2)
    .map((v) => `let first${v} = ${bias ? `vec4f(${parts(v).join(', ')})` : 'vec4f()'};`)
    .join('\n  ')}
  ${range(8)
    .flatMap((r) => range(2).map((v) => `var s${r}_${v} = first${v};`))
    .join('\n  ')}
  for (var k = 0u; k < ${uint(s.k)}; k += ${DEPTH}) {
    ${fetch('tileA', { name: 'a', at: 'pa', first: 'firstRow', count: s.m, step: s.a.row, kStep: s.a.column }, s.k)}
    ${fetch('tileB', { name: 'b', at: 'pb', first: 'firstColumn', count: s.n, step: s.b.column, kStep: s.b.row, half: s.half }, s.k)}
    workgroupBarrier();
    ${MULTIPLY}
    workgroupBarrier();
  }
  if (row >= ${uint(s.m)}) { return; }
${stores(s, tile, (four, i) => `4 * ${four} + ${i}`, SPREAD).join('\n')}
}`;
  const args = [
    ...[
      reads('a', a),
      s.half ? readsHalves('b', b as Scratch) : reads('b', b),
      ...(bias ? [reads('bias', bias)] : []),
    ],
    writes('y', y, s.n % 4 ? 'f32' : 'vec4f', s.n % 4 ? undefined : (matrices * s.m * s.n) / 4),
  ];
  const macs = matrices * s.m * s.n * s.k;
  return { wgsl, workgroups: matrices * down * across, size: GROUP, args, macs };
}

/**
 * Stores of the rows from `row` and the columns from `column` on, one vector every `spread` columns.
 * @param rowOf which of the rows the sums of number 4·four + i are of
 */
export function stores(
  s: ProductShape,
  t: { readonly rows: number; readonly vectors: number },
  rowOf: (four: string, i: number) => string,
  spread = 4,
): string[] {
  const n = uint(s.n);
  const store = (sum: string, v: number) => {
    const column = `column + ${spread * v}`;
    if (s.n % 4 === 0) return `if (${column} < ${n}) { y[(at + ${spread * v}) >> 2] = activate(${sum}); }`;
    return `{ let v = activate(${sum});
for (var j = 0u; j < min(4, ${n} - min(${column}, ${n})); j++) { y[at + ${spread * v} + j] = v[j]; } }`;
  };
  return [
    `for (var four = 0u; four < ${Math.ceil(t.rows / 4)}; four++) {`,
    ...pickFour('four', t.rows, t.vectors),
    ...range(Math.min(4, t.rows)).flatMap((i) => [
      `{ let r = row + ${rowOf('four', i)};`,
      `if (r < ${uint(s.m)}) { let at = z * ${uint(s.m * s.n)} + r * ${n} + column;`,
      ...range(t.vectors).map((v) => store(`v${i}_${v}`, v)),
      '} }',
    ]),
    '}',
  ];
}
