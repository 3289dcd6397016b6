/**
 * The shader of the gradient to the filters: an invocation keeps the sums of some output channels and some taps in
 * registers and walks over pixels, four of a row at a time. In a subgroup of four, the lanes have different taps and
 * share what they load of dy.
 */
import {
  type Buffer,
  type GpuTraits,
  reads,
  scratch,
  type WebgpuArg,
  type WebgpuKernel,
  writes,
} from '../ir/kernel.ts';
import { flattened, isLinear } from './conv-kernels.ts';
import type { ConvGeometry } from './conv-shape.ts';
import { gemmShader } from './gemm-webgpu.ts';
import { eachKernel, evenTile, groupOf, range, uint, vectors } from './wgsl.ts';

interface GradTile {
  /** Output channels. */
  readonly m: number;
  /** Input channels, each with `taps` neighbours of a row of the kernel. */
  readonly c: number;
  readonly taps: number;
  readonly shared: boolean;
}

function tileOf(s: ConvGeometry, gpu: GpuTraits): GradTile {
  const taps = Math.ceil(s.kw / Math.ceil(s.kw / 8));
  const c = Math.min(s.c, Math.max(1, Math.floor(4 / taps)));
  const shared = gpu.subgroup === 4 && s.m >= 4;
  return { m: evenTile(s.m, c * taps > 6 ? 8 : 16), c, taps, shared };
}

/** Input pixels that four output pixels and the taps of a tile read in a row, from the first. */
function reach({ sw, dw }: ConvGeometry, t: GradTile): number[] {
  const all = range(4).flatMap((p) => range(t.taps).map((i) => p * sw + i * dw));
  return [...new Set(all)].sort((a, b) => a - b);
}

/** Loads of dy for the four pixels from `ox` on: `d{channel}`, zero behind the row's end. */
function loadDy(s: ConvGeometry, t: GradTile, aligned: boolean): string[] {
  const plane = uint(s.oh * s.ow);
  const load = (channel: string) => {
    const at = `pd + min(tile + ${channel}, ${uint(s.m - 1)}) * ${plane} + ox`;
    if (aligned) return `dy[(${at}) >> 2]`;
    const parts = range(4).map((j) => `select(0f, dy[${at} + ${j}], ox + ${j} < ${uint(s.ow)})`);
    return `vec4f(${parts.join(', ')})`;
  };
  if (!t.shared) return range(t.m).map((m) => `let d${m} = ${load(`${m}`)};`);
  return [
    ...range(t.m / 4).map((q) => `let ld${q} = ${load(`${4 * q} + lane`)};`),
    ...range(t.m).map((m) => `let d${m} = subgroupBroadcast(ld${m >> 2}, ${m & 3}u);`),
  ];
}

/** Loads of x for channel `c` of the tile: `x{c}_{i}`, the pixels that tap i reads. */
function loadX(s: ConvGeometry, t: GradTile, aligned: boolean, c: number): string[] {
  const at = `px + min(c0 + ${c}, ${uint(s.c - 1)}) * ${uint(s.h * s.w)} + iy * ${uint(s.w)} + ix`;
  if (aligned) return [`let x${c}_0 = select(vec4f(), x[(${at}) >> 2], inside);`];
  const places = reach(s, t);
  return [
    ...places.map(
      (p, i) => `let l${c}_${i} = select(0f, x[${at} + ${p}], inside && ix + ${p} < ${uint(s.w)});`,
    ),
    ...range(t.taps).map((i) => {
      const parts = range(4).map((j) => `l${c}_${places.indexOf(j * s.sw + i * s.dw)}`);
      return `let x${c}_${i} = vec4f(${parts.join(', ')});`;
    }),
  ];
}

