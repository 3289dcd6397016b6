/** Plans of one backend compute in the same memory, and those of one network pack its weights once. */
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { chequeReader } from '../../models/cheque-reader.ts';
import type { Executable } from '../../src/backend.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { Session } from '../../src/session.ts';
import { Arena } from '../../src/wasm/arena.ts';
import { Heap } from '../../src/wasm/heap.ts';
import { createBackend } from '../../workers/node.ts';
import { randomTensor } from '../op.ts';

const backend = await createBackend({ threads: 2, guarded: true });
afterAll(() => backend.dispose());

const image = (count: number, width: number): Tensor =>
  randomTensor(`${count} × ${width}`, [count, 1, 40, width], 0, 1);

/** What a network of the same weights says that has this one plan. */
async function aloneOn(weights: Map<string, Tensor>, x: Tensor): Promise<Tensor> {
  const session = await Session.create(chequeReader, backend);
  await session.loadStateDict(weights);
  const { scores } = await session.infer(x);
  await session.dispose();
  return scores;
}

/** The sum of what the plans need for themselves. */
const arenaOf = (plans: readonly Executable[]): number =>
  plans.reduce((sum, { memory }) => sum + memory.arena, 0);

it('plans in turns say what they say alone, before and after the weights change', async () => {
  const session = await Session.create(chequeReader, backend);
  const images = [image(1, 64), image(2, 160), image(1, 96), image(3, 96)];
  const check = async (wanted: readonly Tensor[]) => {
    const weights = await session.stateDict();
    for (const x of wanted) expect((await session.infer(x)).scores).toEqual(await aloneOn(weights, x));
  };
  await check([...images, ...images.toReversed()]);
  const changed = [...(await session.stateDict())].map(
    ([name, { shape, data }]) => [name, tensor(shape, data.map((v) => 1.1 * v) as Float32Array)] as const,
  );
  await session.loadStateDict(new Map(changed));
  await check(images);
  expect(backend.guardsIntact()).toBe(true);
  await session.dispose();
});

it('a plan more takes the memory of its inputs and results, not of what it computes', async () => {
  const session = await Session.create(chequeReader, backend);
  const plans = [await session.inference([4, 1, 40, 320], [])];
  const before = backend.usedBytes;
  for (const width of [64, 160, 256]) plans.push(await session.inference([4, 1, 40, width], []));
  const [largest, ...others] = plans;
  expect(largest!.memory.persistent).toBeGreaterThan(2 ** 21);
  const own = backend.usedBytes - before;
  expect(own).toBeLessThan(arenaOf(others));
  expect(own).toBeLessThan(largest!.memory.persistent);
  await session.dispose();
});

it('what is disposed of takes nothing from those that stay, and nothing is left in the end', async () => {
  const used = backend.usedBytes;
  const session = await Session.create(chequeReader, backend);
  const weights = await session.stateDict();
  const [small, large] = [image(1, 64), image(3, 320)];
  const plans = new Map<Tensor, Executable>();
  for (const x of [small, large]) plans.set(x, await session.inference(x.shape, []));
  const wanted = await aloneOn(weights, small);
  for (const x of [small, large, small]) await plans.get(x)!.run({ x });
  const before = backend.usedBytes;
  plans.get(large)!.dispose();
  expect(before - backend.usedBytes).toBeGreaterThan(arenaOf([plans.get(large)!]) / 2);
  expect((await plans.get(small)!.run({ x: small })).scores).toEqual(wanted);
  expect(backend.guardsIntact()).toBe(true);
  await session.dispose();
  expect(backend.usedBytes).toBe(used);
});

it('the arena is large enough for each of its users, and no larger than twice what the largest needs', () => {
  const memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024 });
  const user = fc.record({ key: fc.nat(5), bytes: fc.nat(1000).map((n) => 64 * n) });
  fc.assert(
    fc.property(fc.array(user, { maxLength: 30 }), (moves) => {
      const heap = new Heap(memory);
      const arena = new Arena(heap);
      const needs = new Map<object, number>();
      const keys = Array.from({ length: 6 }, () => ({}));
      for (const { key, bytes } of moves) {
        const one = keys[key]!;
        if (needs.delete(one)) arena.release(one);
        else {
          arena.reserve(one, bytes);
          needs.set(one, bytes);
        }
        const most = Math.max(0, ...needs.values());
        expect(heap.usedBytes).toBeGreaterThanOrEqual(most);
        expect(heap.usedBytes).toBeLessThanOrEqual(2 * most);
        const ends = new Set([...needs].map(([k, n]) => arena.addressFor(k) + n));
        expect(ends.size).toBeLessThanOrEqual(1);
      }
    }),
  );
});
