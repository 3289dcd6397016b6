import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunLog, TrainOptions } from '../../workers/api.ts';
import { Library, MemoryStore } from '../../workers/app/library.ts';
import { RunFile } from '../../workers/app/run-file.ts';

interface Held {
  readonly name: string;
  readonly mode: string;
}

type Work = (lock: Held) => Promise<unknown>;

/** Web Locks of one tab after the other, each answer a few turns late, as from another process. */
class Locks {
  #held: Held[] = [];

  async request(name: string, ...rest: [Work] | [LockOptions, Work]): Promise<unknown> {
    const [options, work] = rest.length === 1 ? [{}, rest[0]] : rest;
    const lock = { name, mode: options.mode ?? 'exclusive' };
    await turns();
    while (this.#held.some((h) => h.name === name && (h.mode !== 'shared' || lock.mode !== 'shared'))) {
      options.signal?.throwIfAborted();
      await turns();
    }
    this.#held.push(lock);
    try {
      return await work(lock);
    } finally {
      await turns();
      this.#held = this.#held.filter((h) => h !== lock);
    }
  }

  async query(): Promise<{ held: readonly Held[] }> {
    await turns();
    return { held: [...this.#held] };
  }
}

const turns = () => new Promise((resolve) => setTimeout(resolve, 1));

const options = { network: 'lenet5', epochs: 1 } as unknown as TrainOptions;
const log: RunLog = { title: 'A run', options, points: [], epochs: [] };

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: new Locks() });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

async function interruptedRun(): Promise<{ library: Library; id: string }> {
  const library = new Library(new MemoryStore(), true);
  const file = await RunFile.create(library, { title: 'A run', options, classes: [] });
  await file.save({ step: 3, steps: 10, log }, new Uint8Array([1, 2, 3]));
  await file.close(false);
  return { library, id: file.summary.id };
}

describe('unfinished runs', () => {
  it('are listed with where they stand, and opened with their checkpoint', async () => {
    const { library, id } = await interruptedRun();
    await vi.waitFor(async () => expect(await RunFile.list(library)).toHaveLength(1));
    expect(await RunFile.list(library)).toMatchObject([{ id, step: 3, steps: 10, title: 'A run' }]);
    expect((await RunFile.open(library, id)).checkpoint).toEqual(new Uint8Array([1, 2, 3]));
  });

  it('can be opened while they are being listed', async () => {
    const { library, id } = await interruptedRun();
    await vi.waitFor(async () => expect(await RunFile.list(library)).toHaveLength(1));
    for (let wait = 0; wait < 12; wait++) {
      const listing = RunFile.list(library);
      for (let turn = 0; turn < wait; turn++) await turns();
      const { file } = await RunFile.open(library, id);
      await listing;
      await file.close(false);
      await turns();
      await turns();
    }
  });

  it('are neither listed nor opened nor forgotten while a tab works on them', async () => {
    const { library, id } = await interruptedRun();
    await vi.waitFor(async () => expect(await RunFile.list(library)).toHaveLength(1));
    const { file } = await RunFile.open(library, id);
    expect(await RunFile.list(library)).toEqual([]);
    await expect(RunFile.open(library, id)).rejects.toThrow('another tab');
    await RunFile.forget(library, id);
    await file.close(true);
    await vi.waitFor(async () => expect((await library.list()).runs).toEqual([]));
  });

  it('are told of when the tab that worked on them dies after the look', async () => {
    const { library, id } = await interruptedRun();
    const { file } = await RunFile.open(library, id);
    const onFreed = vi.fn();
    expect(await RunFile.list(library, onFreed)).toEqual([]);
    await file.close(false);
    await vi.waitFor(() => expect(onFreed).toHaveBeenCalledOnce());
    await vi.waitFor(async () => expect(await RunFile.list(library)).toMatchObject([{ id, step: 3 }]));
  });
});
