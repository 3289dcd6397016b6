/** The WebGPU backend: the plan of the WASM backend, as dispatches of shaders. */
import type { Backend, Executable, VariableStore } from '../backend.ts';
import { LensletError } from '../core/error.ts';
import type { Graph, Node } from '../ir/graph.ts';
import type { GpuTraits, WebgpuKernel } from '../ir/kernel.ts';
import { compile, type Target } from '../plan/compile.ts';
import { WebgpuExecutable } from './executable.ts';
import { ALIGN, Gpu } from './gpu.ts';
import { WebgpuStore } from './store.ts';

/** How the planner sees this backend; needs no device, so plans can be made and studied without one. */
export const webgpuTarget = (gpu: GpuTraits = { subgroup: 0 }): Target<WebgpuKernel> => ({
  align: ALIGN,
  memory: 'buffers',
  lower: (node: Node) => node.op.webgpu(node, gpu),
});

/** What is used where an adapter has more than every adapter must have. */
const WANTED_LIMITS = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;
const WANTED_FEATURES = ['timestamp-query', 'subgroups'] as const;

export interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Runs on the processor: works, but is no gain. */
  readonly software: boolean;
  /** What is used of what it can, sorted, and the limits asked for. */
  readonly features: readonly string[];
  readonly limits: Readonly<Record<(typeof WANTED_LIMITS)[number], number>>;
}

export interface WebgpuBackendOptions {
  /**
   * f16: weights of convolutions and linear layers that their plan does not change (inference) are rounded to half
   * precision, so that a run reads half the bytes; sums stay in f32. Default: f32.
   */
  readonly precision?: 'f32' | 'f16';
  /** For tests: shaders for another GPU than this. */
  readonly traits?: GpuTraits;
  /** Whether the end of short work is asked for, as Chromium tells it late otherwise. Default: no. */
  readonly sluggish?: boolean;
}

const abilities = ({ features, limits }: GPUDevice) => ({
  features: [...features].sort(),
  limits: {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
  },
});

export class WebgpuBackend implements Backend {
  readonly name = 'webgpu';
  readonly #gpu: Gpu;

  private constructor(
    readonly device: GPUDevice,
    readonly adapter: AdapterInfo,
    readonly traits: GpuTraits,
    sluggish?: boolean,
  ) {
    this.#gpu = new Gpu(device, sluggish);
  }

  /** @throws LensletError 'unsupported' when the adapter gives no device */
  static async create(
    adapter: GPUAdapter,
    { precision, traits, sluggish }: WebgpuBackendOptions = {},
  ): Promise<WebgpuBackend> {
    const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
    const requiredFeatures = WANTED_FEATURES.filter((name) => adapter.features.has(name));
    let device: GPUDevice;
    try {
      device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
    } catch (error) {
      throw new LensletError('unsupported', `The GPU cannot be used: ${(error as Error).message}`);
    }
    const { vendor, architecture, description, isFallbackAdapter, subgroupMinSize, subgroupMaxSize } =
      adapter.info;
    const software =
      isFallbackAdapter || /swiftshader|llvmpipe|basic render/i.test(`${architecture} ${description}`);
    const known = software && device.features.has('subgroups') && subgroupMinSize === subgroupMaxSize;
    return new WebgpuBackend(
      device,
      // Browsers tell no description unless asked by developers.
      {
        ...{ vendor, architecture, software, ...abilities(device) },
        description: description || `${vendor} ${architecture}`.trim(),
      },
      { subgroup: known ? subgroupMinSize : 0, half: precision === 'f16', ...traits },
      sluggish,
    );
  }

  /** Bytes of the GPU's memory taken by stores and executables. */
  get usedBytes(): number {
    return this.#gpu.usedBytes;
  }

  /** Why the device can no longer be used; null while it can. Every run after that throws this. */
  get lost(): LensletError | null {
    return this.#gpu.lost;
  }

  createStore(): WebgpuStore {
    return new WebgpuStore(this.#gpu);
  }

  async load(graph: Graph, store: VariableStore): Promise<Executable> {
    if (!(store instanceof WebgpuStore) || store.gpu !== this.#gpu) {
      throw new LensletError(
        'value',
        'The variables live in another backend; create the store with this one.',
      );
    }
    return WebgpuExecutable.create(compile(graph, webgpuTarget(this.traits)), this.#gpu, store);
  }

  dispose(): void {
    this.device.destroy();
  }
}
