/** Gradients of pooling. A tile is `PLANES` whole planes, so that overlapping windows add up within one thread. */
import {
  COLUMNS, columnDivisors, columnsAtOnce, endTap, firstTap, fold, gather, LINE, LINES, RESULTS, rowDivisor, tapsAtOnce,
} from "./pool";
import { isHalving, routeHalved, spreadHalved } from "./pool-halve";
import { PoolArgs } from "./args";
import { PoolKind } from "./kinds";
import { fill, loadFirst, storeFirst } from "./simd";

/** dx from dy; the maximum's gradient goes to the first element of the window that equals it, or is NaN as it. */
export function poolGrad(r: usize, tile: i32, scratch: usize): void {
  const planes = load<i32>(r + PoolArgs.PLANES);
  const begin = tile * planes, end = min(load<i32>(r + PoolArgs.COUNT), begin + planes);
  const inBytes = <usize>load<i32>(r + PoolArgs.H) * load<i32>(r + PoolArgs.W) << 2;
  const isMax = load<i32>(r + PoolArgs.KIND) == PoolKind.MAX, halves = isHalving(r);
  if (!isMax && !halves) {
    memory.fill(load<usize>(r + PoolArgs.DX) + begin * inBytes, 0, (end - begin) * inBytes);
    return spreadPlanes(r, begin, end, scratch);
  }
  const area = <usize>load<i32>(r + PoolArgs.OH) * load<i32>(r + PoolArgs.OW) << 2;
  for (let p = begin; p < end; p++) {
    const x = load<usize>(r + PoolArgs.X) + p * inBytes, dx = load<usize>(r + PoolArgs.DX) + p * inBytes;
    const y = load<usize>(r + PoolArgs.Y) + p * area, dy = load<usize>(r + PoolArgs.DY) + p * area;
    memory.fill(dx, 0, inBytes);
    if (!isMax) spreadHalved(r, dy, dx);
    else if (halves) routeHalved(r, x, y, dy, dx);
    else routePlane(r, x, y, dy, dx, scratch);
  }
}

function routePlane(r: usize, x: usize, y: usize, dy: usize, dx: usize, scratch: usize): void {
  const oh = load<i32>(r + PoolArgs.OH), row = <usize>load<i32>(r + PoolArgs.OW) << 2;
  for (let oy = 0; oy < oh; oy++, y += row, dy += row) routeRow(r, x, y, dy, dx, oy, scratch);
}

/** dy of row oy to the winners of its windows: many at a time where all columns of a window lie in the image. */
function routeRow(r: usize, x: usize, y: usize, dy: usize, dx: usize, oy: i32, scratch: usize): void {
  const w = load<i32>(r + PoolArgs.W), ow = load<i32>(r + PoolArgs.OW), kw = load<i32>(r + PoolArgs.KW);
  const sw = load<i32>(r + PoolArgs.SW), dw = load<i32>(r + PoolArgs.DW), dh = load<i32>(r + PoolArgs.DH);
  const pl = load<i32>(r + PoolArgs.PL), room = w + pl - (kw - 1) * dw;
  const y0 = oy * load<i32>(r + PoolArgs.SH) - load<i32>(r + PoolArgs.PT), first = firstTap(y0, dh);
  const rows = endTap(y0, dh, load<i32>(r + PoolArgs.H), load<i32>(r + PoolArgs.KH)) - first;
  const top = <usize>((y0 + first * dh) * w) << 2, step = <usize>dh * w << 2;
  // Windows [begin, end) lie between the image's left and right border.
  let begin = min(ow, (pl + sw - 1) / sw);
  const end = max(begin, room > 0 ? min(ow, (room - 1) / sw + 1) : 0);
  routeChecked(r, x + top, y, dy, dx + top, rows, 0, begin);
  for (; end - begin >= 4; begin += COLUMNS) {
    const n = min(COLUMNS, end - begin), at = <usize>begin << 2, from = top + (begin * sw - pl << 2);
    if (n < 4) break;
    searchRow(r, x + from, y + at, n, rows, step, scratch);
    route(dx + from, dy + at, n, <usize>sw << 2, scratch);
  }
  routeChecked(r, x + top, y, dy, dx + top, rows, min(begin, end), ow);
}

