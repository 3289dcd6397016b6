/** Elementwise functions of one and two operands with broadcasting. A tile is TILE elements or ROWS rows. */
import { activateRange, exp, log, sigmoid, tanh } from "./activation";
import { exp1, log1 } from "./scalar";
import { loadFirst, storeFirst } from "./simd";
import { BinaryArgs, UnaryArgs, UnaryGradArgs } from "./args";
import { Binary, Unary } from "./kinds";
import { Layout } from "./protocol";

/** Functions that are no activations. */
// @ts-ignore: decorator
@inline
function apply(kind: i32, x: v128, alpha: v128, beta: v128): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  switch (kind) {
    case Unary.NEG: return f32x4.neg(x);
    case Unary.ABS: return f32x4.abs(x);
    case Unary.EXP: return exp(x);
    case Unary.LOG: return log(x);
    case Unary.SQRT: return f32x4.sqrt(x);
    case Unary.RECIPROCAL: return f32x4.div(one, x);
    case Unary.SQUARE: return f32x4.mul(x, x);
    case Unary.CLIP: return f32x4.min(f32x4.max(x, alpha), beta);
    case Unary.ELU:
      return f32x4.mul(beta, v128.bitselect(x, f32x4.mul(alpha, f32x4.sub(exp(x), one)), f32x4.gt(x, zero)));
    case Unary.HARD_SIGMOID: return f32x4.max(zero, f32x4.min(one, f32x4.add(f32x4.mul(alpha, x), beta)));
    // log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|): no overflow.
    case Unary.SOFTPLUS: return f32x4.add(f32x4.max(x, zero), log(f32x4.add(one, exp(f32x4.neg(f32x4.abs(x))))));
    case Unary.FLOOR: return f32x4.floor(x);
    case Unary.CEIL: return f32x4.ceil(x);
    case Unary.AFFINE: return f32x4.add(f32x4.mul(alpha, x), beta);
    default: return x;
  }
}

/** Four vectors a step: V8 makes each vector constant anew in every step. */
// @ts-ignore: decorator
@inline
function unaryLoop(kind: i32, x: usize, y: usize, n: i32, alpha: v128, beta: v128): void {
  for (; n >= 16; n -= 16, x += 64, y += 64) {
    const a = apply(kind, v128.load(x), alpha, beta), b = apply(kind, v128.load(x, 16), alpha, beta);
    const c = apply(kind, v128.load(x, 32), alpha, beta), d = apply(kind, v128.load(x, 48), alpha, beta);
    v128.store(y, a);
    v128.store(y, b, 16);
    v128.store(y, c, 32);
    v128.store(y, d, 48);
  }
  unaryRest(kind, x, y, n, alpha, beta);
}

// @ts-ignore: decorator
@inline
function unaryRest(kind: i32, x: usize, y: usize, n: i32, alpha: v128, beta: v128): void {
  for (; n >= 4; n -= 4, x += 16, y += 16) v128.store(y, apply(kind, v128.load(x), alpha, beta));
  if (n > 0) storeFirst(y, apply(kind, loadFirst(x, n), alpha, beta), n);
}

export function unary(r: usize, tile: i32): void {
  const begin = tile * Layout.TILE;
  const n = min(load<i32>(r + UnaryArgs.COUNT) - begin, Layout.TILE);
  const x: usize = load<usize>(r + UnaryArgs.X) + (<usize>begin << 2);
  const y: usize = load<usize>(r + UnaryArgs.Y) + (<usize>begin << 2);
  const kind = load<i32>(r + UnaryArgs.KIND);
  // The frequent ones get a loop of their own; the others decide vector by vector.
  if (kind >= Unary.RELU && kind <= Unary.SCALED_TANH) {
    return activateRange(kind, load<f32>(r + UnaryArgs.ALPHA), y, x, n);
  }
  const alpha = v128.load32_splat(r, UnaryArgs.ALPHA);
  const beta = v128.load32_splat(r, UnaryArgs.BETA);
  if (kind == Unary.EXP) unaryLoop(Unary.EXP, x, y, n, alpha, beta);
  else if (kind == Unary.SQUARE) unaryLoop(Unary.SQUARE, x, y, n, alpha, beta);
  else if (kind == Unary.CLIP) unaryLoop(Unary.CLIP, x, y, n, alpha, beta);
  else if (kind == Unary.AFFINE) unaryLoop(Unary.AFFINE, x, y, n, alpha, beta);
  else unaryRest(kind, x, y, n, alpha, beta);
}

