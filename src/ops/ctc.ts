/**
 * Connectionist temporal classification (A. Graves, S. Fernández, F. Gomez, J. Schmidhuber, "Connectionist Temporal
 * Classification: Labelling Unsegmented Sequence Data with Recurrent Neural Networks", ICML 2006). Names as PyTorch's
 * CTCLoss; log-probabilities lie as convolutions leave them, [N×C×T].
 */
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { showType, type Tensor, type TensorType } from '../core/tensor.ts';
import { apply, apply1, type Value } from '../ir/graph.ts';
import { i32, read, type WasmArg, type WasmKernel, write } from '../ir/kernel.ts';
import { defineOp, noGrad } from '../ir/op.ts';
import { ctcLossGradShader, ctcLossShader } from './ctc-webgpu.ts';

interface CtcAttrs {
  readonly blank: number;
  readonly zeroInfinity: boolean;
}

/** The gradient keeps two numbers for each of the 2L + 1 states in a thread's scratch. */
const MOST_LABELS = Math.floor(Layout.SCRATCH_BYTES / 16) - 1;

type CtcInputs = readonly (TensorType | null)[];

function checkInputs([logProbs, targets, inputLengths, targetLengths]: CtcInputs, { blank }: CtcAttrs): void {
  const [n, c, t] = logProbs!.shape;
  const lengths = (x: TensorType) => x.dtype === 'i32' && x.shape.length === 1 && x.shape[0] === n;
  check(
    logProbs!.dtype === 'f32' &&
      logProbs!.shape.length === 3 &&
      targets!.dtype === 'i32' &&
      targets!.shape.length === 2 &&
      targets!.shape[0] === n &&
      lengths(inputLengths!) &&
      lengths(targetLengths!),
    'shape',
    () =>
      'ctc_loss takes log-probabilities f32[N×C×T], targets i32[N×L] and lengths i32[N], not ' +
      `${[logProbs, targets, inputLengths, targetLengths].map((x) => showType(x!)).join(', ')}.`,
  );
  check(
    Number.isInteger(blank) && blank >= 0 && blank < c && t > 0,
    'shape',
    () => `ctc_loss: the blank ${blank} is none of the ${c} classes, or there is no time step.`,
  );
  check(
    targets!.shape[1] <= MOST_LABELS,
    'shape',
    () => `ctc_loss takes at most ${MOST_LABELS} labels a sample, not ${targets!.shape[1]}.`,
  );
}

/** One sample in f64: class of each state, the blank between and around the labels; null when it is impossible. */
interface Sample {
  readonly classes: readonly number[];
  readonly steps: number;
  /** log-probability of the class of state s at step t. */
  emission(t: number, s: number): number;
  /** Whether state s may follow state s − 2. */
  skips(s: number): boolean;
}

function sampleOf(inputs: readonly (Tensor | null)[], n: number, { blank }: CtcAttrs): Sample | null {
  const [logProbs, targets, inputLengths, targetLengths] = inputs as readonly Tensor[];
  const [, c, t] = logProbs.shape;
  const most = targets.shape[1];
  const steps = inputLengths.data[n];
  const length = targetLengths.data[n];
  if (steps < 1 || steps > t || length < 0 || length > most) return null;
  const labels = Array.from(targets.data.subarray(n * most, n * most + length));
  if (labels.some((l) => l < 0 || l >= c || l === blank)) return null;
  const classes = [blank, ...labels.flatMap((l) => [l, blank])];
  return {
    classes,
    steps,
    emission: (at, s) => logProbs.data[(n * c + classes[s]) * t + at],
    skips: (s) => s >= 2 && classes[s] !== blank && classes[s] !== classes[s - 2],
  };
}

function logSumExp(values: readonly number[]): number {
  const top = Math.max(...values);
  return top === -Infinity ? top : top + Math.log(values.reduce((sum, v) => sum + Math.exp(v - top), 0));
}

/** α_t(s): log-probability of all paths that are in state s at step t (equations 6 and 7). */
function forwardOf({ classes, steps, emission, skips }: Sample): number[][] {
  const alpha: number[][] = [];
  for (let t = 0; t < steps; t++) {
    const before = alpha[t - 1];
    alpha.push(
      classes.map((_, s) => {
        if (!before) return s < 2 ? emission(0, s) : -Infinity;
        const from = [before[s], before[s - 1] ?? -Infinity, skips(s) ? before[s - 2] : -Infinity];
        return emission(t, s) + logSumExp(from);
      }),
    );
  }
  return alpha;
}

/** β_t(s): log-probability of all ways on from state s after step t; unlike equation 10, without step t itself. */
function backwardOf({ classes, steps, emission, skips }: Sample): number[][] {
  const last = classes.length - 1;
  let beta = classes.map((_, s) => (s >= last - 1 ? 0 : -Infinity));
  const all = [beta];
  for (let t = steps - 1; t > 0; t--) {
    const on = (s: number) => (s <= last ? beta[s] + emission(t, s) : -Infinity);
    beta = classes.map((_, s) =>
      logSumExp([on(s), on(s + 1), s + 2 <= last && skips(s + 2) ? on(s + 2) : -Infinity]),
    );
    all.unshift(beta);
  }
  return all;
}

