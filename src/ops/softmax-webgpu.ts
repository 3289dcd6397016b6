/** Shaders of softmax and of the losses built on it: rows of [outer][n][inner]. */
import { sizeOf } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { reads, type WebgpuArg, type WebgpuKernel, writes } from '../ir/kernel.ts';
import { eachKernel, float, MINUS_INFINITY, NAN, NON_FINITE, uint, workgroupFold } from './wgsl.ts';

/** Row lengths from which a workgroup shares a row. */
const LONG = 128;
const TEAM = 64;

const COMBINE = `
fn larger(a: f32, b: f32) -> f32 { return select(select(b, a, a > b), a + b, isNan(a) || isNan(b)); }
fn sum(a: f32, b: f32) -> f32 { return a + b; }`;

/** The same row text for one invocation and for a team: `k` walks over the row, folds bring results together. */
function rowKernel(
  [outer, n, inner]: readonly number[],
  args: readonly WebgpuArg[],
  body: (walk: string) => string,
): WebgpuKernel {
  const rows = outer * inner;
  const first = (row: string) => `(${row} / ${uint(inner)}) * ${uint(n * inner)} + ${row} % ${uint(inner)}`;
  if (n < LONG) {
    const single = `fn foldMax(local: u32, v: f32) -> f32 { return v; }
fn foldSum(local: u32, v: f32) -> f32 { return v; }`;
    const walk = `for (var k = 0u; k < ${uint(n)}; k++)`;
    return eachKernel(rows, args, `let at = ${first('i')};\n${body(walk)}`, NON_FINITE + COMBINE + single);
  }
  const walk = `for (var k = local; k < ${uint(n)}; k += ${uint(TEAM)})`;
  const wgsl = `${NON_FINITE}${COMBINE}
${workgroupFold('foldMax', TEAM, 'larger')}
${workgroupFold('foldSum', TEAM, 'sum')}
fn run(group: u32, local: u32) {
  let at = ${first('group')};
  ${body(walk)}
}`;
  return { wgsl, workgroups: rows, size: TEAM, args };
}

/** y = softmax(x) or its logarithm. */
export function softmaxShader(x: Value, y: Value, dims: readonly number[], isLog: boolean): WebgpuKernel {
  const e = `at + k * ${uint(dims[2])}`;
  const value = isLog ? `x[${e}] - top - logTotal` : `exp(x[${e}] - top) / total`;
  return rowKernel(
    dims,
    [reads('x', x), writes('y', y)],
    (walk) => `
  var top1 = ${MINUS_INFINITY};
  ${walk} { top1 = larger(top1, x[${e}]); }
  let top = foldMax(local, top1);
  var total1 = 0f;
  ${walk} { total1 += exp(x[${e}] - top); }
  let total = foldSum(local, total1);
  ${isLog ? 'let logTotal = log(total);' : ''}
  ${walk} { y[${e}] = ${value}; }`,
  );
}

/** dx from the result y and dy. */
export function softmaxGradShader(
  y: Value,
  dy: Value,
  dx: Value,
  dims: readonly number[],
  isLog: boolean,
): WebgpuKernel {
  const e = `at + k * ${uint(dims[2])}`;
  return rowKernel(
    dims,
    [reads('y', y), reads('dy', dy), writes('dx', dx)],
    (walk) => `
  var total1 = 0f;
  ${walk} { total1 += ${isLog ? `dy[${e}]` : `dy[${e}] * y[${e}]`}; }
  let total = foldSum(local, total1);
  ${walk} { dx[${e}] = ${isLog ? `dy[${e}] - exp(y[${e}]) * total` : `y[${e}] * (dy[${e}] - total)`}; }`,
  );
}

/** `lossOf(row)`: −Σ q log softmax of a row; `top` and `logTotal` of it for the gradient. */
const crossEntropyRow = (classes: number, smoothing: number): string => `
fn target_(label: i32, k: u32) -> f32 {
  return select(0f, ${float(1 - smoothing)}, label == i32(k)) + ${float(smoothing / classes)};
}
fn largest(at: u32) -> f32 {
  var top = ${MINUS_INFINITY};
  for (var k = 0u; k < ${uint(classes)}; k++) { top = larger(top, x[at + k]); }
  return top;
}
fn logTotalOf(at: u32, top: f32) -> f32 {
  var total = 0f;
  for (var k = 0u; k < ${uint(classes)}; k++) { total += exp(x[at + k] - top); }
  return log(total);
}`;

/** A workgroup for the batch, an invocation for every 64th row. */
export function crossEntropyShader(x: Value, labels: Value, loss: Value, smoothing: number): WebgpuKernel {
  const [n, classes] = x.shape;
  const wgsl = `${NON_FINITE}${COMBINE}${crossEntropyRow(classes, smoothing)}
${workgroupFold('foldSum', TEAM, 'sum')}
fn run(group: u32, local: u32) {
  var total = 0f;
  for (var row = local; row < ${uint(n)}; row += ${uint(TEAM)}) {
    let at = row * ${uint(classes)};
    let label = labels[row];
    let top = largest(at);
    let logTotal = logTotalOf(at, top);
    for (var k = 0u; k < ${uint(classes)}; k++) {
      let q = target_(label, k);
      if (q > 0) { total -= q * (x[at + k] - top - logTotal); }
    }
    if (label < 0i || label >= ${classes}i) { total = ${NAN}; }
  }
  let all = foldSum(local, total);
  if (local == 0u) { loss[0] = all * ${float(1 / n)}; }
}`;
  const args = [reads('x', x), reads('labels', labels, 'i32'), writes('loss', loss)];
  return { wgsl, workgroups: 1, size: TEAM, args };
}

/** dx = (softmax(x) − q)·dloss/N. */
export function crossEntropyGradShader(
  x: Value,
  labels: Value,
  dloss: Value,
  dx: Value,
  smoothing: number,
): WebgpuKernel {
  const [n, classes] = x.shape;
  const body = `let at = i * ${uint(classes)};
  let top = largest(at);
  let logTotal = logTotalOf(at, top);
  for (var k = 0u; k < ${uint(classes)}; k++) {
    dx[at + k] = (exp(x[at + k] - top - logTotal) - target_(labels[i], k)) * dloss[0] * ${float(1 / n)};
  }`;
  const args = [reads('x', x), reads('labels', labels, 'i32'), reads('dloss', dloss), writes('dx', dx)];
  return eachKernel(n, args, body, NON_FINITE + COMBINE + crossEntropyRow(classes, smoothing));
}

/** Rows whose first largest element is at their label; a row with a NaN has none. */
export function countCorrectShader(x: Value, labels: Value, y: Value): WebgpuKernel {
  const [n, classes] = x.shape;
  const wgsl = `${NON_FINITE}${COMBINE}
${workgroupFold('foldSum', TEAM, 'sum')}
fn run(group: u32, local: u32) {
  var right = 0f;
  for (var row = local; row < ${uint(n)}; row += ${uint(TEAM)}) {
    let at = row * ${uint(classes)};
    var best = 0u;
    var whole = true;
    for (var k = 0u; k < ${uint(classes)}; k++) {
      let v = x[at + k];
      whole = whole && !isNan(v);
      if (v > x[at + best]) { best = k; }
    }
    if (whole && i32(best) == labels[row]) { right += 1f; }
  }
  let all = foldSum(local, right);
  if (local == 0u) { y[0] = all; }
}`;
  const args = [reads('x', x), reads('labels', labels, 'i32'), writes('y', y)];
  return { wgsl, workgroups: sizeOf(y.shape), size: TEAM, args };
}
