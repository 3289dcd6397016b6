/** One of ONNX's test cases, wherever its files come from. */
import type { Backend } from '../../src/backend.ts';
import { check } from '../../src/core/error.ts';
import { Random } from '../../src/core/random.ts';
import { sameShape, showType, type Tensor } from '../../src/core/tensor.ts';
import { importOnnx, type OnnxModel } from '../../src/io/onnx/import.ts';
import { decodeTensor } from '../../src/io/onnx/proto.ts';
import { FileTensor } from '../../src/io/onnx/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder } from '../../src/nn/builder.ts';

/** Those of ONNX's own runner (onnx/backend/test/case): |actual − wanted| ≤ ATOL + RTOL·|wanted| for every element. */
const RTOL = 1e-3;
const ATOL = 1e-7;

/** The files' bytes: model.onnx, and input_N.pb and output_N.pb of one data set. */
export interface CaseFiles {
  readonly model: Uint8Array;
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
}

/** What is wrong with the results, or null. @throws LensletError where the model cannot be run */
export async function verifyCase(files: CaseFiles, backend: Backend): Promise<string | null> {
  const model = importOnnx(files.model);
  const tensors = (kind: 'input' | 'output') =>
    files[`${kind}s`].map((bytes, i) => {
      const name = `${kind}_${i}.pb`;
      return new FileTensor(decodeTensor(bytes), name).tensor(name);
    });
  return compareAll(await run(model, tensors('input'), backend), tensors('output'), model.outputs);
}

/** Results in the order of the model's outputs. */
async function run(model: OnnxModel, inputs: readonly Tensor[], backend: Backend): Promise<Tensor[]> {
  check(
    inputs.length === model.inputs.length,
    'shape',
    () => `the network takes ${model.inputs.length} inputs, the data set has ${inputs.length}.`,
  );
  const graph = new Graph();
  const values = new Map(
    model.inputs.map(({ name }, i) => [name, { value: graph.input(name, inputs[i]), known: inputs[i] }]),
  );
  model.build(new Builder(graph, false), values).forEach((value, name) => {
    graph.output(name, value);
  });
  const store = backend.createStore();
  const random = new Random(0);
  try {
    for (const { spec } of graph.variables.values()) {
      store.add(spec);
      await store.write(spec.name, { dtype: 'f32', shape: spec.shape, data: spec.init(spec.shape, random) });
    }
    const executable = await backend.load(graph, store);
    try {
      const results = await executable.run(
        Object.fromEntries(model.inputs.map(({ name }, i) => [name, inputs[i]])),
      );
      return model.outputs.map((name) => results[name]);
    } finally {
      executable.dispose();
    }
  } finally {
    store.dispose();
  }
}

function compareAll(
  actual: readonly Tensor[],
  wanted: readonly Tensor[],
  names: readonly string[],
): string | null {
  if (actual.length !== wanted.length) return `${actual.length} outputs, expected ${wanted.length}`;
  for (const [i, w] of wanted.entries()) {
    const difference = compare(actual[i], w);
    if (difference) return `output "${names[i]}": ${difference}`;
  }
  return null;
}

/** The worst difference in words, or null when all elements are within tolerance; integers must be equal. */
function compare(actual: Tensor, wanted: Tensor): string | null {
  if (actual.dtype !== wanted.dtype || !sameShape(actual.shape, wanted.shape)) {
    return `${showType(actual)}, expected ${showType(wanted)}`;
  }
  let worst = 0;
  let at = -1;
  for (let i = 0; i < wanted.data.length; i++) {
    const [a, w] = [actual.data[i], wanted.data[i]];
    if (a === w || (Number.isNaN(a) && Number.isNaN(w))) continue;
    const allowed = wanted.dtype === 'f32' ? ATOL + RTOL * Math.abs(w) : 0;
    const excess = Number.isFinite(a - w) ? Math.abs(a - w) / allowed : Number.POSITIVE_INFINITY;
    if (excess > Math.max(1, worst)) {
      worst = excess;
      at = i;
    }
  }
  if (at < 0) return null;
  return `element ${at} is ${actual.data[at]}, expected ${wanted.data[at]} (${worst.toPrecision(3)} times the tolerance)`;
}
