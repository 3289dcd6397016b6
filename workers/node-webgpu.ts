/** The WebGPU backend in Node, through the optional package `webgpu` (Dawn). */
import { LensletError } from '../src/core/error.ts';
import { WebgpuBackend, type WebgpuBackendOptions } from '../src/webgpu/index.ts';

/** What the package exports. */
interface Dawn {
  /** @param flags "adapter=NAME", "backend=NAME", or toggles of Dawn */
  create(flags: readonly string[]): GPU;
}

export interface WebgpuOptions extends WebgpuBackendOptions {
  /** A part of the name of the adapter to use. Default: what the system prefers. */
  readonly adapter?: string;
}

/** Dawn's instances by their flags, kept for good: the process crashes when one with a device is collected. */
const instances = new Map<string, GPU>();

/**
 * The WebGPU backend on this machine.
 * @throws LensletError 'unsupported' when the package is not installed or there is no adapter
 */
export async function createWebgpuBackend({
  adapter: name,
  ...options
}: WebgpuOptions = {}): Promise<WebgpuBackend> {
  const { create } = await dawn();
  let adapter: GPUAdapter | null;
  try {
    const flags = name ? [`adapter=${name}`] : [];
    const gpu = instances.get(flags.join()) ?? create(flags);
    instances.set(flags.join(), gpu);
    adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  } catch (error) {
    throw new LensletError('unsupported', `There is no such GPU: ${(error as Error).message}`);
  }
  if (!adapter) {
    throw new LensletError(
      'unsupported',
      'No GPU was found: WebGPU in Node needs a driver for Vulkan (and libvulkan.so.1), Metal or Direct3D 12.',
    );
  }
  return WebgpuBackend.create(adapter, options);
}

async function dawn(): Promise<Dawn> {
  try {
    return (await import('webgpu')) as unknown as Dawn;
  } catch (error) {
    throw new LensletError(
      'unsupported',
      `The package "webgpu" is not there (${(error as Error).message}): npm install webgpu.`,
    );
  }
}