/** dw [G·M][C][KH][KW] = Σ over images and pixels of dy · x, in `splits` parts behind each other. */
function partsShader(
  x: Buffer,
  dy: Buffer,
  out: WebgpuArg,
  s: ConvGeometry,
  t: GradTile,
  splits: number,
): WebgpuKernel {
  const blocks = Math.ceil(s.kw / t.taps);
  const units = Math.ceil(s.c / t.c) * s.kh * blocks;
  const line = 4 * Math.ceil(units / 4);
  const tiles = Math.ceil(s.m / t.m);
  const items = line * tiles * s.g * splits;
  const size = groupOf(items);
  const rows = s.n * s.oh;
  const perSplit = Math.ceil(rows / splits);
  const alignedDy = s.ow % 4 === 0;
  const alignedX = alignedDy && s.kw === 1 && s.sw === 1 && s.pl === 0 && s.w % 4 === 0;
  const sums = range(t.m).flatMap((m) =>
    range(t.c).flatMap((c) => range(t.taps).map((i) => ({ m, c, i, name: `s${m}_${c}_${i}` }))),
  );
  const count = s.g * s.m * s.c * s.kh * s.kw;
  const wgsl = `
fn run(group: u32, local: u32) {
  let lane = local & 3;
  let number = group * ${size}u + local;
  let item = min(number, ${uint(items - 1)});
  let unit = min(item % ${uint(line)}, ${uint(units - 1)});
  var rest = item / ${uint(line)};
  let tile = (rest % ${uint(tiles)}) * ${t.m};
  rest /= ${uint(tiles)};
  let g = rest % ${uint(s.g)};
  let split = rest / ${uint(s.g)};
  let kx = (unit % ${blocks}) * ${t.taps};
  let ky = (unit / ${blocks}) % ${uint(s.kh)};
  let c0 = (unit / ${uint(blocks * s.kh)}) * ${t.c};
  ${sums.map(({ name }) => `var ${name} = 0f;`).join('\n  ')}
  // As many rows for all: lanes that are through go on beside the others and add nothing.
  for (var r = 0u; r < ${uint(perSplit)}; r++) {
    let row = min(split * ${uint(perSplit)} + r, ${uint(rows - 1)});
    let n = row / ${uint(s.oh)};
    let oy = row % ${uint(s.oh)};
    let iy = oy * ${s.sh} + ky * ${s.dh} - ${uint(s.pt)};
    let inside = iy < ${uint(s.h)} && split * ${uint(perSplit)} + r == row;
    let px = (n * ${uint(s.g)} + g) * ${uint(s.c * s.h * s.w)};
    let pd = (n * ${uint(s.g)} + g) * ${uint(s.m * s.oh * s.ow)} + oy * ${uint(s.ow)};
    for (var ox = 0u; ox < ${uint(s.ow)}; ox += 4) {
      let ix = ox * ${s.sw} + kx * ${s.dw} - ${uint(s.pl)};
      ${loadDy(s, t, alignedDy).join('\n      ')}
      ${range(t.c)
        .flatMap((c) => loadX(s, t, alignedX, c))
        .join('\n      ')}
      ${sums.map(({ m, c, i, name }) => `${name} += dot(d${m}, x${c}_${i});`).join('\n      ')}
    }
  }
  if (number > item || item % ${uint(line)} >= ${uint(units)}) { return; }
  let at = split * ${uint(count)} + ((g * ${uint(s.m)} + tile) * ${uint(s.c)} + c0) * ${uint(s.kh * s.kw)} + ky * ${uint(s.kw)} + kx;
  ${sums
    .map(({ m, c, i, name }) => {
      const inside = `tile + ${m} < ${uint(s.m)} && c0 + ${c} < ${uint(s.c)} && kx + ${i} < ${uint(s.kw)}`;
      return `if (${inside}) { ${out.name}[at + ${uint((m * s.c + c) * s.kh * s.kw + i)}] = ${name}; }`;
    })
    .join('\n  ')}
}`;
  const args = [
    alignedX ? reads('x', x, 'vec4f', vectors(x)) : reads('x', x, 'f32', 4 * vectors(x)),
    alignedDy ? reads('dy', dy, 'vec4f', vectors(dy)) : reads('dy', dy, 'f32', 4 * vectors(dy)),
    out,
  ];
  const macs = count * rows * s.ow;
  return { wgsl, workgroups: Math.ceil(items / size), size, args, subgroups: t.shared, macs };
}

/** Invocations that keep a GPU busy, and the most parts that a sum is split into to have as many. */
const BUSY = 16384;
const MOST_SPLITS = 64;
/** The most numbers that the parts of a sum may take. */
const MOST_PARTS = 1 << 22;

/** dw = Σ over images and pixels of dy · patchesᵀ. */
export function convFilterGradShaders(
  x: Buffer,
  dy: Buffer,
  dw: Buffer,
  s0: ConvGeometry,
  gpu: GpuTraits,
): WebgpuKernel[] {
  const s = flattened(s0);
  const k = s.c * s.kh * s.kw;
  if (isLinear(s)) {
    const shape = { m: s.m, n: k, k: s.n, a: { row: 1, column: s.m }, b: { row: k, column: 1 } };
    return [gemmShader(dy, x, null, dw, shape, {}, gpu)];
  }
  const t = tileOf(s, gpu);
  const count = s.g * s.m * k;
  const invocations = count / (t.m * t.c * t.taps);
  const most = Math.min(s.n * s.oh, MOST_SPLITS, Math.max(1, Math.floor(MOST_PARTS / count)));
  const splits = Math.max(1, Math.min(most, Math.ceil(BUSY / invocations)));
  if (splits === 1) return [partsShader(x, dy, writes('dw', dw), s, t, 1)];
  const parts = scratch(4 * splits * count);
  const sum = `var sum = 0f;
  for (var k = 0u; k < ${splits}; k++) { sum += parts[k * ${uint(count)} + i]; }
  dw[i] = sum;`;
  return [
    partsShader(x, dy, writes('parts', parts), s, t, splits),
    eachKernel(count, [writes('dw', dw), reads('parts', parts)], sum),
  ];
}
