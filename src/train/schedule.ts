/** Learning rates as functions of progress. */

/** @param progress share of the steps that are done, 0 … 1 @returns the factor on the highest learning rate */
export type Schedule = (progress: number) => number;

export const constantSchedule: Schedule = () => 1;

/** Half a cosine from 1 to 0 (Loshchilov & Hutter 2017, equation 5, one period). */
export const cosine: Schedule = (p) => 0.5 * (1 + Math.cos(Math.PI * p));

/** Linear from 1/25 up to 1 over the first `warm` of the steps, then half a cosine to 0 (Smith & Topin 2018). */
export const oneCycle =
  (warm = 0.3): Schedule =>
  (p) =>
    p < warm ? 0.04 + (0.96 * p) / warm : cosine((p - warm) / (1 - warm));

/** Multiplies by `gamma` at each of the given shares of the steps: the steps of He et al. 2016. */
export const multiStep =
  (milestones: readonly number[], gamma = 0.1): Schedule =>
  (p) =>
    gamma ** milestones.filter((m) => p >= m).length;

export const schedules = { constant: constantSchedule, cosine, 'one-cycle': oneCycle() };
export type ScheduleName = keyof typeof schedules;
