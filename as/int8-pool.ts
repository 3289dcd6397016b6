/** What else is done to bytes, channels-last: to and from real numbers, pooling, sums. */
import { Int8AddArgs, Int8PoolArgs, Int8QuantizeArgs, Int8Type } from './int8-args';
import { clamp, extend, loadBytes, narrow, roundToInt, storeBytes } from './int8-simd';
import { Layout } from './protocol';
import { PoolKind } from './kinds';

/** Least and largest value of a type. */
// @ts-ignore: decorator
@inline
function least(type: i32): i32 {
  return type == Int8Type.I8 ? -128 : 0;
}
// @ts-ignore: decorator
@inline
function most(type: i32): i32 {
  return type == Int8Type.I8 ? 127 : 255;
}

/** A tile of ROWS pixels of all channels, channel after channel. */
export function quantize(cmd: usize, tile: i32): void {
  const c = load<i32>(cmd, Int8QuantizeArgs.C), pixels = load<i32>(cmd, Int8QuantizeArgs.PIXELS);
  const rows = load<i32>(cmd, Int8QuantizeArgs.ROWS), blocks = (pixels + rows - 1) / rows;
  const type = load<i32>(cmd, Int8QuantizeArgs.TYPE), zero = load<i32>(cmd, Int8QuantizeArgs.ZERO);
  const factor = f32x4.splat(load<f32>(cmd, Int8QuantizeArgs.FACTOR));
  const low = f32x4.splat(<f32>(least(type) - zero)), high = f32x4.splat(<f32>(most(type) - zero));
  const image = tile / blocks, q0 = (tile % blocks) * rows, q1 = min(q0 + rows, pixels);
  for (let k = 0; k < c; k++) {
    let from = load<usize>(cmd, Int8QuantizeArgs.X) + ((<usize>(image * c + k) * pixels + q0) << 2);
    let to = load<usize>(cmd, Int8QuantizeArgs.Y) + (<usize>image * pixels + q0) * c + k;
    let q = q0;
    for (; q + 4 <= q1; q += 4, from += 16, to += 4 * c) {
      const v = roundToInt(clamp(f32x4.mul(v128.load(from), factor), low, high));
      store<u8>(to, <u8>(i32x4.extract_lane(v, 0) + zero));
      store<u8>(to + c, <u8>(i32x4.extract_lane(v, 1) + zero));
      store<u8>(to + 2 * c, <u8>(i32x4.extract_lane(v, 2) + zero));
      store<u8>(to + 3 * c, <u8>(i32x4.extract_lane(v, 3) + zero));
    }
    for (; q < q1; q++, from += 4, to += c) {
      const v = roundToInt(clamp(f32x4.mul(v128.load32_zero(from), factor), low, high));
      store<u8>(to, <u8>(i32x4.extract_lane(v, 0) + zero));
    }
  }
}

export function dequantize(cmd: usize, tile: i32): void {
  const c = load<i32>(cmd, Int8QuantizeArgs.C), pixels = load<i32>(cmd, Int8QuantizeArgs.PIXELS);
  const rows = load<i32>(cmd, Int8QuantizeArgs.ROWS), blocks = (pixels + rows - 1) / rows;
  const type = load<i32>(cmd, Int8QuantizeArgs.TYPE), zero = load<i32>(cmd, Int8QuantizeArgs.ZERO);
  const factor = load<f32>(cmd, Int8QuantizeArgs.FACTOR);
  const image = tile / blocks, q0 = (tile % blocks) * rows, q1 = min(q0 + rows, pixels);
  for (let k = 0; k < c; k++) {
    let from = load<usize>(cmd, Int8QuantizeArgs.X) + (<usize>image * pixels + q0) * c + k;
    let to = load<usize>(cmd, Int8QuantizeArgs.Y) + ((<usize>(image * c + k) * pixels + q0) << 2);
    for (let q = q0; q < q1; q++, from += c, to += 4) {
      const v = type == Int8Type.I8 ? <i32>load<i8>(from) : <i32>load<u8>(from);
      store<f32>(to, <f32>(v - zero) * factor);
    }
  }
}