/** f′ from the input (`ref` = x) or the output (`ref` = y); which one is the operator's choice in src/ops. */
// @ts-ignore: decorator
@inline
function derivative(kind: i32, ref: v128, alpha: v128, beta: v128): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  switch (kind) {
    // 1 at NaN: its gradient goes on, as in PyTorch.
    case Unary.RELU: return v128.andnot(one, f32x4.le(ref, zero));
    case Unary.LEAKY_RELU: return v128.bitselect(one, alpha, f32x4.gt(ref, zero));
    case Unary.SIGMOID: return f32x4.mul(ref, f32x4.sub(one, ref));
    case Unary.TANH: return f32x4.sub(one, f32x4.mul(ref, ref));
    // y = a·tanh(bx): y′ = b/a·(a² − y²).
    case Unary.SCALED_TANH:
      return f32x4.mul(f32x4.splat(2.0 / 3.0 / 1.7159), f32x4.sub(f32x4.splat(1.7159 * 1.7159), f32x4.mul(ref, ref)));
    case Unary.NEG: return f32x4.splat(-1);
    case Unary.ABS: return f32x4.sub(v128.and(one, f32x4.gt(ref, zero)), v128.and(one, f32x4.lt(ref, zero)));
    case Unary.EXP: return ref;
    case Unary.LOG: return f32x4.div(one, ref);
    case Unary.SQRT: return f32x4.div(f32x4.splat(0.5), ref);
    case Unary.RECIPROCAL: return f32x4.neg(f32x4.mul(ref, ref));
    case Unary.SQUARE: return f32x4.add(ref, ref);
    case Unary.CLIP: return v128.and(one, v128.and(f32x4.ge(ref, alpha), f32x4.le(ref, beta)));
    case Unary.ELU:
      return v128.bitselect(beta, f32x4.mul(f32x4.mul(alpha, beta), exp(ref)), f32x4.gt(ref, zero));
    case Unary.HARD_SIGMOID: {
      const line = f32x4.add(f32x4.mul(alpha, ref), beta);
      return v128.and(alpha, v128.and(f32x4.gt(line, zero), f32x4.lt(line, one)));
    }
    case Unary.SOFTPLUS: return sigmoid(ref);
    case Unary.FLOOR:
    case Unary.CEIL: return zero;
    case Unary.AFFINE: return alpha;
    default: return one;
  }
}

/** Four vectors a step, as in `unaryLoop`. */
// @ts-ignore: decorator
@inline
function unaryGradLoop(kind: i32, ref: usize, dy: usize, dx: usize, n: i32, alpha: v128, beta: v128): void {
  for (; n >= 16; n -= 16, ref += 64, dy += 64, dx += 64) {
    const a = f32x4.mul(v128.load(dy), derivative(kind, v128.load(ref), alpha, beta));
    const b = f32x4.mul(v128.load(dy, 16), derivative(kind, v128.load(ref, 16), alpha, beta));
    const c = f32x4.mul(v128.load(dy, 32), derivative(kind, v128.load(ref, 32), alpha, beta));
    const d = f32x4.mul(v128.load(dy, 48), derivative(kind, v128.load(ref, 48), alpha, beta));
    v128.store(dx, a);
    v128.store(dx, b, 16);
    v128.store(dx, c, 32);
    v128.store(dx, d, 48);
  }
  unaryGradRest(kind, ref, dy, dx, n, alpha, beta);
}

// @ts-ignore: decorator
@inline
function unaryGradRest(kind: i32, ref: usize, dy: usize, dx: usize, n: i32, alpha: v128, beta: v128): void {
  for (; n >= 4; n -= 4, ref += 16, dy += 16, dx += 16) {
    v128.store(dx, f32x4.mul(v128.load(dy), derivative(kind, v128.load(ref), alpha, beta)));
  }
  if (n > 0) storeFirst(dx, f32x4.mul(loadFirst(dy, n), derivative(kind, loadFirst(ref, n), alpha, beta)), n);
}

