/**
 * The shader of matrix products: an invocation keeps a tile of the result in registers and reads both operands from
 * memory, by vectors of four where their layout allows it. In a subgroup of four, neighbours are beside each other in
 * a row of tiles and share what they load of A: each begins with the rows that it loaded and swaps with the others, so
 * that sums of number i belong to other rows in every lane.
 */
import { sizeOf } from '../core/tensor.ts';
import {
  type Buffer,
  type GpuTraits,
  reads,
  type Scratch,
  type WebgpuArg,
  type WebgpuKernel,
  writes,
} from '../ir/kernel.ts';
import { isStatic } from './conv-kernels.ts';
import type { Epilogue } from './conv-shape.ts';
import { activationFunctionWgsl } from './elementwise-wgsl.ts';
import { type ProductShape, stores, TILED, tiledShader } from './gemm-tiled-webgpu.ts';
import { halved, readsHalves, UNPACK } from './half-wgsl.ts';
import { evenTile, fromLane, groupOf, offsets, range, uint, vectors, XYZW } from './wgsl.ts';

interface Tile {
  readonly rows: number;
  /** Vectors of four columns. */
  readonly vectors: number;
  /** Whether the lanes of a subgroup share rows of A. */
  readonly shared: boolean;
  /** Rows that a lane loads at once, where it swaps with the others; 0 where it tells all, or shares none. */
  readonly swapped: 0 | 1 | 4;
}

function tileOf({ m, n }: ProductShape, a: Layout, gpu: GpuTraits): Tile {
  const shared = gpu.subgroup === 4 && m >= 4;
  const rows = evenTile(m, shared ? 32 : 8);
  const swapped = !shared ? 0 : a !== 'across' ? 1 : rows % 16 ? 0 : 4;
  return { rows, vectors: n > 16 ? 2 : 1, shared, swapped };
}

/** Which row of its tile a lane's sums of number 4·four + i are of. */
const rowOf = ({ swapped }: Tile, four: string, i: number): string =>
  swapped === 1
    ? `4 * ${four} + (lane ^ ${i})`
    : swapped
      ? `16 * (${four} >> 2) + 4 * (lane ^ (${four} & 3)) + ${i}`
      : `4 * ${four} + ${i}`;

type Layout = 'along k' | 'across' | 'scalar';

/** How vectors of an operand lie; `across`: along rows of A, columns of B. */
function layoutOf(kStride: number, otherStride: number, batch: readonly number[]): Layout {
  if (batch.some((s) => s % 4)) return 'scalar';
  if (kStride === 1 && otherStride % 4 === 0) return 'along k';
  return otherStride === 1 && kStride % 4 === 0 ? 'across' : 'scalar';
}

/** Statements that load A: `a{row}_{step}` for `steps` values of k from the offset `pa`, rows `r{i}`. */
function loadA(s: ProductShape, t: Tile, layout: Layout, steps: number): string[] {
  const name = (row: number, step: number) => `a${row}_${step}`;
  const said = (value: string, lane: number) =>
    t.swapped ? fromLane(value, lane) : t.shared ? `subgroupBroadcast(${value}, ${lane}u)` : value;
  const own = (row: number, step: number, value: string, lane: number) =>
    `let ${name(row, step)} = ${said(value, lane)};`;
  const loads: string[] = [];
  const lines: string[] = [];
  // One load for a row, or for four rows of which each lane has one.
  const perLoad = t.shared ? 4 : 1;
  if (layout === 'across') {
    for (const step of range(steps)) {
      const at = `((pa + (k + ${step}) * ${uint(s.a.column)}) >> 2)`;
      const last = uint(s.m / 4 - 1);
      const quads = range(Math.ceil(t.rows / 4 / perLoad)).map((q) =>
        t.shared ? `${4 * q} + lane` : `${q}`,
      );
      quads.forEach((q, i) => {
        loads.push(`let la${i}_${step} = a[${at} + min((row >> 2) + ${q}, ${last})];`);
      });
      for (const row of range(t.rows)) {
        const quad = row >> 2;
        lines.push(
          own(row, step, `la${Math.floor(quad / perLoad)}_${step}.${XYZW[row & 3]}`, quad % perLoad),
        );
      }
    }
    return [...loads, ...lines];
  }
  for (const i of range(t.rows / perLoad)) {
    if (layout === 'along k') loads.push(`let la${i} = a[(pa + r${i} + k) >> 2];`);
    else {
      for (const step of range(steps))
        loads.push(`let la${i}_${step} = a[pa + r${i} + (k + ${step}) * ${uint(s.a.column)}];`);
    }
  }
  for (const row of range(t.rows)) {
    const i = Math.floor(row / perLoad);
    for (const step of range(steps)) {
      const value = layout === 'along k' ? `la${i}.${XYZW[step]}` : `la${i}_${step}`;
      lines.push(own(row, step, value, row % perLoad));
    }
  }
  return [...loads, ...lines];
}

/** Statements that load B: `b{vector}_{step}`, columns `c{i}` or vectors of columns `v{i}`. */
function loadB(s: ProductShape, t: Tile, layout: Layout, steps: number): string[] {
  const lines: string[] = [];
  for (const v of range(t.vectors)) {
    const columns = range(4).map((j) => 4 * v + j);
    if (layout === 'along k') {
      for (const c of columns) {
        const load = `b[(pb + c${c} + k) >> 2]`;
        lines.push(`let lb${c} = ${s.half ? `unpack(${load})` : load};`);
      }
    }
    for (const step of range(steps)) {
      const at = `(k + ${step}) * ${uint(s.b.row)}`;
      const parts = columns.map((c) =>
        layout === 'along k' ? `lb${c}.${XYZW[step]}` : `b[pb + c${c} + ${at}]`,
      );
      const value = layout === 'across' ? `b[((pb + ${at}) >> 2) + v${v}]` : `vec4f(${parts.join(', ')})`;
      lines.push(`let b${v}_${step} = ${value};`);
    }
  }
  return lines;
}

