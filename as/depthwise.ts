/**
 * Depthwise convolutions: every output plane is made of one input plane, so nothing is shared and nothing is packed.
 * Padded rows are laid out by column modulo the stride; a tap of neighbouring pixels then is one vector at a fixed offset.
 */
import { finish } from './conv';
import { dh, dw, groups, h, kh, kw, loadGeometry, m, n, oh, ow, pixels, pl, pt, sh, sw, taps, w, xPlane } from './geometry';
import { ConvArgs, DepthwiseArgs, DepthwiseGradArgs } from './conv-args';
import { copy, fill, madd, storeFirst, sumLanes4 } from './simd';

/** Floats of one residue of a padded row, and bytes of the row: `sw` of them. */
let width: i32 = 0;
let line: usize = 0;

/** Where each tap reads, from the first tap's place on: kh·kw offsets in bytes. */
function locateTaps(to: usize): void {
  width = ((ow + 3) & ~3) + (kw - 1) * dw / sw;
  line = <usize>(width * sw) << 2;
  for (let t = 0; t < taps; t++) {
    const x = (t % kw) * dw;
    store<u32>(to + (t << 2), <u32>((t / kw * dh) * line + (((x % sw) * width + x / sw) << 2)));
  }
}

/** Copies the padded rows that output rows [r0, r1) read of a plane. */
function copyRows(to: usize, plane: usize, r0: i32, r1: i32): void {
  const lines = (r1 - r0 - 1) * sh + (kh - 1) * dh + 1;
  for (let i = 0; i < lines; i++) {
    const y = r0 * sh + i - pt, row = plane + (<usize>(y * w) << 2);
    for (let residue = 0; residue < sw; residue++, to += width << 2) {
      if (y < 0 || y >= h) fill(to, width, 0);
      else copyResidue(to, row, residue - pl);
    }
  }
}

/** to[i] = row[first + i·sw] for `width` columns, zero outside. */
function copyResidue(to: usize, row: usize, first: i32): void {
  const begin = min(width, first < 0 ? (sw - 1 - first) / sw : 0), end = max(begin, min(width, (w - first + sw - 1) / sw));
  fill(to, begin, 0);
  let i = begin, at = row + (<usize>(first + begin * sw) << 2);
  if (sw == 1) {
    copy(to + (i << 2), at, end - i);
    i = end;
  } else if (sw == 2) {
    for (; first + 2 * i + 8 <= w && i + 4 <= end; i += 4, at += 32) {
      v128.store(to + (i << 2), v128.shuffle<f32>(v128.load(at), v128.load(at, 16), 0, 2, 4, 6));
    }
  }
  for (; i < end; i++, at += sw << 2) store<f32>(to + (i << 2), load<f32>(at));
  fill(to + (end << 2), width - end, 0);
}

/** `count` (1, 2 or 4) quads of neighbouring pixels; the last is of `last` pixels. */
// @ts-ignore: decorator
@inline
function quads(count: i32, x: usize, offsets: usize, f: usize, step: isize, start: v128, y: usize, last: i32): void {
  let a = start, b = start, c = start, d = start;
  for (const end = offsets + (taps << 2); offsets < end; offsets += 4, f += step) {
    const at = x + load<u32>(offsets), v = v128.load32_splat(f);
    a = madd(v, v128.load(at), a);
    if (count > 1) b = madd(v, v128.load(at, 16), b);
    if (count > 2) (c = madd(v, v128.load(at, 32), c)), (d = madd(v, v128.load(at, 48), d));
  }
  if (count == 1) return storeFirst(y, a, last);
  v128.store(y, a);
  if (count == 2) return storeFirst(y + 16, b, last);
  v128.store(y, b, 16);
  v128.store(y, c, 32);
  storeFirst(y + 48, d, last);
}

/** One tile is ROWS rows of PLANES planes of Y. */
export function depthwise(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  const perTile = load<i32>(cmd, DepthwiseArgs.ROWS), blocks = (oh + perTile - 1) / perTile;
  const r0 = (tile % blocks) * perTile, r1 = min(r0 + perTile, oh), planes = load<i32>(cmd, DepthwiseArgs.PLANES);
  const begin = tile / blocks * planes, end = min(begin + planes, n * groups * m), channels = groups * m;
  const bias = load<usize>(cmd, ConvArgs.BIAS), rotated = load<i32>(cmd, DepthwiseArgs.ROTATED) != 0;
  const step: isize = rotated ? -4 : 4, rows = scratch + (<usize>taps << 2);
  locateTaps(scratch);
  for (let p = begin; p < end; p++) {
    const channel = p % channels, y = load<usize>(cmd, ConvArgs.Y) + (<usize>(p * pixels + r0 * ow) << 2);
    if (p == begin || p % m == 0) copyRows(rows, load<usize>(cmd, ConvArgs.X) + p / m * xPlane, r0, r1);
    const f = load<usize>(cmd, ConvArgs.A) + (<usize>(channel * taps + (rotated ? taps - 1 : 0)) << 2);
    const start = f32x4.splat(bias ? load<f32>(bias + (channel << 2)) : 0);
    let x = rows, to = y;
    for (let r = r0; r < r1; r++, x += sh * line, to += ow << 2) {
      let i = 0;
      for (; i + 12 < ow; i += 16) quads(4, x + (i << 2), scratch, f, step, start, to + (i << 2), min(4, ow - i - 12));
      for (; i + 4 < ow; i += 8) quads(2, x + (i << 2), scratch, f, step, start, to + (i << 2), min(4, ow - i - 4));
      if (i < ow) quads(1, x + (i << 2), scratch, f, step, start, to + (i << 2), ow - i);
    }
    finish(cmd, y, (r1 - r0) * ow);
  }
}