/** dx = dy · f′. */
export function unaryGrad(r: usize, tile: i32): void {
  const begin = tile * Layout.TILE;
  const at = <usize>begin << 2;
  const n = min(load<i32>(r + UnaryGradArgs.COUNT) - begin, Layout.TILE);
  const ref: usize = load<usize>(r + UnaryGradArgs.REF) + at;
  const dy: usize = load<usize>(r + UnaryGradArgs.DY) + at;
  const dx: usize = load<usize>(r + UnaryGradArgs.DX) + at;
  const kind = load<i32>(r + UnaryGradArgs.KIND);
  const alpha = v128.load32_splat(r, UnaryGradArgs.ALPHA);
  const beta = v128.load32_splat(r, UnaryGradArgs.BETA);
  if (kind == Unary.RELU) unaryGradLoop(Unary.RELU, ref, dy, dx, n, alpha, beta);
  else if (kind == Unary.LEAKY_RELU) unaryGradLoop(Unary.LEAKY_RELU, ref, dy, dx, n, alpha, beta);
  else if (kind == Unary.SIGMOID) unaryGradLoop(Unary.SIGMOID, ref, dy, dx, n, alpha, beta);
  else if (kind == Unary.TANH) unaryGradLoop(Unary.TANH, ref, dy, dx, n, alpha, beta);
  else if (kind == Unary.SCALED_TANH) unaryGradLoop(Unary.SCALED_TANH, ref, dy, dx, n, alpha, beta);
  else unaryGradRest(kind, ref, dy, dx, n, alpha, beta);
}

// @ts-ignore: decorator
@inline
function combine(kind: i32, a: v128, b: v128): v128 {
  switch (kind) {
    case Binary.SUB: return f32x4.sub(a, b);
    case Binary.MUL: return f32x4.mul(a, b);
    case Binary.DIV: return f32x4.div(a, b);
    case Binary.MAX: return f32x4.max(a, b);
    case Binary.MIN: return f32x4.min(a, b);
    case Binary.GREATER_EQUAL: return v128.and(f32x4.splat(1), f32x4.ge(a, b));
    case Binary.POW: return power4(a, b);
    default: return f32x4.add(a, b);
  }
}

/** Lane by lane, in f64: few networks use it, and none in a hot place. */
function power4(a: v128, b: v128): v128 {
  let y = f32x4.splat(power(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0)));
  y = f32x4.replace_lane(y, 1, power(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)));
  y = f32x4.replace_lane(y, 2, power(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)));
  return f32x4.replace_lane(y, 3, power(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)));
}

/** By squaring in f64 for whole exponents up to 1024, else exp(b·log|a|). */
function power(a: f32, b: f32): f32 {
  const whole = nearest(b) == b;
  if (whole && abs(b) <= 1024) {
    let n = <i32>abs(b);
    let x = <f64>a;
    let y: f64 = 1;
    for (; n > 0; n >>= 1) {
      if (n & 1) y *= x;
      x *= x;
    }
    return <f32>(b < 0 ? 1 / y : y);
  }
  if (a != a || b != b) return f32.NaN;
  if (a == 0) return b > 0 ? 0 : Infinity;
  if (a < 0 && !whole && a != -Infinity) return f32.NaN;
  const y = exp1(b * log1(abs(a)));
  // From 2²⁴ on every float is even.
  return a < 0 && abs(b) < 16777216 && (<i64>b & 1) ? -y : y;
}

/** Any function and steps; a step of 0 repeats the first element. */
function binaryRow(kind: i32, a: usize, b: usize, y: usize, n: i32, aStep: i32, bStep: i32): void {
  const aFirst = v128.load32_splat(a), bFirst = v128.load32_splat(b);
  for (; n >= 4; n -= 4, a += <usize>aStep << 4, b += <usize>bStep << 4, y += 16) {
    v128.store(y, combine(kind, aStep ? v128.load(a) : aFirst, bStep ? v128.load(b) : bFirst));
  }
  if (n > 0) storeFirst(y, combine(kind, aStep ? loadFirst(a, n) : aFirst, bStep ? loadFirst(b, n) : bFirst), n);
}

