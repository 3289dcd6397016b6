/**
 * Maximum and average pooling over NCHW planes and their gradients. A tile is `PLANES` whole planes, so that
 * overlapping windows add up within one thread, in one order.
 */
import { fill, loadFirst, storeFirst } from "./simd";
import { PoolArgs, PoolKind } from "./protocol";

export function pool(r: usize, tile: i32, scratch: usize): void {
  const planes = load<i32>(r + PoolArgs.PLANES);
  const end = min(load<i32>(r + PoolArgs.COUNT), (tile + 1) * planes);
  const inBytes = <usize>(load<i32>(r + PoolArgs.H) * load<i32>(r + PoolArgs.W)) << 2;
  const outBytes = <usize>(load<i32>(r + PoolArgs.OH) * load<i32>(r + PoolArgs.OW)) << 2;
  const halves = isHalving(r);
  for (let p = tile * planes; p < end; p++) {
    const x: usize = load<usize>(r + PoolArgs.X) + <usize>p * inBytes;
    const y: usize = load<usize>(r + PoolArgs.Y) + <usize>p * outBytes;
    if (halves) halve(r, x, y);
    else if (load<i32>(r + PoolArgs.KIND) == PoolKind.MAX) windows(r, x, y, scratch, PoolKind.MAX);
    else windows(r, x, y, scratch, PoolKind.AVERAGE);
  }
}

/** 2×2 windows side by side, nothing outside: the common case. */
function isHalving(r: usize): bool {
  return load<i32>(r + PoolArgs.KH) == 2 && load<i32>(r + PoolArgs.KW) == 2 &&
    load<i32>(r + PoolArgs.SH) == 2 && load<i32>(r + PoolArgs.SW) == 2 &&
    load<i32>(r + PoolArgs.PT) == 0 && load<i32>(r + PoolArgs.PL) == 0 &&
    load<i32>(r + PoolArgs.DH) == 1 && load<i32>(r + PoolArgs.DW) == 1 &&
    load<i32>(r + PoolArgs.OH) * 2 <= load<i32>(r + PoolArgs.H) &&
    load<i32>(r + PoolArgs.OW) * 2 <= load<i32>(r + PoolArgs.W);
}

// @ts-ignore: decorator
@inline
function divisorOf(r: usize, y0: i32, x0: i32): f32 {
  const fixed = load<i32>(r + PoolArgs.DIVISOR);
  if (fixed > 0) return <f32>fixed;
  const h = load<i32>(r + PoolArgs.H);
  const w = load<i32>(r + PoolArgs.W);
  let top = y0;
  let left = x0;
  // With count_include_pad the window ends at the padded border, without at the image.
  const pad = load<i32>(r + PoolArgs.INCLUDE_PAD);
  let bottom = min(y0 + load<i32>(r + PoolArgs.KH) * load<i32>(r + PoolArgs.DH), h + (pad ? load<i32>(r + PoolArgs.PB) : 0));
  let right = min(x0 + load<i32>(r + PoolArgs.KW) * load<i32>(r + PoolArgs.DW), w + (pad ? load<i32>(r + PoolArgs.PR) : 0));
  if (!pad) {
    while (top < 0) top += load<i32>(r + PoolArgs.DH);
    while (left < 0) left += load<i32>(r + PoolArgs.DW);
  }
  const dh = load<i32>(r + PoolArgs.DH);
  const dw = load<i32>(r + PoolArgs.DW);
  return <f32>(max(0, (bottom - top + dh - 1) / dh) * max(0, (right - left + dw - 1) / dw));
}

