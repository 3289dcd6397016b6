/** WASM and WebGPU as one backend in the browser; what WebGPU needs is loaded when a plan asks for it. */
import { HybridBackend, type HybridOptions } from '../src/hybrid/index.ts';
import type { WebgpuBackendOptions } from '../src/webgpu/index.ts';
import { type BrowserOptions, createBackend } from './browser.ts';

export interface AutoOptions
  extends BrowserOptions,
    Pick<WebgpuBackendOptions, 'precision'>,
    Pick<HybridOptions, 'use' | 'memory' | 'onLoss'> {}

/** Every plan runs where it was measured to be faster; without WebGPU, on WASM. */
export async function createAutoBackend(options: AutoOptions = {}): Promise<HybridBackend> {
  const { use, memory, onLoss, precision, ...rest } = options;
  const wasm = await createBackend(rest);
  const openGpu = async () => (await import('./browser-webgpu.ts')).createWebgpuBackend({ precision });
  return new HybridBackend({ wasm, openGpu, use, memory, onLoss });
}
