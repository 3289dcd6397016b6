/** Choice of the side, and what happens when the GPU is lost at any step. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lenet5Modern } from '../../models/index.ts';
import { LensletError } from '../../src/core/error.ts';
import { tensor } from '../../src/core/tensor.ts';
import { type Choice, HybridBackend, type HybridOptions } from '../../src/hybrid/index.ts';
import { Session } from '../../src/session.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { WasmBackend } from '../../src/wasm/index.ts';
import { createBackend } from '../../workers/node.ts';
import { randomTensor } from '../op.ts';
import { FakeGpu } from './fake-gpu.ts';
import { STEPS, trainResidual } from './residual-run.ts';

const MEMORY = 128 * 1024 * 1024;
let wasm: WasmBackend;
let behind: WasmBackend;

beforeAll(async () => {
  wasm = await createBackend({ threads: 1, memoryBytes: MEMORY });
  behind = await createBackend({ threads: 1, memoryBytes: MEMORY });
});

afterAll(() => {
  wasm.dispose();
  behind.dispose();
});

const hybrid = (gpu: () => FakeGpu, more: Partial<HybridOptions> = {}): HybridBackend =>
  new HybridBackend({ wasm, openGpu: async () => gpu(), ...more });

const x = randomTensor('x', [2, 1, 32, 32]);
/** Work of some milliseconds. */
const many = randomTensor('many', [512, 1, 32, 32]);

describe('the choice', () => {
  it('is the GPU where it was asked for', async () => {
    const gpu = new FakeGpu(behind);
    const session = await Session.create(
      lenet5Modern,
      hybrid(() => gpu, { use: 'webgpu' }),
    );
    await session.infer(x);
    expect(gpu.runs).toBe(1);
    await session.dispose();
  });

  it('is where a session wants to infer, without a measurement; training is measured', async () => {
    const gpu = new FakeGpu(behind);
    const backend = hybrid(() => gpu);
    const session = await Session.create(lenet5Modern, backend, { inference: 'wasm' });
    await session.infer(many);
    expect(gpu.runs).toBe(0);
    expect([...backend.choices.values()]).toEqual([{ side: 'wasm', why: 'asked for' }]);
    const labels = tensor([512], new Int32Array(512).fill(3));
    await new Trainer(session, sgd()).step({ x: many, labels }, 0.01, 1);
    expect(gpu.runs).toBeGreaterThan(0);
    await session.dispose();
  });

  it('is never a software GPU by itself', async () => {
    const gpu = new FakeGpu(behind, { description: 'fake', software: true });
    const backend = hybrid(() => gpu);
    const session = await Session.create(lenet5Modern, backend);
    await session.infer(many);
    expect(gpu.runs).toBe(0);
    expect([...backend.choices.values()]).toMatchObject([{ side: 'wasm', why: 'software GPU' }]);
    await session.dispose();
  });

  it.each([
    ['software GPU', () => new FakeGpu(behind, { description: 'fake', software: true })],
    [
      'no GPU',
      () => {
        throw new LensletError('unsupported', 'There is none.');
      },
    ],
  ])('is not measured again where there is nothing to compare with: %s', async (why, gpu) => {
    const backend = hybrid(gpu);
    const session = await Session.create(lenet5Modern, backend);
    await session.infer(many);
    await session.infer(randomTensor('more', [520, 1, 32, 32]));
    const [first, second] = [...backend.choices.values()];
    expect(first).toEqual({ side: 'wasm', why, wasm: expect.any(Number) });
    expect(second).toEqual({ side: 'wasm', why });
    await session.dispose();
  });

  it('is WASM, and no GPU is opened, for work that is over sooner than a GPU answers', async () => {
    let opened = 0;
    const backend = hybrid(() => {
      opened++;
      return new FakeGpu(behind);
    });
    const session = await Session.create(lenet5Modern, backend);
    await session.infer(x);
    expect(opened).toBe(0);
    expect([...backend.choices.values()]).toMatchObject([{ side: 'wasm', why: 'short' }]);
    await session.dispose();
  });

  it('is what was measured, once for each plan, and remembered', async () => {
    const memory = new Map<string, Choice>();
    const slow = new FakeGpu(behind, undefined, 400);
    const backend = hybrid(() => slow, { memory });
    const session = await Session.create(lenet5Modern, backend);
    await session.infer(many);
    const measuring = slow.runs;
    expect(measuring).toBeGreaterThan(1);
    await session.infer(many);
    expect(slow.runs).toBe(measuring);
    const [choice] = [...backend.choices.values()];
    expect(choice).toMatchObject({ side: 'wasm', why: 'measured' });
    expect(choice!.webgpu).toBeGreaterThan(choice!.wasm!);
    await session.dispose();

    const again = new FakeGpu(behind, undefined, 400);
    const other = await Session.create(
      lenet5Modern,
      hybrid(() => again, { memory }),
    );
    await other.infer(many);
    expect(again.runs).toBe(0);
    await other.dispose();
  });

  it('measures training without changing the weights', async () => {
    const steps = async (backend: HybridBackend | WasmBackend) => {
      const session = await Session.create(lenet5Modern, backend, { seed: 1 });
      const trainer = new Trainer(session, sgd({ momentum: 0.9 }));
      const labels = tensor([2], Int32Array.of(3, 7));
      for (let step = 1; step <= 3; step++) await trainer.step({ x, labels }, 0.01, step);
      const weights = await session.stateDict({ optimizer: true });
      await session.dispose();
      return weights;
    };
    expect(await steps(hybrid(() => new FakeGpu(behind)))).toEqual(await steps(wasm));
  });

  it('is WASM without a GPU', async () => {
    const openGpu = () => Promise.reject(new LensletError('unsupported', 'There is none.'));
    const session = await Session.create(lenet5Modern, new HybridBackend({ wasm, openGpu }));
    const reference = await Session.create(lenet5Modern, wasm);
    expect((await session.infer(x)).scores).toEqual((await reference.infer(x)).scores);
    await session.dispose();
    await reference.dispose();
  });
});

