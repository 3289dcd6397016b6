/**
 * Writes what the benchmark's pages load into a folder: index.json, and for each network NAME.json (operations, tensors,
 * expected values), NAME.bin (tensors) and CASE.onnx. Expected values are those of the reference backend.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { batchNormTraining } from '../../src/ops/batch-norm.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { type Asset, assets, type Case } from './network.ts';
import { onnxOf } from './onnx.ts';
import { feedsOf, forward, graphFor, prepareInference } from './program.ts';
import { prepareTraining } from './training.ts';

/** Raised when what is written changes. */
const VERSION = 1;

/** Losses that are checked; the reference backend takes its time for a step of ResNet-20. */
const STEPS = 2;

type Expected = Record<string, { values: number[]; shape: readonly number[] }>;

/** Operations that count, and the shape of the output. */
function measure(asset: Asset, batch: number): { flops: number; shape: readonly number[] } {
  const graph = graphFor(feedsOf(asset, batch));
  const y = forward(graph, asset, (o, x, variable) =>
    batchNormTraining(x, variable(o.g), variable(o.be), null),
  );
  const times = asset.kind === 'train' ? 3 : 1;
  let flops = 0;
  for (const { op, inputs, outputs } of graph.nodes) {
    if (!['conv2d', 'linear', 'matmul'].includes(op.name)) continue;
    const [x, w] = inputs.map((v) => v!);
    const terms = op.name === 'matmul' ? x.shape[1] : w.shape.slice(1).reduce((a, b) => a * b);
    // The first layer has no gradient of its input.
    const passes = times === 3 && flops === 0 ? 2 : times;
    flops += 2 * terms * outputs[0].shape.reduce((a, b) => a * b) * passes;
  }
  return { flops, shape: y.shape };
}

async function expect(asset: Asset, cases: readonly Case[]): Promise<Expected> {
  const expected: Expected = {};
  for (const c of cases) {
    const backend = new ReferenceBackend();
    const train = c.kind === 'train';
    const program = await (train
      ? prepareTraining(backend, c, asset, STEPS)
      : prepareInference(backend, c, asset));
    const values = await program.check();
    expected[c.id] = { values, shape: train ? [STEPS] : measure(asset, c.batch).shape };
    program.dispose();
  }
  return expected;
}

async function write(folder: string, asset: Asset, expected: Expected): Promise<void> {
  const { t, ...network } = asset;
  const tensors: Record<string, object> = {};
  const file = await open(join(folder, `${asset.name}.bin`), 'w');
  let offset = 0;
  for (const [name, { shape, data }] of Object.entries(t)) {
    const dtype = data instanceof Int32Array ? 'int32' : 'float32';
    tensors[name] = { shape, dtype, offset, size: data.length };
    await file.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  await file.close();
  await writeFile(
    join(folder, `${asset.name}.json`),
    JSON.stringify({ version: VERSION, ...network, expected, tensors }),
  );
}

async function isWritten(folder: string, name: string): Promise<boolean> {
  if (!existsSync(join(folder, `${name}.json`))) return false;
  const { version, complete } = JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8'));
  return version === VERSION && complete !== false;
}

/** Writes what is not there yet. */
export async function writeModels(folder: string, log: (line: string) => void): Promise<void> {
  if (await isWritten(folder, 'index')) return;
  await mkdir(folder, { recursive: true });
  const index = (complete: boolean) =>
    writeFile(
      join(folder, 'index.json'),
      JSON.stringify({ version: VERSION, complete, cases: all }, null, 1),
    );
  const all: Case[] = [];
  for (const { asset, batches } of assets()) {
    const cases = batches.map((batch): Case => {
      const id = asset.name.startsWith('gemm') ? asset.name : `${asset.name}-b${batch}`;
      return { id, kind: asset.kind, asset: asset.name, batch, flops: measure(asset, batch).flops };
    });
    all.push(...cases);
    await index(false);
    if (await isWritten(folder, asset.name)) continue;
    const start = performance.now();
    for (const { id, batch } of cases.filter((c) => c.kind !== 'train')) {
      const feeds = Object.entries(feedsOf(asset, batch)).map(([name, { shape }]) => [name, shape] as const);
      const bytes = onnxOf(asset, Object.fromEntries(feeds), measure(asset, batch).shape);
      await writeFile(join(folder, `${id}.onnx`), bytes);
    }
    await write(folder, asset, await expect(asset, cases));
    log(`${asset.name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
  await index(true);
}
