// ONNX Runtime Web, WASM. Its inputs are copied in and its outputs out at every run; it has no training.
import { inputsOf, sample } from './util.js';

const DIST = '/nm/onnxruntime-web/dist/';

export default async function create({ threads }) {
  const ort = await import(`${DIST}ort.wasm.bundle.min.mjs`);
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = DIST;
  return {
    setup: () => ({ version: ort.env.versions.web, threads: ort.env.wasm.numThreads }),
    async prepare(c, asset) {
      if (c.kind === 'train') throw new Error('no training');
      const session = await ort.InferenceSession.create(`/models/${c.id}.onnx`, {
        executionProviders: ['wasm'],
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
      });
      const feeds = {};
      for (const [name, { shape, data }] of Object.entries(inputsOf(asset, c.batch))) {
        feeds[name] = new ort.Tensor('float32', data.slice(), shape);
      }
      const run = async () => (await session.run(feeds))[asset.output].data;
      return { run, check: async () => sample(await run()), dispose: () => session.release() };
    },
  };
}
