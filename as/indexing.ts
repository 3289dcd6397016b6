/** Kernels of integers and indices: conversions, selection, gathering, positions of maxima. None is hot. */
import { ArgReduceArgs, CastArgs, GatherArgs, IntBinaryArgs, PoolIndicesArgs, SelectArgs } from "./args";
import { Binary, Cast } from "./kinds";
import { Layout } from "./protocol";

export function cast(r: usize, tile: i32): void {
  const begin = tile * Layout.TILE;
  const end = min(load<i32>(r + CastArgs.COUNT), begin + Layout.TILE);
  const x: usize = load<usize>(r + CastArgs.X);
  const y: usize = load<usize>(r + CastArgs.Y);
  const kind = load<i32>(r + CastArgs.KIND);
  for (let i = begin; i < end; i++) {
    const at = <usize>i << 2;
    if (kind == Cast.I32_TO_F32) store<f32>(y + at, <f32>load<i32>(x + at));
    else if (kind == Cast.F32_TO_I32) store<i32>(y + at, toInt(load<f32>(x + at)));
    else if (kind == Cast.F32_TO_BOOL) store<i32>(y + at, load<f32>(x + at) != 0 ? 1 : 0);
    else store<i32>(y + at, load<i32>(x + at) != 0 ? 1 : 0);
  }
}

/** Towards zero; what does not fit becomes the nearest that does, NaN 0. */
function toInt(v: f32): i32 {
  if (v != v) return 0;
  if (v >= 2147483648.0) return i32.MAX_VALUE;
  if (v <= -2147483648.0) return i32.MIN_VALUE;
  return <i32>v;
}

/** y[i] = a[i] ∘ b[i] on integers, wrapping. */
export function intBinary(r: usize, tile: i32): void {
  const begin = tile * Layout.TILE;
  const end = min(load<i32>(r + IntBinaryArgs.COUNT), begin + Layout.TILE);
  const a: usize = load<usize>(r + IntBinaryArgs.A);
  const b: usize = load<usize>(r + IntBinaryArgs.B);
  const y: usize = load<usize>(r + IntBinaryArgs.Y);
  const kind = load<i32>(r + IntBinaryArgs.KIND);
  for (let i = begin; i < end; i++) {
    const at = <usize>i << 2;
    store<i32>(y + at, combine(kind, load<i32>(a + at), load<i32>(b + at)));
  }
}

function combine(kind: i32, a: i32, b: i32): i32 {
  switch (kind) {
    case Binary.ADD: return a + b;
    case Binary.SUB: return a - b;
    case Binary.MUL: return a * b;
    // Division by zero gives 0, as on ARM: a trap would end the whole run. −2³¹ / −1 wraps.
    case Binary.DIV: return b == 0 ? 0 : b == -1 ? 0 - a : a / b;
    case Binary.MAX: return max(a, b);
    case Binary.MIN: return min(a, b);
    case Binary.GREATER_EQUAL: return a >= b ? 1 : 0;
    default: return power(a, b);
  }
}

function power(a: i32, b: i32): i32 {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
  let y = 1;
  for (; b > 0; b >>= 1) {
    if (b & 1) y *= a;
    a *= a;
  }
  return y;
}

/** y[i] = c[i] ? a[i] : b[i], any 32-bit values. */
export function select(r: usize, tile: i32): void {
  const begin = tile * Layout.TILE;
  const end = min(load<i32>(r + SelectArgs.COUNT), begin + Layout.TILE);
  const c: usize = load<usize>(r + SelectArgs.C);
  const a: usize = load<usize>(r + SelectArgs.A);
  const b: usize = load<usize>(r + SelectArgs.B);
  const y: usize = load<usize>(r + SelectArgs.Y);
  for (let i = begin; i < end; i++) {
    const at = <usize>i << 2;
    store<i32>(y + at, load<i32>(c + at) ? load<i32>(a + at) : load<i32>(b + at));
  }
}

/** Y [OUTER][COUNT][INNER] = X [OUTER][AXIS][INNER] at INDICES [COUNT]; a tile is ROWS of OUTER·COUNT rows. */
export function gather(r: usize, tile: i32): void {
  const axis = load<i32>(r + GatherArgs.AXIS);
  const count = load<i32>(r + GatherArgs.COUNT);
  const bytes = <usize>load<i32>(r + GatherArgs.INNER) << 2;
  const rows = load<i32>(r + GatherArgs.ROWS);
  const end = min(load<i32>(r + GatherArgs.OUTER) * count, (tile + 1) * rows);
  const x: usize = load<usize>(r + GatherArgs.X);
  const y: usize = load<usize>(r + GatherArgs.Y);
  for (let row = tile * rows; row < end; row++) {
    const from = (row / count) * axis + indexAt(r, row % count, axis);
    memory.copy(y + <usize>row * bytes, x + <usize>from * bytes, bytes);
  }
}

