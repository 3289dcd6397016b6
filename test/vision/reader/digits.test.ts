/** Single digits cut out of lines, with the shipped reader; the shipped LeNet-5 says what they are. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chequeReader, readerNetwork, readerSettings } from '../../../models/cheque-reader.ts';
import { lenet5Modern } from '../../../models/lenet5.ts';
import { syntheticAmount } from '../../../src/data/cheques/amount.ts';
import { parseSafetensors } from '../../../src/io/safetensors.ts';
import type { Model } from '../../../src/nn/builder.ts';
import { Session } from '../../../src/session.ts';
import { cleanLine } from '../../../src/vision/cheque/line.ts';
import { cutDigits } from '../../../src/vision/reader/digits.ts';
import { prepareLine } from '../../../src/vision/reader/line.ts';
import type { WasmBackend } from '../../../src/wasm/index.ts';
import { predictDigit } from '../../../workers/digits.ts';
import { createBackend } from '../../../workers/node.ts';

const options = { scale: readerSettings.scale, size: 28 };
let backend: WasmBackend;
let reader: Session;
let lenet: Session;

const open = async (model: Model, name: string): Promise<Session> => {
  const session = await Session.create(model, backend);
  const bytes = new Uint8Array(readFileSync(`models/${name}.safetensors`));
  await session.loadStateDict(parseSafetensors(bytes).tensors);
  return session;
};

beforeAll(async () => {
  backend = await createBackend({ threads: 1, memoryBytes: 1 << 28 });
  reader = await open(chequeReader, 'cheque-reader');
  lenet = await open(lenet5Modern, 'lenet5-modern');
});
afterAll(() => backend.dispose());

const lineOf = (index: number) => {
  const { image, digits } = syntheticAmount(7, index, { cut: 'tight' });
  return { line: prepareLine(cleanLine(image)), digits };
};

async function answer(data: Uint8Array): Promise<string> {
  const { probabilities } = await predictDigit(lenet, { width: 28, height: 28, data }, false);
  return String(probabilities.indexOf(Math.max(...probabilities)));
}

describe('cutDigits', () => {
  it('gives each digit by itself, so that LeNet-5 knows most of them', async () => {
    let [right, all] = [0, 0];
    for (let i = 0; i < 10; i++) {
      const { line, digits } = lineOf(i);
      const cut = await cutDigits(readerNetwork(reader), line, digits, options);
      expect(cut).toHaveLength(digits.length);
      for (const [k, pixels] of cut.entries()) {
        all++;
        if (pixels && (await answer(pixels)) === digits[k]) right++;
      }
    }
    expect(all).toBeGreaterThan(50);
    expect(right / all).toBeGreaterThan(0.6);
  });

  it('finds a digit that the reader takes for another one', async () => {
    const { line, digits } = lineOf(1);
    const cut = await cutDigits(readerNetwork(reader), line, digits, options);
    let same = 0;
    for (let k = 0; k < digits.length; k++) {
      const other = String((Number(digits[k]) + 5) % 10);
      const corrected = digits.slice(0, k) + other + digits.slice(k + 1);
      const again = await cutDigits(readerNetwork(reader), line, corrected, options);
      const [pixels, before] = [again[k], cut[k]];
      if (pixels && before && (await answer(pixels)) === (await answer(before))) same++;
    }
    expect(same).toBeGreaterThanOrEqual(digits.length - 1);
  });

  it('gives nothing for digits that are not there', async () => {
    const paper = { width: 200, height: 60, data: new Uint8Array(200 * 60).fill(240) };
    expect(await cutDigits(readerNetwork(reader), prepareLine(paper), '125', options)).toEqual([
      null,
      null,
      null,
    ]);
    expect(await cutDigits(readerNetwork(reader), lineOf(0).line, '', options)).toEqual([]);
  });
});
