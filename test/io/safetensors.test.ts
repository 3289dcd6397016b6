import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LensletError } from '../../src/core/error.ts';
import { sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';
import { floatToHalf, halfToFloat } from '../../src/io/half.ts';
import { parseSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';

/** A file with this header text and these data bytes. */
function file(header: string, data: ArrayBufferView | Uint8Array = new Uint8Array()): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.byteLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 8 + text.length);
  return bytes;
}

const one = (dtype: string, data: ArrayBufferView, count: number): Tensor => {
  const header = { t: { dtype, shape: [count], data_offsets: [0, data.byteLength] } };
  return parseSafetensors(file(JSON.stringify(header), data)).tensors.get('t') as Tensor;
};

describe('dtypes', () => {
  test.each<[string, ArrayBufferView, number[]]>([
    [
      'F32',
      new Float32Array([1.5, -0, Number.NaN, Number.NEGATIVE_INFINITY]),
      [1.5, -0, Number.NaN, -Infinity],
    ],
    ['F64', new Float64Array([1.5, 1e300]), [1.5, Infinity]],
    [
      'F16',
      new Uint16Array([0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x8000, 0x7c00, 0x3555, 0x7e00]),
      [1, -2, 65504, 2 ** -24, 2 ** -14, -0, Infinity, 0.333251953125, Number.NaN],
    ],
    ['BF16', new Uint16Array([0x3f80, 0xc020, 0x7f80]), [1, -2.5, Infinity]],
  ])('%s → f32', (dtype, data, expected) => {
    const t = one(dtype, data, expected.length);
    expect(t.dtype).toBe('f32');
    expect([...t.data]).toEqual(expected);
  });

  test.each<[string, ArrayBufferView, number[]]>([
    ['I32', new Int32Array([-(2 ** 31), 2 ** 31 - 1]), [-(2 ** 31), 2 ** 31 - 1]],
    ['I64', new BigInt64Array([-(2n ** 31n), -1n, 2n ** 31n - 1n]), [-(2 ** 31), -1, 2 ** 31 - 1]],
    ['I16', new Int16Array([-32768, 5]), [-32768, 5]],
    ['U16', new Uint16Array([65535]), [65535]],
    ['BOOL', new Uint8Array([0, 1, 7]), [0, 1, 1]],
  ])('%s → i32', (dtype, data, expected) => {
    const t = one(dtype, data, expected.length);
    expect(t.dtype).toBe('i32');
    expect([...t.data]).toEqual(expected);
  });

  test.each([
    ['I8', new Int8Array([-128, 127])],
    ['U8', new Uint8Array([255, 3])],
  ])('%s stays', (dtype, data) => {
    expect(one(dtype, data, 2)).toEqual({ dtype: dtype.toLowerCase(), shape: [2], data });
  });

  test.each([2n ** 31n, -(2n ** 31n) - 1n, 2n ** 32n, 2n ** 63n - 1n])('I64 %s is refused', (value) => {
    expect(() => one('I64', new BigInt64Array([value]), 1)).toThrow('outside the range');
  });

  test('others are unsupported', () => {
    for (const dtype of ['F8_E4M3', 'U32', 'toString']) {
      expect(() => one(dtype, new Uint8Array(1), 1)).toThrow(
        expect.objectContaining({ code: 'unsupported' }),
      );
    }
  });
});

