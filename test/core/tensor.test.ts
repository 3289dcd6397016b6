import { expect, test } from 'vitest';
import { bytesOf, sameShape, showType, sizeOf, stridesOf, tensor } from '../../src/core/tensor.ts';

test('sizes, strides and names of shapes', () => {
  expect(sizeOf([2, 3, 4])).toBe(24);
  expect(sizeOf([])).toBe(1);
  expect(sizeOf([3, 0])).toBe(0);
  expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
  expect(stridesOf([])).toEqual([]);
  expect(bytesOf({ dtype: 'i32', shape: [5] })).toBe(20);
  expect(sameShape([1, 2], [1, 2])).toBe(true);
  expect(sameShape([1, 2], [1, 2, 1])).toBe(false);
  expect(showType({ dtype: 'f32', shape: [2, 3] })).toBe('f32[2×3]');
});

test('a tensor takes its dtype from the data, copies what is no typed array, and is zero without any', () => {
  const data = new Int32Array([1, 2]);
  expect(tensor([2], data)).toEqual({ dtype: 'i32', shape: [2], data });
  expect(tensor([2], data).data).toBe(data);
  expect(tensor([2], data, 'f32').data).toEqual(new Float32Array([1, 2]));
  expect(tensor([2], [1.5, 2]).data).toEqual(new Float32Array([1.5, 2]));
  expect(tensor([], undefined, 'i32').data).toEqual(new Int32Array(1));
});

test('data of another length is refused', () => {
  expect(() => tensor([2, 3], [1, 2])).toThrow(/shape \[2,3\] holds 6 values, but 2 were given/);
  expect(() => tensor([1], new Float32Array(0))).toThrow(expect.objectContaining({ code: 'shape' }));
});
