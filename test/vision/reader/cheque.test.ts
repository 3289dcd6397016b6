import { expect, it } from 'vitest';
import { type Tensor, tensor } from '../../../src/core/tensor.ts';
import { syntheticCheque } from '../../../src/data/cheques/cheque.ts';
import { findAmounts } from '../../../src/vision/cheque/find.ts';
import { isSureFrame, readCheque } from '../../../src/vision/reader/cheque.ts';
import type { ReaderNetwork } from '../../../src/vision/reader/read.ts';

/** A network that sees nothing in the first lines, the digit 7 in the middle of those behind them. */
function blindAtFirst(lines: number): ReaderNetwork {
  let seen = 0;
  return async ({ shape: [n, , , width] }: Tensor) => {
    const steps = width / 2;
    const scores = tensor([n, 11, steps], new Float32Array(n * 11 * steps).fill(Math.log(1e-6)));
    const sees = seen++ >= lines ? steps >> 1 : -1;
    for (let i = 0; i < n; i++) {
      for (let t = 0; t < steps; t++)
        scores.data[(i * 11 + (t === sees ? 8 : 0)) * steps + t] = Math.log(1 - 1e-6);
    }
    return { scores, marks: tensor([n, 2, steps]) };
  };
}

const settings = { scale: 1 / 128, marks: ['-'], threshold: 0.5 };

it('where nothing is read in the likeliest frame the next one is read', async () => {
  const { image } = syntheticCheque(71, 0, { width: 1000 });
  const frames = findAmounts(image);
  expect(frames.length).toBeGreaterThan(1);
  for (const blind of [0, 1]) {
    const read = await readCheque(blindAtFirst(blind), image, settings);
    expect(read).toMatchObject({ reading: { digits: '7' }, found: { box: frames[blind].box } });
  }
  const read = await readCheque(blindAtFirst(frames.length), image, settings);
  expect(read).toMatchObject({ reading: { digits: '', accepted: false }, found: { box: frames[0].box } });
});

it('what is read surely is accepted, but not in a frame that hardly looks like one', async () => {
  for (const [index, isSure] of [
    [1, true],
    [79, false],
  ] as const) {
    const read = await readCheque(blindAtFirst(0), syntheticCheque(1990, index).image, settings);
    expect(isSureFrame(read!.found!)).toBe(isSure);
    expect(read!.reading.confidence).toBeGreaterThan(settings.threshold);
    expect(read!.reading.accepted).toBe(isSure);
  }
});
