/** A real device, or what stands in for one, destroyed a hundred times while it trains a ResNet-20. */
import { afterAll, expect, test } from 'vitest';
import { createBackend } from '../../workers/node.ts';
import { residualNet } from '../hybrid/residual-run.ts';
import { survive } from '../webgpu/losses.ts';

const wasm = await createBackend({ threads: 1, memoryBytes: 2 ** 27 });
afterAll(() => wasm.dispose());

const SETUP = {
  ...{ model: residualNet(20, 2, 8), images: 12, batch: 4, epochs: 2, lr: 0.01, measured: false },
};
/** Of the weights, relative: sums in another order, 6 steps of momentum through 20 layers of batch norm. */
const TOLERANCE = 1e-3;

test('runs that lose the device end as the undisturbed one, or say that they moved', async () => {
  const start = performance.now();
  const moved = await survive(wasm, SETUP, 100, TOLERANCE, (lost, runs) => {
    console.info(`${lost} losses in ${runs} runs, ${((performance.now() - start) / 1000).toFixed(0)} s`);
  });
  expect(moved).toBeGreaterThan(0);
});