function kernel(opcode: Opcode, buffers: WasmArg[], inputs: CtcInputs, attrs: CtcAttrs): WasmKernel[] {
  const [n, c, t] = inputs[0]!.shape;
  const words = [c, t, inputs[1]!.shape[1], attrs.blank, attrs.zeroInfinity ? 1 : 0].map(i32);
  return [{ opcode, tiles: n, args: [...buffers, ...words] }];
}

/** Inputs: those of the loss, the losses, log α, the gradient of the losses. */
const ctcLossGradOp = defineOp<CtcAttrs>({
  name: 'ctc_loss_grad',
  infer: ([logProbs]) => [logProbs!],
  grad: noGrad,
  reference(inputs, [dx], attrs) {
    const [n, c, steps] = dx.shape;
    const dloss = inputs[6] as Tensor;
    dx.data.fill(0);
    for (let i = 0; i < n; i++) {
      const sample = sampleOf(inputs, i, attrs);
      if (!sample) dx.data.fill(Number.NaN, i * c * steps, (i + 1) * c * steps);
      if (!sample) continue;
      const [alpha, beta] = [forwardOf(sample), backwardOf(sample)];
      const total = logSumExp(alpha[sample.steps - 1].slice(-2));
      if (attrs.zeroInfinity && total === -Infinity) continue;
      for (let t = 0; t < sample.steps; t++) {
        sample.classes.forEach((k, s) => {
          dx.data[(i * c + k) * steps + t] -= Math.exp(alpha[t][s] + beta[t][s] - total) * dloss.data[i];
        });
      }
    }
  },
  wasm({ inputs, outputs: [dx], attrs }) {
    return kernel(Opcode.CTC_LOSS_GRAD, [...inputs.map((x) => read(x)), write(dx)], inputs, attrs);
  },
  webgpu: ({ inputs, outputs: [dx], attrs }) => [ctcLossGradShader(inputs, dx, attrs)],
});

const ctcLossOp = defineOp<CtcAttrs>({
  name: 'ctc_loss',
  infer(inputs, attrs) {
    checkInputs(inputs, attrs);
    const [n, , t] = inputs[0]!.shape;
    return [
      { dtype: 'f32', shape: [n] },
      { dtype: 'f32', shape: [n, t, 2 * inputs[1]!.shape[1] + 1] },
    ];
  },
  grad({ inputs, outputs: [loss, logAlpha], attrs }, [dloss]) {
    return [apply1(ctcLossGradOp, [...inputs, loss, logAlpha, dloss], attrs), null, null, null];
  },
  reference(inputs, [loss, logAlpha], attrs) {
    const states = logAlpha.shape[2];
    logAlpha.data.fill(-Infinity);
    for (let i = 0; i < loss.shape[0]; i++) {
      const sample = sampleOf(inputs, i, attrs);
      const alpha = sample && forwardOf(sample);
      for (const [t, row] of (alpha ?? []).entries())
        logAlpha.data.set(row, (i * logAlpha.shape[1] + t) * states);
      const nll = alpha && sample ? -logSumExp(alpha[sample.steps - 1].slice(-2)) : Number.NaN;
      loss.data[i] = attrs.zeroInfinity && nll === Infinity ? 0 : nll;
    }
  },
  wasm({ inputs, outputs: [loss, logAlpha], attrs }) {
    const buffers = [...inputs.map((x) => read(x)), write(loss), write(logAlpha), read(null), write(null)];
    return kernel(Opcode.CTC_LOSS, buffers, inputs, attrs);
  },
  webgpu: ({ inputs, outputs: [loss, logAlpha], attrs }) => [ctcLossShader(inputs, loss, logAlpha, attrs)],
});

export interface CtcOptions {
  /** Class of the blank. Default 0. */
  readonly blank?: number;
  /** Loss and gradient 0 where the target does not fit into the steps, instead of infinity. Default false. */
  readonly zeroInfinity?: boolean;
}

/**
 * −log of the probability that the classes of the steps, repetitions joined and blanks left out, are the target, for
 * each sample.
 * @param logProbs f32[N×C×T], logarithms of probabilities that sum to one over C
 * @param targets i32[N×L], classes other than the blank; what lies behind a target's length is not read
 * @param inputLengths i32[N], steps of each sample, 1 … T
 * @param targetLengths i32[N], 0 … L
 * @returns f32[N]; NaN for a sample whose classes or lengths are impossible
 */
export const ctcLoss = (
  logProbs: Value,
  targets: Value,
  inputLengths: Value,
  targetLengths: Value,
  { blank = 0, zeroInfinity = false }: CtcOptions = {},
): Value => apply(ctcLossOp, [logProbs, targets, inputLengths, targetLengths], { blank, zeroInfinity })[0];