/** Index number i, negative ones counted from the end; traps when it is outside. */
function indexAt(r: usize, i: i32, axis: i32): i32 {
  let index = load<i32>(load<usize>(r + GatherArgs.INDICES) + (<usize>i << 2));
  if (index < 0) index += axis;
  if (<u32>index >= <u32>axis) unreachable();
  return index;
}

/** The adjoint: X is filled with the sums of the rows of Y by index. A tile is one of OUTER, so sums have one order. */
export function gatherGrad(r: usize, tile: i32): void {
  const axis = load<i32>(r + GatherArgs.AXIS);
  const count = load<i32>(r + GatherArgs.COUNT);
  const inner = load<i32>(r + GatherArgs.INNER);
  const x: usize = load<usize>(r + GatherArgs.X) + (<usize>tile * axis * inner << 2);
  const y: usize = load<usize>(r + GatherArgs.Y) + (<usize>tile * count * inner << 2);
  memory.fill(x, 0, <usize>axis * inner << 2);
  for (let i = 0; i < count; i++) {
    const to = x + (<usize>indexAt(r, i, axis) * inner << 2);
    const from = y + (<usize>i * inner << 2);
    for (let j: usize = 0; j < <usize>inner << 2; j += 4) store<f32>(to + j, load<f32>(to + j) + load<f32>(from + j));
  }
}

/** Positions of the largest (SIGN 1) or smallest (SIGN −1) along AXIS of [OUTER][AXIS][INNER]; ROWS a tile. */
export function argReduce(r: usize, tile: i32): void {
  const axis = load<i32>(r + ArgReduceArgs.AXIS);
  const inner = load<i32>(r + ArgReduceArgs.INNER);
  const sign = <f32>load<i32>(r + ArgReduceArgs.SIGN);
  const last = load<i32>(r + ArgReduceArgs.LAST);
  const rows = load<i32>(r + ArgReduceArgs.ROWS);
  const end = min(load<i32>(r + ArgReduceArgs.OUTER) * inner, (tile + 1) * rows);
  const step = <usize>inner << 2;
  for (let row = tile * rows; row < end; row++) {
    let p: usize = load<usize>(r + ArgReduceArgs.X) + (<usize>((row / inner) * axis * inner + row % inner) << 2);
    let best = load<f32>(p) * sign;
    let at = 0;
    for (let i = 1; i < axis; i++) {
      p += step;
      const v = load<f32>(p) * sign;
      if (v > best || (last && v == best)) {
        best = v;
        at = i;
      }
    }
    store<i32>(load<usize>(r + ArgReduceArgs.Y) + (<usize>row << 2), at);
  }
}

/** Positions in the whole tensor of the first maximum of each window; COLUMN_MAJOR counts down columns. A tile is a plane. */
export function poolIndices(r: usize, tile: i32): void {
  const h = load<i32>(r + PoolIndicesArgs.H);
  const w = load<i32>(r + PoolIndicesArgs.W);
  const oh = load<i32>(r + PoolIndicesArgs.OH);
  const ow = load<i32>(r + PoolIndicesArgs.OW);
  const columns = load<i32>(r + PoolIndicesArgs.COLUMN_MAJOR);
  const plane = tile * h * w;
  const x: usize = load<usize>(r + PoolIndicesArgs.X) + (<usize>plane << 2);
  let y: usize = load<usize>(r + PoolIndicesArgs.Y) + (<usize>(tile * oh * ow) << 2);
  for (let oy = 0; oy < oh; oy++) {
    for (let ox = 0; ox < ow; ox++) {
      let best: f32 = 0;
      let at = -1;
      for (let ky = 0; ky < load<i32>(r + PoolIndicesArgs.KH); ky++) {
        const iy = oy * load<i32>(r + PoolIndicesArgs.SH) + ky * load<i32>(r + PoolIndicesArgs.DH) - load<i32>(r + PoolIndicesArgs.PT);
        if (<u32>iy >= <u32>h) continue;
        for (let kx = 0; kx < load<i32>(r + PoolIndicesArgs.KW); kx++) {
          const ix = ox * load<i32>(r + PoolIndicesArgs.SW) + kx * load<i32>(r + PoolIndicesArgs.DW) - load<i32>(r + PoolIndicesArgs.PL);
          if (<u32>ix >= <u32>w) continue;
          const v = load<f32>(x + (<usize>(iy * w + ix) << 2));
          if (at < 0 || v > best) {
            best = v;
            at = columns ? ix * h + iy : iy * w + ix;
          }
        }
      }
      store<i32>(y, plane + at);
      y += 4;
    }
  }
}
