import { describe, expect, it } from 'vitest';
import { makeCifarGoogLeNet } from '../../models/cifar-googlenet.ts';
import { lenet5, lenet5Modern, makeCifarNet } from '../../models/index.ts';
import { batches } from '../../src/data/batches.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder, type Model } from '../../src/nn/builder.ts';
import { Session } from '../../src/session.ts';
import type { Picture } from '../../workers/api.ts';
import { filters, layersOf, look, occlusion } from '../../workers/app/inside.ts';
import { pictureFor } from '../../workers/digits.ts';
import { wasmBackends } from '../op.ts';

const picture: Picture = {
  kind: 'colour',
  width: 32,
  height: 32,
  data: Uint8ClampedArray.from({ length: 4 * 32 * 32 }, (_, i) => (i % 4 === 3 ? 255 : (i * 31) % 256)),
};

function namesOf(model: Model): string[] {
  const graph = new Graph();
  const b = new Builder(graph, false);
  model.build(b, graph.input('x', { dtype: 'f32', shape: [1, ...model.input] }));
  return layersOf(b).map((l) => l.name);
}

describe('layers', () => {
  it('are those of the papers', () => {
    expect(namesOf(lenet5).slice(0, 5)).toEqual(['c1', 's2', 'c3', 's4', 'c5']);
    const resnet = namesOf(makeCifarNet(20));
    expect(resnet).toHaveLength(20);
    expect(resnet.slice(0, 3)).toEqual(['conv1', 'layer1.0.conv1', 'layer1.0.conv2']);
    expect(resnet.at(-1)).toBe('fc');
    expect(namesOf(makeCifarGoogLeNet())).toContain('inception3a');
  });
});

describe('looking inside ResNet-20', () => {
  it('gives maps, and histograms that count every value', async () => {
    const [backend] = await wasmBackends();
    const session = await Session.create(makeCifarNet(20, { width: 4 }), backend, { seed: 3 });
    const found = await look(session, picture, 4);
    expect(found.class).toBe(4);
    const first = found.prediction.features[0]!;
    expect([first.layer, first.count, first.height, first.width]).toEqual(['conv1', 4, 32, 32]);
    expect(found.activations[0]!.counts.reduce((a, n) => a + n, 0)).toBe(4 * 32 * 32);
    expect(found.gradients.length).toBe(20);
    await session.dispose();
  });

  it('covers patches, and shows kernels', async () => {
    const [backend] = await wasmBackends();
    const session = await Session.create(makeCifarNet(20, { width: 4 }), backend, { seed: 3 });
    const covered = await occlusion(session, picture, 2);
    expect(covered.probabilities).toHaveLength(81);
    expect(new Set(covered.probabilities).size).toBeGreaterThan(40);
    const whole = (await look(session, picture, 2)).prediction.probabilities[2];
    expect(covered.whole).toBeCloseTo(whole!, 5);
    expect((await filters(session))[0]!.shape).toEqual([4, 3, 3, 3]);
    await session.dispose();
  });
});

describe('the input gradient', () => {
  it('is the slope of the score, by central differences on a smooth network', async () => {
    const [backend] = await wasmBackends();
    const session = await Session.create(lenet5Modern, backend, { seed: 3 });
    const { saliency } = await look(session, picture, 4);
    const { x } = batches(pictureFor(session, picture), { batch: 1, normalize: lenet5Modern.normalize }).at(
      0,
    );
    const score = async (at: number, by: number) => {
      const data = x.data.slice();
      data[at]! += by;
      return (await session.infer({ ...x, data })).scores.data[4]!;
    };
    for (const pixel of [5, 500, 777, 1000]) {
      const slope = Math.abs((await score(pixel, 0.01)) - (await score(pixel, -0.01))) / 0.02;
      expect(Math.abs(saliency[pixel]! - slope)).toBeLessThan(0.02 * slope + 1e-4);
    }
    await session.dispose();
  });
});