/** sums[t] += dy·x in lanes for taps t of [t0, t0 + count), count 1 … 5, over `lines` rows. */
// @ts-ignore: decorator
@inline
function dots(count: i32, dy: usize, x: usize, lines: i32, offsets: usize, sums: usize): void {
  const across = <usize>((ow + 3) & ~3) << 2, xLine = sh * line;
  const o0 = load<u32>(offsets), o1 = count > 1 ? load<u32>(offsets, 4) : 0, o2 = count > 2 ? load<u32>(offsets, 8) : 0;
  const o3 = count > 3 ? load<u32>(offsets, 12) : 0, o4 = count > 4 ? load<u32>(offsets, 16) : 0;
  let a = v128.load(sums), b = a, c = a, d = a, e = a;
  if (count > 1) b = v128.load(sums, 16);
  if (count > 2) c = v128.load(sums, 32);
  if (count > 3) d = v128.load(sums, 48);
  if (count > 4) e = v128.load(sums, 64);
  for (; lines > 0; lines--, x += xLine) {
    let at = x;
    for (const end = dy + across; dy < end; dy += 16, at += 16) {
      const v = v128.load(dy);
      a = madd(v, v128.load(at + o0), a);
      if (count > 1) b = madd(v, v128.load(at + o1), b);
      if (count > 2) c = madd(v, v128.load(at + o2), c);
      if (count > 3) d = madd(v, v128.load(at + o3), d);
      if (count > 4) e = madd(v, v128.load(at + o4), e);
    }
  }
  v128.store(sums, a);
  if (count > 1) v128.store(sums, b, 16);
  if (count > 2) v128.store(sums, c, 32);
  if (count > 3) v128.store(sums, d, 48);
  if (count > 4) v128.store(sums, e, 64);
}

/** One tile is CHANNELS filters, summed over one of SPLITS ranges of images, ROWS rows at a time. */
export function depthwiseGrad(cmd: usize, tile: i32, scratch: usize): void {
  loadGeometry(cmd);
  const perTile = load<i32>(cmd, DepthwiseGradArgs.CHANNELS), channels = groups * m, blocks = (channels + perTile - 1) / perTile;
  const begin = (tile % blocks) * perTile, end = min(begin + perTile, channels);
  const split = tile / blocks, splits = load<i32>(cmd, DepthwiseGradArgs.SPLITS), perStep = load<i32>(cmd, DepthwiseGradArgs.ROWS);
  const n0 = <i32>(<i64>n * split / splits), n1 = <i32>(<i64>n * (split + 1) / splits), across = (ow + 3) & ~3;
  const sums = scratch + (<usize>(taps + 3 & ~3) << 2), dy = sums + (<usize>taps << 4), x = dy + (<usize>(perStep * across) << 2);
  locateTaps(scratch);
  for (let channel = begin; channel < end; channel++) {
    fill(sums, taps << 2, 0);
    for (let i = n0; i < n1; i++) {
      const plane = load<usize>(cmd, ConvArgs.Y) + (<usize>((i * channels + channel) * pixels) << 2);
      for (let r0 = 0; r0 < oh; r0 += perStep) {
        const r1 = min(r0 + perStep, oh);
        copyRows(x, load<usize>(cmd, ConvArgs.X) + (i * groups + channel / m) * xPlane, r0, r1);
        for (let r = r0; r < r1; r++) {
          const row = dy + (<usize>((r - r0) * across) << 2);
          copy(row, plane + (<usize>(r * ow) << 2), ow);
          fill(row + (<usize>ow << 2), across - ow, 0);
        }
        let t = 0;
        for (; t + 5 <= taps; t += 5) dots(5, dy, x, r1 - r0, scratch + (t << 2), sums + (t << 4));
        for (; t + 2 <= taps; t += 2) dots(2, dy, x, r1 - r0, scratch + (t << 2), sums + (t << 4));
        if (t < taps) dots(1, dy, x, r1 - r0, scratch + (t << 2), sums + (t << 4));
      }
    }
    let to = load<usize>(cmd, ConvArgs.A) + (<usize>((split * channels + channel) * taps) << 2), from = sums;
    for (let left = taps; left > 0; left -= 4, to += 16, from += 64) {
      const b = from + (left > 1 ? 16 : 0), c = b + (left > 2 ? 16 : 0), d = c + (left > 3 ? 16 : 0);
      storeFirst(to, sumLanes4(v128.load(from), v128.load(b), v128.load(c), v128.load(d)), left);
    }
  }
}
