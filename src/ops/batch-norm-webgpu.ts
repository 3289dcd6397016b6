/** Shaders of batch normalisation: a team of invocations sums a channel, then every vector is on its own. */
import { type Shape, sizeOf } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { reads, type WebgpuArg, type WebgpuKernel, type WgslElement, writes } from '../ir/kernel.ts';
import type { Epilogue } from './conv-shape.ts';
import { activationFunctionWgsl } from './elementwise-wgsl.ts';
import { eachKernel, float, uint, workgroupFold } from './wgsl.ts';

const TEAM = 256;

/** x [N][C][plane] by vectors where planes are made of them. */
function split(shape: Shape) {
  const [n, c] = shape;
  const size = sizeOf(shape.slice(2));
  const vector = size % 4 === 0;
  const type: WgslElement = vector ? 'vec4f' : 'f32';
  return { n, c, count: n * size, plane: vector ? size / 4 : size, type, vector };
}

type Layout = ReturnType<typeof split>;

/** A loop of a team over its share of the vectors of channel `group`; `i` is the place of each. */
const overChannel = ({ n, c, plane }: Layout, body: string): string => `
  for (var j = local; j < ${uint(n * plane)}; j += ${TEAM}) {
    let i = ((j / ${uint(plane)}) * ${uint(c)} + group) * ${uint(plane)} + j % ${uint(plane)};
    ${body}
  }`;

/** The sum of the elements of the variable `name`, over the team. */
const foldOf = (name: string, { vector }: Layout): string =>
  `fold(local, ${vector ? `dot(${name}, vec4f(1))` : name})`;

const FOLD = `fn plus(a: f32, b: f32) -> f32 { return a + b; }\n${workgroupFold('fold', TEAM, 'plus')}`;

/** An invocation for each vector `i`, with its channel `c`. */
function eachVector(
  { n, c, plane }: Layout,
  args: readonly WebgpuArg[],
  body: string,
  functions = '',
): WebgpuKernel {
  const channel = `let c = (i / ${uint(plane)}) % ${uint(c)};`;
  return eachKernel(n * c * plane, args, `${channel}\n  ${body}`, functions);
}

interface Training extends Epilogue {
  readonly eps: number;
  readonly momentum: number;
}

/** x, gamma, beta, running mean, running variance → y, mean, 1/σ, next running ones. */
export function batchNormShaders(
  [x, gamma, beta, runningMean, runningVar]: readonly (Value | null)[],
  [y, mean, istd, meanOut, varOut]: readonly Value[],
  a: Training,
): WebgpuKernel[] {
  const l = split(x!.shape);
  const blend = (old: string, next: string) => `${old} + ${float(a.momentum)} * (${next} - ${old})`;
  const unbiased = float(l.count / Math.max(l.count - 1, 1));
  const running = `meanOut[group] = ${blend('runningMean[group]', 'mu')};
    varOut[group] = ${blend('runningVar[group]', `variance * ${unbiased}`)};`;
  const wgsl = `${FOLD}
fn run(group: u32, local: u32) {
  var sum = ${l.type}();
  ${overChannel(l, 'sum += x[i];')}
  let mu = ${foldOf('sum', l)} / ${float(l.count)};
  var squares = ${l.type}();
  ${overChannel(l, 'let d = x[i] - mu; squares += d * d;')}
  let variance = ${foldOf('squares', l)} / ${float(l.count)};
  if (local == 0) {
    mean[group] = mu;
    istd[group] = 1 / sqrt(variance + ${float(a.eps)});
    ${runningMean ? running : ''}
  }
}`;
  const statistics = runningMean
    ? [
        reads('runningMean', runningMean),
        reads('runningVar', runningVar!),
        writes('meanOut', meanOut),
        writes('varOut', varOut),
      ]
    : [];
  const moments: WebgpuKernel = {
    wgsl,
    workgroups: l.c,
    size: TEAM,
    args: [reads('x', x!, l.type), writes('mean', mean), writes('istd', istd), ...statistics],
  };
  const args = [
    writes('y', y, l.type),
    reads('x', x!, l.type),
    ...[reads('gamma', gamma!), reads('beta', beta!), reads('mean', mean), reads('istd', istd)],
  ];
  const body = 'y[i] = activate((x[i] - mean[c]) * (istd[c] * gamma[c]) + beta[c]);';
  return [moments, eachVector(l, args, body, activationFunctionWgsl(a, l.type))];
}

/** x, gamma, mean, 1/σ, dy → dx, dGamma, dBeta. */
export function batchNormGradShaders(
  [x, gamma, mean, istd, dy]: readonly (Value | null)[],
  [dx, dGamma, dBeta]: readonly Value[],
): WebgpuKernel[] {
  const l = split(x!.shape);
  const wgsl = `${FOLD}
fn run(group: u32, local: u32) {
  let mu = mean[group];
  let scale = istd[group];
  var sum = ${l.type}();
  var products = ${l.type}();
  ${overChannel(l, 'sum += dy[i]; products += dy[i] * ((x[i] - mu) * scale);')}
  let beta = ${foldOf('sum', l)};
  let gamma = ${foldOf('products', l)};
  if (local == 0) { dBeta[group] = beta; dGamma[group] = gamma; }
}`;
  const inputs = [
    ...[reads('x', x!, l.type), reads('dy', dy!, l.type)],
    ...[reads('mean', mean!), reads('istd', istd!)],
  ];
  const sums: WebgpuKernel = {
    wgsl,
    workgroups: l.c,
    size: TEAM,
    args: [...inputs, writes('dGamma', dGamma), writes('dBeta', dBeta)],
  };
  const args = [
    writes('dx', dx, l.type),
    ...inputs,
    ...[reads('gamma', gamma!), reads('dGamma', dGamma), reads('dBeta', dBeta)],
  ];
  const share = float(1 / l.count);
  const body = `let normal = (x[i] - mean[c]) * istd[c];
  dx[i] = (gamma[c] * istd[c]) * (dy[i] - dBeta[c] * ${share} - normal * (dGamma[c] * ${share}));`;
  return [sums, eachVector(l, args, body)];
}

/** y = activation(x·scale + shift), a number a channel each. */
export function channelAffineShader(
  x: Value,
  scale: Value,
  shift: Value,
  y: Value,
  e: Epilogue,
): WebgpuKernel {
  const l = split(x.shape);
  const args = [
    ...[writes('y', y, l.type), reads('x', x, l.type)],
    ...[reads('scale', scale), reads('shift', shift)],
  ];
  const body = 'y[i] = activate(x[i] * scale[c] + shift[c]);';
  return eachVector(l, args, body, activationFunctionWgsl(e, l.type));
}
