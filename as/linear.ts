/**
 * Products of two matrices that both have K contiguous, by dot products, with no packing: the linear layer as
 * PyTorch stores it, batch 1 above all.
 */
import { activateRange } from './activation';
import { LinearArgs } from './conv-args';
import { loadFirst, madd, storeFirst, sumLanes4 } from './simd';

/**
 * out[0…4) = a · b_j, out[4…8) = (a + da) · b_j, over k floats. Rows of b are db apart; from row n (1 … 4) on, the
 * last is repeated.
 */
function f32_dot_2x4(k: i32, a: usize, da: usize, b: usize, db: usize, n: i32, out: usize): void {
  let q = a + da,
    b1 = b + (n > 1 ? db : 0),
    b2 = b1 + (n > 2 ? db : 0),
    b3 = b2 + (n > 3 ? db : 0);
  let c00 = f32x4.splat(0),
    c01 = c00,
    c02 = c00,
    c03 = c00,
    c10 = c00,
    c11 = c00,
    c12 = c00,
    c13 = c00;
  const end = a + ((<usize>(k & ~3)) << 2);
  while (a < end) {
    const x = v128.load(a),
      y = v128.load(q);
    let w = v128.load(b);
    c00 = madd(x, w, c00);
    c10 = madd(y, w, c10);
    w = v128.load(b1);
    c01 = madd(x, w, c01);
    c11 = madd(y, w, c11);
    w = v128.load(b2);
    c02 = madd(x, w, c02);
    c12 = madd(y, w, c12);
    w = v128.load(b3);
    c03 = madd(x, w, c03);
    c13 = madd(y, w, c13);
    (a += 16), (q += 16), (b += 16), (b1 += 16), (b2 += 16), (b3 += 16);
  }
  const rest = k & 3;
  if (rest) {
    const x = loadFirst(a, rest),
      y = loadFirst(q, rest);
    let w = loadFirst(b, rest);
    c00 = madd(x, w, c00);
    c10 = madd(y, w, c10);
    w = loadFirst(b1, rest);
    c01 = madd(x, w, c01);
    c11 = madd(y, w, c11);
    w = loadFirst(b2, rest);
    c02 = madd(x, w, c02);
    c12 = madd(y, w, c12);
    w = loadFirst(b3, rest);
    c03 = madd(x, w, c03);
    c13 = madd(y, w, c13);
  }
  v128.store(out, sumLanes4(c00, c01, c02, c03));
  v128.store(out, sumLanes4(c10, c11, c12, c13), 16);
}

/** out[0…4) = a · b_j; two sums a row, so that additions do not wait for each other. */
function f32_dot_1x4(k: i32, a: usize, b: usize, db: usize, n: i32, out: usize): void {
  const b1 = b + (n > 1 ? db : 0),
    b2 = b1 + (n > 2 ? db : 0),
    b3 = b2 + (n > 3 ? db : 0);
  let c0 = f32x4.splat(0),
    c1 = c0,
    c2 = c0,
    c3 = c0,
    d0 = c0,
    d1 = c0,
    d2 = c0,
    d3 = c0;
  let i: usize = 0;
  const end = (<usize>(k & ~7)) << 2;
  for (; i < end; i += 32) {
    const x = v128.load(a + i),
      y = v128.load(a + i, 16);
    c0 = madd(x, v128.load(b + i), c0);
    c1 = madd(x, v128.load(b1 + i), c1);
    c2 = madd(x, v128.load(b2 + i), c2);
    c3 = madd(x, v128.load(b3 + i), c3);
    d0 = madd(y, v128.load(b + i, 16), d0);
    d1 = madd(y, v128.load(b1 + i, 16), d1);
    d2 = madd(y, v128.load(b2 + i, 16), d2);
    d3 = madd(y, v128.load(b3 + i, 16), d3);
  }
  for (let rest = k & 7; rest > 0; rest -= 4, i += 16) {
    const x = loadFirst(a + i, rest);
    c0 = madd(x, loadFirst(b + i, rest), c0);
    c1 = madd(x, loadFirst(b1 + i, rest), c1);
    c2 = madd(x, loadFirst(b2 + i, rest), c2);
    c3 = madd(x, loadFirst(b3 + i, rest), c3);
  }
  v128.store(out, sumLanes4(f32x4.add(c0, d0), f32x4.add(c1, d1), f32x4.add(c2, d2), f32x4.add(c3, d3)));
}

export function linear(cmd: usize, tile: i32, scratch: usize): void {
  const m = load<i32>(cmd, LinearArgs.M),
    n = load<i32>(cmd, LinearArgs.N),
    k = load<i32>(cmd, LinearArgs.K);
  const rows = load<i32>(cmd, LinearArgs.ROWS),
    columns = load<i32>(cmd, LinearArgs.COLUMNS);
  const nBlocks = (n + columns - 1) / columns;
  const m0 = (tile / nBlocks) * rows,
    m1 = min(m0 + rows, m);
  const n0 = (tile % nBlocks) * columns,
    n1 = min(n0 + columns, n);
  const x = load<usize>(cmd, LinearArgs.X),
    w = load<usize>(cmd, LinearArgs.W);
  const bias = load<usize>(cmd, LinearArgs.BIAS),
    y = load<usize>(cmd, LinearArgs.Y);
  const step = (<usize>k) << 2;

  for (let j = n0; j < n1; j += 4) {
    const width = min(4, n1 - j);
    const b = w + j * step;
    const start = bias ? loadFirst(bias + (j << 2), width) : f32x4.splat(0);
    for (let i = m0; i < m1; i += 2) {
      const a = x + i * step,
        to = y + ((<usize>i * n + j) << 2);
      if (i + 1 < m1) {
        f32_dot_2x4(k, a, step, b, step, width, scratch);
        storeFirst(to + ((<usize>n) << 2), f32x4.add(v128.load(scratch, 16), start), width);
      } else f32_dot_1x4(k, a, b, step, width, scratch);
      storeFirst(to, f32x4.add(v128.load(scratch), start), width);
    }
  }
  const kind = load<i32>(cmd, LinearArgs.ACTIVATION),
    alpha = load<f32>(cmd, LinearArgs.ALPHA);
  if (kind) {
    for (let i = m0; i < m1; i++) {
      const at = y + ((<usize>i * n + n0) << 2);
      activateRange(kind, alpha, at, at, n1 - n0);
    }
  }
}
