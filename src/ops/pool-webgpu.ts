/** Shaders of pooling: an invocation for each output, and for each input in the gradients. */
import { sizeOf } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { reads, type WebgpuKernel, writes } from '../ir/kernel.ts';
import type { PoolAttrs } from './pool.ts';
import { eachKernel, MINUS_INFINITY, NON_FINITE, range, uint } from './wgsl.ts';

type Window = Pick<PoolAttrs, 'kernel' | 'stride' | 'padding' | 'dilation'>;

/** Element `i` of planes of this size: plane, row and column. */
const place = (h: number, w: number, row: string, column: string): string => `
  let ${column} = i32(i % ${uint(w)});
  let ${row} = i32(i / ${uint(w)} % ${uint(h)});
  let plane = i / ${uint(h * w)};`;

/** Elements of a window that are written out one after the other; larger ones are a loop. */
const UNROLLED = 16;

/** Whether no window reaches over an edge of x. */
const staysInside = (x: Value, y: Value, { kernel, stride, padding, dilation }: Window): boolean =>
  [0, 1].every((d) => {
    const last = ((y.shape[2 + d] as number) - 1) * (stride[d] as number) - (padding[d] as number);
    return (
      padding[d] === 0 &&
      last + ((kernel[d] as number) - 1) * (dilation[d] as number) < (x.shape[2 + d] as number)
    );
  });

/** `body` for every element (iy, ix) inside the window of (oy, ox), in order; y: the windows' results. */
export function eachInWindow(x: Value, y: Value, a: Window, body: string): string {
  const { kernel, stride, padding, dilation } = a;
  if (kernel[0] * kernel[1] <= UNROLLED && staysInside(x, y, a)) {
    return range(kernel[0] * kernel[1])
      .map((i) => {
        const [ky, kx] = [Math.floor(i / kernel[1]), i % kernel[1]];
        return `{
      let iy = oy * ${stride[0]}i + ${ky * dilation[0]}i;
      let ix = ox * ${stride[1]}i + ${kx * dilation[1]}i;
      ${body}
    }`;
      })
      .join('\n');
  }
  const [h, w] = x.shape.slice(2);
  return `
  for (var ky = 0i; ky < ${kernel[0]}i; ky++) {
    let iy = oy * ${stride[0]}i + ky * ${dilation[0]}i - ${padding[0]}i;
    if (iy < 0i || iy >= ${h}i) { continue; }
    for (var kx = 0i; kx < ${kernel[1]}i; kx++) {
      let ix = ox * ${stride[1]}i + kx * ${dilation[1]}i - ${padding[1]}i;
      if (ix < 0i || ix >= ${w}i) { continue; }
      ${body}
    }
  }`;
}

/** `body` for every output (oy, ox) whose window holds (iy, ix). */
function eachWindowWith(y: Value, a: Window, body: string): string {
  const [oh, ow] = y.shape.slice(2);
  return `${windowsAlong(0, 'oy', 'iy', oh, a)}${windowsAlong(1, 'ox', 'ix', ow, a)}
      ${body}
    }
  }`;
}

/** The loop over the windows that reach an input row (column); the caller closes it. */
function windowsAlong(d: 0 | 1, o: string, i: string, outputs: number, a: Window): string {
  const [k, s, p, dilation] = [a.kernel[d], a.stride[d], a.padding[d], a.dilation[d]];
  // The first window that ends at or behind i; integer division rounds towards zero, hence the maximum.
  const first = `max(0i, ${i} + ${p + s - 1 - (k - 1) * dilation}i) / ${s}i`;
  const hole = dilation > 1 ? `if ((${i} + ${p}i - ${o} * ${s}i) % ${dilation}i != 0i) { continue; }` : '';
  return `
  for (var ${o} = ${first}; ${o} <= min(${outputs - 1}i, (${i} + ${p}i) / ${s}i); ${o}++) {
    ${hole}`;
}

const element = (t: Value, row: string, column: string): string =>
  `plane * ${uint(t.shape[2] * t.shape[3])} + u32(${row}) * ${uint(t.shape[3])} + u32(${column})`;