describe('a lost GPU', () => {
  it('makes an inference slower, nothing else', async () => {
    const losses: string[] = [];
    const backend = hybrid(() => new FakeGpu(behind, undefined, 0, 2), {
      use: 'webgpu',
      onLoss: ({ message }, next) => losses.push(`${message} ${next}`),
    });
    const session = await Session.create(lenet5Modern, backend, { seed: 4 });
    const first = await session.infer(x);
    for (let i = 0; i < 12; i++) expect((await session.infer(x)).scores).toEqual(first.scores);
    expect(losses).toEqual([
      ...Array(3).fill(expect.stringMatching(/took it away\. webgpu$/)),
      expect.stringMatching(/wasm$/),
    ]);
    await session.dispose();
  });

  it('is not noticed by a replay either', async () => {
    const gpus: FakeGpu[] = [];
    const backend = hybrid(
      () => {
        gpus.push(new FakeGpu(behind));
        return gpus.at(-1)!;
      },
      { use: 'webgpu' },
    );
    const session = await Session.create(lenet5Modern, backend, { seed: 4 });
    const executable = await session.inference(x.shape, []);
    const wanted = await executable.run({ x });
    for (let i = 1; i <= 2; i++) {
      gpus.at(-1)!.lose();
      await executable.replay();
      expect(await executable.results()).toEqual(wanted);
      // The GPU that was opened instead.
      await executable.replay();
      expect(await executable.results()).toEqual(wanted);
      expect(gpus.map((g) => g.runs)).toEqual(Array(i + 1).fill(1));
    }
    await session.dispose();
  });

  it('is an error for steps made by hand, and the session goes on from loaded weights', async () => {
    const backend = hybrid(() => new FakeGpu(behind, undefined, 0, 3), { use: 'webgpu' });
    const session = await Session.create(lenet5Modern, backend, { seed: 1 });
    const trainer = new Trainer(session, sgd());
    const labels = tensor([2], Int32Array.of(3, 7));
    const before = await session.stateDict();
    await trainer.step({ x, labels }, 0.01, 1);
    await trainer.step({ x, labels }, 0.01, 2);
    await expect(trainer.step({ x, labels }, 0.01, 3)).rejects.toMatchObject({ code: 'device' });
    await expect(session.infer(x)).rejects.toThrow(/was lost with the GPU: load weights or a checkpoint/);
    await session.loadStateDict(before);
    expect((await session.infer(x)).scores.data.every(Number.isFinite)).toBe(true);
    await session.dispose();
  });
});

