import { describe, expect, it } from 'vitest';
import { fmix32, hashString, Random, randomBits } from '../../src/core/random.ts';

describe('the generator', () => {
  it('is what its formula says', () => {
    // MurmurHash3's finaliser and FNV-1a, values of their reference implementations.
    expect(fmix32(0)).toBe(0);
    expect(fmix32(1)).toBe(0x514e28b7);
    expect(hashString('')).toBe(0x811c9dc5);
    expect(hashString('a')).toBe(0xe40c292c);
    expect(hashString('foobar')).toBe(0xbf9cf968);
    expect(randomBits(5, 3)).toBe(fmix32((5 + 3 * 0x9e3779b9) | 0));
  });

  it('gives the same stream for the same key, in any order', () => {
    const random = new Random(42);
    const drawn = Array.from({ length: 10 }, () => random.bits());
    expect(drawn).toEqual(Array.from({ length: 10 }, (_, i) => randomBits(42, i)));
    expect(new Random(43).bits()).not.toBe(drawn[0]);
  });

  it('branches by path, whatever has been drawn', () => {
    const a = new Random(1);
    const before = a.at('epoch', 3).bits();
    a.bits();
    expect(a.at('epoch', 3).bits()).toBe(before);
    const keys = [a.at('epoch', 4), a.at('epoch'), a.at(3, 'epoch'), a.at('epoch', '3'), a].map((r) => r.key);
    expect(new Set([...keys, a.at('epoch', 3).key]).size).toBe(6);
  });
});

describe('the distributions', () => {
  const n = 100_000;
  const moments = (draw: () => number) => {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < n; i++) {
      const v = draw();
      sum += v;
      squares += v * v;
    }
    return { mean: sum / n, variance: squares / n - (sum / n) ** 2 };
  };

  it('uniform, between and below stay within their bounds, with the right moments', () => {
    const random = new Random(7);
    const uniform = moments(() => random.uniform());
    expect(uniform.mean).toBeCloseTo(0.5, 2);
    expect(uniform.variance).toBeCloseTo(1 / 12, 2);
    const counts = new Array<number>(5).fill(0);
    let outside = 0;
    for (let i = 0; i < n; i++) {
      const v = random.between(-2, 3);
      if (!(v >= -2 && v < 3)) outside++;
      counts[random.below(5)]++;
    }
    expect(outside).toBe(0);
    for (const c of counts) expect(Math.abs(c - n / 5)).toBeLessThan(5 * Math.sqrt(n / 5));
  });

  it('normal: mean 0, variance 1', () => {
    const random = new Random(7);
    const { mean, variance } = moments(() => random.normal());
    expect(mean).toBeCloseTo(0, 1.5);
    expect(variance).toBeCloseTo(1, 1.5);
  });

  it('permutations hold every index once; all of three occur alike', () => {
    const random = new Random(9);
    expect([...random.permutation(50)].sort((a, b) => a - b)).toEqual([...Array(50).keys()]);
    expect([...random.permutation(0)]).toEqual([]);
    const seen = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const key = random.permutation(3).join();
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});