/** The rows [y0, y1) or columns of an input that a window covers. */
// @ts-ignore: decorator
@inline
function windowEnd(o: i32, stride: i32, before: i32, kernel: i32, size: i32): i32 {
  return min(o * stride - before + kernel, size);
}

export function int8Pool(cmd: usize, tile: i32): void {
  const c = load<i32>(cmd, Int8PoolArgs.C), h = load<i32>(cmd, Int8PoolArgs.H), w = load<i32>(cmd, Int8PoolArgs.W);
  const oh = load<i32>(cmd, Int8PoolArgs.OH), ow = load<i32>(cmd, Int8PoolArgs.OW);
  const kh = load<i32>(cmd, Int8PoolArgs.KH), kw = load<i32>(cmd, Int8PoolArgs.KW);
  const sh = load<i32>(cmd, Int8PoolArgs.SH), sw = load<i32>(cmd, Int8PoolArgs.SW);
  const pt = load<i32>(cmd, Int8PoolArgs.PT), pl = load<i32>(cmd, Int8PoolArgs.PL);
  const isMax = load<i32>(cmd, Int8PoolArgs.KIND) == PoolKind.MAX;
  const type = load<i32>(cmd, Int8PoolArgs.TYPE), includePad = load<i32>(cmd, Int8PoolArgs.INCLUDE_PAD) != 0;
  const zero = load<i32>(cmd, Int8PoolArgs.ZERO), factor = load<f32>(cmd, Int8PoolArgs.FACTOR);
  const image = tile / oh, oy = tile % oh;
  const top = max(oy * sh - pt, 0), bottom = windowEnd(oy, sh, pt, kh, h);
  const x = load<usize>(cmd, Int8PoolArgs.X) + <usize>image * h * w * c;
  // Where eight bytes still lie in X.
  const last = x + <usize>(load<i32>(cmd, Int8PoolArgs.N) - image) * h * w * c - 8;
  let y = load<usize>(cmd, Int8PoolArgs.Y) + <usize>tile * ow * c;
  for (let ox = 0; ox < ow; ox++, y += c) {
    const left = max(ox * sw - pl, 0), right = windowEnd(ox, sw, pl, kw, w);
    const from = x + <usize>(top * w + left) * c;
    if (isMax) maxWindow(type, y, from, bottom - top, right - left, c, w * c, last);
    else {
      const count = (bottom - top) * (right - left), divisor = includePad ? kh * kw : count;
      meanWindow(type, zero, factor / <f32>divisor, y, from, bottom - top, right - left, c, w * c, last);
    }
  }
}

/** Maxima of `rows` × `columns` pixels of c bytes each, lines `line` bytes apart; `last` as for `meanWindow`. */
function maxWindow(type: i32, y: usize, x: usize, rows: i32, columns: i32, c: i32, line: i32, last: usize): void {
  let k = 0;
  for (; k + 16 <= c; k += 16) {
    let best = v128.load(x + k);
    for (let r = 0; r < rows; r++) {
      for (let i = 0, at = x + k + r * line; i < columns; i++, at += c) {
        const v = v128.load(at);
        best = type == Int8Type.I8 ? i8x16.max_s(best, v) : i8x16.max_u(best, v);
      }
    }
    v128.store(y + k, best);
  }
  for (; k < c; k += 8) {
    const n = min(8, c - k);
    let best = loadBytes(x + k, n);
    for (let r = 0; r < rows; r++) {
      for (let i = 0, at = x + k + r * line; i < columns; i++, at += c) {
        const v = loadBytes(at, at <= last ? 8 : n);
        best = type == Int8Type.I8 ? i8x16.max_s(best, v) : i8x16.max_u(best, v);
      }
    }
    storeBytes(y + k, best, n);
  }
}

/** Windows of this many pixels have sums within 16 bits. */
// @ts-ignore: decorator
@inline
const SMALL: i32 = 128;