function halve(r: usize, x: usize, y: usize): void {
  const kind = load<i32>(r + PoolArgs.KIND);
  const w = load<i32>(r + PoolArgs.W);
  const oh = load<i32>(r + PoolArgs.OH);
  const ow = load<i32>(r + PoolArgs.OW);
  const scale: f32 = kind == PoolKind.MAX ? 1 : 1 / divisorOf(r, 0, 0);
  const row = <usize>w << 2;
  for (let oy = 0; oy < oh; oy++) {
    let a = x + <usize>(2 * oy) * row;
    let ox = 0;
    for (; ox + 4 <= ow; ox += 4) {
      const a0 = v128.load(a);
      const a1 = v128.load(a, 16);
      const b0 = v128.load(a + row);
      const b1 = v128.load(a + row, 16);
      if (kind == PoolKind.MAX) {
        const m0 = f32x4.max(a0, b0);
        const m1 = f32x4.max(a1, b1);
        v128.store(y, f32x4.max(v128.shuffle<f32>(m0, m1, 0, 2, 4, 6), v128.shuffle<f32>(m0, m1, 1, 3, 5, 7)));
      } else {
        const s0 = f32x4.add(a0, b0);
        const s1 = f32x4.add(a1, b1);
        const s = f32x4.add(v128.shuffle<f32>(s0, s1, 0, 2, 4, 6), v128.shuffle<f32>(s0, s1, 1, 3, 5, 7));
        v128.store(y, f32x4.mul(s, f32x4.splat(scale)));
      }
      a += 32;
      y += 16;
    }
    for (; ox < ow; ox++) {
      const a0 = load<f32>(a);
      const a1 = load<f32>(a, 4);
      const b0 = load<f32>(a + row);
      const b1 = load<f32>(a + row, 4);
      store<f32>(y, kind == PoolKind.MAX ? max(max(a0, b0), max(a1, b1)) : ((a0 + b0) + (a1 + b1)) * scale);
      a += 8;
      y += 4;
    }
  }
}

// @ts-ignore: decorator
@inline
function combine(kind: i32, a: v128, b: v128): v128 {
  return kind == PoolKind.MAX ? f32x4.max(a, b) : f32x4.add(a, b);
}

/** Four floats, `step` floats apart. */
// @ts-ignore: decorator
@inline
function gather(p: usize, step: i32): v128 {
  if (step == 1) return v128.load(p);
  if (step == 2) return v128.shuffle<f32>(v128.load(p), v128.load(p, 16), 0, 2, 4, 6);
  const s = <usize>step << 2;
  const two = v128.load_lane<f32>(p + s, v128.load32_zero(p), 1);
  return v128.load_lane<f32>(p + 3 * s, v128.load_lane<f32>(p + 2 * s, two, 2), 3);
}

/**
 * Any windows: for each row of the output, first over the window's rows into `line` (a padded row of the image, what
 * is outside neutral), then over its columns.
 */
// @ts-ignore: decorator
@inline
function windows(r: usize, x: usize, y: usize, line: usize, kind: i32): void {
  const w = load<i32>(r + PoolArgs.W), oh = load<i32>(r + PoolArgs.OH), ow = load<i32>(r + PoolArgs.OW);
  const kw = load<i32>(r + PoolArgs.KW), sw = load<i32>(r + PoolArgs.SW), dw = load<i32>(r + PoolArgs.DW);
  const left = load<i32>(r + PoolArgs.PL), span = (ow - 1) * sw + (kw - 1) * dw + 1;
  const neutral: f32 = kind == PoolKind.MAX ? -Infinity : 0;
  fill(line, span, neutral);
  for (let oy = 0; oy < oh; oy++, y += <usize>ow << 2) {
    const y0 = oy * load<i32>(r + PoolArgs.SH) - load<i32>(r + PoolArgs.PT);
    joinRows(r, x, y0, line + (<usize>left << 2), min(w, span - left), kind, neutral);
    for (let ox = 0; ox < ow; ox += 4) {
      const n = min(4, ow - ox), from = line + (<usize>(ox * sw) << 2);
      let v = f32x4.splat(neutral);
      for (let kx = 0; kx < kw; kx++) v = combine(kind, v, gather(from + (<usize>(kx * dw) << 2), sw));
      if (kind != PoolKind.MAX) v = f32x4.div(v, divisors(r, y0, ox, n));
      storeFirst(y + (<usize>ox << 2), v, n);
    }
  }
}

