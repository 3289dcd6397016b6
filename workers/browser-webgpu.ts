/** The WebGPU backend in the browser, on a page or in a worker. */
import { LensletError } from '../src/core/error.ts';
import { WebgpuBackend, type WebgpuBackendOptions } from '../src/webgpu/index.ts';

/**
 * The WebGPU backend on this device.
 * @throws LensletError 'unsupported' where the browser has no WebGPU or finds no GPU
 */
export async function createWebgpuBackend(options: WebgpuBackendOptions = {}): Promise<WebgpuBackend> {
  const gpu: GPU | undefined = navigator.gpu;
  if (!gpu) {
    throw new LensletError(
      'unsupported',
      'This browser has no WebGPU, or the page is not secure (https or localhost).',
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new LensletError('unsupported', 'The browser finds no GPU that it may use.');
  return WebgpuBackend.create(adapter, { sluggish: true, ...options });
}
