/** Shaders of reductions over [A][R1][B][R2][C]. */
import { Reduction } from '../../as/kinds.ts';
import { type Buffer, reads, scratch, type WebgpuKernel, writes } from '../ir/kernel.ts';
import { eachKernel, float, MINUS_INFINITY, NON_FINITE, uint, workgroupFold } from './wgsl.ts';

const combine: Record<Reduction, string> = {
  [Reduction.SUM]: 'a + b',
  [Reduction.MEAN]: 'a + b',
  [Reduction.MAX]: 'select(select(b, a, a > b), a + b, isNan(a) || isNan(b))',
  [Reduction.MIN]: 'select(select(b, a, a < b), a + b, isNan(a) || isNan(b))',
  [Reduction.PROD]: 'a * b',
};

const starts: Record<Reduction, string> = {
  [Reduction.SUM]: '0f',
  [Reduction.MEAN]: '0f',
  [Reduction.MAX]: MINUS_INFINITY,
  [Reduction.MIN]: `(-${MINUS_INFINITY})`,
  [Reduction.PROD]: '1f',
};

const combineFunction = (kind: Reduction): string =>
  `${NON_FINITE}\nfn combine(a: f32, b: f32) -> f32 { return ${combine[kind]}; }`;

/** Invocations that reduce one result together, where there are few results of many elements. */
const TEAM = 64;
/** Elements from which a team is worth its barriers. */
const LONG = 256;
/** Results that keep a device busy with one invocation each. */
const MANY = 4096;
/** Elements of one team; longer sums are made of parts. */
const PART = 16384;

/** y[a][b][c] = the reduction of x over R1 and R2. */
export function reduceShaders(
  x: Buffer,
  y: Buffer,
  kind: Reduction,
  dims: readonly number[],
): WebgpuKernel[] {
  const [a, r1, b, r2, c] = dims;
  const [count, length] = [a * b * c, r1 * r2];
  const scale = kind === Reduction.MEAN ? 1 / length : 1;
  if (length < LONG || count >= MANY) return [eachResult(x, y, kind, dims, scale)];
  const parts = Math.min(256, Math.ceil(length / PART));
  if (parts === 1) return [teamEach(x, y, kind, dims, 1, scale)];
  const partial = scratch(4 * count * parts);
  return [
    teamEach(x, partial, kind, dims, parts, 1),
    eachResult(partial, y, kind, [count, parts, 1, 1, 1], scale),
  ];
}

/** Where the first element of result `i` lies, and its element number `r` relative to it. */
function addresses([, r1, b, r2, c]: readonly number[]): { first: string; element: string } {
  const first = `(i / ${uint(b * c)}) * ${uint(r1 * b * r2 * c)} + (i / ${uint(c)} % ${uint(b)}) * ${uint(r2 * c)} + i % ${uint(c)}`;
  const element =
    r1 === 1 || b === 1
      ? `r * ${uint(c)}`
      : `(r / ${uint(r2)}) * ${uint(b * r2 * c)} + (r % ${uint(r2)}) * ${uint(c)}`;
  return { first, element };
}

/** An invocation for each result. */
function eachResult(
  x: Buffer,
  y: Buffer,
  kind: Reduction,
  dims: readonly number[],
  scale: number,
): WebgpuKernel {
  const [a, r1, b, r2, c] = dims;
  const { first, element } = addresses(dims);
  const body = `let at = ${first};
  var total = ${starts[kind]};
  for (var r = 0u; r < ${uint(r1 * r2)}; r++) { total = combine(total, x[at + ${element}]); }
  y[i] = total * ${float(scale)};`;
  return eachKernel(a * b * c, [reads('x', x), writes('y', y)], body, combineFunction(kind));
}

/** A team for each of the `parts` of each result: y[result][part]. */
function teamEach(
  x: Buffer,
  y: Buffer,
  kind: Reduction,
  dims: readonly number[],
  parts: number,
  scale: number,
): WebgpuKernel {
  const [a, r1, b, r2, c] = dims;
  const { first, element } = addresses(dims);
  const length = r1 * r2;
  const part = Math.ceil(length / parts);
  const wgsl = `${combineFunction(kind)}
${workgroupFold('fold', TEAM, 'combine')}
fn run(group: u32, local: u32) {
  let i = group / ${uint(parts)};
  let at = ${first};
  let begin = (group % ${uint(parts)}) * ${uint(part)};
  var total = ${starts[kind]};
  for (var r = begin + local; r < min(begin + ${uint(part)}, ${uint(length)}); r += ${uint(TEAM)}) {
    total = combine(total, x[at + ${element}]);
  }
  let all = fold(local, total);
  if (local == 0u) { y[group] = all * ${float(scale)}; }
}`;
  return { wgsl, workgroups: a * b * c * parts, size: TEAM, args: [reads('x', x), writes('y', y)] };
}