/** to[i] = what the rows of the window from row y0 on have at column i, for n columns. */
// @ts-ignore: decorator
@inline
function joinRows(r: usize, x: usize, y0: i32, to: usize, n: i32, kind: i32, neutral: f32): void {
  const h = load<i32>(r + PoolArgs.H), kh = load<i32>(r + PoolArgs.KH), dh = load<i32>(r + PoolArgs.DH);
  const row = <usize>load<i32>(r + PoolArgs.W) << 2;
  const first = y0 < 0 ? (-y0 + dh - 1) / dh : 0, last = y0 < h ? min(kh, (h - y0 + dh - 1) / dh) : 0;
  const from = x + <usize>(y0 + first * dh) * row, step = <usize>dh * row;
  for (let i = 0; i < n; i += 4) {
    const at = <usize>i << 2, count = min(4, n - i);
    let v = f32x4.splat(neutral);
    for (let ky = first, p = from + at; ky < last; ky++, p += step) v = combine(kind, v, loadFirst(p, count));
    storeFirst(to + at, v, count);
  }
}

/** Divisors of n (1 … 4) windows side by side; they differ only at the border. */
function divisors(r: usize, y0: i32, ox: i32, n: i32): v128 {
  const sw = load<i32>(r + PoolArgs.SW), x0 = ox * sw - load<i32>(r + PoolArgs.PL);
  const first = divisorOf(r, y0, x0);
  const end = x0 + (n - 1) * sw + load<i32>(r + PoolArgs.KW) * load<i32>(r + PoolArgs.DW);
  let v = f32x4.splat(first);
  if (load<i32>(r + PoolArgs.DIVISOR) > 0 || (x0 >= 0 && end <= load<i32>(r + PoolArgs.W))) return v;
  if (n > 1) v = f32x4.replace_lane(v, 1, divisorOf(r, y0, x0 + sw));
  if (n > 2) v = f32x4.replace_lane(v, 2, divisorOf(r, y0, x0 + 2 * sw));
  return n > 3 ? f32x4.replace_lane(v, 3, divisorOf(r, y0, x0 + 3 * sw)) : v;
}

/** dx from dy; the maximum's gradient goes to the first element of the window that equals it, or is NaN as it. */
export function poolGrad(r: usize, tile: i32): void {
  const planes = load<i32>(r + PoolArgs.PLANES);
  const end = min(load<i32>(r + PoolArgs.COUNT), (tile + 1) * planes);
  const inBytes = <usize>(load<i32>(r + PoolArgs.H) * load<i32>(r + PoolArgs.W)) << 2;
  const outBytes = <usize>(load<i32>(r + PoolArgs.OH) * load<i32>(r + PoolArgs.OW)) << 2;
  const isMax = load<i32>(r + PoolArgs.KIND) == PoolKind.MAX;
  const spreads = !isMax && isHalving(r);
  for (let p = tile * planes; p < end; p++) {
    const dx: usize = load<usize>(r + PoolArgs.DX) + <usize>p * inBytes;
    const dy: usize = load<usize>(r + PoolArgs.DY) + <usize>p * outBytes;
    memory.fill(dx, 0, inBytes);
    if (isMax) {
      const x: usize = load<usize>(r + PoolArgs.X) + <usize>p * inBytes;
      const y: usize = load<usize>(r + PoolArgs.Y) + <usize>p * outBytes;
      routeToWinner(r, x, y, dy, dx);
    } else if (spreads) {
      spreadHalved(r, dy, dx);
    } else {
      spread(r, dy, dx);
    }
  }
}

