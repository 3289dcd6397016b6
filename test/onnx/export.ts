/** Checks an exported network against onnxruntime and against its own import. */
import * as ort from 'onnxruntime-web';
import { expect } from 'vitest';
import type { Backend } from '../../src/backend.ts';
import { Random } from '../../src/core/random.ts';
import { sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';
import { asClassifier } from '../../src/io/onnx/classifier.ts';
import { exportOnnx } from '../../src/io/onnx/export.ts';
import { importOnnx } from '../../src/io/onnx/import.ts';
import type { Model } from '../../src/nn/builder.ts';
import { Session } from '../../src/session.ts';

ort.env.wasm.numThreads = 1;

/** Fresh weights, but batch statistics that are not those of a fresh network. */
async function shake(session: Session): Promise<Map<string, Tensor>> {
  const dict = await session.stateDict();
  for (const [name, { data }] of dict) {
    const random = new Random(5).at(name);
    const range = name.endsWith('running_var')
      ? [0.5, 1.5]
      : name.endsWith('running_mean')
        ? [-0.1, 0.1]
        : null;
    if (range) for (let i = 0; i < data.length; i++) data[i] = random.between(range[0], range[1]);
  }
  await session.loadStateDict(dict);
  return dict;
}

/** Largest difference over the standard deviation of what is expected. */
function worst(actual: ArrayLike<number>, wanted: ArrayLike<number>): number {
  const list = Array.from(wanted);
  const mean = list.reduce((a, b) => a + b, 0) / list.length;
  const std = Math.sqrt(list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length);
  expect(std).toBeGreaterThan(0);
  expect(actual.length).toBe(list.length);
  return list.reduce((most, w, i) => Math.max(most, Math.abs(w - actual[i])), 0) / std;
}

/**
 * Exports with an open batch size; onnxruntime's scores for batches of 2 and 1, and those of the imported file, are
 * the session's.
 * @param size height and width; the model's by default
 * @param trained weights; fresh ones by default
 */
export async function checkExport(
  model: Model,
  backend: Backend,
  { size, trained }: { size?: readonly [number, number]; trained?: ReadonlyMap<string, Tensor> } = {},
): Promise<void> {
  const session = await Session.create(model, backend, { seed: 3 });
  if (trained) await session.loadStateDict(trained);
  const dict = trained ?? (await shake(session));
  const bytes = exportOnnx(model, dict, { size });
  const [c, h, w] = model.input;
  const shape = [2, c, size?.[0] ?? h, size?.[1] ?? w];
  const random = new Random(8);
  const x = tensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => random.between(-1, 1)),
  );
  const feeds = { x };
  const wanted = (await (await session.inference(shape, [])).run(feeds)).scores;
  await session.dispose();

  const runtime = await ort.InferenceSession.create(bytes);
  for (const n of [2, 1]) {
    const data = (x.data as Float32Array).slice(0, (n * x.data.length) / 2);
    const { output } = await runtime.run({ input: new ort.Tensor('float32', data, [n, ...shape.slice(1)]) });
    const part = wanted.data.subarray(0, (n * wanted.data.length) / 2);
    expect(output.dims).toEqual([n, ...wanted.shape.slice(1)]);
    expect(worst(output.data as Float32Array, part), `onnxruntime, batch ${n}`).toBeLessThan(1e-3);
  }
  await runtime.release();

  const imported = importOnnx(bytes);
  const names = [...imported.initializers.keys()].sort();
  expect(names).toEqual([...dict.keys()].sort());
  const again = await Session.create(asClassifier(imported), backend);
  const { scores } = await again.infer(x);
  expect(again.model.normalize).toEqual(model.normalize);
  expect(again.model.classes).toEqual(model.classes);
  await again.dispose();
  expect(worst(scores.data, wanted.data), 'import of the export').toBeLessThan(1e-5);
}
