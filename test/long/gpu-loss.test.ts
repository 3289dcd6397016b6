/** A real device, destroyed at random steps of a training run, a hundred times. */
import { afterAll, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { HybridBackend } from '../../src/hybrid/index.ts';
import type { WebgpuBackend } from '../../src/webgpu/index.ts';
import { createBackend } from '../../workers/node.ts';
import { createWebgpuBackend } from '../../workers/node-webgpu.ts';
import { STEPS, trainResidual } from '../hybrid/residual-run.ts';
import { relativeError } from '../op.ts';

const RUNS = 100;
/** Most losses of one run; from the fourth on it goes on on WASM. */
const MOST = 4;
/** Of the weights, relative: sums in another order, 15 steps of momentum. */
const TOLERANCE = 1e-3;

const wasm = await createBackend({ threads: 1, memoryBytes: 2 ** 27 });
afterAll(() => wasm.dispose());

/** A run on the GPU that loses it after the given steps. */
async function run(fatal: ReadonlySet<number>) {
  let gpu: WebgpuBackend | undefined;
  const moves: string[] = [];
  const backend = new HybridBackend({
    wasm,
    use: 'webgpu',
    openGpu: async () => {
      gpu = await createWebgpuBackend();
      return gpu;
    },
    onLoss: (_, next) => moves.push(next),
  });
  const struck = new Set<number>();
  const result = await trainResidual(backend, (step) => {
    if (!fatal.has(step) || struck.has(step)) return;
    struck.add(step);
    gpu?.device.destroy();
  });
  gpu?.dispose();
  return { ...result, moves, struck: struck.size };
}

test('a hundred runs that lose the device end as the undisturbed one, or say that they moved', async () => {
  const undisturbed = await run(new Set());
  expect(undisturbed.moves).toEqual([]);
  const random = new Random(2012);
  for (let i = 0; i < RUNS; i++) {
    const fatal = new Set(Array.from({ length: 1 + random.below(MOST) }, () => 1 + random.below(STEPS)));
    const disturbed = await run(fatal);
    const label = `run ${i}, lost after ${[...fatal]}`;
    expect(disturbed.struck, label).toBeGreaterThan(0);
    expect(disturbed.moves.length, label).toBe(disturbed.struck);
    expect(
      disturbed.moves.slice(0, 3).every((to) => to === 'webgpu'),
      label,
    ).toBe(true);
    expect(disturbed.moves[3] ?? 'wasm', label).toBe('wasm');
    expect(disturbed.report.steps, label).toBe(STEPS);
    expect(
      [...disturbed.losses.keys()].sort((a, b) => a - b),
      label,
    ).toEqual(Array.from({ length: STEPS }, (_, s) => s + 1));
    for (const [name, { data }] of disturbed.weights) {
      const error = relativeError(data, undisturbed.weights.get(name)!.data);
      expect(error, `${label}: ${name}`).toBeLessThan(TOLERANCE);
    }
  }
}, 1_800_000);
