/** The operator cases of ops.json: the output and every gradient. */
import type { Backend } from '../../src/backend.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { tensor } from '../../src/core/tensor.ts';
import { parseSafetensors } from '../../src/io/safetensors.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { globalAvgPool2d } from '../../src/nn/layers.ts';
import { batchNormTraining } from '../../src/ops/batch-norm.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { conv2d, convTranspose2d } from '../../src/ops/conv2d.ts';
import { leakyRelu, relu, scaledTanh, sigmoid, tanh } from '../../src/ops/elementwise.ts';
import { crossEntropy, mseLoss } from '../../src/ops/loss.ts';
import { localResponseNorm } from '../../src/ops/lrn.ts';
import { linear } from '../../src/ops/matmul.ts';
import { avgPool2d, maxPool2d } from '../../src/ops/pool.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { reshape } from '../../src/ops/shape.ts';
import { gradients } from '../../src/plan/grad.ts';
import { type Read, readJson } from './read.ts';
import { attempt, type CaseResult, Errors } from './result.ts';

/** Attributes as make_reference.py names them: numbers, and the connection table. */
type Attributes = Readonly<Record<string, number>> & {
  readonly ceil?: boolean;
  readonly table?: readonly string[];
};
type Inputs = Readonly<Record<string, Value>>;
type Build = (inputs: Inputs, a: Attributes) => Value;

const convOptions = (b: Value, a: Attributes) => ({
  bias: b,
  stride: [a.sh, a.sw] as const,
  padding: [a.ph, a.pw] as const,
  dilation: [a.dh, a.dw] as const,
  groups: a.g,
});

const perMap = (v: Value): Value => reshape(v, [v.shape[0], 1, 1]);

/** Weights at 0 where the table leaves a connection out; row o names the inputs of output o in hexadecimal digits. */
function connected(w: Value, table: readonly string[]): Value {
  const inputs = w.shape[1];
  const mask = table.flatMap((row) =>
    Array.from({ length: inputs }, (_, i) => (row.includes(String(i)) ? 1 : 0)),
  );
  return mul(w, w.graph.constant(tensor([table.length, inputs, 1, 1], Float32Array.from(mask))));
}

const builds: Readonly<Record<string, Build>> = {
  conv2d: ({ x, w, b }, a) => conv2d(x, w, convOptions(b, a)),
  conv_transpose2d: ({ x, w, b }, a) =>
    convTranspose2d(x, w, { ...convOptions(b, a), outputPadding: [a.oph, a.opw] }),
  max_pool2d: ({ x }, a) =>
    maxPool2d(x, a.k, { stride: a.s, padding: a.p, dilation: a.d, ceilMode: Boolean(a.ceil) }),
  avg_pool2d: ({ x }, a) =>
    avgPool2d(x, a.k, {
      stride: a.s,
      padding: a.p,
      ceilMode: Boolean(a.ceil),
      countIncludePad: Boolean(a.count_include_pad),
    }),
  global_avg_pool: ({ x }) => globalAvgPool2d(x),
  batch_norm_train: ({ x, gamma, beta }, { eps }) => batchNormTraining(x, gamma, beta, null, { eps }),
  local_response_norm: ({ x }, { size, alpha, beta, k }) => localResponseNorm(x, size, { alpha, beta, k }),
  linear: ({ x, w, b }) => linear(x, w, b),
  relu: ({ x }) => relu(x),
  sigmoid: ({ x }) => sigmoid(x),
  tanh: ({ x }) => tanh(x),
  scaled_tanh: ({ x }) => scaledTanh(x),
  leaky_relu: ({ x }) => leakyRelu(x, 0.01),
  softmax_cross_entropy: ({ x, target }) => crossEntropy(x, target),
  mse_loss: ({ x, t }) => mseLoss(x, t),
  lenet_c3: ({ x, w, b }, { table }) => conv2d(x, connected(w, table ?? []), { bias: b }),
  lenet_subsample: ({ x, coef, bias }) =>
    add(mul(avgPool2d(x, 2, { divisorOverride: 1 }), perMap(coef)), perMap(bias)),
};

interface OpCase {
  readonly op: string;
  readonly name: string;
  readonly attrs: Attributes;
  readonly inputs: readonly string[];
  readonly grads: readonly string[];
}

/** L2 norm of the difference over the norm of what is expected. */
function relativeError(actual: Tensor, wanted: Tensor): number {
  if (actual.data.length !== wanted.data.length) return Number.NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < wanted.data.length; i++) {
    difference += (actual.data[i] - wanted.data[i]) ** 2;
    norm += wanted.data[i] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/** All sums over a tensor, weighted: the loss whose gradient at y is dy. */
const weightedSum = (y: Value, dy: Value): Value =>
  reduceSum(
    mul(y, dy),
    y.shape.map((_, i) => i),
  );

async function runCase(
  c: OpCase,
  tensors: ReadonlyMap<string, Tensor>,
  backend: Backend,
): Promise<CaseResult> {
  const get = (what: string): Tensor => {
    const found = tensors.get(`${c.name}/${what}`);
    if (!found) throw new Error(`ops.safetensors has no "${c.name}/${what}".`);
    return found;
  };
  if (!Object.hasOwn(builds, c.op)) throw new Error(`There is no operator "${c.op}" here.`);
  const graph = new Graph();
  const inputs = Object.fromEntries(c.inputs.map((name) => [name, graph.input(name, get(name))]));
  const y = builds[c.op](inputs, c.attrs);
  graph.output('y', y);
  const wrt = c.grads.map((d) => inputs[d.slice(1)]);
  const grads = gradients(weightedSum(y, graph.constant(get('dy'))), wrt);
  c.grads.forEach((d, i) => {
    const value = grads.get(wrt[i]);
    if (!value) throw new Error(`There is no gradient ${d}.`);
    graph.output(d, value);
  });
  const store = backend.createStore();
  const executable = await backend.load(graph, store);
  const results = await executable.run(Object.fromEntries(c.inputs.map((name) => [name, get(name)])));
  executable.dispose();
  store.dispose();
  const errors = new Errors();
  for (const name of ['y', ...c.grads]) errors.add(name, relativeError(results[name], get(name)), 1e-4, 'L2');
  return errors.result(c.name);
}

export async function* runOps(read: Read, backend: Backend): AsyncGenerator<CaseResult> {
  const { cases } = await readJson<{ cases: OpCase[] }>(read, 'ops.json');
  const { tensors } = parseSafetensors(await read('ops.safetensors'));
  for (const c of cases) yield attempt(c.name, () => runCase(c, tensors, backend));
}
