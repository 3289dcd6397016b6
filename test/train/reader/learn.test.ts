/** Learning from corrections on the shipped reader. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  chequeReader,
  LABEL_SIZE,
  readerNetwork,
  readerSettings,
  writeLabel,
} from '../../../models/cheque-reader.ts';
import { syntheticAmount } from '../../../src/data/cheques/amount.ts';
import { parseSafetensors } from '../../../src/io/safetensors.ts';
import { Session } from '../../../src/session.ts';
import { type Correction, type LearnOptions, learnCorrections } from '../../../src/train/reader/learn.ts';
import type { LineMaker } from '../../../src/train/reader/stream.ts';
import { prepareLine } from '../../../src/vision/reader/line.ts';
import type { WasmBackend } from '../../../src/wasm/index.ts';
import { createBackend } from '../../../workers/node.ts';

let backend: WasmBackend;
let session: Session;
const weights = parseSafetensors(new Uint8Array(readFileSync('models/cheque-reader.safetensors'))).tensors;

beforeAll(async () => {
  backend = await createBackend({ threads: 1, memoryBytes: 1 << 30 });
  session = await Session.create(chequeReader, backend);
});
afterAll(() => backend.dispose());

const line = (index: number, writer?: number): Correction => {
  const { image, digits } = syntheticAmount(99, index, { cut: 'tight', writer });
  return { line: prepareLine(image), digits };
};
const replay: LineMaker = (random) => ({ ...line(random.below(2 ** 20)), text: null });

const options = (): LearnOptions => ({
  network: readerNetwork(session),
  settings: readerSettings,
  labelSize: LABEL_SIZE,
  writeLabel,
  replay,
  seed: 3,
  steps: 6,
  batch: 4,
  checks: 4,
});

const bytes = async (): Promise<Buffer> =>
  Buffer.concat(
    [...(await session.stateDict()).values()].map(({ data }) => Buffer.from(data.slice().buffer)),
  );

describe('learnCorrections', () => {
  /** Lines whose digits are all said to be another one: something that is certainly new. */
  const swapped = Array.from({ length: 4 }, (_, i) => {
    const { line: l, digits } = line(i, 5);
    return { line: l, digits: digits.replaceAll(/[0-4]/g, '8') };
  });

  it('the same corrections and seed give the same weights, bit for bit, and they can be undone', async () => {
    await session.loadStateDict(weights);
    const first = await bytes();
    const report = await learnCorrections(session, swapped, { ...options(), lr: 1e-4 });
    expect(report.kept).toBe(true);
    expect(report.before.replay).toBeGreaterThanOrEqual(2);
    const learned = await bytes();
    expect(learned.equals(first)).toBe(false);
    await session.loadStateDict(report.previous);
    expect((await bytes()).equals(first)).toBe(true);
    await learnCorrections(session, swapped, { ...options(), lr: 1e-4 });
    expect((await bytes()).equals(learned)).toBe(true);
  });

  it('takes back what makes it forget, and what is stopped', async () => {
    await session.loadStateDict(weights);
    const first = await bytes();
    const harmful = await learnCorrections(session, swapped, { ...options(), lr: 0.2 });
    expect(harmful.kept).toBe(false);
    expect(harmful.after.replay).toBeLessThan(harmful.before.replay);
    expect((await bytes()).equals(first)).toBe(true);
    const stopped = await learnCorrections(session, swapped, { ...options(), onStep: (step) => step < 2 });
    expect(stopped.kept).toBe(false);
    expect((await bytes()).equals(first)).toBe(true);
  });

  it('refuses what is no correction', async () => {
    await expect(learnCorrections(session, [], options())).rejects.toThrow(/at least one line/);
    const wrong = [{ ...swapped[0], digits: '1,250' }];
    await expect(learnCorrections(session, wrong, options())).rejects.toThrow(/nothing else/);
  });
});
