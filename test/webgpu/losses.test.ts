/** A real device that is lost three times in training; a hundred times in test/long/gpu-loss.test.ts. */
import { afterAll, expect, it } from 'vitest';
import { createBackend } from '../../workers/node.ts';
import { webgpuBackend } from '../op.ts';
import { survive } from './losses.ts';
import { smallNet } from './small.ts';

const wasm = await createBackend({ threads: 1, memoryBytes: 2 ** 26 });
afterAll(() => wasm.dispose());

const SETUP = { model: smallNet, images: 12, batch: 4, epochs: 2, lr: 0.01, measured: false };

it.skipIf(!(await webgpuBackend()))('training goes on after three losses of the device', async () => {
  expect(await survive(wasm, SETUP, 3, 0)).toBe(0);
});