/** y = Σ (x − zero) · factor + zero, rounded to even. Eight bytes may be read where c is less, before `last`. */
function meanWindow(
  type: i32, zero: i32, factor: f32, y: usize, x: usize, rows: i32, columns: i32, c: i32, line: i32, last: usize,
): void {
  const f = f32x4.splat(factor), z = i16x8.splat(<i16>zero), all = i32x4.splat(-zero * rows * columns);
  const low = f32x4.splat(<f32>(least(type) - zero)), high = f32x4.splat(<f32>(most(type) - zero));
  for (let k = 0; k < c; k += 8) {
    const n = min(8, c - k);
    let a = all, b = all, small = i16x8.splat(0), count = 0;
    for (let r = 0; r < rows; r++) {
      for (let i = 0, at = x + k + r * line; i < columns; i++, at += c) {
        small = i16x8.add(small, extend(type, loadBytes(at, at <= last ? 8 : n)));
        if (++count == SMALL) {
          a = i32x4.add(a, i32x4.extend_low_i16x8_s(small));
          b = i32x4.add(b, i32x4.extend_high_i16x8_s(small));
          small = i16x8.splat(0), count = 0;
        }
      }
    }
    a = i32x4.add(a, i32x4.extend_low_i16x8_s(small));
    b = i32x4.add(b, i32x4.extend_high_i16x8_s(small));
    const p = roundToInt(clamp(f32x4.mul(f32x4.convert_i32x4_s(a), f), low, high));
    const q = roundToInt(clamp(f32x4.mul(f32x4.convert_i32x4_s(b), f), low, high));
    storeBytes(y + k, narrow(type, i16x8.add(i16x8.narrow_i32x4_s(p, q), z)), n);
  }
}

/** Eight bytes less their zero point, times a factor: the low or the high half. */
// @ts-ignore: decorator
@inline
function real(v: v128, factor: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(v), factor);
}

export function int8Add(cmd: usize, tile: i32): void {
  const count = load<i32>(cmd, Int8AddArgs.COUNT), begin = tile * Layout.TILE, end = min(begin + Layout.TILE, count);
  const aType = load<i32>(cmd, Int8AddArgs.A_TYPE), bType = load<i32>(cmd, Int8AddArgs.B_TYPE);
  const aZero = i16x8.splat(<i16>load<i32>(cmd, Int8AddArgs.A_ZERO)), bZero = i16x8.splat(<i16>load<i32>(cmd, Int8AddArgs.B_ZERO));
  const aFactor = f32x4.splat(load<f32>(cmd, Int8AddArgs.A_FACTOR)), bFactor = f32x4.splat(load<f32>(cmd, Int8AddArgs.B_FACTOR));
  const low = f32x4.splat(load<f32>(cmd, Int8AddArgs.LOW)), high = f32x4.splat(load<f32>(cmd, Int8AddArgs.HIGH));
  const type = load<i32>(cmd, Int8AddArgs.Y_TYPE), zero = i16x8.splat(<i16>load<i32>(cmd, Int8AddArgs.Y_ZERO));
  const a = load<usize>(cmd, Int8AddArgs.A), b = load<usize>(cmd, Int8AddArgs.B), y = load<usize>(cmd, Int8AddArgs.Y);
  for (let i = begin; i < end; i += 8) {
    const n = min(8, end - i);
    const p = i16x8.sub(extend(aType, loadBytes(a + i, n)), aZero), q = i16x8.sub(extend(bType, loadBytes(b + i, n)), bZero);
    const v = f32x4.add(real(i32x4.extend_low_i16x8_s(p), aFactor), real(i32x4.extend_low_i16x8_s(q), bFactor));
    const w = f32x4.add(real(i32x4.extend_high_i16x8_s(p), aFactor), real(i32x4.extend_high_i16x8_s(q), bFactor));
    const both = i16x8.narrow_i32x4_s(roundToInt(clamp(v, low, high)), roundToInt(clamp(w, low, high)));
    storeBytes(y + i, narrow(type, i16x8.add(both, zero)), n);
  }
}
