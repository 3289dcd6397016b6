/** Building blocks of shaders that the operators share: literals, index arithmetic, elementwise kernels. */
import { bytesOf } from '../core/tensor.ts';
import type { Buffer, WebgpuArg, WebgpuKernel } from '../ir/kernel.ts';

/** Invocations of a workgroup where nothing speaks for another number. */
export const GROUP = 64;

/**
 * Invocations of a workgroup for so many that compute much each: as few as are needed, in no more subgroups of 32 than
 * workgroups of `GROUP` have, but in two workgroups at least.
 */
export function groupOf(invocations: number): number {
  const groups = Math.max(2, Math.ceil(invocations / GROUP));
  return 4 * Math.max(1, Math.ceil(invocations / groups / 4));
}

export const XYZW = ['x', 'y', 'z', 'w'] as const;

/** 0 … n−1. */
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Vectors of four that a buffer has room for. */
export const vectors = (b: Buffer): number =>
  Math.max(1, Math.ceil(('scratch' in b ? b.bytes : bytesOf(b)) / 16));

/** Size of even tiles of `count` things, up to `most` each: a multiple of four, or all where there are fewer. */
export const evenTile = (count: number, most: number): number =>
  count < 4 ? count : 4 * Math.ceil(count / Math.ceil(count / most) / 4);

const LARGEST = 3.4028234663852886e38;

/** An f32 literal; what is infinite becomes the largest finite number, because WGSL has no other. */
export function float(value: number): string {
  const finite = Math.max(-LARGEST, Math.min(LARGEST, Math.fround(value)));
  return finite < 0 || Object.is(finite, -0) ? `(-${-finite}f)` : `${finite}f`;
}

/**
 * Statements that declare `v{i}_{vector}` with the values of `s{4·four + i}_{vector}`: registers by a number that is
 * only known at run time, so that what is done with all of them is a loop and the text stays short.
 * @param rows how many there are; beyond the last one is any of them
 */
export const pickFour = (four: string, rows: number, vectors: number): string[] => {
  const all = (then: (i: number, v: number) => string) =>
    range(Math.min(4, rows)).flatMap((i) => range(vectors).map((v) => then(i, v)));
  const copies = (k: number) =>
    all((i, v) => (4 * k + i < rows ? `v${i}_${v} = s${4 * k + i}_${v};` : '')).join(' ');
  return [
    ...all((i, v) => `var v${i}_${v} = s${i}_${v};`),
    `switch (${four}) {`,
    ...range(Math.ceil(rows / 4) - 1).map((k) => `case ${k + 1}u: { ${copies(k + 1)} }`),
    'default: {} }',
  ];
};

/** What lane `lane ^ step` of a subgroup of four has: a rearrangement, cheaper than telling all. */
export const fromLane = (value: string, step: number): string =>
  step ? `quadSwap${['X', 'Y', 'Diagonal'][step - 1]}(${value})` : value;

/** A u32 literal; negative numbers wrap, so that sums with them come out right. */
export const uint = (value: number): string => `${value >>> 0}u`;

/** An offset that moves by `strides` (in elements) from `start`. */
export interface Walk {
  readonly start?: number;
  readonly strides: readonly number[];
}

/**
 * Statements that declare one offset for each walk: where the element number `index` of a box of `dims` lies. They
 * leave `index` alone.
 */
export function offsets(
  index: string,
  dims: readonly number[],
  walks: Readonly<Record<string, Walk>>,
): string {
  const names = Object.keys(walks);
  const lines = names.map((name) => `var ${name} = ${uint(walks[name].start ?? 0)};`);
  const kept = dims.map((size, d) => ({ size, d })).filter(({ size }) => size !== 1);
  if (kept.length) lines.push(`var rest_ = ${index};`);
  kept.reverse().forEach(({ size, d }, i) => {
    const last = i === kept.length - 1;
    const at = last ? 'rest_' : `(rest_ % ${uint(size)})`;
    for (const name of names) {
      const stride = walks[name].strides[d];
      if (stride) lines.push(`${name} += ${stride === 1 ? at : `${at} * ${uint(stride)}`};`);
    }
    if (!last) lines.push(`rest_ /= ${uint(size)};`);
  });
  return `${lines.join('\n')}\n`;
}

/** An invocation for each of `count` items: `body` with the item's number `i`. */
export function eachKernel(
  count: number,
  args: readonly WebgpuArg[],
  body: string,
  functions = '',
): WebgpuKernel {
  const wgsl = `${functions}
fn run(group: u32, local: u32) {
  let i = group * ${GROUP}u + local;
  if (i >= ${uint(count)}) { return; }
  ${body}
}`;
  return { wgsl, workgroups: Math.ceil(count / GROUP), size: GROUP, args };
}

/**
 * The same for vectors of four of `count` elements, which need not divide: buffers are longer than their tensors. The
 * text does not hold the count, so that all sizes share a pipeline.
 * @param args the first is of vectors, and of `count` elements
 */
export function vectorKernel(
  count: number,
  args: readonly WebgpuArg[],
  body: string,
  functions = '',
): WebgpuKernel {
  const wgsl = `${functions}
fn run(group: u32, local: u32) {
  let i = group * ${GROUP}u + local;
  if (i >= arrayLength(&${args[0].name})) { return; }
  ${body}
}`;
  return { wgsl, workgroups: Math.ceil(count / 4 / GROUP), size: GROUP, args };
}

/** −∞ and NaN, for which WGSL has no literals, and a test that no compiler takes for always false. */
export const NON_FINITE = `
fn nonFinite(bits: u32) -> f32 { var hidden = bits; return bitcast<f32>(hidden); }
fn isNan(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }`;
export const MINUS_INFINITY = 'nonFinite(0xff800000u)';
export const NAN = 'nonFinite(0x7fc00000u)';

/**
 * `${name}(local, v)`: the values of all invocations of a workgroup combined, in a fixed order, by `combine(a, b)`;
 * every invocation has to call it and gets the result.
 * @param size invocations, a power of two
 */
export const workgroupFold = (name: string, size: number, combine: string): string => `
var<workgroup> ${name}Values: array<f32, ${size}>;
fn ${name}(local: u32, v: f32) -> f32 {
  workgroupBarrier();
  ${name}Values[local] = v;
  for (var half = ${size / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { ${name}Values[local] = ${combine}(${name}Values[local], ${name}Values[local + half]); }
  }
  workgroupBarrier();
  return ${name}Values[0];
}`;
