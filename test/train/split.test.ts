/** Batches divided between WASM and a GPU against the undivided step. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lenet5Modern, makeCifarNet } from '../../models/index.ts';
import { LensletError } from '../../src/core/error.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { syntheticDigits } from '../../src/data/digits.ts';
import { HybridBackend, type HybridOptions } from '../../src/hybrid/index.ts';
import type { Model } from '../../src/nn/builder.ts';
import { Session } from '../../src/session.ts';
import { type FitOptions, fit } from '../../src/train/fit.ts';
import { adam, type Optimizer, sgd } from '../../src/train/optimizer.ts';
import { SplitTrainer } from '../../src/train/split.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { WasmBackend } from '../../src/wasm/index.ts';
import { createBackend } from '../../workers/node.ts';
import { createWebgpuBackend } from '../../workers/node-webgpu.ts';
import { FakeGpu } from '../hybrid/fake-gpu.ts';
import { randomTensor, relativeError, webgpuBackend } from '../op.ts';
import { smallNet } from '../webgpu/small.ts';

const IMAGES = 10;
const STEPS = 3;
let wasm: WasmBackend;
let behind: WasmBackend;

beforeAll(async () => {
  wasm = await createBackend({ threads: 1, memoryBytes: 2 ** 27 });
  behind = await createBackend({ threads: 1, memoryBytes: 2 ** 27 });
});

afterAll(() => {
  wasm.dispose();
  behind.dispose();
});

const hybrid = (openGpu: HybridOptions['openGpu'], more: Partial<HybridOptions> = {}): HybridBackend =>
  new HybridBackend({ wasm, openGpu, ...more });
const noGpu = () => Promise.reject(new LensletError('unsupported', 'There is none.'));

type State = ReadonlyMap<string, Tensor>;

/** Some steps of a trainer: losses, and variables after them. */
async function train(
  model: Model,
  backend: HybridBackend | WasmBackend,
  make: (session: Session) => Trainer | SplitTrainer,
): Promise<{ losses: number[]; correct: number[]; state: State }> {
  const session = await Session.create(model, backend, { seed: 1 });
  const trainer = make(session);
  const x = randomTensor('x', [IMAGES, ...model.input]);
  const labels = tensor(
    [IMAGES],
    Int32Array.from({ length: IMAGES }, (_, i) => i % model.classes.length),
  );
  const [losses, correct]: [number[], number[]] = [[], []];
  for (let step = 1; step <= STEPS; step++) {
    const result = await trainer.step({ x, labels }, 0.01, step);
    losses.push(result.loss);
    correct.push(result.correct);
  }
  const state = await session.stateDict({ optimizer: true });
  await session.dispose();
  return { losses, correct, state };
}

const whole = (optimizer: Optimizer) => (session: Session) => new Trainer(session, optimizer);
const divided = (optimizer: Optimizer, share: number | null) => (session: Session) => {
  const trainer = new SplitTrainer(session, optimizer);
  trainer.share = share;
  return trainer;
};

function expectEqual(found: State, wanted: State, tolerance: number): void {
  expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
  for (const [name, { data }] of wanted)
    expect(relativeError(found.get(name)!.data, data), name).toBeLessThan(tolerance);
}

describe('a divided batch', () => {
  const optimizer = sgd({ momentum: 0.9, weightDecay: 1e-4 });
  for (const share of [0, 0.1, 0.3, 0.5, 1]) {
    it(`gives the undivided one's weights where nothing depends on the batch (WASM's share ${share})`, async () => {
      const gpu = new FakeGpu(behind);
      const found = await train(
        lenet5Modern,
        hybrid(async () => gpu),
        divided(optimizer, share),
      );
      const wanted = await train(lenet5Modern, wasm, whole(optimizer));
      expect(relativeError(found.losses, wanted.losses)).toBeLessThan(1e-5);
      expect(found.correct).toEqual(wanted.correct);
      expectEqual(found.state, wanted.state, 1e-5);
      expect(gpu.runs).toBe(share === 1 ? 0 : STEPS);
    });
  }

  it('has its share measured, once', async () => {
    const gpu = new FakeGpu(behind, undefined, 40);
    let trainer: SplitTrainer | undefined;
    await train(
      lenet5Modern,
      hybrid(async () => gpu),
      (session) => {
        trainer = new SplitTrainer(session, optimizer);
        return trainer;
      },
    );
    expect(trainer!.share).toBeGreaterThan(0);
    expect(trainer!.share).toBeLessThanOrEqual(1);
  });

  it('is all on WASM without a GPU', async () => {
    const found = await train(lenet5Modern, hybrid(noGpu), divided(adam(), null));
    expectEqual(found.state, (await train(lenet5Modern, wasm, whole(adam()))).state, 1e-5);
  });

  it('needs a backend of both', async () => {
    const session = await Session.create(lenet5Modern, wasm);
    expect(() => new SplitTrainer(session, sgd())).toThrow(/on the backend "auto" only, not on "wasm"/);
    await session.dispose();
  });

  it('normalises each part by its own statistics, and averages the running ones', async () => {
    const model: Model = { ...makeCifarNet(8, { width: 4 }), input: [3, 8, 8] };
    const gpu = new FakeGpu(behind);
    const still = sgd();
    const step = async (images: readonly [number, number], share: number) => {
      const session = await Session.create(
        model,
        hybrid(async () => gpu),
        { seed: 1 },
      );
      const trainer = new SplitTrainer(session, still);
      trainer.share = share;
      const [from, to] = images;
      const all = randomTensor('images', [IMAGES, ...model.input]);
      const size = all.data.length / IMAGES;
      const x = tensor([to - from, ...model.input], all.data.slice(from * size, to * size) as Float32Array);
      const { loss } = await trainer.step(
        { x, labels: tensor([to - from], new Int32Array(to - from)) },
        0.1,
        1,
      );
      const state = await session.stateDict();
      await session.dispose();
      return { loss, state };
    };
    const both = await step([0, 10], 0.4);
    const [first, second] = [await step([0, 4], 1), await step([4, 10], 1)];
    expect(both.loss).toBeCloseTo(0.4 * first.loss + 0.6 * second.loss, 5);
    for (const [name, { data }] of both.state) {
      const mean = data.map(
        (_, i) => 0.4 * first.state.get(name)!.data[i]! + 0.6 * second.state.get(name)!.data[i]!,
      );
      expect(relativeError(data, mean), name).toBeLessThan(1e-5);
    }
  });
});