describe('a GPU that refuses', () => {
  const full = new LensletError('memory', 'The GPU has not enough memory.');
  const wrong = new LensletError('kernel', 'The GPU refused.');

  for (const refusal of [{ load: full }, { load: wrong }, { run: full }, { run: wrong }]) {
    const [[when, { code }]] = Object.entries(refusal);
    it(`an inference (${code} at ${when}) is answered on WASM, now and later`, async () => {
      const gpu = new FakeGpu(behind);
      const backend = hybrid(() => gpu, { use: 'webgpu' });
      const session = await Session.create(lenet5Modern, backend, { seed: 4 });
      const before = wasm.usedBytes;
      const wanted = await session.infer(many);
      gpu.refusal = refusal;
      for (let i = 0; i < 3; i++) await session.infer(x);
      expect([...backend.choices.values()].at(-1)).toEqual({ side: 'wasm', why: 'does not fit' });
      gpu.refusal = {};
      expect(await session.infer(many)).toEqual(wanted);
      expect(wasm.usedBytes).toBeGreaterThan(before);
      await session.dispose();
    });
  }

  it('training that does not fit goes on on WASM', async () => {
    const gpu = new FakeGpu(behind);
    gpu.refusal = { load: full };
    const onGpu = await trainResidual(hybrid(() => gpu, { use: 'webgpu' }));
    expect(onGpu).toEqual(await trainResidual(wasm));
    expect(gpu.runs).toBe(0);
  });

  it('a step that was refused half-way counts as lost: the run goes back to a copy', async () => {
    const gpus: FakeGpu[] = [];
    const backend = hybrid(
      () => {
        const gpu = new FakeGpu(behind);
        gpus.push(gpu);
        return gpu;
      },
      { use: 'webgpu' },
    );
    const undisturbed = await trainResidual(wasm);
    const { rewinds, ...found } = await trainResidual(backend, (step) => {
      if (step === 2 && gpus.length === 1) gpus[0]!.refusal = { run: wrong };
    });
    expect(rewinds).toEqual([0]);
    expect(gpus.length).toBe(2);
    expect(found).toMatchObject({ weights: undisturbed.weights, losses: undisturbed.losses });
  });
});

describe('training', () => {
  it('comes to the same weights, however often and whenever the GPU is lost', async () => {
    const undisturbed = await trainResidual(hybrid(() => new FakeGpu(behind), { use: 'webgpu' }));
    expect(undisturbed.rewinds).toEqual([]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: STEPS + 5 }), { minLength: 1, maxLength: 6 }),
        async (fatal) => {
          let opened = 0;
          const disturbed = await trainResidual(
            hybrid(() => new FakeGpu(behind, undefined, 0, fatal[opened++] ?? Number.POSITIVE_INFINITY), {
              use: 'webgpu',
            }),
          );
          expect(disturbed.weights).toEqual(undisturbed.weights);
          expect(disturbed.losses).toEqual(undisturbed.losses);
          expect(disturbed.report).toEqual(undisturbed.report);
        },
      ),
      { numRuns: 40 },
    );
  }, 300_000);
});
