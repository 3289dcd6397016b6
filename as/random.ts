/** The counter-based generator of src/core/random.ts, bit for bit, and dropout. */
import { loadFirst, storeFirst } from "./simd";
import { DropoutArgs } from "./args";
import { Layout } from "./protocol";

// @ts-ignore: decorator
@inline
const GOLDEN: i32 = 0x9E3779B9;

function fmix32(h: i32): i32 {
  h = (h ^ (h >>> 16)) * 0x85EBCA6B;
  h = (h ^ (h >>> 13)) * 0xC2B2AE35;
  return h ^ (h >>> 16);
}

// @ts-ignore: decorator
@inline
function fmix32x4(h: v128): v128 {
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), i32x4.splat(0x85EBCA6B));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 13)), i32x4.splat(0xC2B2AE35));
  return v128.xor(h, i32x4.shr_u(h, 16));
}

/**
 * y[i] = x[i]·SCALE where the upper 24 of the bits at position i of the stream are at least THRESHOLD, else 0. The
 * stream is `Random.at` of the seed and STREAM.
 */
export function dropout(r: usize, tile: i32): void {
  const begin = tile * Layout.TILE, n = min(load<i32>(r + DropoutArgs.COUNT) - begin, Layout.TILE);
  const key = fmix32(load<i32>(load<usize>(r + DropoutArgs.SEED)) * 0x9E3779B1 + load<i32>(r + DropoutArgs.STREAM));
  const at = <usize>begin << 2;
  let x = load<usize>(r + DropoutArgs.X) + at, y = load<usize>(r + DropoutArgs.Y) + at;
  let counter = i32x4.add(i32x4.splat(key + begin * GOLDEN), i32x4(0, GOLDEN, 2 * GOLDEN, 3 * GOLDEN));
  const threshold = v128.load32_splat(r, DropoutArgs.THRESHOLD), scale = v128.load32_splat(r, DropoutArgs.SCALE);
  for (let i = n; i > 0; i -= 4, x += 16, y += 16) {
    const kept = i32x4.ge_s(i32x4.shr_u(fmix32x4(counter), 8), threshold);
    storeFirst(y, v128.and(f32x4.mul(loadFirst(x, i), scale), kept), i);
    counter = i32x4.add(counter, i32x4.splat(4 * GOLDEN));
  }
}
