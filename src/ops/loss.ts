/** Losses and the count of right answers. */
import { Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { showType, type Tensor, type TensorType } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { f32, i32, read, type WasmArg, type WasmKernel, write } from '../ir/kernel.ts';
import { defineOp, noGrad } from '../ir/op.ts';
import { sub } from './binary.ts';
import { unary } from './elementwise.ts';
import { reduceMean } from './reduce.ts';
import { pad } from './slice.ts';
import { countCorrectShader, crossEntropyGradShader, crossEntropyShader } from './softmax-webgpu.ts';

interface CrossEntropyAttrs {
  readonly labelSmoothing: number;
}

function checkLabels(name: string, x: TensorType, labels: TensorType): void {
  const fits = x.shape.length === 2 && labels.shape.length === 1 && x.shape[0] === labels.shape[0];
  check(
    fits && x.dtype === 'f32' && labels.dtype === 'i32',
    'shape',
    () =>
      `${name} takes scores f32[N×classes] and labels i32[N], not ${showType(x)} and ${showType(labels)}.`,
  );
}

function kernel(
  opcode: Opcode,
  tiles: number,
  rows: number,
  buffers: WasmArg[],
  x: TensorType,
  a: CrossEntropyAttrs,
): WasmKernel[] {
  const [n, classes] = x.shape;
  return [{ opcode, tiles, args: [...buffers, i32(n), i32(classes), f32(a.labelSmoothing), i32(rows)] }];
}

/** Row by row: log-softmax, and the target distribution with smoothing. */
function forRows(
  x: Tensor,
  labels: Tensor,
  eps: number,
  visit: (at: number, logP: number, q: number) => void,
): void {
  const [n, classes] = x.shape;
  for (let row = 0; row < n; row++) {
    const scores = Array.from(x.data.subarray(row * classes, (row + 1) * classes));
    const top = Math.max(...scores);
    const total = Math.log(scores.reduce((s, v) => s + Math.exp(v - top), 0));
    scores.forEach((v, i) => {
      visit(row * classes + i, v - top - total, (i === labels.data[row] ? 1 - eps : 0) + eps / classes);
    });
  }
}

const crossEntropyGradOp = defineOp<CrossEntropyAttrs>({
  name: 'cross_entropy_grad',
  infer: ([x]) => [x!],
  grad: noGrad,
  reference([x, labels, dloss], [dx], { labelSmoothing }) {
    const scale = (dloss as Tensor).data[0] / x!.shape[0];
    forRows(x!, labels!, labelSmoothing, (i, logP, q) => {
      dx.data[i] = (Math.exp(logP) - q) * scale;
    });
  },
  wasm({ inputs: [x, labels, dloss], outputs: [dx], attrs }) {
    const [n, classes] = dx.shape;
    const rows = Math.max(1, Math.floor(512 / classes));
    const buffers = [read(x), read(labels), read(null), read(dloss), write(dx)];
    return kernel(Opcode.CROSS_ENTROPY_GRAD, Math.ceil(n / rows), rows, buffers, dx, attrs);
  },
  webgpu: ({ inputs: [x, labels, dloss], outputs: [dx], attrs }) => [
    crossEntropyGradShader(x!, labels!, dloss!, dx, attrs.labelSmoothing),
  ],
});

const crossEntropyOp = defineOp<CrossEntropyAttrs>({
  name: 'cross_entropy',
  infer([x, labels]) {
    checkLabels('cross_entropy', x!, labels!);
    return [{ dtype: 'f32', shape: [] }];
  },
  grad: ({ inputs: [x, labels], attrs }, [dy]) => [apply1(crossEntropyGradOp, [x, labels, dy], attrs), null],
  reference([x, labels], [loss], { labelSmoothing }) {
    let sum = 0;
    forRows(x!, labels!, labelSmoothing, (_, logP, q) => {
      if (q > 0) sum -= q * logP;
    });
    // A label outside the classes is refused before a run; should one come here, the loss says so.
    const known = labels!.data.every((label) => label >= 0 && label < x!.shape[1]);
    loss.data[0] = known ? sum / x!.shape[0] : Number.NaN;
  },
  wasm({ inputs: [x, labels], outputs: [loss], attrs }) {
    const buffers = [read(x), read(labels), write(loss), read(null), read(null)];
    return kernel(Opcode.CROSS_ENTROPY, 1, x!.shape[0], buffers, x!, attrs);
  },
  webgpu: ({ inputs: [x, labels], outputs: [loss], attrs }) => [
    crossEntropyShader(x!, labels!, loss, attrs.labelSmoothing),
  ],
});

/**
 * Mean over the batch of −Σ q log softmax(x); q is one at the label, or with smoothing ε (1 − ε) there plus
 * ε / classes everywhere (Szegedy et al. 2016, section 7).
 * @param x scores f32[N×classes]
 * @param labels i32[N], each in [0, classes)
 * @returns a scalar
 */
export const crossEntropy = (x: Value, labels: Value, labelSmoothing = 0): Value =>
  apply1(crossEntropyOp, [x, labels], { labelSmoothing });

/** Mean of (x − t)² over all elements: a scalar. */
export const mseLoss = (x: Value, t: Value): Value => {
  const d = unary('square', sub(x, t));
  return reduceMean(
    d,
    d.shape.map((_, i) => i),
  );
};

/**
 * The discriminative loss of LeNet-5 (LeCun et al. 1998, equation 9): mean over the batch of
 * y_D + log(e^−j + Σ e^−y_i), for penalties y and the right class D. It is the cross-entropy of the scores −y with
 * one more class, the rubbish class, whose score is always −j.
 * @param scores f32[N×classes], the penalties with the sign turned
 */
export const mapLoss = (scores: Value, labels: Value, j: number): Value =>
  crossEntropy(pad(scores, [0, 0], [0, 1], -j), labels);

const countCorrectOp = defineOp<null>({
  name: 'count_correct',
  infer([x, labels]) {
    checkLabels('count_correct', x!, labels!);
    return [{ dtype: 'f32', shape: [] }];
  },
  grad: noGrad,
  reference([x, labels], [y]) {
    const [n, classes] = x!.shape;
    let right = 0;
    for (let row = 0; row < n; row++) {
      const scores = Array.from(x!.data.subarray(row * classes, (row + 1) * classes));
      if (scores.indexOf(Math.max(...scores)) === labels!.data[row]) right++;
    }
    y.data[0] = right;
  },
  wasm({ inputs: [x, labels], outputs: [y] }) {
    const [n, classes] = x!.shape;
    return [
      {
        opcode: Opcode.COUNT_CORRECT,
        tiles: 1,
        args: [read(x), read(labels), write(y), i32(n), i32(classes)],
      },
    ];
  },
  webgpu: ({ inputs: [x, labels], outputs: [y] }) => [countCorrectShader(x!, labels!, y)],
});

/** How many rows of scores f32[N×classes] are largest at their label: a scalar. A row with a NaN never is. */
export const countCorrect = (x: Value, labels: Value): Value => apply1(countCorrectOp, [x, labels], null);

export const lossOps = { cross_entropy: crossEntropyOp, count_correct: countCorrectOp };
