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
    if (c == 1) {
      for (; q + 8 <= q1; q += 8, from += 32, to += 8) {
        const v = roundToInt(clamp(f32x4.mul(v128.load(from), factor), low, high));
        const w = roundToInt(clamp(f32x4.mul(v128.load(from, 16), factor), low, high));
        v128.store64_lane(to, narrow(type, i16x8.add(i16x8.narrow_i32x4_s(v, w), i16x8.splat(<i16>zero))), 0);
      }
    }
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

export function int8Pool(cmd: usize, tile: i32, scratch: usize): void {
  const c = load<i32>(cmd, Int8PoolArgs.C), h = load<i32>(cmd, Int8PoolArgs.H), w = load<i32>(cmd, Int8PoolArgs.W);
  const oh = load<i32>(cmd, Int8PoolArgs.OH), ow = load<i32>(cmd, Int8PoolArgs.OW);
  const kh = load<i32>(cmd, Int8PoolArgs.KH), kw = load<i32>(cmd, Int8PoolArgs.KW);
  const sh = load<i32>(cmd, Int8PoolArgs.SH), sw = load<i32>(cmd, Int8PoolArgs.SW);
  const pt = load<i32>(cmd, Int8PoolArgs.PT), pl = load<i32>(cmd, Int8PoolArgs.PL);
  const isMax = load<i32>(cmd, Int8PoolArgs.KIND) == PoolKind.MAX, isSigned = load<i32>(cmd, Int8PoolArgs.TYPE) == Int8Type.I8;
  const image = tile / oh, oy = tile % oh, top = max(oy * sh - pt, 0), rows = windowEnd(oy, sh, pt, kh, h) - top;
  const x = load<usize>(cmd, Int8PoolArgs.X) + <usize>(image * h + top) * w * c;
  if (!isMax) sumRows(isSigned, scratch, x, rows, w * c);
  else if (isSigned) maxRows(true, scratch, x, rows, w * c);
  else maxRows(false, scratch, x, rows, w * c);
  let y = load<usize>(cmd, Int8PoolArgs.Y) + <usize>tile * ow * c;
  for (let ox = 0; ox < ow; ox++, y += c) {
    const left = max(ox * sw - pl, 0), columns = windowEnd(ox, sw, pl, kw, w) - left;
    if (!isMax) {
      const count = load<i32>(cmd, Int8PoolArgs.INCLUDE_PAD) ? kh * kw : rows * columns;
      meanColumns(cmd, scratch + (<usize>left * c << 1), y, rows, columns, c, <f32>count);
    } else if (isSigned) maxColumns(true, scratch + left * c, y, columns, c);
    else maxColumns(false, scratch + left * c, y, columns, c);
  }
}

// @ts-ignore: decorator
@inline
function maximum(isSigned: bool, a: v128, b: v128): v128 {
  return isSigned ? i8x16.max_s(a, b) : i8x16.max_u(a, b);
}

/** to[0 … n) = maxima of n bytes of `rows` rows. */
// @ts-ignore: decorator
@inline
function maxRows(isSigned: bool, to: usize, x: usize, rows: i32, n: i32): void {
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    let best = v128.load(x + i);
    for (let r = 1, at = x + n + i; r < rows; r++, at += n) best = maximum(isSigned, best, v128.load(at));
    v128.store(to + i, best);
  }
  for (; i < n; i += 8) {
    const part = min(8, n - i);
    let best = loadBytes(x + i, part);
    for (let r = 1, at = x + n + i; r < rows; r++, at += n) best = maximum(isSigned, best, loadBytes(at, part));
    v128.store64_lane(to + i, best, 0);
  }
}

/** Maxima of neighbouring pixels of c bytes in scratch. */
// @ts-ignore: decorator
@inline
function maxColumns(isSigned: bool, x: usize, y: usize, columns: i32, c: i32): void {
  let k = 0;
  for (; k + 16 <= c; k += 16) {
    let best = v128.load(x + k);
    for (let i = 1, at = x + c + k; i < columns; i++, at += c) best = maximum(isSigned, best, v128.load(at));
    v128.store(y + k, best);
  }
  for (; k < c; k += 8) {
    let best = v128.load64_zero(x + k);
    for (let i = 1, at = x + c + k; i < columns; i++, at += c) best = maximum(isSigned, best, v128.load64_zero(at));
    storeBytes(y + k, best, min(8, c - k));
  }
}

/** to[0 … n) = sums, 16 bits, of n bytes of `rows` (at most 128) rows. */
function sumRows(isSigned: bool, to: usize, x: usize, rows: i32, n: i32): void {
  const type = isSigned ? Int8Type.I8 : Int8Type.U8;
  for (let i = 0; i < n; i += 8, to += 16) {
    const part = min(8, n - i);
    let sum = extend(type, loadBytes(x + i, part));
    for (let r = 1, at = x + n + i; r < rows; r++, at += n) sum = i16x8.add(sum, extend(type, loadBytes(at, part)));
    v128.store(to, sum);
  }
}

/** y = Σ (x − zero) · factor / count + zero over neighbouring pixels of c 16-bit sums, rounded to even. */
function meanColumns(cmd: usize, x: usize, y: usize, rows: i32, columns: i32, c: i32, count: f32): void {
  const type = load<i32>(cmd, Int8PoolArgs.TYPE), zero = load<i32>(cmd, Int8PoolArgs.ZERO);
  const f = f32x4.splat(load<f32>(cmd, Int8PoolArgs.FACTOR) / count), all = i32x4.splat(-zero * rows * columns);
  const low = f32x4.splat(<f32>(least(type) - zero)), high = f32x4.splat(<f32>(most(type) - zero));
  const step = <usize>c << 1;
  for (let k = 0; k < c; k += 8) {
    let a = all, b = all;
    for (let i = 0, at = x + (k << 1); i < columns; i++, at += step) {
      const v = v128.load(at);
      a = i32x4.add(a, i32x4.extend_low_i16x8_s(v));
      b = i32x4.add(b, i32x4.extend_high_i16x8_s(v));
    }
    const p = roundToInt(clamp(f32x4.mul(f32x4.convert_i32x4_s(a), f), low, high));
    const q = roundToInt(clamp(f32x4.mul(f32x4.convert_i32x4_s(b), f), low, high));
    const both = i16x8.add(i16x8.narrow_i32x4_s(p, q), i16x8.splat(<i16>zero));
    storeBytes(y + k, narrow(type, both), min(8, c - k));
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
