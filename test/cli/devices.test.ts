/** What this machine computes with, and what is chosen for which work. */
import { expect, test } from 'vitest';
import { webgpuBackend } from '../op.ts';
import { lenslet } from './run.ts';

const found = await webgpuBackend();

test('devices tells threads, binary, adapter with features and limits, and a choice with its reason and times', async () => {
  const { status, stdout } = await lenslet(['devices', '--json']);
  expect(status).toBe(0);
  const { processor, gpu, choices } = JSON.parse(stdout);
  expect(processor.threads).toBeGreaterThan(0);
  expect(processor.binary).toMatch(/relaxed|threads|simd/);
  if (found) {
    expect(gpu).toEqual(found.adapter);
    expect(gpu.limits.maxBufferSize).toBeGreaterThanOrEqual(2 ** 28);
  } else expect(gpu.none).toMatch(/GPU|webgpu/);
  expect(choices).toHaveLength(4);
  for (const { choice } of choices) {
    expect(choice.wasm).toBeGreaterThan(0);
    if (found?.adapter.software) expect(choice).toMatchObject({ side: 'wasm' });
  }
});
