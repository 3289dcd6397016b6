/**
 * Sums of products of 16-bit numbers in 32 bits: the inner part of convolutions and linear layers over bytes. Rows are
 * pixels, columns eight output channels; exact, and therefore the same in every binary.
 */

/**
 * acc[r][0…8) = Σ over `runs` runs of 2·pairs numbers each, for rows at x0 … x3, `step` bytes from run to run. Weights
 * are [run][pair][8][2]; `rows` (1, 2 or 4) is a constant of each instance.
 */
// @ts-ignore: decorator
@inline
function dotRows(
  rows: i32, w: usize, x0: usize, x1: usize, x2: usize, x3: usize, runs: i32, pairs: i32, step: usize, acc: usize, ld: usize,
): void {
  let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
  const gap = step - (<usize>pairs << 2);
  for (; runs > 0; runs--) {
    for (const end = w + (<usize>pairs << 5); w < end; w += 32) {
      const w0 = v128.load(w), w1 = v128.load(w, 16);
      const p = v128.load32_splat(x0);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(p, w0));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(p, w1));
      x0 += 4;
      if (rows > 1) {
        const q = v128.load32_splat(x1);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(q, w0));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(q, w1));
        x1 += 4;
      }
      if (rows > 2) {
        const r = v128.load32_splat(x2);
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(r, w0));
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(r, w1));
        const s = v128.load32_splat(x3);
        d0 = i32x4.add(d0, i32x4.dot_i16x8_s(s, w0));
        d1 = i32x4.add(d1, i32x4.dot_i16x8_s(s, w1));
        x2 += 4, x3 += 4;
      }
    }
    x0 += gap;
    if (rows > 1) x1 += gap;
    if (rows > 2) x2 += gap, x3 += gap;
  }
  v128.store(acc, a0);
  v128.store(acc, a1, 16);
  if (rows > 1) {
    v128.store(acc + ld, b0);
    v128.store(acc + ld, b1, 16);
  }
  if (rows > 2) {
    v128.store(acc + 2 * ld, c0);
    v128.store(acc + 2 * ld, c1, 16);
    v128.store(acc + 3 * ld, d0);
    v128.store(acc + 3 * ld, d1, 16);
  }
}

/**
 * One panel of weights against `rows` rows, row r at x + offsets[r]. Of three rows at the end four are computed:
 * `offsets` and `acc` go on to a multiple of four.
 */
export function dotPanel(
  w: usize, x: usize, offsets: usize, rows: i32, runs: i32, pairs: i32, step: usize, acc: usize, ld: usize,
): void {
  for (; rows > 2; rows -= 4, offsets += 16, acc += 4 * ld) {
    const x0 = x + load<u32>(offsets), x1 = x + load<u32>(offsets, 4);
    const x2 = x + load<u32>(offsets, 8), x3 = x + load<u32>(offsets, 12);
    dotRows(4, w, x0, x1, x2, x3, runs, pairs, step, acc, ld);
  }
  if (rows == 2) dotRows(2, w, x + load<u32>(offsets), x + load<u32>(offsets, 4), 0, 0, runs, pairs, step, acc, ld);
  else if (rows == 1) dotRows(1, w, x + load<u32>(offsets), 0, 0, 0, runs, pairs, step, acc, ld);
}

// @ts-ignore: decorator
@inline
function storeLanes(to: usize, v: v128, step: usize): void {
  v128.store_lane<u32>(to, v, 0);
  v128.store_lane<u32>(to + step, v, 1);
  v128.store_lane<u32>(to + 2 * step, v, 2);
  v128.store_lane<u32>(to + 3 * step, v, 3);
}

/**
 * Sums [rows][columns][8] of the first `channels` of a panel over an image of one channel whose rows are `rowBytes` apart,
 * those of taps `tapBytes`: lanes are every other one of eight pixels (`columns` is a multiple of eight), two rows and
 * two channels at a time. With `pool` the maxima of 2 × 2 of them, [rows / 2][columns / 2][8].
 */
export function dotPixels(
  w: usize, x: usize, rowBytes: usize, tapBytes: usize, rows: i32, columns: i32, kh: i32, pairs: i32, channels: i32,
  pool: bool, sums: usize,
): void {
  const channelBytes = <usize>kh * pairs << 5, wide = <usize>columns << 5;
  for (let r = 0; r < rows; r += 2) {
    const second = r + 1 < rows ? rowBytes : 0;
    for (let i = 0; i < columns; i += 8) {
      let v = w;
      for (let k = 0; k < channels; k += 2) {
        let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
        let from = x + r * rowBytes + (i << 1);
        for (const end = v + channelBytes; v < end; from += tapBytes) {
          let p = from, q = from + second;
          for (const last = v + (pairs << 5); v < last; v += 32, p += 4, q += 4) {
            const x0 = v128.load(p), x1 = v128.load(p, 2), x2 = v128.load(q), x3 = v128.load(q, 2);
            const w0 = v128.load(v);
            a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x0, w0));
            b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x1, w0));
            c0 = i32x4.add(c0, i32x4.dot_i16x8_s(x2, w0));
            d0 = i32x4.add(d0, i32x4.dot_i16x8_s(x3, w0));
            const w1 = v128.load(v, 16);
            a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x0, w1));
            b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x1, w1));
            c1 = i32x4.add(c1, i32x4.dot_i16x8_s(x2, w1));
            d1 = i32x4.add(d1, i32x4.dot_i16x8_s(x3, w1));
          }
        }
        if (pool) {
          const to = sums + ((<usize>(r >> 1) * (columns >> 1) + (i >> 1)) << 5) + (k << 2);
          storeLanes(to, i32x4.max_s(i32x4.max_s(a0, b0), i32x4.max_s(c0, d0)), 32);
          storeLanes(to + 4, i32x4.max_s(i32x4.max_s(a1, b1), i32x4.max_s(c1, d1)), 32);
          continue;
        }
        const to = sums + r * wide + (<usize>i << 5) + (k << 2);
        storeLanes(to, a0, 64);
        storeLanes(to + 4, a1, 64);
        storeLanes(to + 32, b0, 64);
        storeLanes(to + 36, b1, 64);
        if (!second) continue;
        storeLanes(to + wide, c0, 64);
        storeLanes(to + wide + 4, c1, 64);
        storeLanes(to + wide + 32, d0, 64);
        storeLanes(to + wide + 36, d1, 64);
      }
    }
  }
}

/** Sums [rows][columns][8] become the maxima of 2 × 2 of them, [rows / 2][columns / 2][8], in their place. */
export function poolSums(sums: usize, rows: i32, columns: i32): void {
  const row = <usize>columns << 5;
  for (let r = 0, from = sums; r < rows; r += 2, from += row) {
    for (let i = 0; i < columns; i += 2, from += 64, sums += 32) {
      const a = i32x4.max_s(v128.load(from), v128.load(from, 32)), b = i32x4.max_s(v128.load(from, 16), v128.load(from, 48));
      const c = i32x4.max_s(v128.load(from + row), v128.load(from + row, 32));
      const d = i32x4.max_s(v128.load(from + row, 16), v128.load(from + row, 48));
      v128.store(sums, i32x4.max_s(a, c));
      v128.store(sums, i32x4.max_s(b, d), 16);
    }
  }
}
