/**
 * The shader of large convolutions on GPUs: the product of weights and patches, which are gathered as they are needed. A
 * workgroup makes 64 output channels of 64 pixels from tiles of both in its memory, an invocation 8 × 8 results in
 * registers, as `tiledShader` does for matrices.
 */
import {
  type Buffer,
  type GpuTraits,
  reads,
  type Scratch,
  type WebgpuKernel,
  writes,
  writesPart,
} from '../ir/kernel.ts';
import type { ConvEpilogue } from './conv-shape.ts';
import { type ConvTile, type Pass, pixelsOf, tapsOf } from './conv-wgsl.ts';
import { activationFunctionWgsl } from './elementwise-wgsl.ts';
import { DEPTH, MULTIPLY, PLACE, SIDE, SPREAD, TILED, TILES } from './gemm-tiled-webgpu.ts';
import { readsHalves, UNPACK } from './half-wgsl.ts';
import { GROUP, pickFour, range, uint, vectors, XYZW } from './wgsl.ts';

/** Whether the tiles of workgroups are filled well enough; software has no memory for them that is faster. */
export const isTiled = (p: Pass, gpu: GpuTraits): boolean =>
  gpu.subgroup !== 4 && Math.min(p.m, p.c * tapsOf(p), pixelsOf(p)) >= TILED;

/** How the weights are packed. */
export const tiledWeights = (half: boolean): ConvTile => ({
  channels: SIDE,
  vectors: 1,
  shared: false,
  half,
});

/**
 * Statements that fetch weights k … k + DEPTH − 1 of the tile's channels, and what the tile's pixels read there: an
 * invocation those of one pixel. Zero where there is none.
 */
function fetch(p: Pass, half: boolean): string {
  const { rows, columns, c } = p;
  const taps = tapsOf(p);
  const k = uint(c * taps);
  const weight = half ? 'unpack(w[place >> 2])[place & 3]' : 'w[place]';
  return `for (var i = local; i < ${SIDE * DEPTH}; i += ${GROUP}) {
      let place = pw + k * ${SIDE} + i;
      tileA[i] = select(0f, ${weight}, k + i / ${SIDE} < ${k});
    }
    for (var deep = 0u; deep < ${DEPTH}; deep++) {
      let tap = (k + deep) % ${uint(taps)};
      let iy = iy0 + tap / ${uint(columns.taps.count)} * ${uint(rows.taps.move)};
      let ix = ix0 + tap % ${uint(columns.taps.count)} * ${uint(columns.taps.move)};
      let inside = is && k + deep < ${k} && iy < ${uint(rows.input)} && ix < ${uint(columns.input)};
      let place = px + (k + deep) / ${uint(taps)} * ${uint(rows.input * columns.input)} + iy * ${uint(columns.input)} + ix;
      tileB[deep * ${SIDE} + local] = select(0f, x[place], inside);
    }`;
}

/** Statements that say where in y the pixels of an invocation go, `at{vector}_{pixel}`, and which there are. */
function places(p: Pass): string[] {
  const { g, m, rows, columns } = p;
  const plane = rows.output * columns.output;
  const pixels = pixelsOf(p);
  return range(2).flatMap((v) =>
    range(4).flatMap((j) => {
      const name = `${v}_${j}`;
      const [image, row] = [uint(rows.size * columns.size), uint(columns.size)];
      const y = `(p${name} / ${row} % ${uint(rows.size)} * ${uint(rows.spread)} + ${uint(rows.start)})`;
      const x = `p${name} % ${row} * ${uint(columns.spread)} + ${uint(columns.start)}`;
      return [
        `let p${name} = first + columnAt + ${v * SPREAD + j};`,
        `let is${name} = p${name} < ${uint(pixels)};`,
        `let at${name} = (p${name} / ${image} * ${uint(g * m)} + channel) * ${uint(plane)} + ${y} * ${uint(columns.output)} + ${x};`,
      ];
    }),
  );
}

