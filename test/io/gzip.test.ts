import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LensletError } from '../../src/core/error.ts';
import { gunzip, isGzip } from '../../src/io/gzip.ts';

const format = expect.objectContaining({ name: 'LensletError', code: 'format' });

test('gunzip undoes gzip', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
      const packed = new Uint8Array(gzipSync(bytes));
      expect(isGzip(packed)).toBe(true);
      expect(await gunzip(packed)).toEqual(bytes);
    }),
    { numRuns: 50 },
  );
});

test('data of several chunks comes out whole', async () => {
  const bytes = Uint8Array.from({ length: 1_000_000 }, (_, i) => Math.imul(i, 2654435761) >>> 13);
  expect(Buffer.compare(await gunzip(gzipSync(bytes)), bytes)).toBe(0);
});

test('every truncation is an error', async () => {
  const packed = new Uint8Array(gzipSync(Buffer.from('twelve images of seven digits')));
  for (let n = 0; n < packed.length; n++) {
    await expect(gunzip(packed.subarray(0, n)), `${n} bytes`).rejects.toEqual(format);
  }
});

test('a flipped bit gives an error or, in the parts gzip does not check, the same data', async () => {
  const bytes = new Uint8Array(Buffer.from('1 2 3 4 5 6 7 8 9'.repeat(20)));
  const packed = new Uint8Array(gzipSync(bytes));
  for (let bit = 0; bit < 8 * packed.length; bit++) {
    const broken = packed.slice();
    broken[bit >> 3] = (broken[bit >> 3] as number) ^ (1 << (bit & 7));
    const result = await gunzip(broken).catch((error: unknown) => error);
    if (result instanceof LensletError) expect(result.code).toBe('format');
    else expect(result).toEqual(bytes);
  }
});

test('the bound on the output holds', async () => {
  const bomb = gzipSync(new Uint8Array(50_000_000));
  await expect(gunzip(bomb, 1_000_000)).rejects.toThrow('more than the 1000000 bytes');
  expect((await gunzip(gzipSync(new Uint8Array(1000)), 1000)).length).toBe(1000);
});