function multiply(t: Tile, steps: number): string[] {
  return range(t.rows).flatMap((row) =>
    range(t.vectors).map((v) => {
      const products = range(steps).map((step) => `a${row}_${step} * b${v}_${step}`);
      return `s${row}_${v} += ${products.join(' + ')};`;
    }),
  );
}

/** y […,m,n] = activation(a·b + bias[n]). */
export function gemmShader(
  a: Buffer,
  b: Buffer,
  bias: Buffer | null,
  y: Buffer,
  s: ProductShape,
  e: Epilogue,
  gpu: GpuTraits,
): WebgpuKernel {
  const { dims, a: az, b: bz } = s.batch ?? { dims: [], a: [], b: [] };
  if (gpu.subgroup !== 4 && Math.min(s.m, s.n, s.k) >= TILED) return tiledShader(a, b, bias, y, s, e);
  const aLayout = layoutOf(s.a.column, s.a.row, az);
  const t = tileOf(s, aLayout, gpu);
  const bLayout = layoutOf(s.b.row, s.b.column, bz);
  const matrices = sizeOf(dims);
  const rowTiles = Math.ceil(s.m / t.rows);
  const columnTiles = 4 * Math.ceil(s.n / t.vectors / 16);
  const items = matrices * rowTiles * columnTiles;
  const size = groupOf(items);
  const step = (steps: number) =>
    [...loadA(s, t, aLayout, steps), ...loadB(s, t, bLayout, steps), ...multiply(t, steps)].join('\n');
  const whole = s.k - (s.k % 4);
  const wgsl = `
${activationFunctionWgsl(e)}
${s.half ? UNPACK : ''}
fn run(group: u32, local: u32) {
  let lane = local & 3;
  let item = min(group * ${size}u + local, ${uint(items - 1)});
  let rest = item / ${uint(columnTiles)};
  let row = (rest % ${uint(rowTiles)}) * ${t.rows};
  let column = (item % ${uint(columnTiles)}) * ${4 * t.vectors};
  let z = rest / ${uint(rowTiles)};
  ${offsets('z', dims, { pa: { strides: az }, pb: { strides: bz } })}
  ${starts(s, t, bias).join('\n  ')}
  for (var k = 0u; k < ${uint(whole)}; k += 4) {
${step(4)}
  }
  ${s.k % 4 ? `{ let k = ${uint(whole)};\n${step(s.k % 4)} }` : ''}
  if (group * ${size}u + local > item) { return; }
${stores(s, t, (four, i) => rowOf(t, four, i)).join('\n')}
}`;
  const args = [
    operand('a', a, aLayout),
    s.half ? readsHalves('b', b as Scratch) : operand('b', b, bLayout),
    ...(bias ? [reads('bias', bias)] : []),
    writes('y', y, s.n % 4 ? 'f32' : 'vec4f', s.n % 4 ? undefined : (matrices * s.m * s.n) / 4),
  ];
  return {
    wgsl,
    workgroups: Math.ceil(items / size),
    size,
    args,
    subgroups: t.shared,
    macs: matrices * s.m * s.n * s.k,
  };
}

/** y [m,n] = activation(x·wᵀ + bias): w in half precision where that is asked for and can be done once. */
export function linearShaders(
  x: Buffer,
  w: Buffer,
  bias: Buffer | null,
  y: Buffer,
  s: ProductShape,
  e: Epilogue,
  gpu: GpuTraits,
): WebgpuKernel[] {
  if (!gpu.half || layoutOf(s.b.row, s.b.column, []) !== 'along k' || !isStatic(w))
    return [gemmShader(x, w, bias, y, s, e, gpu)];
  const { halves, kernel } = halved(w, s.n * s.k);
  return [kernel, gemmShader(x, halves, bias, y, { ...s, half: true }, e, gpu)];
}

const operand = (name: string, buffer: Buffer, layout: Layout): WebgpuArg =>
  layout === 'scalar' ? reads(name, buffer) : reads(name, buffer, 'vec4f', vectors(buffer));

/** Offsets of the rows of A and the columns of B, held inside, and the first sums. */
function starts(s: ProductShape, t: Tile, bias: Buffer | null): string[] {
  const rows = range(t.shared ? t.rows / 4 : t.rows).map(
    (i) =>
      `let r${i} = min(row + ${t.shared ? `${4 * i} + lane` : `${i}`}, ${uint(s.m - 1)}) * ${uint(s.a.row)};`,
  );
  const columns = range(4 * t.vectors).map(
    (i) => `let c${i} = min(column + ${i}, ${uint(s.n - 1)}) * ${uint(s.b.column)};`,
  );
  const quads = range(t.vectors).map(
    (v) => `let v${v} = min((column >> 2) + ${v}, ${uint(Math.ceil(s.n / 4) - 1)});`,
  );
  const biases = range(t.vectors).map((v) => {
    const parts = range(4).map((j) => `bias[min(column + ${4 * v + j}, ${uint(s.n - 1)})]`);
    return `let first${v} = ${bias ? `vec4f(${parts.join(', ')})` : 'vec4f()'};`;
  });
  const sums = range(t.rows).flatMap((row) => range(t.vectors).map((v) => `var s${row}_${v} = first${v};`));
  return [...rows, ...columns, ...quads, ...biases, ...sums];
}
