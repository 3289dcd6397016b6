// ONNX Runtime Web; it has no training. On WASM its inputs are copied in and its outputs out at every run; on WebGPU inputs
// stay on the GPU, and so do the outputs of what is not read. There `preferredLayout` is NCHW: with its default layout
// version 1.30 computes convolutions of six channels wrongly on SwiftShader.
import { inputsOf, sample } from './util.js';

const DIST = '/nm/onnxruntime-web/dist/';

/** A tensor in a buffer of the GPU. */
function upload(ort, device, { shape, data }) {
  const size = Math.ceil(data.byteLength / 16) * 16;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size, usage });
  device.queue.writeBuffer(buffer, 0, data.slice());
  return { buffer, tensor: ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: shape }) };
}

export default async function create({ threads, backend = 'wasm' }) {
  const onGpu = backend === 'webgpu';
  const ort = await import(`${DIST}${onGpu ? 'ort.webgpu' : 'ort.wasm'}.bundle.min.mjs`);
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = DIST;
  const provider = onGpu ? { name: 'webgpu', preferredLayout: 'NCHW' } : 'wasm';
  return {
    setup: () => ({ version: ort.env.versions.web, threads: ort.env.wasm.numThreads }),
    async prepare(c, asset) {
      if (c.kind === 'train') throw new Error('no training');
      const session = await ort.InferenceSession.create(`/models/${c.id}.onnx`, {
        executionProviders: [provider],
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
        ...(onGpu && c.kind === 'micro' ? { preferredOutputLocation: 'gpu-buffer' } : {}),
      });
      // Asked for anew each time: the device goes with its last session.
      const device = onGpu ? await ort.env.webgpu.device : null;
      const feeds = {};
      const buffers = [];
      for (const [name, input] of Object.entries(inputsOf(asset, c.batch))) {
        if (device) {
          const { buffer, tensor } = upload(ort, device, input);
          buffers.push(buffer);
          feeds[name] = tensor;
        } else feeds[name] = new ort.Tensor('float32', input.data.slice(), input.shape);
      }
      const once = async () => (await session.run(feeds))[asset.output];
      return {
        async run() {
          const y = await once();
          if (y.location !== 'gpu-buffer') return y.data;
          await device.queue.onSubmittedWorkDone();
          y.dispose();
        },
        async check() {
          const y = await once();
          const values = sample(await y.getData());
          if (y.location === 'gpu-buffer') y.dispose();
          return values;
        },
        async dispose() {
          await session.release();
          for (const buffer of buffers) buffer.destroy();
        },
      };
    },
  };
}
