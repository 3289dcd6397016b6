import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Geometry, outputSize, receptiveFields, rot180, tapsOf } from '../../pwa/playground/geometry.ts';
import { tensor } from '../../src/core/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { conv2d, convTranspose2d } from '../../src/ops/conv2d.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';

const geometry: fc.Arbitrary<Geometry> = fc.record({
  op: fc.constantFrom('conv', 'transposed') as fc.Arbitrary<'conv' | 'transposed'>,
  size: fc.integer({ min: 3, max: 8 }),
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  padding: fc.integer({ min: 0, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }),
});

describe('geometry of the playground', () => {
  it('is that of the operators: sizes, and the sum over the taps', async () => {
    await fc.assert(
      fc.asyncProperty(geometry, async (g) => {
        const side = outputSize(g);
        fc.pre(side >= 1);
        const graph = new Graph();
        const x = graph.input('x', { dtype: 'f32', shape: [1, 1, g.size, g.size] });
        const w = graph.input('w', { dtype: 'f32', shape: [1, 1, g.kernel, g.kernel] });
        const y = (g.op === 'conv' ? conv2d : convTranspose2d)(x, w, g);
        expect(y.shape).toEqual([1, 1, side, side]);
        graph.output('y', y);
        const xs = Float32Array.from({ length: g.size ** 2 }, (_, i) => (i * 7) % 11);
        const ws = Float32Array.from({ length: g.kernel ** 2 }, (_, i) => ((i * 5) % 7) - 3);
        const backend = new ReferenceBackend();
        const executable = await backend.load(graph, backend.createStore());
        const found = await executable.run({ x: tensor(x.shape, xs), w: tensor(w.shape, ws) });
        for (let at = 0; at < side ** 2; at++) {
          const taps = tapsOf(g, Math.floor(at / side), at % side);
          const sum = taps.reduce((s, t) => s + xs[t.row * g.size + t.column]! * ws[t.at]!, 0);
          expect(sum).toBe(found.y!.data[at]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('grows receptive fields as VGG and ResNet stems do', () => {
    const layer = { op: 'conv', size: 8, padding: 0, dilation: 1 } as const;
    expect(receptiveFields({ ...layer, kernel: 3, stride: 1 }, 3).map(([f]) => f)).toEqual([3, 5, 7]);
    expect(receptiveFields({ ...layer, kernel: 3, stride: 2 }, 3)).toEqual([
      [3, 2],
      [7, 4],
      [15, 8],
    ]);
  });

  it('turns kernels by half a circle', () => {
    expect([...rot180(Float32Array.of(1, 2, 3, 4))]).toEqual([4, 3, 2, 1]);
  });
});
