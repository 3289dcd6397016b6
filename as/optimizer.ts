/** Weight updates, element by element; formulas as in PyTorch's torch.optim (SGD, Adam, AdamW). */
import { Layout, OptimizerArgs, OptimizerKind } from "./protocol";

export function optimizer(r: usize, tile: i32): void {
  const end = min(load<i32>(r + OptimizerArgs.COUNT), (tile + 1) * Layout.TILE);
  const begin = tile * Layout.TILE;
  if (load<i32>(r + OptimizerArgs.KIND) == OptimizerKind.SGD) sgd(r, begin, end);
  else adam(r, begin, end);
}

/** v ← μ·v + (g + λ·w); w ← w − α·v, or with Nesterov w ← w − α·(g + λ·w + μ·v). */
function sgd(r: usize, begin: i32, end: i32): void {
  const lr = load<f32>(load<usize>(r + OptimizerArgs.HYPER));
  const momentum = load<f32>(r + OptimizerArgs.BETA1);
  const decay = load<f32>(r + OptimizerArgs.WEIGHT_DECAY);
  const nesterov = load<i32>(r + OptimizerArgs.NESTEROV) != 0;
  const w: usize = load<usize>(r + OptimizerArgs.W);
  const g: usize = load<usize>(r + OptimizerArgs.G);
  const m: usize = load<usize>(r + OptimizerArgs.M);
  const wOut: usize = load<usize>(r + OptimizerArgs.W_OUT);
  const mOut: usize = load<usize>(r + OptimizerArgs.M_OUT);
  for (let i = begin; i < end; i++) {
    const at = <usize>i << 2;
    const weight = load<f32>(w + at);
    const grad = load<f32>(g + at) + decay * weight;
    let step = grad;
    if (m) {
      const velocity = momentum * load<f32>(m + at) + grad;
      store<f32>(mOut + at, velocity);
      step = nesterov ? grad + momentum * velocity : velocity;
    }
    store<f32>(wOut + at, weight - lr * step);
  }
}

/** Kingma & Ba 2015, algorithm 1; decoupled decay: Loshchilov & Hutter 2019, algorithm 2. */
function adam(r: usize, begin: i32, end: i32): void {
  const hyper: usize = load<usize>(r + OptimizerArgs.HYPER);
  const lr = load<f32>(hyper);
  const t = <i32>load<f32>(hyper, 4);
  const beta1 = load<f32>(r + OptimizerArgs.BETA1);
  const beta2 = load<f32>(r + OptimizerArgs.BETA2);
  const eps = load<f32>(r + OptimizerArgs.EPS);
  const decay = load<f32>(r + OptimizerArgs.WEIGHT_DECAY);
  const decoupled = load<i32>(r + OptimizerArgs.KIND) == OptimizerKind.ADAMW;
  const step: f32 = <f32>(<f64>lr / (1.0 - power(<f64>beta1, t)));
  const root: f32 = <f32>(1.0 / sqrt(1.0 - power(<f64>beta2, t)));
  const w: usize = load<usize>(r + OptimizerArgs.W);
  const g: usize = load<usize>(r + OptimizerArgs.G);
  const m: usize = load<usize>(r + OptimizerArgs.M);
  const v: usize = load<usize>(r + OptimizerArgs.V);
  const wOut: usize = load<usize>(r + OptimizerArgs.W_OUT);
  const mOut: usize = load<usize>(r + OptimizerArgs.M_OUT);
  const vOut: usize = load<usize>(r + OptimizerArgs.V_OUT);
  for (let i = begin; i < end; i++) {
    const at = <usize>i << 2;
    let weight = load<f32>(w + at);
    let grad = load<f32>(g + at);
    if (decoupled) weight -= lr * decay * weight;
    else grad += decay * weight;
    const mean = beta1 * load<f32>(m + at) + (1 - beta1) * grad;
    const square = beta2 * load<f32>(v + at) + (1 - beta2) * grad * grad;
    store<f32>(mOut + at, mean);
    store<f32>(vOut + at, square);
    store<f32>(wOut + at, weight - step * mean / (sqrt(square) * root + eps));
  }
}

/** xⁿ for n ≥ 0, by squaring. */
function power(x: f64, n: i32): f64 {
  let result: f64 = 1;
  for (; n > 0; n >>= 1) {
    if (n & 1) result *= x;
    x *= x;
  }
  return result;
}