/** a runs; b runs, or with `bStep` 0 repeats its first element. */
// @ts-ignore: decorator
@inline
function binaryLoop(kind: i32, a: usize, b: usize, y: usize, n: i32, bStep: i32): void {
  const first = v128.load32_splat(b);
  for (; n >= 16; n -= 16, a += 64, b += <usize>bStep << 6, y += 64) {
    const p = combine(kind, v128.load(a), bStep ? v128.load(b) : first);
    const q = combine(kind, v128.load(a, 16), bStep ? v128.load(b, 16) : first);
    const s = combine(kind, v128.load(a, 32), bStep ? v128.load(b, 32) : first);
    const t = combine(kind, v128.load(a, 48), bStep ? v128.load(b, 48) : first);
    v128.store(y, p);
    v128.store(y, q, 16);
    v128.store(y, s, 32);
    v128.store(y, t, 48);
  }
  for (; n >= 4; n -= 4, a += 16, b += <usize>bStep << 4, y += 16) {
    v128.store(y, combine(kind, v128.load(a), bStep ? v128.load(b) : first));
  }
  if (n > 0) storeFirst(y, combine(kind, loadFirst(a, n), bStep ? loadFirst(b, n) : first), n);
}

function row(kind: i32, a: usize, b: usize, y: usize, n: i32, aStep: i32, bStep: i32): void {
  const commutes = kind == Binary.ADD || kind == Binary.MUL;
  if (commutes && !aStep && bStep) return row(kind, b, a, y, n, 1, 0);
  if (!aStep) return binaryRow(kind, a, b, y, n, aStep, bStep);
  if (kind == Binary.ADD) return bStep ? binaryLoop(Binary.ADD, a, b, y, n, 1) : binaryLoop(Binary.ADD, a, b, y, n, 0);
  if (kind == Binary.MUL) return bStep ? binaryLoop(Binary.MUL, a, b, y, n, 1) : binaryLoop(Binary.MUL, a, b, y, n, 0);
  if (kind == Binary.SUB && bStep) return binaryLoop(Binary.SUB, a, b, y, n, 1);
  if (kind == Binary.DIV && bStep) return binaryLoop(Binary.DIV, a, b, y, n, 1);
  binaryRow(kind, a, b, y, n, aStep, bStep);
}

/** y = a ∘ b; y is contiguous, a and b are read with strides over up to five outer dimensions. */
export function binary(r: usize, tile: i32): void {
  const kind = load<i32>(r + BinaryArgs.KIND);
  const inner = load<i32>(r + BinaryArgs.INNER);
  const rows = load<i32>(r + BinaryArgs.ROWS);
  const aStep = load<i32>(r + BinaryArgs.A_STEP);
  const bStep = load<i32>(r + BinaryArgs.B_STEP);
  const a: usize = load<usize>(r + BinaryArgs.A);
  const b: usize = load<usize>(r + BinaryArgs.B);
  const y: usize = load<usize>(r + BinaryArgs.Y);
  if (rows == 0) {
    const begin = <usize>(tile * Layout.TILE) << 2;
    const n = min(inner - tile * Layout.TILE, Layout.TILE);
    return row(kind, a + begin * aStep, b + begin * bStep, y + begin, n, aStep, bStep);
  }
  const end = min(load<i32>(r + BinaryArgs.OUTER), (tile + 1) * rows);
  for (let i = tile * rows; i < end; i++) {
    let rest = i;
    let pa = a;
    let pb = b;
    for (let d = 16; d >= 0; d -= 4) {
      const size = load<i32>(r + d, BinaryArgs.DIMS);
      if (size == 1) continue;
      const at = rest % size;
      rest /= size;
      pa += at * load<i32>(r + d, BinaryArgs.A_STRIDES) << 2;
      pb += at * load<i32>(r + d, BinaryArgs.B_STRIDES) << 2;
    }
    row(kind, pa, pb, y + (<usize>i * inner << 2), inner, aStep, bStep);
  }
}