/** Windows [begin, end) of a row, whose columns may lie outside the image; x and dx at the first row of the window. */
function routeChecked(r: usize, x: usize, y: usize, dy: usize, dx: usize, rows: i32, begin: i32, end: i32): void {
  const w = load<i32>(r + PoolArgs.W), dw = load<i32>(r + PoolArgs.DW), kw = load<i32>(r + PoolArgs.KW);
  const sw = load<i32>(r + PoolArgs.SW), step = <usize>load<i32>(r + PoolArgs.DH) * w << 2;
  for (let ox = begin; ox < end; ox++) {
    const x0 = ox * sw - load<i32>(r + PoolArgs.PL), at = <usize>ox << 2, best = load<f32>(y + at);
    const left = firstTap(x0, dw), right = endTap(x0, dw, w, kw);
    let winner: usize = 0;
    for (let k = 0, row: usize = 0; k < rows && !winner; k++, row += step) {
      for (let i = left, p = row + (x0 + left * dw << 2); i < right; i++, p += dw << 2) {
        const v = load<f32>(x + p);
        if (v == best || v != v) {
          winner = dx + p;
          break;
        }
      }
    }
    // A window outside the image has no winner.
    if (winner) store<f32>(winner, load<f32>(winner) + load<f32>(dy + at));
  }
}

/** For n ≥ 4 windows: where each one's winner lies, in bytes from the window's corner, or −1. */
// @ts-ignore: decorator
@inline
function search(s: i32, r: usize, x: usize, y: usize, n: i32, rows: i32, step: usize, winners: usize): void {
  const kw = load<i32>(r + PoolArgs.KW), apart = <usize>load<i32>(r + PoolArgs.DW) << 2;
  const stride = <usize>load<i32>(r + PoolArgs.SW) << 2;
  for (let i = 0; i < n; i += 4) {
    // The last four end with the row, and repeat some of those before.
    const at = <usize>min(i, n - 4), corner = x + at * stride, best = v128.load(y + (at << 2));
    let winner = i32x4.splat(-1);
    // Backwards, so that the first one stays.
    for (let k = rows - 1, row = k * step; k >= 0; k--, row -= step) {
      for (let j = kw - 1, p = row + j * apart; j >= 0; j--, p -= apart) {
        const v = gather(s, corner + p, stride), hit = v128.or(f32x4.eq(v, best), f32x4.ne(v, v));
        winner = v128.bitselect(i32x4.splat(<i32>p), winner, hit);
      }
    }
    v128.store(winners + (at << 2), winner);
  }
}

function searchRow(r: usize, x: usize, y: usize, n: i32, rows: i32, step: usize, winners: usize): void {
  const sw = load<i32>(r + PoolArgs.SW);
  if (sw == 1) search(1, r, x, y, n, rows, step, winners);
  else if (sw == 2) search(2, r, x, y, n, rows, step, winners);
  else search(0, r, x, y, n, rows, step, winners);
}

function route(dx: usize, dy: usize, n: i32, stride: usize, winners: usize): void {
  for (let i = 0; i < n; i++, dx += stride, dy += 4, winners += 4) {
    const at = load<i32>(winners);
    if (at >= 0) store<f32>(dx + at, load<f32>(dx + at) + load<f32>(dy));
  }
}

/**
 * Average: shares dy / divisor stand apart by the stride in a line of zeros, reach zeros before and after them; taps of
 * it make the line that is added to every row of the window.
 */
