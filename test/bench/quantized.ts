/** A network of the benchmark in int8: quantised in the page, by the images that it is then timed on. */
import type { Backend } from '../../src/backend.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import type { Model } from '../../src/nn/builder.ts';
import { quantize, quantizedModel } from '../../src/quantize/index.ts';
import { Session } from '../../src/session.ts';
import type { Asset } from './network.ts';
import { feedsOf, forward, type Program, runner, sample, tensorOf, type Work } from './program.ts';

/** Images that ranges are measured on. */
const CALIBRATION = 4;

export async function prepareInt8(backend: Backend, { batch }: Work, asset: Asset): Promise<Program> {
  const [, c, h, w] = asset.t.x.shape;
  const model: Model = {
    name: asset.name,
    title: asset.name,
    input: [c, h, w],
    classes: [],
    normalize: { scale: 1, offset: 0 },
    build: (b) => forward(b.graph, asset),
  };
  const tensors = await quantized(backend, model, asset);
  const session = await Session.create(quantizedModel(model, tensors), backend);
  const feeds = feedsOf(asset, batch);
  const executable = await session.inference(feeds.x.shape, []);
  const replay = runner(executable, feeds);
  const scores = async () => (await executable.results()).scores;
  return {
    async run() {
      await replay();
      return scores();
    },
    async check() {
      await replay();
      return sample((await scores()).data);
    },
    profile: () => executable.profile(),
    dispose: () => void session.dispose(),
  };
}

async function quantized(backend: Backend, model: Model, asset: Asset): Promise<Map<string, Tensor>> {
  const session = await Session.create(model, backend);
  try {
    await session.loadStateDict(new Map(asset.params.map((name) => [name, tensorOf(asset.t[name])])));
    return await quantize(session, [feedsOf(asset, Math.min(CALIBRATION, asset.t.x.shape[0])).x], {
      method: 'minmax',
    });
  } finally {
    await session.dispose();
  }
}
