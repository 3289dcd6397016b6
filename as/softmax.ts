/**
 * Softmax, log-softmax, cross-entropy over classes, and their gradients; maxima subtracted first, sums in f64. Rows
 * whose elements lie side by side go in vectors.
 */
import { exp, log } from "./activation";
import { exp1, log1 } from "./scalar";
import { loadFirst, storeFirst } from "./simd";
import { CountCorrectArgs, CrossEntropyArgs, SoftmaxArgs } from "./args";

/** The largest of n floats side by side, or NaN. */
function largest(x: usize, n: i32): f32 {
  let a = f32x4.splat(-Infinity), b = a;
  for (; n >= 8; n -= 8, x += 32) {
    a = f32x4.max(a, v128.load(x));
    b = f32x4.max(b, v128.load(x, 16));
  }
  a = f32x4.max(a, b);
  let top = max(
    max(f32x4.extract_lane(a, 0), f32x4.extract_lane(a, 1)), max(f32x4.extract_lane(a, 2), f32x4.extract_lane(a, 3)));
  for (; n > 0; n--, x += 4) top = max(top, load<f32>(x));
  return top;
}

/** Lanes 2 and 3 as f64. */
// @ts-ignore: decorator
@inline
function upper(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3));
}

/** The four lanes of two pairs of f64. */
// @ts-ignore: decorator
@inline
function demote(low: v128, high: v128): v128 {
  return v128.shuffle<f32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

/** Adds lanes 0 + 2 and 1 + 3 to two sums in f64. */
// @ts-ignore: decorator
@inline
function addPairs(sum: v128, v: v128): v128 {
  return f64x2.add(sum, f64x2.add(f64x2.promote_low_f32x4(v), upper(v)));
}

// @ts-ignore: decorator
@inline
function total(sum: v128): f64 {
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/** Σ exp(x − top) of n floats side by side; the terms go to y unless it is 0. Four vectors a step: `activateRange`. */
function sumExp(x: usize, y: usize, n: i32, top: f32): f64 {
  const shift = f32x4.splat(top);
  let sum = f64x2.splat(0);
  for (; n >= 16; n -= 16, x += 64) {
    const a = exp(f32x4.sub(v128.load(x), shift)), b = exp(f32x4.sub(v128.load(x, 16), shift));
    const c = exp(f32x4.sub(v128.load(x, 32), shift)), d = exp(f32x4.sub(v128.load(x, 48), shift));
    sum = addPairs(sum, f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
    if (!y) continue;
    v128.store(y, a);
    v128.store(y, b, 16);
    v128.store(y, c, 32);
    v128.store(y, d, 48);
    y += 64;
  }
  for (; n > 0; n -= 4, x += 16) {
    const e = exp(f32x4.sub(loadFirst(x, n), shift));
    sum = addPairs(sum, v128.and(e, i32x4.gt_s(i32x4.splat(n), i32x4(0, 1, 2, 3))));
    if (!y) continue;
    storeFirst(y, e, n);
    y += 16;
  }
  return total(sum);
}

/** log Σ exp(x − top) of n floats side by side; never added to `top`, beside which it may vanish. */
function logSumExpRow(x: usize, n: i32, top: f32): f64 {
  return <f64>log1(<f32>sumExp(x, 0, n, top));
}

/** y[i] = exp(x[i] − m) for the largest m; returns 1 / Σ y. y is not x. */
function exponentials(x: usize, y: usize, n: i32): f32 {
  return <f32>(1 / sumExp(x, y, n, largest(x, n)));
}

function softmaxRow(x: usize, y: usize, n: i32): void {
  const scale = f32x4.splat(exponentials(x, y, n));
  for (; n > 0; n -= 4, y += 16) storeFirst(y, f32x4.mul(loadFirst(y, n), scale), n);
}

/** log p = (x − top) − log Σ exp(x − top): both parts are of one sign, so nothing cancels. */
function logSoftmaxRow(x: usize, y: usize, n: i32): void {
  const top = largest(x, n), total = f32x4.splat(<f32>logSumExpRow(x, n, top));
  for (; n > 0; n -= 4, x += 16, y += 16) {
    storeFirst(y, f32x4.sub(f32x4.sub(loadFirst(x, n), f32x4.splat(top)), total), n);
  }
}

/** k (1 … 4) columns side by side, n elements each `step` bytes apart; y is not x. */
function softmaxColumns(x: usize, y: usize, n: i32, step: usize, k: i32, isLog: bool): void {
  let top = f32x4.splat(-Infinity), low = f64x2.splat(0), high = low;
  for (let i = 0, p = x; i < n; i++, p += step) top = f32x4.max(top, loadFirst(p, k));
  for (let i = 0, p: usize = 0; i < n; i++, p += step) {
    const shifted = f32x4.sub(loadFirst(x + p, k), top), e = exp(shifted);
    low = f64x2.add(low, f64x2.promote_low_f32x4(e));
    high = f64x2.add(high, upper(e));
    storeFirst(y + p, isLog ? shifted : e, k);
  }
  const sum = demote(low, high);
  if (!isLog) {
    const scale = f32x4.div(f32x4.splat(1), sum);
    for (let i = 0; i < n; i++, y += step) storeFirst(y, f32x4.mul(loadFirst(y, k), scale), k);
    return;
  }
  const total = log(sum);
  for (let i = 0; i < n; i++, y += step) storeFirst(y, f32x4.sub(loadFirst(y, k), total), k);
}

export function softmax(r: usize, tile: i32): void {
  const n = load<i32>(r + SoftmaxArgs.AXIS);
  const inner = load<i32>(r + SoftmaxArgs.INNER);
  const isLog = load<i32>(r + SoftmaxArgs.LOG) != 0;
  const rows = load<i32>(r + SoftmaxArgs.ROWS);
  const end = min(load<i32>(r + SoftmaxArgs.OUTER) * inner, (tile + 1) * rows);
  for (let row = tile * rows, k = 1; row < end; row += k) {
    const at = (<usize>(row / inner * n * inner + row % inner)) << 2;
    const x = load<usize>(r + SoftmaxArgs.X) + at, y = load<usize>(r + SoftmaxArgs.Y) + at;
    k = min(4, min(end - row, inner - row % inner));
    if (inner > 1) softmaxColumns(x, y, n, <usize>inner << 2, k, isLog);
    else if (isLog) logSoftmaxRow(x, y, n);
    else softmaxRow(x, y, n);
  }
}

/** softmax: dx = y (dy − Σ y dy); log-softmax: dx = dy − eʸ Σ dy. */
export function softmaxGrad(r: usize, tile: i32): void {
  const n = load<i32>(r + SoftmaxArgs.AXIS);
  const inner = load<i32>(r + SoftmaxArgs.INNER);
  const isLog = load<i32>(r + SoftmaxArgs.LOG) != 0;
  const rows = load<i32>(r + SoftmaxArgs.ROWS);
  const end = min(load<i32>(r + SoftmaxArgs.OUTER) * inner, (tile + 1) * rows);
  for (let row = tile * rows; row < end; row++) {
    const at = (<usize>(row / inner * n * inner + row % inner)) << 2;
    const y = load<usize>(r + SoftmaxArgs.Y) + at, dy = load<usize>(r + SoftmaxArgs.DY) + at;
    const dx = load<usize>(r + SoftmaxArgs.DX) + at;
    if (inner > 1) gradientColumn(y, dy, dx, n, <usize>inner << 2, isLog);
    else gradientRow(y, dy, dx, n, isLog);
  }
}

function gradientRow(y: usize, dy: usize, dx: usize, n: i32, isLog: bool): void {
  let sum = f64x2.splat(0);
  for (let i = n, p: usize = 0; i > 0; i -= 4, p += 16) {
    const d = loadFirst(dy + p, i);
    sum = addPairs(sum, isLog ? d : f32x4.mul(d, loadFirst(y + p, i)));
  }
  const s = f32x4.splat(<f32>total(sum));
  for (; n > 0; n -= 4, y += 16, dy += 16, dx += 16) {
    const v = loadFirst(y, n), d = loadFirst(dy, n);
    storeFirst(dx, isLog ? f32x4.sub(d, f32x4.mul(exp(v), s)) : f32x4.mul(v, f32x4.sub(d, s)), n);
  }
}

function gradientColumn(y: usize, dy: usize, dx: usize, n: i32, step: usize, isLog: bool): void {
  let sum: f64 = 0;
  for (let i = 0, p: usize = 0; i < n; i++, p += step) {
    const d = <f64>load<f32>(dy + p);
    sum += isLog ? d : d * <f64>load<f32>(y + p);
  }
  for (let i = 0; i < n; i++, y += step, dy += step, dx += step) {
    const v = load<f32>(y);
    const d = load<f32>(dy);
    store<f32>(dx, isLog ? d - exp1(v) * <f32>sum : v * (d - <f32>sum));
  }
}

/** Mean over the batch of −Σ q log p, q = (1 − ε)·onehot + ε / classes (Szegedy et al. 2016, section 7). */
export function crossEntropy(r: usize, tile: i32): void {
  const count = load<i32>(r + CrossEntropyArgs.COUNT);
  const n = load<i32>(r + CrossEntropyArgs.CLASSES);
  const eps = <f64>load<f32>(r + CrossEntropyArgs.SMOOTHING);
  const labels: usize = load<usize>(r + CrossEntropyArgs.LABELS);
  let x: usize = load<usize>(r + CrossEntropyArgs.X);
  let loss: f64 = 0;
  for (let row = 0; row < count; row++, x += <usize>n << 2) {
    const label = load<i32>(labels + (<usize>row << 2));
    const top = largest(x, n), total = logSumExpRow(x, n, top);
    // A label outside the classes is refused before a run; should one come here, the loss says so.
    const picked = <u32>label < <u32>n ? <f64>load<f32>(x + (<usize>label << 2)) - <f64>top : f64.NaN;
    loss += (1 - eps) * (total - picked);
    if (eps > 0) {
      let sum: f64 = 0;
      for (let i = 0; i < n; i++) sum += total - (<f64>load<f32>(x + (<usize>i << 2)) - <f64>top);
      loss += eps / <f64>n * sum;
    }
  }
  store<f32>(load<usize>(r + CrossEntropyArgs.LOSS), <f32>(loss / <f64>count));
}

/** dx = (softmax(x) − q) · dloss / count. */
export function crossEntropyGrad(r: usize, tile: i32): void {
  const count = load<i32>(r + CrossEntropyArgs.COUNT);
  const n = load<i32>(r + CrossEntropyArgs.CLASSES);
  const eps = load<f32>(r + CrossEntropyArgs.SMOOTHING);
  const labels: usize = load<usize>(r + CrossEntropyArgs.LABELS);
  const rows = load<i32>(r + CrossEntropyArgs.ROWS);
  const end = min(count, (tile + 1) * rows);
  const scale = load<f32>(load<usize>(r + CrossEntropyArgs.DLOSS)) / <f32>count;
  for (let row = tile * rows; row < end; row++) {
    const x: usize = load<usize>(r + CrossEntropyArgs.X) + (<usize>(row * n) << 2);
    const dx: usize = load<usize>(r + CrossEntropyArgs.DX) + (<usize>(row * n) << 2);
    const label = load<i32>(labels + (<usize>row << 2));
    const norm = exponentials(x, dx, n);
    // The label's target alone has 1 − ε more than the others.
    const own = <u32>label < <u32>n ? load<f32>(dx + (<usize>label << 2)) * norm : 0;
    const rest = eps / <f32>n, at = dx + (<usize>label << 2);
    for (let i = n, p = dx; i > 0; i -= 4, p += 16) {
      const e = f32x4.mul(loadFirst(p, i), f32x4.splat(norm));
      storeFirst(p, f32x4.mul(f32x4.sub(e, f32x4.splat(rest)), f32x4.splat(scale)), i);
    }
    if (<u32>label < <u32>n) store<f32>(at, (own - (<f32>1 - eps + rest)) * scale);
  }
}

/** How many rows have their largest element at the label; ties go to the first, a row with a NaN is wrong. One tile. */
export function countCorrect(r: usize, tile: i32): void {
  const count = load<i32>(r + CountCorrectArgs.COUNT);
  const n = load<i32>(r + CountCorrectArgs.CLASSES);
  const labels: usize = load<usize>(r + CountCorrectArgs.LABELS);
  let x: usize = load<usize>(r + CountCorrectArgs.X);
  let right = 0;
  for (let row = 0; row < count; row++, x += <usize>n << 2) {
    let best = -1;
    let top: f32 = 0;
    for (let i = 0; i < n; i++) {
      const v = load<f32>(x + (<usize>i << 2));
      if (v != v) {
        best = -1;
        break;
      }
      if (best < 0 || v > top) {
        best = i;
        top = v;
      }
    }
    if (best >= 0 && best == load<i32>(labels + (<usize>row << 2))) right++;
  }
  store<f32>(load<usize>(r + CountCorrectArgs.Y), <f32>right);
}