describe('what the format forbids', () => {
  const entry = (shape: unknown, offsets: unknown, dtype: unknown = 'U8') =>
    JSON.stringify({ dtype, shape, data_offsets: offsets });
  const bytes = (n: number) => new Uint8Array(n);
  test.each([
    ['no bytes', bytes(0), 'the file has 0 bytes'],
    ['a header longer than the file', file('{}').subarray(0, 9), 'a header of 2 bytes is declared'],
    ['a huge header', new Uint8Array(16).fill(255), 'a header of 18446744073709552000 bytes'],
    ['an empty header', bytes(8), 'does not begin with'],
    ['a list', file('[]'), 'does not begin with "{"'],
    ['no JSON', file('{"a"}'), 'not JSON'],
    ['no UTF-8', file('{"?":1}').map((b, i) => (i === 10 ? 0xff : b)), 'not JSON'],
    ['equal keys', file(`{"a":${entry([1], [0, 1])},"\\u0061":${entry([1], [0, 1])}}`, bytes(1)), 'twice'],
    [
      'equal keys inside',
      file(`{"a":{"dtype":"U8","dtype":"I8","shape":[],"data_offsets":[0,1]}}`, bytes(1)),
      'twice',
    ],
    ['metadata of numbers', file('{"__metadata__":{"epoch":1}}'), 'strings to strings'],
    ['metadata in a list', file('{"__metadata__":[]}'), 'strings to strings'],
    ['a tensor that is null', file('{"a":null}'), 'not an object'],
    ['no dtype', file(`{"a":${entry([1], [0, 1], 3)}}`, bytes(1)), 'dtype is not a string'],
    ['a negative size', file(`{"a":${entry([-1], [0, 1])}}`, bytes(1)), 'not a list of sizes'],
    ['half a size', file(`{"a":${entry([0.5], [0, 1])}}`, bytes(1)), 'not a list of sizes'],
    ['a huge size', file(`{"a":${entry([2 ** 40, 2 ** 40], [0, 1])}}`, bytes(1)), 'takes 1.2'],
    ['three offsets', file(`{"a":${entry([1], [0, 1, 2])}}`, bytes(1)), 'not two offsets'],
    ['offsets backwards', file(`{"a":${entry([1], [1, 0])}}`, bytes(1)), 'give -1'],
    ['length ≠ shape', file(`{"a":${entry([2], [0, 8], 'F64')}}`, bytes(8)), 'takes 16 bytes'],
    ['data missing', file(`{"a":${entry([9], [0, 9])}}`, bytes(5)), 'take 9 bytes, but 5'],
    ['data left over', file(`{"a":${entry([1], [0, 1])}}`, bytes(2)), 'take 1 bytes, but 2'],
    [
      'a hole',
      file(`{"a":${entry([1], [0, 1])},"b":${entry([1], [2, 3])}}`, bytes(3)),
      '"b" begins at 2, but 1',
    ],
    [
      'an overlap',
      file(`{"a":${entry([2], [0, 2])},"b":${entry([2], [1, 3])}}`, bytes(3)),
      '"b" begins at 1, but 2',
    ],
  ])('%s', (_, data, message) => {
    expect(() => parseSafetensors(data)).toThrow(message);
    expect(() => parseSafetensors(data)).toThrow(
      expect.objectContaining({ name: 'LensletError', code: 'format' }),
    );
  });

  test('what it allows: padding, empty tensors, scalars, data that is not aligned, any order in the header', () => {
    const header = `{ "b":${entry([], [1, 5], 'F32')}, "a":${entry([1], [0, 1])}, "e":${entry([0, 9], [5, 5])}}  `;
    const data = new Uint8Array([42, 0, 0, 0xc0, 0x3f]);
    const { tensors, metadata } = parseSafetensors(file(header, data));
    expect([...tensors.keys()]).toEqual(['a', 'b', 'e']);
    expect(tensors.get('a')).toEqual(tensor([1], [42], 'u8'));
    expect(tensors.get('b')).toEqual(tensor([], [1.5]));
    expect(tensors.get('e')).toEqual(tensor([0, 9], [], 'u8'));
    expect(metadata).toEqual({});
    expect(parseSafetensors(file('{}')).tensors.size).toBe(0);
  });
});

const anyTensor = fc
  .tuple(fc.array(fc.nat(4), { maxLength: 3 }), fc.constantFrom('f32', 'i32', 'i8', 'u8'))
  .chain(([shape, dtype]) => {
    const n = sizeOf(shape);
    const value = {
      f32: fc.float(),
      i32: fc.integer(),
      i8: fc.integer({ min: -128, max: 127 }),
      u8: fc.nat(255),
    }[dtype];
    return fc.array(value, { minLength: n, maxLength: n }).map((data) => tensor(shape, data, dtype));
  });
const anyName = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.constantFrom('__proto__', '10', '2', 'fc.weight', '\ud800'),
  )
  .filter((name) => name !== '__metadata__');
const anyFile = fc.tuple(
  fc.array(fc.tuple(anyName, anyTensor), { maxLength: 6 }).map((entries) => new Map(entries)),
  fc
    .array(fc.tuple(fc.string(), fc.string()), { maxLength: 3 })
    .map((entries) => Object.fromEntries(entries)),
);