function spreadPlanes(r: usize, begin: i32, end: i32, scratch: usize): void {
  const oh = load<i32>(r + PoolArgs.OH), ow = load<i32>(r + PoolArgs.OW), columns = columnsAtOnce(r);
  const kw = load<i32>(r + PoolArgs.KW), taps = tapsAtOnce(r), w = load<i32>(r + PoolArgs.W);
  const area = <usize>load<i32>(r + PoolArgs.H) * w << 2;
  for (let ox = 0; ox < ow; ox += columns) {
    const n = min(columns, ow - ox);
    columnDivisors(r, ox, n, scratch);
    for (let k = 0; k < kw; k += taps) {
      const t = min(taps, kw - k), reach = (t - 1) * load<i32>(r + PoolArgs.DW);
      const span = (n - 1) * load<i32>(r + PoolArgs.SW) + reach + 1;
      fill(scratch + LINES + (<usize>LINE << 2), span + reach, 0);
      for (let p = begin; p < end; p++) {
        const dx = load<usize>(r + PoolArgs.DX) + p * area;
        let dy = load<usize>(r + PoolArgs.DY) + (<usize>p * oh * ow + ox << 2);
        for (let oy = 0; oy < oh; oy++, dy += <usize>ow << 2) spreadRow(r, dy, dx, oy, ox, n, k, t, scratch);
      }
    }
  }
}

/** Taps [k, k + t) of n windows of row oy from column ox on. */
function spreadRow(r: usize, dy: usize, dx: usize, oy: i32, ox: i32, n: i32, k: i32, t: i32, scratch: usize): void {
  const w = load<i32>(r + PoolArgs.W), sw = load<i32>(r + PoolArgs.SW), dw = load<i32>(r + PoolArgs.DW);
  const dh = load<i32>(r + PoolArgs.DH), reach = (t - 1) * dw, span = (n - 1) * sw + reach + 1;
  const line = scratch + LINES, shares = line + (<usize>LINE << 2);
  share(dy, n, scratch, rowDivisor(r, oy), shares + (<usize>reach << 2), <usize>sw << 2);
  fold(PoolKind.AVERAGE, line, shares, span, t, <usize>dw << 2);
  const x0 = ox * sw - load<i32>(r + PoolArgs.PL) + k * dw, left = max(0, -x0), right = min(span, w - x0);
  const y0 = oy * load<i32>(r + PoolArgs.SH) - load<i32>(r + PoolArgs.PT);
  const last = endTap(y0, dh, load<i32>(r + PoolArgs.H), load<i32>(r + PoolArgs.KH));
  for (let i = firstTap(y0, dh); i < last; i++) {
    addRow(dx + ((y0 + i * dh) * w + x0 + left << 2), line + (<usize>left << 2), right - left);
  }
}

/** to[i·stride] = dy[i] / divisor. */
// @ts-ignore: decorator
@inline
function share(dy: usize, n: i32, divisors: usize, divisor: f32, to: usize, stride: usize): void {
  for (; n > 0; n -= 4, dy += 16, divisors += 16, to += stride << 2) {
    const s = f32x4.div(loadFirst(dy, n), f32x4.mul(v128.load(divisors), f32x4.splat(divisor)));
    if (stride == 4) {
      storeFirst(to, s, n);
      continue;
    }
    v128.store_lane<f32>(to, s, 0);
    if (n > 1) v128.store_lane<f32>(to + stride, s, 1);
    if (n > 2) v128.store_lane<f32>(to + 2 * stride, s, 2);
    if (n > 3) v128.store_lane<f32>(to + 3 * stride, s, 3);
  }
}

function addRow(to: usize, from: usize, n: i32): void {
  for (; n >= 16; n -= 16, to += 64, from += 64) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    v128.store(to, f32x4.add(v128.load(to, 16), v128.load(from, 16)), 16);
    v128.store(to, f32x4.add(v128.load(to, 32), v128.load(from, 32)), 32);
    v128.store(to, f32x4.add(v128.load(to, 48), v128.load(from, 48)), 48);
  }
  for (; n > 0; n -= 4, to += 16, from += 16) storeFirst(to, f32x4.add(loadFirst(to, n), loadFirst(from, n)), n);
}
