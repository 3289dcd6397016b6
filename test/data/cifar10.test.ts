import { expect, test } from 'vitest';
import { CIFAR10_CLASSES, isCifar10Name, parseCifar10, readCifar10 } from '../../src/data/cifar10.ts';
import { imageAt } from '../../src/data/dataset.ts';

/** Records with these labels; pixel k of record i is (label + k) mod 256. */
function batch(...labels: number[]): Uint8Array {
  return Uint8Array.from({ length: labels.length * 3073 }, (_, at) => {
    const label = labels[Math.floor(at / 3073)] as number;
    return at % 3073 === 0 ? label : label + (at % 3073) - 1;
  });
}

test('parseCifar10', () => {
  const set = parseCifar10(batch(3, 9, 0));
  expect(set).toMatchObject({ count: 3, channels: 3, height: 32, width: 32, classes: CIFAR10_CLASSES });
  expect([...set.labels]).toEqual([3, 9, 0]);
  expect([...imageAt(set, 1).subarray(0, 3)]).toEqual([9, 10, 11]);
  expect(imageAt(set, 1)[3071]).toBe((9 + 3071) % 256);
});

test.each([
  ['nothing', new Uint8Array(0), 'found 0 bytes'],
  ['half a record', batch(1, 2).subarray(0, 5000), 'found 5000 bytes'],
  ['a label that is none', batch(1, 10), 'record 1 is 10'],
])('%s: error', (_, bytes, message) => {
  expect(() => parseCifar10(bytes, 'b.bin')).toThrow(expect.objectContaining({ code: 'format' }));
  expect(() => parseCifar10(bytes, 'b.bin')).toThrow(message);
});

test('readCifar10 puts the batches in the order of their numbers', () => {
  const files = [
    { name: 'cifar/data_batch_2.bin', bytes: batch(2) },
    { name: 'cifar/test_batch.bin', bytes: batch(7) },
    { name: 'cifar/data_batch_10.bin', bytes: batch(5, 6) },
    { name: 'cifar/data_batch_1.bin', bytes: batch(1) },
    { name: 'cifar/readme.html', bytes: batch() },
  ];
  expect(files.map((f) => isCifar10Name(f.name))).toEqual([true, true, true, true, false]);
  const { train, test } = readCifar10(files);
  expect([...(train?.labels ?? [])]).toEqual([1, 2, 5, 6]);
  expect([...(test?.labels ?? [])]).toEqual([7]);
  expect(readCifar10(files.slice(1, 2)).train).toBeNull();
  expect(() => readCifar10(files.slice(4))).toThrow('No CIFAR-10 batches');
});
