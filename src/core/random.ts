/**
 * Counter-based random numbers: element i of a stream is a pure function of (key, i), so any part of a stream
 * can be drawn anywhere, in any order, on any backend, with the same bits.
 *
 * bits(key, i) = fmix32(key + i · 0x9E3779B9), fmix32 being the finaliser of MurmurHash3 (A. Appleby).
 */

export function fmix32(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** FNV-1a over the UTF-8 bytes of a string: names to keys. */
export function hashString(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/** 32 random bits at position `i` of the stream `key`. */
export const randomBits = (key: number, i: number): number => fmix32((key + Math.imul(i, 0x9e3779b9)) | 0);

export class Random {
  #next = 0;
  constructor(readonly key: number) {}

  /** The stream for a path of names and numbers under this one; independent of what has been drawn. */
  at(...path: readonly (string | number)[]): Random {
    let key = this.key;
    for (const p of path)
      key = fmix32((Math.imul(key, 0x9e3779b1) + (typeof p === 'number' ? p : hashString(p))) | 0);
    return new Random(key);
  }

  /** 32 random bits; advances the stream. */
  bits(): number {
    return randomBits(this.key, this.#next++);
  }

  /** Uniform in [0, 1), 24 bits. */
  uniform(): number {
    return (this.bits() >>> 8) / 0x1000000;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal (Box–Muller). */
  normal(): number {
    const u = 1 - this.uniform();
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A permutation of 0 … n−1 (Fisher–Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const t = order[i] as number;
      order[i] = order[j] as number;
      order[j] = t;
    }
    return order;
  }
}
