/** Softmax, log-softmax, cross-entropy over classes, and their gradients; maxima subtracted first, sums in f64. */
import { exp1, log1 } from "./scalar";
import { CountCorrectArgs, CrossEntropyArgs, SoftmaxArgs } from "./protocol";

/** The largest of n elements `step` bytes apart. */
function maxOf(x: usize, n: i32, step: usize): f32 {
  let top: f32 = -f32.MAX_VALUE * 2;
  for (let i = 0; i < n; i++, x += step) top = max(top, load<f32>(x));
  return top;
}

/**
 * log Σ exp(x − top) of n elements `step` bytes apart; never added to `top`, beside which it may vanish: log p is
 * (x − top) − this.
 */
function logSumExp(x: usize, n: i32, step: usize, top: f32): f64 {
  let sum: f64 = 0;
  for (let i = 0; i < n; i++, x += step) sum += <f64>exp1(load<f32>(x) - top);
  return <f64>log1(<f32>sum);
}

export function softmax(r: usize, tile: i32): void {
  const n = load<i32>(r + SoftmaxArgs.AXIS);
  const inner = load<i32>(r + SoftmaxArgs.INNER);
  const step = <usize>inner << 2;
  const isLog = load<i32>(r + SoftmaxArgs.LOG) != 0;
  const rows = load<i32>(r + SoftmaxArgs.ROWS);
  const end = min(load<i32>(r + SoftmaxArgs.OUTER) * inner, (tile + 1) * rows);
  for (let row = tile * rows; row < end; row++) {
    const at = (<usize>(row / inner * n * inner + row % inner)) << 2;
    let x: usize = load<usize>(r + SoftmaxArgs.X) + at;
    let y: usize = load<usize>(r + SoftmaxArgs.Y) + at;
    const top = maxOf(x, n, step);
    const total = logSumExp(x, n, step, top);
    for (let i = 0; i < n; i++, x += step, y += step) {
      const v = <f32>(<f64>load<f32>(x) - <f64>top - total);
      store<f32>(y, isLog ? v : exp1(v));
    }
  }
}

/** softmax: dx = y (dy − Σ y dy); log-softmax: dx = dy − eʸ Σ dy. */
export function softmaxGrad(r: usize, tile: i32): void {
  const n = load<i32>(r + SoftmaxArgs.AXIS);
  const inner = load<i32>(r + SoftmaxArgs.INNER);
  const step = <usize>inner << 2;
  const isLog = load<i32>(r + SoftmaxArgs.LOG) != 0;
  const rows = load<i32>(r + SoftmaxArgs.ROWS);
  const end = min(load<i32>(r + SoftmaxArgs.OUTER) * inner, (tile + 1) * rows);
  for (let row = tile * rows; row < end; row++) {
    const at = (<usize>(row / inner * n * inner + row % inner)) << 2;
    let y: usize = load<usize>(r + SoftmaxArgs.Y) + at;
    let dy: usize = load<usize>(r + SoftmaxArgs.DY) + at;
    let dx: usize = load<usize>(r + SoftmaxArgs.DX) + at;
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
    const top = maxOf(x, n, 4);
    const total = logSumExp(x, n, 4, top);
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
    const top = maxOf(x, n, 4);
    const total = logSumExp(x, n, 4, top);
    for (let i = 0; i < n; i++) {
      const at = <usize>i << 2;
      const target: f32 = (i == label ? <f32>1 - eps : <f32>0) + eps / <f32>n;
      store<f32>(dx + at, (exp1(<f32>(<f64>load<f32>(x + at) - <f64>top - total)) - target) * scale);
    }
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
