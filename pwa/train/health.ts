/** Whether a run learns: what the user should be warned of. */
import type { EpochReport, StepReport } from '../../workers/api.ts';

export type Warning = 'diverging' | 'chance' | 'overfitting';

/** Reports in a mean, and before anything is said. */
const WINDOW = 10;
const PATIENCE = 25;

const mean = (values: readonly number[]): number => values.reduce((a, v) => a + v, 0) / values.length;

/**
 * diverging: the loss has risen well above both its best and its beginning. chance: after an epoch no better than
 * guessing. overfitting: validation gets worse for three epochs while training gets better.
 */
export function warningFor(
  points: readonly StepReport[],
  epochs: readonly EpochReport[],
  classes: number,
): Warning | null {
  if (points.length >= PATIENCE) {
    const loss = points.map((p) => p.loss);
    const last = mean(loss.slice(-WINDOW));
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i + WINDOW <= loss.length; i += WINDOW)
      best = Math.min(best, mean(loss.slice(i, i + WINDOW)));
    if (last > 2 * best && last > 1.2 * mean(loss.slice(0, 3))) return 'diverging';
  }
  const latest = epochs.at(-1);
  if (latest && classes > 1 && latest.trainAccuracy < 1.15 / classes && epochs.length >= 1) return 'chance';
  const recent = epochs.slice(-4).map((e) => [e.trainLoss, e.validationLoss ?? 0] as const);
  const steadily = recent.every(([train, validation], i) => {
    const before = recent[i - 1];
    return !before || (train < before[0] && validation > before[1]);
  });
  return recent.length === 4 && steadily ? 'overfitting' : null;
}
