/** Nothing is left behind, whether runs succeed or fail; a hundred times more runs in test/long/leaks.test.ts. */
import { afterAll, describe, expect, it } from 'vitest';
import { HybridBackend } from '../../src/hybrid/index.ts';
import { Session } from '../../src/session.ts';
import type { WebgpuBackend } from '../../src/webgpu/index.ts';
import { createBackend } from '../../workers/node.ts';
import { createWebgpuBackend } from '../../workers/node-webgpu.ts';
import { randomTensor, webgpuBackend } from '../op.ts';
import { convNet, countBuffers, expectFlat } from './leaks.ts';

const AMOUNT = { inferences: 200, steps: 50 };
const found = (await webgpuBackend()) !== null;
const wasm = await createBackend({ threads: 2, memoryBytes: 2 ** 26 });
afterAll(() => wasm.dispose());

it('WASM memory stays as it is', () => expectFlat(wasm, () => wasm.usedBytes, AMOUNT));

describe.skipIf(!found)('on a GPU', () => {
  it('GPU memory stays as it is, through the hybrid too', async () => {
    const gpu = await createWebgpuBackend();
    const buffers = countBuffers(gpu.device);
    const backend = new HybridBackend({ wasm, use: 'webgpu', openGpu: async () => gpu });
    const memory = () => [buffers(), gpu.usedBytes, wasm.usedBytes];
    await expectFlat(backend, memory, AMOUNT);
    gpu.dispose();
  });

  it('a failed run leaves no buffer, and the next one is right', async () => {
    const gpu = await createWebgpuBackend();
    const buffers = countBuffers(gpu.device);
    const session = await Session.create(convNet, gpu, { seed: 1 });
    const x = randomTensor('x', [2, ...convNet.input]);
    const { scores } = await session.infer(x);
    const before = buffers();
    for (let i = 0; i < 5; i++) {
      const intact = breakNextEncoder(gpu);
      await expect(session.infer(x)).rejects.toMatchObject({ code: 'kernel' });
      intact();
      // The buffer that results are read from was thrown away with the failed run.
      expect(buffers().count).toBeLessThan(before.count);
      expect((await session.infer(x)).scores).toEqual(scores);
      expect(buffers()).toEqual(before);
    }
    await session.dispose();
    expect(buffers()).toEqual({ count: 0, bytes: 0 });
    gpu.dispose();
  });
});

/** The next commands are refused when they are finished, as a driver's mistake would have it. Returns how to stop. */
function breakNextEncoder({ device }: WebgpuBackend): () => void {
  const create = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    const encoder = create(descriptor);
    encoder.popDebugGroup();
    return encoder;
  };
  return () => {
    device.createCommandEncoder = create;
  };
}