/** `divisor(oy, ox)`: what an average divides by. */
function divisorFunction(x: Value, y: Value, a: PoolAttrs): string {
  const [h, w] = x.shape.slice(2);
  const [oh, ow] = y.shape.slice(2);
  const [top, left, bottom, right] = a.padding;
  const whole = (n: number, o: number, d: 0 | 1, before: number): boolean =>
    before === 0 && (o - 1) * a.stride[d] + (a.kernel[d] - 1) * a.dilation[d] < n;
  const fixed = whole(h, oh, 0, top) && whole(w, ow, 1, left) ? a.kernel[0] * a.kernel[1] : undefined;
  const constant = a.divisorOverride ?? fixed;
  if (constant) return `fn divisor(oy: i32, ox: i32) -> f32 { return ${constant}f; }`;
  // Taps k with low ≤ o·s − before + k·d < high.
  const count = (d: 0 | 1, n: number, before: number, after: number): string => `
fn counted${d}(o: i32) -> i32 {
  let start = o * ${a.stride[d]}i - ${before}i;
  let first = ${a.countIncludePad ? '0i' : `max(0i, ${a.dilation[d] - 1}i - start) / ${a.dilation[d]}i`};
  let last = min(${a.kernel[d] - 1}i, (${(a.countIncludePad ? n + after : n) - 1}i - start) / ${a.dilation[d]}i);
  return last - first + 1i;
}`;
  return `${count(0, h, top, bottom)}${count(1, w, left, right)}
fn divisor(oy: i32, ox: i32) -> f32 { return f32(counted0(oy) * counted1(ox)); }`;
}

export function maxPoolShader(x: Value, y: Value, a: PoolAttrs): WebgpuKernel {
  const [oh, ow] = y.shape.slice(2);
  const visit = `let v = x[${element(x, 'iy', 'ix')}];
      best = select(select(best, v, v > best), best + v, isNan(v) || isNan(best));`;
  const body = `${place(oh, ow, 'oy', 'ox')}
  var best = ${MINUS_INFINITY};${eachInWindow(x, y, a, visit)}
  y[i] = best;`;
  return eachKernel(sizeOf(y.shape), [reads('x', x), writes('y', y)], body, NON_FINITE);
}

/** dx[i] = Σ dy of the windows in which x[i] is the first to equal the maximum (or to be NaN). */
export function maxPoolGradShader(x: Value, y: Value, dy: Value, dx: Value, a: PoolAttrs): WebgpuKernel {
  const [h, w] = x.shape.slice(2);
  const find = eachInWindow(
    x,
    y,
    a,
    `let v = x[plane * ${uint(h * w)} + u32(iy) * ${uint(w)} + u32(ix)];
      if (v == top || isNan(v)) { return iy * ${w}i + ix; }`,
  );
  const winner = `
fn winner(plane: u32, oy: i32, ox: i32, top: f32) -> i32 {${find}
  return -1i;
}`;
  const visit = `let o = ${element(y, 'oy', 'ox')};
      if ((v == y[o] || isNan(v)) && winner(plane, oy, ox, y[o]) == own) { sum += dy[o]; }`;
  const body = `${place(h, w, 'iy', 'ix')}
  let v = x[i];
  let own = iy * ${w}i + ix;
  var sum = 0f;${eachWindowWith(y, a, visit)}
  dx[i] = sum;`;
  const args = [reads('x', x), reads('y', y), reads('dy', dy), writes('dx', dx)];
  return eachKernel(sizeOf(dx.shape), args, body, NON_FINITE + winner);
}

export function avgPoolShader(x: Value, y: Value, a: PoolAttrs): WebgpuKernel {
  const [oh, ow] = y.shape.slice(2);
  const body = `${place(oh, ow, 'oy', 'ox')}
  var sum = 0f;${eachInWindow(x, y, a, `sum += x[${element(x, 'iy', 'ix')}];`)}
  y[i] = sum / divisor(oy, ox);`;
  return eachKernel(sizeOf(y.shape), [reads('x', x), writes('y', y)], body, divisorFunction(x, y, a));
}

export function avgPoolGradShader(dy: Value, dx: Value, a: PoolAttrs): WebgpuKernel {
  const [h, w] = dx.shape.slice(2);
  const visit = `sum += dy[${element(dy, 'oy', 'ox')}] / divisor(oy, ox);`;
  const body = `${place(h, w, 'iy', 'ix')}
  var sum = 0f;${eachWindowWith(dy, a, visit)}
  dx[i] = sum;`;
  return eachKernel(sizeOf(dx.shape), [reads('dy', dy), writes('dx', dx)], body, divisorFunction(dx, dy, a));
}

/** Positions of the maxima in the whole of x; the first of equal ones, no NaN but where all are. */
export function poolIndicesShader(x: Value, y: Value, a: Window, columnMajor: boolean): WebgpuKernel {
  const [h, w] = x.shape.slice(2);
  const [oh, ow] = y.shape.slice(2);
  const visit = `let v = x[${element(x, 'iy', 'ix')}];
      if (answer < 0i || v > best) {
        best = v;
        answer = i32(plane) * ${h * w}i + ${columnMajor ? `ix * ${h}i + iy` : `iy * ${w}i + ix`};
      }`;
  const body = `${place(oh, ow, 'oy', 'ox')}
  var best = 0f;
  var answer = -1i;${eachInWindow(x, y, a, visit)}
  y[i] = answer;`;
  return eachKernel(sizeOf(y.shape), [reads('x', x), writes('y', y, 'i32')], body);
}
