/**
 * Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3), as in PyTorch: y = x·b^−β,
 * b = k + α/SIZE · Σ x² over channels c − ⌊SIZE/2⌋ … c + ⌊(SIZE − 1)/2⌋. A tile is PIXELS pixels of one image: four
 * pixels in a vector, all channels of a block in the cache.
 */
import { exp, log } from "./activation";
import { loadFirst, madd, storeFirst } from "./simd";
import { LocalResponseNormArgs as Args } from "./args";

/** b^−β. Roots are exact where they do: 3/4 and 1/2 are what networks use. */
// @ts-ignore: decorator
@inline
function power(b: v128, beta: f32): v128 {
  const one = f32x4.splat(1);
  if (beta == 0.75) {
    const root = f32x4.sqrt(b);
    return f32x4.div(one, f32x4.mul(root, f32x4.sqrt(root)));
  }
  if (beta == 0.5) return f32x4.div(one, f32x4.sqrt(b));
  return exp(f32x4.mul(log(b), f32x4.splat(-beta)));
}

/** b of channel c for n (1 … 4) pixels; x is the pixel in channel 0. */
// @ts-ignore: decorator
@inline
function base(r: usize, x: usize, c: i32, step: usize, n: i32): v128 {
  const size = load<i32>(r + Args.SIZE), channels = load<i32>(r + Args.C);
  const first = max(0, c - size / 2), last = min(channels - 1, c + (size - 1) / 2);
  let sum = f32x4.splat(0);
  for (let i = first, p = x + first * step; i <= last; i++, p += step) {
    const v = loadFirst(p, n);
    sum = madd(v, v, sum);
  }
  const scale = load<f32>(r + Args.ALPHA) / <f32>size;
  return madd(sum, f32x4.splat(scale), v128.load32_splat(r, Args.K));
}

export function localResponseNorm(r: usize, tile: i32): void {
  const channels = load<i32>(r + Args.C), plane = load<i32>(r + Args.PLANE), pixels = load<i32>(r + Args.PIXELS);
  const blocks = (plane + pixels - 1) / pixels, step = <usize>plane << 2;
  const beta = load<f32>(r + Args.BETA), image = <usize>(tile / blocks) * channels * step;
  const begin = (tile % blocks) * pixels, end = min(plane, begin + pixels);
  for (let c = 0; c < channels; c++) {
    for (let p = begin; p < end; p += 4) {
      const n = min(4, end - p), at = image + (<usize>p << 2), here = at + c * step;
      const b = base(r, load<usize>(r + Args.X) + at, c, step, n);
      storeFirst(load<usize>(r + Args.Y) + here, f32x4.mul(loadFirst(load<usize>(r + Args.X) + here, n), power(b, beta)), n);
    }
  }
}

/**
 * dx_i = dy_i·b_i^−β − 2αβ/SIZE · x_i · Σ dy_j·y_j/b_j over all j whose window holds i.
 * Scratch: the terms of the sum, [C][PIXELS].
 */
export function localResponseNormGrad(r: usize, tile: i32, scratch: usize): void {
  const channels = load<i32>(r + Args.C), plane = load<i32>(r + Args.PLANE), pixels = load<i32>(r + Args.PIXELS);
  const blocks = (plane + pixels - 1) / pixels, step = <usize>plane << 2, row = <usize>pixels << 2;
  const beta = load<f32>(r + Args.BETA), size = load<i32>(r + Args.SIZE);
  const begin = (tile % blocks) * pixels, end = min(plane, begin + pixels);
  const offset = <usize>(tile / blocks) * channels * step + (<usize>begin << 2);
  const x = load<usize>(r + Args.X) + offset, dy = load<usize>(r + Args.DY) + offset;
  const dx = load<usize>(r + Args.Y) + offset;
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < end - begin; p += 4) {
      const n = min(4, end - begin - p), at = <usize>p << 2, here = c * step + at;
      const b = base(r, x + at, c, step, n), d = f32x4.mul(loadFirst(dy + here, n), power(b, beta));
      storeFirst(dx + here, d, n);
      v128.store(scratch + c * row + at, f32x4.div(f32x4.mul(d, loadFirst(x + here, n)), b));
    }
  }
  const scale = f32x4.splat(-2 * load<f32>(r + Args.ALPHA) * beta / <f32>size);
  for (let c = 0; c < channels; c++) {
    const first = max(0, c - (size - 1) / 2), last = min(channels - 1, c + size / 2);
    for (let p = 0; p < end - begin; p += 4) {
      const n = min(4, end - begin - p), at = <usize>p << 2, here = c * step + at;
      let sum = f32x4.splat(0);
      for (let j = first; j <= last; j++) sum = f32x4.add(sum, v128.load(scratch + j * row + at));
      storeFirst(dx + here, madd(f32x4.mul(scale, loadFirst(x + here, n)), sum, loadFirst(dx + here, n)), n);
    }
  }
}
