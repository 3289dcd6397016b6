/** WASM and this machine's GPU as one backend in Node. */
import { type Choice, HybridBackend, type HybridOptions } from '../src/hybrid/index.ts';
import { createBackend, type NodeOptions } from './node.ts';
import { createWebgpuBackend, type WebgpuOptions } from './node-webgpu.ts';

export interface AutoOptions
  extends NodeOptions,
    Pick<WebgpuOptions, 'precision'>,
    Pick<HybridOptions, 'use' | 'memory' | 'onLoss'> {}

export type { Choice };

/** Every plan runs where it was measured to be faster; without a GPU, on WASM. */
export async function createAutoBackend(options: AutoOptions = {}): Promise<HybridBackend> {
  const { use, memory, onLoss, precision, ...rest } = options;
  const wasm = await createBackend(rest);
  return new HybridBackend({ wasm, openGpu: () => createWebgpuBackend({ precision }), use, memory, onLoss });
}
