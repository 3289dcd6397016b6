/**
 * Maximum and average pooling over NCHW planes and their gradients. A tile is `PLANES` whole planes, so that
 * overlapping windows add up within one thread, in one order.
 */
import { PoolArgs, PoolKind } from "./protocol";

export function pool(r: usize, tile: i32): void {
  const planes = load<i32>(r + PoolArgs.PLANES);
  const end = min(load<i32>(r + PoolArgs.COUNT), (tile + 1) * planes);
  const inBytes = <usize>(load<i32>(r + PoolArgs.H) * load<i32>(r + PoolArgs.W)) << 2;
  const outBytes = <usize>(load<i32>(r + PoolArgs.OH) * load<i32>(r + PoolArgs.OW)) << 2;
  const halves = isHalving(r);
  for (let p = tile * planes; p < end; p++) {
    const x: usize = load<usize>(r + PoolArgs.X) + <usize>p * inBytes;
    const y: usize = load<usize>(r + PoolArgs.Y) + <usize>p * outBytes;
    if (halves) halve(r, x, y);
    else window(r, x, y);
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

function window(r: usize, x: usize, y: usize): void {
  const kind = load<i32>(r + PoolArgs.KIND);
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
      let best: f32 = -f32.MAX_VALUE * 2;
      let sum: f32 = 0;
      for (let ky = 0; ky < kh; ky++) {
        const iy = y0 + ky * dh;
        if (<u32>iy >= <u32>h) continue;
        const row = x + (<usize>(iy * w) << 2);
        for (let kx = 0; kx < kw; kx++) {
          const ix = x0 + kx * dw;
          if (<u32>ix >= <u32>w) continue;
          const v = load<f32>(row + (<usize>ix << 2));
          best = max(best, v);
          sum += v;
        }
      }
      store<f32>(y, kind == PoolKind.MAX ? best : sum / divisorOf(r, y0, x0));
      y += 4;
    }
  }
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