describe('writing', () => {
  test('what was written is read, bit for bit, whatever the order it was given in', () => {
    fc.assert(
      fc.property(anyFile, ([tensors, metadata]) => {
        const bytes = writeSafetensors(tensors, metadata);
        expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
        const back = parseSafetensors(bytes);
        expect(back.metadata).toEqual(metadata);
        expect(new Map([...back.tensors].sort())).toEqual(new Map([...tensors].sort()));
        expect(writeSafetensors(new Map([...tensors].reverse()), metadata)).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('views of a larger buffer and shared memory', () => {
    const shared = new Float32Array(new SharedArrayBuffer(16)).subarray(1, 3);
    shared.set([3, 4]);
    const bytes = writeSafetensors(new Map([['a', { dtype: 'f32', shape: [2], data: shared }]]));
    expect([...(parseSafetensors(bytes).tensors.get('a')?.data ?? [])]).toEqual([3, 4]);
  });

  test('a Node Buffer at an odd place of its pool reads as plain bytes do', () => {
    const tensors = new Map([
      ['a', tensor([3], [1, 2, 3])],
      ['b', tensor([1], [4])],
    ]);
    const pool = Buffer.alloc(1000);
    const bytes = writeSafetensors(tensors);
    bytes.forEach((v, i) => {
      pool[i + 13] = v;
    });
    expect(parseSafetensors(pool.subarray(13, 13 + bytes.length)).tensors).toEqual(tensors);
  });

  test('refuses the reserved name and wrong lengths', () => {
    expect(() => writeSafetensors(new Map([['__metadata__', tensor([1])]]))).toThrow(LensletError);
    const wrong: Tensor = { dtype: 'f32', shape: [2], data: new Float32Array(3) };
    expect(() => writeSafetensors(new Map([['a', wrong]]))).toThrow('shape [2], but 3 values');
  });
});

test('12,000 damaged files: an error that says so, or a consistent file', () => {
  const good = writeSafetensors(
    new Map([
      ['conv.weight', tensor([2, 1, 3, 3])],
      ['conv.bias', tensor([2])],
      ['steps', tensor([], [7], 'i32')],
    ]),
    { recipe: 'none' },
  );
  const header = 8 + Number(new DataView(good.buffer).getBigUint64(0, true));
  const place = fc.oneof(fc.nat(7), fc.nat(header - 1), fc.nat(good.length - 1));
  const byte = fc.oneof(
    fc.nat(255),
    fc.constantFrom(...[...'{}[]",:0129-.e\\ '].map((c) => c.charCodeAt(0))),
  );
  const change = fc.record({
    at: place,
    value: byte,
    kind: fc.constantFrom('set', 'insert', 'delete', 'cut'),
  });
  let refused = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = [...good];
      for (const { at, value, kind } of changes) {
        if (kind === 'set') bytes[at] = value;
        else if (kind === 'insert') bytes.splice(at, 0, value);
        else if (kind === 'delete') bytes.splice(at, 1);
        else bytes.length = Math.min(bytes.length, at);
      }
      try {
        for (const t of parseSafetensors(Uint8Array.from(bytes)).tensors.values()) {
          expect(t.data.length).toBe(sizeOf(t.shape));
        }
      } catch (error) {
        expect(error).toBeInstanceOf(LensletError);
        refused++;
      }
    }),
    { numRuns: 12_000 },
  );
  expect(refused).toBeGreaterThan(6000);
});

describe('half precision', () => {
  test('every half is its own nearest half', () => {
    for (let h = 0; h < 0x10000; h++) {
      const value = halfToFloat(h);
      if (!Number.isNaN(value)) expect(floatToHalf(value)).toBe(h);
    }
    expect(halfToFloat(floatToHalf(Number.NaN))).toBeNaN();
  });

  test('numbers become the nearest half, ties the even one', () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const half = floatToHalf(value);
        const error = (h: number) => Math.abs(halfToFloat(h) - value);
        for (const other of [half - 1, half + 1]) {
          if ((other & 0x7fff) >= 0x7c00 || other < 0) continue;
          expect(error(half)).toBeLessThanOrEqual(error(other));
          if (error(half) === error(other)) expect(half % 2).toBe(0);
        }
      }),
    );
    expect([65519, 65520, 2049, 2051].map((v) => halfToFloat(floatToHalf(v)))).toEqual([
      65504,
      Number.POSITIVE_INFINITY,
      2048,
      2052,
    ]);
  });

  test('a file in half precision has half the data; what is no F32 stays', () => {
    const tensors = new Map([
      ['a', tensor([3], new Float32Array([1, -0.333251953125, 3e-5]))],
      ['b', tensor([2], new Int32Array([7, -7]))],
    ]);
    const { tensors: read } = parseSafetensors(writeSafetensors(tensors, {}, { half: true }));
    expect([...read.get('a')!.data.subarray(0, 2)]).toEqual([1, -0.333251953125]);
    expect(read.get('a')!.data[2]).toBeCloseTo(3e-5, 7);
    expect(read.get('b')).toEqual(tensors.get('b'));
    expect(writeSafetensors(tensors).length - writeSafetensors(tensors, {}, { half: true }).length).toBe(6);
  });
});
