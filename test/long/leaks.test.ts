/** 10,000 inferences and 2,000 training steps leave nothing behind, on WASM and on a real GPU or what stands in for it. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, expect, it } from 'vitest';
import { createBackend } from '../../workers/node.ts';
import { createWebgpuBackend } from '../../workers/node-webgpu.ts';
import { webgpuBackend } from '../op.ts';
import { countBuffers, expectFlat } from '../webgpu/leaks.ts';

const AMOUNT = { inferences: 10_000, steps: 2_000 };
/** Growth of the whole process that is no leak: one of a kilobyte a run would be more. */
const GARBAGE = 2 ** 23;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Bytes of the process without what nobody uses any more, on the GPU's side too: objects there go with those here. */
async function residentBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return process.memoryUsage().rss;
}

const wasm = await createBackend({ threads: 2, memoryBytes: 2 ** 26 });
afterAll(() => wasm.dispose());

it('WASM', () => expectFlat(wasm, () => wasm.usedBytes, AMOUNT));

it.skipIf(!(await webgpuBackend()))('WebGPU', async () => {
  const gpu = await createWebgpuBackend();
  const buffers = countBuffers(gpu.device);
  const memory = () => [buffers(), gpu.usedBytes];
  await expectFlat(gpu, memory, { inferences: 1_000, steps: 200 });
  const before = await residentBytes();
  await expectFlat(gpu, memory, AMOUNT);
  const grown = (await residentBytes()) - before;
  console.info(`The process grew by ${(grown / 2 ** 20).toFixed(1)} MiB.`);
  expect(grown).toBeLessThan(GARBAGE);
  gpu.dispose();
});
