/** Weight updates; formulas as in PyTorch's torch.optim (SGD, Adam, AdamW). */
import { loadFirst, storeFirst } from "./simd";
import { OptimizerArgs } from "./args";
import { OptimizerKind } from "./kinds";
import { Layout } from "./protocol";

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
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    sgdStep(r, i, 4, lr, momentum, decay, nesterov);
    sgdStep(r, i + 4, 4, lr, momentum, decay, nesterov);
  }
  for (; i < end; i += 4) sgdStep(r, i, end - i, lr, momentum, decay, nesterov);
}

/** The n (1 … 4) weights from i on. */
// @ts-ignore: decorator
@inline
function sgdStep(r: usize, i: i32, n: i32, lr: f32, momentum: f32, decay: f32, nesterov: bool): void {
  const at = <usize>i << 2, m = load<usize>(r + OptimizerArgs.M);
  const weight = loadFirst(load<usize>(r + OptimizerArgs.W) + at, n);
  const grad = f32x4.add(loadFirst(load<usize>(r + OptimizerArgs.G) + at, n), f32x4.mul(f32x4.splat(decay), weight));
  let step = grad;
  if (m) {
    const velocity = f32x4.add(f32x4.mul(f32x4.splat(momentum), loadFirst(m + at, n)), grad);
    storeFirst(load<usize>(r + OptimizerArgs.M_OUT) + at, velocity, n);
    step = nesterov ? f32x4.add(grad, f32x4.mul(f32x4.splat(momentum), velocity)) : velocity;
  }
  const next = f32x4.sub(weight, f32x4.mul(f32x4.splat(lr), step));
  storeFirst(load<usize>(r + OptimizerArgs.W_OUT) + at, next, n);
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
  // Of the two decays one is 0.
  const l2: f32 = decoupled ? 0 : decay, shrink: f32 = decoupled ? lr * decay : 0;
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    adamStep(r, i, 4, beta1, beta2, eps, l2, shrink, step, root);
    adamStep(r, i + 4, 4, beta1, beta2, eps, l2, shrink, step, root);
  }
  for (; i < end; i += 4) adamStep(r, i, end - i, beta1, beta2, eps, l2, shrink, step, root);
}

/** The n (1 … 4) weights from i on. */
// @ts-ignore: decorator
@inline
function adamStep(
  r: usize, i: i32, n: i32, beta1: f32, beta2: f32, eps: f32, l2: f32, shrink: f32, step: f32, root: f32,
): void {
  const at = <usize>i << 2, old = loadFirst(load<usize>(r + OptimizerArgs.W) + at, n);
  const weight = f32x4.sub(old, f32x4.mul(f32x4.splat(shrink), old));
  const grad = f32x4.add(loadFirst(load<usize>(r + OptimizerArgs.G) + at, n), f32x4.mul(f32x4.splat(l2), old));
  const mean = blend(beta1, loadFirst(load<usize>(r + OptimizerArgs.M) + at, n), grad);
  const square = blend(beta2, loadFirst(load<usize>(r + OptimizerArgs.V) + at, n), f32x4.mul(grad, grad));
  storeFirst(load<usize>(r + OptimizerArgs.M_OUT) + at, mean, n);
  storeFirst(load<usize>(r + OptimizerArgs.V_OUT) + at, square, n);
  const size = f32x4.add(f32x4.mul(f32x4.sqrt(square), f32x4.splat(root)), f32x4.splat(eps));
  const next = f32x4.sub(weight, f32x4.div(f32x4.mul(f32x4.splat(step), mean), size));
  storeFirst(load<usize>(r + OptimizerArgs.W_OUT) + at, next, n);
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
