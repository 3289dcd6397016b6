/**
 * Weights for the int8 kernels. First a head of 64 bytes for each panel of eight output channels, their biases i32 and
 * scales f32; then, panel by panel, 16-bit weights, zeros where M or a run ends.
 */
import { Int8PackArgs } from './int8-args';

/** Bytes of the head of a panel. */
// @ts-ignore: decorator
@inline
export const HEAD: usize = 64;

/** @param shift the sums are 2 to this power times what they stand for */
function packHead(cmd: usize, m: i32, panel: i32, head: usize, shift: i32): void {
  const factor = load<f32>(cmd, Int8PackArgs.FACTOR), unit: f32 = 1 / <f32>(1 << shift);
  const bias = load<usize>(cmd, Int8PackArgs.BIAS), scale = load<usize>(cmd, Int8PackArgs.SCALE);
  for (let i = 0; i < 8; i++, head += 4) {
    const row = (panel << 3) + i, isRow = row < m;
    store<i32>(head, bias && isRow ? load<i32>(bias + (row << 2)) << shift : 0);
    store<f32>(head, isRow ? load<f32>(scale + (row << 2)) * factor * unit : 0, 32);
  }
}

/** A panel for INT8_CONV: [run][pair][8][2], or with lanes of pixels [4][run][pair][2][4][2], the last but one all the same. */
export function int8Pack(cmd: usize, panel: i32): void {
  const m = load<i32>(cmd, Int8PackArgs.M), runs = load<i32>(cmd, Int8PackArgs.RUNS);
  const length = load<i32>(cmd, Int8PackArgs.LENGTH), pairs = (length + 1) >> 1;
  const lanes = load<i32>(cmd, Int8PackArgs.PIXEL_LANES), panelBytes = <usize>runs * pairs << (lanes ? 7 : 5);
  const out = load<usize>(cmd, Int8PackArgs.OUT), x = load<usize>(cmd, Int8PackArgs.X);
  packHead(cmd, m, panel, out + panel * HEAD, 0);
  const to = out + ((m + 7) >> 3) * HEAD + panel * panelBytes;
  for (let r = 0; r < 8; r++) {
    const row = (panel << 3) + r, from = x + <usize>row * runs * length;
    for (let i = 0; i < runs * pairs; i++) {
      const k = (i % pairs) << 1, at = from + <usize>(i / pairs) * length + k;
      const first = row < m ? <i32>load<i8>(at) : 0, second = row < m && k + 1 < length ? <i32>load<i8>(at, 1) : 0;
      const pair = (first & 0xffff) | (second << 16);
      if (lanes) v128.store(to + (<usize>((r >> 1) * runs * pairs + i) << 5) + ((r & 1) << 4), i32x4.splat(pair));
      else store<i32>(to + (<usize>i << 5) + (r << 2), pair);
    }
  }
}

/** u[0…6) = G' g for three numbers `step` apart; G' is 24 times G of F(4, 3) over the factors of `int8-winograd.ts`. */
// @ts-ignore: decorator
@inline
function transform(to: usize, toStep: usize, a: i32, b: i32, c: i32): void {
  store<i32>(to, 6 * a);
  store<i32>(to + toStep, -(a + b + c));
  store<i32>(to + 2 * toStep, b - a - c);
  store<i32>(to + 3 * toStep, a + 2 * b + 4 * c);
  store<i32>(to + 4 * toStep, a - 2 * b + 4 * c);
  store<i32>(to + 5 * toStep, 6 * c);
}

/** A panel for INT8_WINOGRAD, X [M][9][LENGTH]: [36 positions][pair][8][2]. */
export function int8WinogradFilter(cmd: usize, panel: i32, scratch: usize): void {
  const m = load<i32>(cmd, Int8PackArgs.M), c = load<i32>(cmd, Int8PackArgs.LENGTH);
  const out = load<usize>(cmd, Int8PackArgs.OUT), x = load<usize>(cmd, Int8PackArgs.X);
  packHead(cmd, m, panel, out + panel * HEAD, 6);
  const panelBytes = <usize>c * 36 * 16;
  const to = out + ((m + 7) >> 3) * HEAD + panel * panelBytes;
  memory.fill(to, 0, panelBytes);
  // scratch: [6][3] columns transformed, then [6][6].
  const both = scratch + 128;
  for (let r = 0; r < min(8, m - (panel << 3)); r++) {
    const row = x + <usize>((panel << 3) + r) * 9 * c;
    for (let i = 0; i < c; i++) {
      for (let j = 0; j < 3; j++) {
        const at = row + j * c + i;
        transform(scratch + (j << 2), 12, load<i8>(at), load<i8>(at + 3 * c), load<i8>(at + 6 * c));
      }
      for (let j = 0; j < 6; j++) {
        const at = scratch + j * 12;
        transform(both + j * 24, 4, load<i32>(at), load<i32>(at, 4), load<i32>(at, 8));
      }
      const place = to + (<usize>(i >> 1) << 5) + (r << 2) + ((i & 1) << 1);
      for (let p = 0; p < 36; p++) store<i16>(place + (<usize>p * c << 4), <i16>load<i32>(both + (p << 2)));
    }
  }
}
