/** Weight updates; formulas as in PyTorch's torch.optim (SGD, Adam, AdamW). */
import { loadFirst, storeFirst } from "./simd";
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
  for (let i = begin; i < end; i += 4) {
    const at = <usize>i << 2, n = end - i, weight = loadFirst(w + at, n);
    const grad = f32x4.add(loadFirst(g + at, n), f32x4.mul(f32x4.splat(decay), weight));
    let step = grad;
    if (m) {
      const velocity = f32x4.add(f32x4.mul(f32x4.splat(momentum), loadFirst(m + at, n)), grad);
      storeFirst(mOut + at, velocity, n);
      step = nesterov ? f32x4.add(grad, f32x4.mul(f32x4.splat(momentum), velocity)) : velocity;
    }
    storeFirst(wOut + at, f32x4.sub(weight, f32x4.mul(f32x4.splat(lr), step)), n);
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
  for (let i = begin; i < end; i += 4) {
    const at = <usize>i << 2, n = end - i;
    let weight = loadFirst(w + at, n), grad = loadFirst(g + at, n);
    if (decoupled) weight = f32x4.sub(weight, f32x4.mul(f32x4.splat(lr * decay), weight));
    else grad = f32x4.add(grad, f32x4.mul(f32x4.splat(decay), weight));
    const mean = blend(beta1, loadFirst(m + at, n), grad);
    const square = blend(beta2, loadFirst(v + at, n), f32x4.mul(grad, grad));
    storeFirst(mOut + at, mean, n);
    storeFirst(vOut + at, square, n);
    const size = f32x4.add(f32x4.mul(f32x4.sqrt(square), f32x4.splat(root)), f32x4.splat(eps));
    storeFirst(wOut + at, f32x4.sub(weight, f32x4.div(f32x4.mul(f32x4.splat(step), mean), size)), n);
  }
}

/** β·old + (1 − β)·next. */
// @ts-ignore: decorator
@inline
function blend(beta: f32, old: v128, next: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.splat(beta), old), f32x4.mul(f32x4.splat(1 - beta), next));
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
