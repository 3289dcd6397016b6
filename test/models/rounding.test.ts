/** Training with Winograd convolutions, whose sums are rounded in other places, beside training with direct ones. */
import { describe, expect, it } from 'vitest';
import { Opcode } from '../../as/protocol.ts';
import { Random } from '../../src/core/random.ts';
import { sizeOf, tensor } from '../../src/core/tensor.ts';
import { type Batch, standardize } from '../../src/data/batches.ts';
import { DIGITS } from '../../src/data/dataset.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { Builder, type Model } from '../../src/nn/builder.ts';
import { heNormal } from '../../src/nn/init.ts';
import { batchNorm, globalAvgPool2d, linear } from '../../src/nn/layers.ts';
import { add } from '../../src/ops/binary.ts';
import { conv2d } from '../../src/ops/conv2d.ts';
import { relu } from '../../src/ops/elementwise.ts';
import { pad } from '../../src/ops/slice.ts';
import { compile } from '../../src/plan/compile.ts';
import { Session } from '../../src/session.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { buildStep, Trainer } from '../../src/train/trainer.ts';
import { wasmTarget } from '../../src/wasm/index.ts';
import { createBackend } from '../../workers/node.ts';

const IMAGES = 16;
const SIZE = 16;

/** 3×3, padded; `direct`: with a fourth column of zeros, which no Winograd kernel takes. */
function convolution(b: Builder, x: Value, out: number, stride: number, direct: boolean): Value {
  const w = b.param('weight', [out, x.shape[1], 3, 3], heNormal);
  if (!direct) return conv2d(x, w, { padding: 1, stride });
  return conv2d(x, pad(w, [0, 0, 0, 0], [0, 0, 0, 1], 0), { padding: [1, 1, 1, 2], stride });
}

/** 20 layers as in ResNet-20, shortcuts by convolution. */
const residualNet = (direct: boolean): Model => ({
  name: 'net',
  title: 'Net',
  input: [3, SIZE, SIZE],
  classes: DIGITS,
  normalize: standardize([0, 0, 0], [1, 1, 1]),
  build(b, image) {
    const layer = (at: Builder, x: Value, out: number, stride = 1) =>
      batchNorm(at.at('bn'), convolution(at.at('conv'), x, out, stride, direct));
    let x = relu(layer(b.at('first'), image, 16));
    [16, 32, 64].forEach((out, stage) => {
      for (let i = 0; i < 3; i++) {
        const at = b.at(`${stage}.${i}`);
        const stride = stage && !i ? 2 : 1;
        const y = layer(at.at('b'), relu(layer(at.at('a'), x, out, stride)), out);
        x = relu(add(y, stride > 1 ? layer(at.at('shortcut'), x, out, stride) : x));
      }
    });
    return linear(b.at('fc'), globalAvgPool2d(x), 10);
  },
});

/** Classes are patterns, images are patterns under noise. */
function batchOf(step: number): Batch {
  const random = new Random(7).at('step', step);
  const shape = [IMAGES, 3, SIZE, SIZE];
  const labels = Int32Array.from({ length: IMAGES }, () => random.below(10));
  const plane = SIZE * SIZE;
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
    const label = labels[Math.floor(i / (3 * plane))];
    const [y, x] = [Math.floor((i % plane) / SIZE), i % SIZE];
    return Math.sin(((label % 5) + 1) * 0.4 * x + (label > 4 ? 0.9 : 0.3) * y) + 0.5 * random.normal();
  });
  return { x: tensor(shape, data), labels: tensor([IMAGES], labels) };
}

async function curve(direct: boolean): Promise<number[]> {
  const backend = await createBackend({ threads: 2, memoryBytes: 2 ** 28 });
  const session = await Session.create(residualNet(direct), backend, { seed: 3 });
  const trainer = new Trainer(session, sgd({ momentum: 0.9 }));
  const losses: number[] = [];
  for (let step = 1; step <= 200; step++) losses.push((await trainer.step(batchOf(step), 1e-5, step)).loss);
  backend.dispose();
  return losses;
}

/** How many kernels of a step have an opcode. */
function count(direct: boolean, opcode: Opcode): number {
  const graph = new Graph();
  buildStep(new Builder(graph, true), residualNet(direct), sgd(), [IMAGES, 3, SIZE, SIZE]);
  return compile(graph, wasmTarget).steps.filter(({ kernel }) => kernel.opcode === opcode).length;
}

describe('training with Winograd convolutions', () => {
  it('has the kernels in question', () => {
    expect(count(false, Opcode.WINOGRAD)).toBeGreaterThanOrEqual(20);
    expect(count(false, Opcode.WINOGRAD_GRAD)).toBeGreaterThanOrEqual(10);
    expect(count(true, Opcode.WINOGRAD) + count(true, Opcode.WINOGRAD_GRAD)).toBe(0);
  });

  // At this rate direct convolution without fused multiply and add departs as far; at ten times the rate both depart
  // by 10⁻², because batch norm and ReLU make much of any last bit (test/bench/NOTES.md).
  it('follows the losses of direct convolution within 10⁻³ over 200 steps', async () => {
    const [direct, winograd] = [await curve(true), await curve(false)];
    const mean = (losses: number[]) => losses.reduce((a, b) => a + b) / losses.length;
    expect(mean(direct.slice(-20))).toBeLessThan(mean(direct.slice(0, 20)) - 0.3);
    expect(Math.max(...winograd.map((loss, i) => Math.abs(loss - direct[i])))).toBeLessThan(1e-3);
  }, 300_000);
});