function routeToWinner(r: usize, x: usize, y: usize, dy: usize, dx: usize): void {
  const h = load<i32>(r + PoolArgs.H);
  const w = load<i32>(r + PoolArgs.W);
  const oh = load<i32>(r + PoolArgs.OH);
  const ow = load<i32>(r + PoolArgs.OW);
  const kh = load<i32>(r + PoolArgs.KH);
  const kw = load<i32>(r + PoolArgs.KW);
  const dh = load<i32>(r + PoolArgs.DH);
  const dw = load<i32>(r + PoolArgs.DW);
  for (let oy = 0; oy < oh; oy++) {
    const y0 = oy * load<i32>(r + PoolArgs.SH) - load<i32>(r + PoolArgs.PT);
    for (let ox = 0; ox < ow; ox++) {
      const x0 = ox * load<i32>(r + PoolArgs.SW) - load<i32>(r + PoolArgs.PL);
      const best = load<f32>(y);
      let winner: usize = 0;
      for (let ky = 0; ky < kh && !winner; ky++) {
        const iy = y0 + ky * dh;
        if (<u32>iy >= <u32>h) continue;
        for (let kx = 0; kx < kw; kx++) {
          const ix = x0 + kx * dw;
          if (<u32>ix >= <u32>w) continue;
          const at = <usize>(iy * w + ix) << 2;
          const v = load<f32>(x + at);
          if (v == best || v != v) {
            winner = dx + at;
            break;
          }
        }
      }
      // A window outside the image has no winner.
      if (winner) store<f32>(winner, load<f32>(winner) + load<f32>(dy));
      y += 4;
      dy += 4;
    }
  }
}

function spread(r: usize, dy: usize, dx: usize): void {
  const h = load<i32>(r + PoolArgs.H);
  const w = load<i32>(r + PoolArgs.W);
  const oh = load<i32>(r + PoolArgs.OH);
  const ow = load<i32>(r + PoolArgs.OW);
  const kh = load<i32>(r + PoolArgs.KH);
  const kw = load<i32>(r + PoolArgs.KW);
  const dh = load<i32>(r + PoolArgs.DH);
  const dw = load<i32>(r + PoolArgs.DW);
  for (let oy = 0; oy < oh; oy++) {
    const y0 = oy * load<i32>(r + PoolArgs.SH) - load<i32>(r + PoolArgs.PT);
    for (let ox = 0; ox < ow; ox++) {
      const x0 = ox * load<i32>(r + PoolArgs.SW) - load<i32>(r + PoolArgs.PL);
      const share = load<f32>(dy) / divisorOf(r, y0, x0);
      dy += 4;
      for (let ky = 0; ky < kh; ky++) {
        const iy = y0 + ky * dh;
        if (<u32>iy >= <u32>h) continue;
        for (let kx = 0; kx < kw; kx++) {
          const ix = x0 + kx * dw;
          if (<u32>ix >= <u32>w) continue;
          const at = dx + (<usize>(iy * w + ix) << 2);
          store<f32>(at, load<f32>(at) + share);
        }
      }
    }
  }
}

function spreadHalved(r: usize, dy: usize, dx: usize): void {
  const w = load<i32>(r + PoolArgs.W);
  const oh = load<i32>(r + PoolArgs.OH);
  const ow = load<i32>(r + PoolArgs.OW);
  const scale: f32 = 1 / divisorOf(r, 0, 0);
  const row = <usize>w << 2;
  for (let oy = 0; oy < oh; oy++) {
    let a = dx + <usize>(2 * oy) * row;
    let ox = 0;
    for (; ox + 4 <= ow; ox += 4) {
      const d = f32x4.mul(v128.load(dy), f32x4.splat(scale));
      const low = v128.shuffle<f32>(d, d, 0, 0, 1, 1);
      const high = v128.shuffle<f32>(d, d, 2, 2, 3, 3);
      v128.store(a, low);
      v128.store(a, high, 16);
      v128.store(a + row, low);
      v128.store(a + row, high, 16);
      a += 32;
      dy += 16;
    }
    for (; ox < ow; ox++) {
      const d = load<f32>(dy) * scale;
      store<f32>(a, d);
      store<f32>(a, d, 4);
      store<f32>(a + row, d);
      store<f32>(a + row, d, 4);
      a += 8;
      dy += 4;
    }
  }
}
