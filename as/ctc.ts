/** Connectionist temporal classification in log space, see src/ops/ctc.ts. A tile is a sample. */
import { exp } from "./activation";
import { exp1, log1 } from "./scalar";
import { fill } from "./simd";
import { CtcArgs } from "./args";

// @ts-ignore: decorator
@inline
const NONE: f32 = -Infinity;

/** log(eᵃ + eᵇ + eᶜ). */
// @ts-ignore: decorator
@inline
function logSumExp(a: f32, b: f32, c: f32): f32 {
  const top = max(a, max(b, c));
  if (top == NONE) return NONE;
  const e = exp(f32x4.sub(f32x4(a, b, c, NONE), f32x4.splat(top)));
  return top + log1(f32x4.extract_lane(e, 0) + f32x4.extract_lane(e, 1) + f32x4.extract_lane(e, 2));
}

/** Number of states of the sample's target, blanks included; 0 when lengths or classes are impossible. */
function statesOf(r: usize, tile: i32): i32 {
  const most = load<i32>(r + CtcArgs.MOST);
  const steps = load<i32>(load<usize>(r + CtcArgs.INPUT_LENGTHS) + (<usize>tile << 2));
  const length = load<i32>(load<usize>(r + CtcArgs.TARGET_LENGTHS) + (<usize>tile << 2));
  if (steps < 1 || steps > load<i32>(r + CtcArgs.STEPS) || length < 0 || length > most) return 0;
  const classes = load<i32>(r + CtcArgs.CLASSES), blank = load<i32>(r + CtcArgs.BLANK);
  const target = load<usize>(r + CtcArgs.TARGETS) + (<usize>(tile * most) << 2);
  for (let i = 0; i < length; i++) {
    const label = load<i32>(target + (<usize>i << 2));
    if (<u32>label >= <u32>classes || label == blank) return 0;
  }
  return 2 * length + 1;
}

/** Class of a state: labels at odd ones, the blank at even ones. */
// @ts-ignore: decorator
@inline
function classOf(target: usize, s: i32, blank: i32): i32 {
  return s & 1 ? load<i32>(target + (<usize>(s >> 1) << 2)) : blank;
}

/** Whether a state may follow the one two before it: both are labels, and others. */
// @ts-ignore: decorator
@inline
function skips(target: usize, s: i32): bool {
  const at = target + (<usize>(s >> 1) << 2);
  return s >= 2 && (s & 1) != 0 && load<i32>(at) != load<i32>(at - 4);
}

export function ctcLoss(r: usize, tile: i32): void {
  const loss = load<usize>(r + CtcArgs.LOSS) + (<usize>tile << 2);
  const most = load<i32>(r + CtcArgs.MOST), blank = load<i32>(r + CtcArgs.BLANK);
  const all = load<i32>(r + CtcArgs.STEPS), row = 2 * most + 1;
  const alpha = load<usize>(r + CtcArgs.ALPHA) + (<usize>(tile * all * row) << 2);
  fill(alpha, all * row, NONE);
  const states = statesOf(r, tile);
  if (states == 0) return store<f32>(loss, NaN);
  const target = load<usize>(r + CtcArgs.TARGETS) + (<usize>(tile * most) << 2);
  const x = load<usize>(r + CtcArgs.X) + (<usize>(tile * load<i32>(r + CtcArgs.CLASSES) * all) << 2);
  const steps = load<i32>(load<usize>(r + CtcArgs.INPUT_LENGTHS) + (<usize>tile << 2));
  let now = alpha;
  for (let s = 0; s < min(2, states); s++) {
    store<f32>(now + (<usize>s << 2), load<f32>(x + (<usize>(classOf(target, s, blank) * all) << 2)));
  }
  for (let t = 1; t < steps; t++) {
    const before = now;
    now += <usize>row << 2;
    for (let s = 0; s < states; s++) {
      const p = before + (<usize>s << 2);
      const one = s >= 1 ? load<f32>(p - 4) : NONE, two = skips(target, s) ? load<f32>(p - 8) : NONE;
      const emission = load<f32>(x + (<usize>(classOf(target, s, blank) * all + t) << 2));
      store<f32>(now + (<usize>s << 2), emission + logSumExp(load<f32>(p), one, two));
    }
  }
  const nll = -total(now, states);
  store<f32>(loss, nll == Infinity && load<i32>(r + CtcArgs.ZERO_INFINITY) ? 0 : nll);
}

/** Log-probability of all paths, from the last row of α. */
function total(last: usize, states: i32): f32 {
  const end = last + (<usize>states << 2);
  return logSumExp(load<f32>(end - 4), states > 1 ? load<f32>(end - 8) : NONE, NONE);
}

/** dx = −(share of the paths that pass the class at the step) · dloss. β is kept for one step, in the scratch. */
export function ctcLossGrad(r: usize, tile: i32, scratch: usize): void {
  const most = load<i32>(r + CtcArgs.MOST), blank = load<i32>(r + CtcArgs.BLANK);
  const all = load<i32>(r + CtcArgs.STEPS), classes = load<i32>(r + CtcArgs.CLASSES), row = 2 * most + 1;
  const dx = load<usize>(r + CtcArgs.DX) + (<usize>(tile * classes * all) << 2);
  const states = statesOf(r, tile);
  fill(dx, classes * all, states == 0 ? NaN : 0);
  if (states == 0) return;
  const target = load<usize>(r + CtcArgs.TARGETS) + (<usize>(tile * most) << 2);
  const x = load<usize>(r + CtcArgs.X) + (<usize>(tile * classes * all) << 2);
  const alpha = load<usize>(r + CtcArgs.ALPHA) + (<usize>(tile * all * row) << 2);
  const steps = load<i32>(load<usize>(r + CtcArgs.INPUT_LENGTHS) + (<usize>tile << 2));
  const log = total(alpha + (<usize>((steps - 1) * row) << 2), states);
  if (log == NONE && load<i32>(r + CtcArgs.ZERO_INFINITY)) return;
  const scale = load<f32>(load<usize>(r + CtcArgs.DLOSS) + (<usize>tile << 2));
  const beta = scratch, ahead = scratch + (<usize>states << 2);
  for (let s = 0; s < states; s++) store<f32>(beta + (<usize>s << 2), s >= states - 2 ? 0 : NONE);
  for (let t = steps - 1; t >= 0; t--) {
    const a = alpha + (<usize>(t * row) << 2);
    for (let s = 0; s < states; s++) {
      const at = <usize>s << 2, column = <usize>(classOf(target, s, blank) * all + t) << 2;
      const share = exp1(load<f32>(a + at) + load<f32>(beta + at) - log);
      store<f32>(dx + column, load<f32>(dx + column) - share * scale);
      // β of the next step and its emission, from which β of the step before is made.
      store<f32>(ahead + at, load<f32>(beta + at) + load<f32>(x + column));
    }
    for (let s = 0; s < states; s++) {
      const p = ahead + (<usize>s << 2);
      const one = s + 1 < states ? load<f32>(p, 4) : NONE;
      const two = s + 2 < states && skips(target, s + 2) ? load<f32>(p, 8) : NONE;
      store<f32>(beta + (<usize>s << 2), logSumExp(load<f32>(p), one, two));
    }
  }
}