/** Statements that store an invocation's results, in the order of the channels. */
function stores({ m, rows, columns }: Pass, residual: boolean): string[] {
  const store = (i: number, v: number) => {
    const at = range(4).map((j) => `at${v}_${j} + further`);
    const more = residual ? ` + vec4f(${at.map((a) => `residual[${a}]`).join(', ')})` : '';
    const each = range(4).map((j) => `if (is${v}_${j}) { y[${at[j]}] = value.${XYZW[j]}; }`);
    return `{ let value = activate(v${i}_${v}${more}); ${each.join(' ')} }`;
  };
  return [
    'for (var four = 0u; four < 2; four++) {',
    ...pickFour('four', 8, 2),
    ...range(4).flatMap((i) => [
      `if (inGroup + 4 * four + ${i} < ${uint(m)}) {`,
      `let further = (4 * four + ${i}) * ${uint(rows.output * columns.output)};`,
      ...range(2).map((v) => store(i, v)),
      '}',
    ]),
    '}',
  ];
}

/**
 * y = activation(Σ + bias + residual) for the pixels of a pass, as `convShader`.
 * @param packed weights [group][tile][c][row][column][channel of the tile], by `tiledWeights`
 * @param part whether other passes make the other pixels
 */
export function tiledConvShader(
  x: Buffer,
  packed: Scratch,
  bias: Buffer | null,
  y: Buffer,
  p: Pass,
  { half }: ConvTile,
  e: ConvEpilogue,
  part: boolean,
): WebgpuKernel {
  const { rows, columns, g, c, m } = p;
  const k = c * tapsOf(p);
  const pixels = pixelsOf(p);
  const [down, across] = [Math.ceil(m / SIDE), Math.ceil(pixels / SIDE)];
  const last = uint(g * m - 1);
  const sums = range(8).flatMap((r) => [
    `let first${r} = vec4f(${bias ? `bias[min(channel + ${r}, ${last})]` : '0'});`,
    ...range(2).map((v) => `var s${r}_${v} = first${r};`),
  ]);
  const wgsl = `${TILES}
${activationFunctionWgsl(e)}
${half ? UNPACK : ''}
fn run(group: u32, local: u32) {
  let z = group / ${uint(down * across)};
  let tile = group / ${uint(across)} % ${uint(down)};
  let first = (group % ${uint(across)}) * ${SIDE};
  let is = first + local < ${uint(pixels)};
  let pixel = min(first + local, ${uint(pixels - 1)});
  let iy0 = pixel / ${uint(columns.size)} % ${uint(rows.size)} * ${uint(rows.stride)} + ${uint(rows.taps.shift)};
  let ix0 = pixel % ${uint(columns.size)} * ${uint(columns.stride)} + ${uint(columns.taps.shift)};
  let px = (pixel / ${uint(rows.size * columns.size)} * ${uint(g)} + z) * ${uint(c * rows.input * columns.input)};
  let pw = (z * ${uint(down)} + tile) * ${uint(k * SIDE)};
  ${PLACE}
  let inGroup = tile * ${SIDE} + rowAt;
  let channel = z * ${uint(m)} + inGroup;
  ${sums.join('\n  ')}
  for (var k = 0u; k < ${uint(k)}; k += ${DEPTH}) {
    ${fetch(p, half)}
    workgroupBarrier();
    ${MULTIPLY}
    workgroupBarrier();
  }
  if (inGroup >= ${uint(m)}) { return; }
  ${places(p).join('\n  ')}
  ${stores(p, !!e.residual).join('\n  ')}
}`;
  const args = [
    reads('x', x, 'f32', 4 * vectors(x)),
    half ? readsHalves('w', packed) : reads('w', packed),
    ...(bias ? [reads('bias', bias)] : []),
    ...(e.residual ? [reads('residual', e.residual)] : []),
    (part ? writesPart : writes)('y', y),
  ];
  return { wgsl, workgroups: g * down * across, size: GROUP, args, macs: pixels * g * m * k };
}