describe('a run of divided batches', () => {
  const images = syntheticDigits({ count: 40, seed: 3 });
  const options: FitOptions = {
    ...{ train: images, validation: images, epochs: 2, batch: 8, lr: 0.02, schedule: 'cosine' },
    ...{ seed: 3, patience: 0, split: true, optimizer: sgd({ momentum: 0.9 }) },
  };

  /** @param stopAfter steps */
  async function run(backend: HybridBackend, checkpoint?: Uint8Array, stopAfter = Number.POSITIVE_INFINITY) {
    const session = await Session.create(lenet5Modern, backend, { seed: 2 });
    let saved: Uint8Array | undefined;
    const report = await fit(session, {
      ...options,
      checkpoint,
      async between(position) {
        if (position.progress.step !== stopAfter) return 'go';
        saved = await position.checkpoint();
        return 'stop';
      },
    });
    const state = await session.stateDict({ optimizer: true });
    await session.dispose();
    return { report, state, saved };
  }

  it('goes on bit for bit from its checkpoint, with the share that was measured', async () => {
    // The second machine's GPU is so slow that it would measure another share.
    const [fast, slow] = [new FakeGpu(behind, undefined, 5), new FakeGpu(behind, undefined, 60)];
    const first = await run(
      hybrid(async () => fast),
      undefined,
      7,
    );
    const rest = await run(
      hybrid(async () => slow),
      first.saved,
    );
    const again = await run(
      hybrid(async () => fast),
      first.saved,
    );
    expect(rest.report).toEqual(again.report);
    expect(rest.report.share).toBe(first.report.share);
    expect(rest.state).toEqual(again.state);
  });

  it('is computed on WASM alone once the GPU is lost for good, and comes to the same', async () => {
    const undisturbed = await run(hybrid(async () => new FakeGpu(behind)));
    const moves: string[] = [];
    // Runs until they are lost: after the measuring, at once, and so on.
    const fates = [9, 1, 2, 1];
    const openGpu = async () => new FakeGpu(behind, undefined, 0, fates.shift());
    const disturbed = await run(hybrid(openGpu, { onLoss: (_, next) => moves.push(next) }));
    expect(moves).toEqual(['webgpu', 'webgpu', 'webgpu', 'wasm']);
    expect(disturbed.report.steps).toBe(10);
    expectEqual(disturbed.state, undisturbed.state, 1e-4);
  });
});

it.skipIf(!(await webgpuBackend()))('a real GPU computes beside WASM, and is lost', async () => {
  const moves: string[] = [];
  let device: GPUDevice | undefined;
  const backend = hybrid(
    async () => {
      const gpu = await createWebgpuBackend();
      device = gpu.device;
      return gpu;
    },
    { onLoss: (_, next) => moves.push(next) },
  );
  const model = smallNet;
  const optimizer = sgd({ momentum: 0.9 });
  const session = await Session.create(model, backend, { seed: 1 });
  const trainer = new SplitTrainer(session, optimizer);
  trainer.share = 0.5;
  const x = randomTensor('x', [4, ...model.input]);
  const labels = tensor([4], Int32Array.of(1, 2, 3, 4));
  const reference = await Session.create(model, wasm, { seed: 1 });
  const alone = new Trainer(reference, optimizer);
  for (let step = 1; step <= 4; step++) {
    const pending = trainer.step({ x, labels }, 0.01, step);
    if (step === 3) device?.destroy();
    const { loss } = await pending;
    expect(loss).toBeCloseTo((await alone.step({ x, labels }, 0.01, step)).loss, 5);
  }
  expect(moves).toEqual(['webgpu']);
  expectEqual(await session.stateDict(), await reference.stateDict(), 1e-5);
  await session.dispose();
  await reference.dispose();
  device?.destroy();
});
