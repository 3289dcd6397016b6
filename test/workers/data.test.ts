import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import type { ImageSet } from '../../src/data/dataset.ts';
import { adaptTo } from '../../workers/app/adapt.ts';
import { decodeData, encodeData } from '../../workers/app/data-file.ts';
import { importData } from '../../workers/app/import-data.ts';

const setOf = (count: number, channels: number, side: number, classes = ['a', 'b', 'c']): ImageSet => ({
  count,
  channels,
  height: side,
  width: side,
  pixels: Uint8Array.from({ length: count * channels * side * side }, (_, i) => (37 * i) % 251),
  labels: Int32Array.from({ length: count }, (_, i) => i % classes.length),
  classes,
});

const joined = (parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const nothing = () => {};

describe('data set files', () => {
  it('come back as they were', () => {
    const many = Array.from({ length: 300 }, (_, i) => `class ${i}`);
    for (const validation of [setOf(2, 3, 5, many), null]) {
      const parts = { train: setOf(301, 3, 5, many), validation };
      expect(decodeData(joined(encodeData(parts)))).toEqual(parts);
    }
  });

  it('are refused when cut short or no data set', () => {
    const whole = joined(encodeData({ train: setOf(3, 1, 4), validation: setOf(1, 1, 4) }));
    for (let end = 0; end < whole.length; end++) {
      expect(() => decodeData(whole.slice(0, end))).toThrow(/cut short|damaged/);
    }
  });
});

describe('images for a network', () => {
  it('keep their values where size and channels fit', () => {
    const set = setOf(2, 3, 32);
    expect(adaptTo(set, [3, 32, 32])).toEqual(set);
    // 28 × 28 stays: it is centred later.
    expect(adaptTo(setOf(2, 1, 28), [1, 32, 32]).height).toBe(28);
  });

  it('become grey by luma, and colour by repetition', () => {
    const colour = { ...setOf(1, 3, 1), pixels: Uint8Array.of(200, 100, 50) };
    expect([...adaptTo(colour, [1, 1, 1]).pixels]).toEqual([
      Math.round(0.299 * 200 + 0.587 * 100 + 0.114 * 50),
    ]);
    const grey = { ...setOf(1, 1, 1), pixels: Uint8Array.of(9) };
    expect([...adaptTo(grey, [3, 1, 1]).pixels]).toEqual([9, 9, 9]);
  });

  it('keep a constant and a ramp when scaled', () => {
    const flat = { ...setOf(1, 1, 128), pixels: new Uint8Array(128 * 128).fill(77) };
    expect(new Set(adaptTo(flat, [1, 32, 32]).pixels)).toEqual(new Set([77]));
    const ramp = { ...setOf(1, 1, 128), pixels: Uint8Array.from({ length: 128 * 128 }, (_, i) => i % 128) };
    const small = adaptTo(ramp, [1, 32, 32]).pixels;
    for (let x = 1; x < 31; x++) expect(Math.abs(small[5 * 32 + x]! - (4 * x + 1.5))).toBeLessThanOrEqual(1);
    const large = adaptTo({ ...setOf(1, 1, 2), pixels: Uint8Array.of(0, 100, 0, 100) }, [1, 16, 16]).pixels;
    expect([large[0], large[15]]).toEqual([0, 100]);
    expect(large[8]! - large[7]!).toBeGreaterThan(0);
  });
});

describe('importing', () => {
  const cifar = new Uint8Array(3073 * 30).map((_, i) => (i % 3073 === 0 ? Math.floor(i / 3073) % 10 : 5));
  const file = (path: string, content: Uint8Array) => ({
    path,
    file: new Blob([content as Uint8Array<ArrayBuffer>]),
  });

  it('reads CIFAR-10 batches, several at once, also from a zip', async () => {
    const plain = await importData(
      [file('data_batch_1.bin', cifar), file('data_batch_2.bin', cifar)],
      nothing,
    );
    expect([plain.train.count, plain.validation?.count]).toEqual([48, 12]);
    const zip = zipSync({ 'cifar/data_batch_1.bin': cifar, 'cifar/test_batch.bin': cifar });
    const zipped = await importData([file('cifar.zip', zip)], nothing);
    expect([zipped.train.count, zipped.validation?.count]).toEqual([30, 30]);
  });

  it('says what is expected, and names a broken zip', async () => {
    await expect(importData([file('notes.txt', cifar)], nothing)).rejects.toThrow(
      /IDX files .* CIFAR-10 .* folder/,
    );
    await expect(importData([file('x.zip', cifar)], nothing)).rejects.toThrow(/x\.zip cannot be unpacked/);
  });

  it('stops at a zip that declares more than fits', async () => {
    const zip = zipSync({ 'a.bin': new Uint8Array(100) });
    // Uncompressed size in the central directory.
    const at = Buffer.from(zip).indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 24;
    new DataView(zip.buffer).setUint32(at, 0xf000_0000, true);
    await expect(importData([file('bomb.zip', zip)], nothing)).rejects.toThrow(/more than 1 GiB/);
  });
});
