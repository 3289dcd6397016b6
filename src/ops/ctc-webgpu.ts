/** Shaders of connectionist temporal classification: an invocation a sample, as in as/ctc.ts. */
import type { Value } from '../ir/graph.ts';
import { reads, scratch, type WebgpuArg, type WebgpuKernel, writes } from '../ir/kernel.ts';
import { eachKernel, MINUS_INFINITY, NAN, NON_FINITE, uint } from './wgsl.ts';

interface CtcAttrs {
  readonly blank: number;
  readonly zeroInfinity: boolean;
}

/** Log-probabilities, targets, input lengths, target lengths. */
type CtcInputs = readonly (Value | null)[];

/** What both shaders need: `none` stands for −∞, which is told by its size, never by comparing for equality. */
function common(inputs: CtcInputs, { blank }: CtcAttrs): string {
  const [, classes, steps] = inputs[0]!.shape;
  const most = inputs[1]!.shape[1];
  return `${NON_FINITE}
fn share(v: f32, top: f32) -> f32 { if (v < -3e38f) { return 0f; } return exp(v - top); }
fn logSumExp(a: f32, b: f32, c: f32) -> f32 {
  let top = max(a, max(b, c));
  if (top < -3e38f) { return ${MINUS_INFINITY}; }
  return top + log(share(a, top) + share(b, top) + share(c, top));
}
fn classOf(i: u32, s: u32) -> u32 {
  if ((s & 1u) == 0u) { return ${uint(blank)}; }
  return u32(targets[i * ${uint(most)} + (s >> 1u)]);
}
fn skips(i: u32, s: u32) -> bool {
  if (s < 2u || (s & 1u) == 0u) { return false; }
  let at = i * ${uint(most)} + (s >> 1u);
  return targets[at] != targets[at - 1u];
}
fn statesOf(i: u32) -> u32 {
  let length = targetLengths[i];
  if (inputLengths[i] < 1 || inputLengths[i] > ${steps} || length < 0 || length > ${most}) { return 0u; }
  for (var k = 0u; k < u32(length); k++) {
    let label = targets[i * ${uint(most)} + k];
    if (label < 0 || label >= ${classes} || label == ${blank}) { return 0u; }
  }
  return u32(2 * length + 1);
}
fn emission(i: u32, s: u32, t: u32) -> f32 {
  return x[(i * ${uint(classes)} + classOf(i, s)) * ${uint(steps)} + t];
}
fn total(last: u32, states: u32) -> f32 {
  var before = ${MINUS_INFINITY};
  if (states > 1u) { before = alpha[last + states - 2u]; }
  return logSumExp(alpha[last + states - 1u], before, ${MINUS_INFINITY});
}`;
}

const inputArgs = (inputs: CtcInputs): WebgpuArg[] => [
  reads('x', inputs[0]!),
  reads('targets', inputs[1]!, 'i32'),
  reads('inputLengths', inputs[2]!, 'i32'),
  reads('targetLengths', inputs[3]!, 'i32'),
];

export function ctcLossShader(inputs: CtcInputs, loss: Value, alpha: Value, attrs: CtcAttrs): WebgpuKernel {
  const [n, steps, row] = alpha.shape;
  const body = `let base = i * ${uint(steps * row)};
  for (var k = 0u; k < ${uint(steps * row)}; k++) { alpha[base + k] = ${MINUS_INFINITY}; }
  let states = statesOf(i);
  if (states == 0u) { loss[i] = ${NAN}; return; }
  let last = u32(inputLengths[i]) - 1u;
  for (var s = 0u; s < min(2u, states); s++) { alpha[base + s] = emission(i, s, 0u); }
  for (var t = 1u; t <= last; t++) {
    let before = base + (t - 1u) * ${uint(row)};
    for (var s = 0u; s < states; s++) {
      var one = ${MINUS_INFINITY};
      var two = one;
      if (s >= 1u) { one = alpha[before + s - 1u]; }
      if (skips(i, s)) { two = alpha[before + s - 2u]; }
      alpha[before + ${uint(row)} + s] = emission(i, s, t) + logSumExp(alpha[before + s], one, two);
    }
  }
  let log = total(base + last * ${uint(row)}, states);
  loss[i] = -log;
  ${attrs.zeroInfinity ? 'if (log < -3e38f) { loss[i] = 0f; }' : ''}`;
  const args = [...inputArgs(inputs), writes('loss', loss), writes('alpha', alpha)];
  return eachKernel(n, args, body, common(inputs, attrs));
}

/** @param inputs those of the loss, the losses, log α, the gradient of the losses */
export function ctcLossGradShader(inputs: CtcInputs, dx: Value, attrs: CtcAttrs): WebgpuKernel {
  const [, steps, row] = inputs[5]!.shape;
  const [n, classes] = dx.shape;
  const size = uint(classes * steps);
  const body = `let states = statesOf(i);
  for (var k = 0u; k < ${size}; k++) { dx[i * ${size} + k] = 0f; }
  if (states == 0u) {
    for (var k = 0u; k < ${size}; k++) { dx[i * ${size} + k] = ${NAN}; }
    return;
  }
  let base = i * ${uint(steps * row)};
  let last = u32(inputLengths[i]) - 1u;
  let log = total(base + last * ${uint(row)}, states);
  ${attrs.zeroInfinity ? 'if (log < -3e38f) { return; }' : ''}
  let beta = i * ${uint(2 * row)};
  let ahead = beta + ${uint(row)};
  for (var s = 0u; s < states; s++) { work[beta + s] = select(${MINUS_INFINITY}, 0f, s + 2u >= states); }
  for (var k = 0u; k <= last; k++) {
    let t = last - k;
    for (var s = 0u; s < states; s++) {
      let at = (i * ${uint(classes)} + classOf(i, s)) * ${uint(steps)} + t;
      let a = alpha[base + t * ${uint(row)} + s];
      let b = work[beta + s];
      if (log < -3e38f) { dx[at] = ${NAN}; }
      else if (a > -3e38f && b > -3e38f) { dx[at] -= exp(a + b - log) * dloss[i]; }
      work[ahead + s] = b + x[at];
    }
    for (var s = 0u; s < states; s++) {
      var one = ${MINUS_INFINITY};
      var two = one;
      if (s + 1u < states) { one = work[ahead + s + 1u]; }
      if (s + 2u < states && skips(i, s + 2u)) { two = work[ahead + s + 2u]; }
      work[beta + s] = logSumExp(work[ahead + s], one, two);
    }
  }`;
  const args = [
    ...inputArgs(inputs),
    reads('alpha', inputs[5]!),
    reads('dloss', inputs[6]!),
    writes('dx', dx),
    writes('work', scratch(8 * n * row)),
  ];
  return eachKernel(n, args, body, common(inputs, attrs));
}
