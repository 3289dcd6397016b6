/** A hand that writes a line: how it differs from others, and the canvas that its pen draws on. */
import type { Random } from '../../core/random.ts';
import { ink, newTrace, type Trace } from '../../data/digits/pen.ts';

/** Height of the canvas on which lines are written, and of an upright digit on it. */
export const TALL = 76;
export const DIGIT = 34;
export const BASE = 54;
export const WIDE = 640;

/** One line's hand; lengths are pixels of the canvas. */
export interface Hand {
  readonly random: Random;
  readonly canvas: Float32Array;
  readonly trace: Trace;
  readonly scale: number;
  readonly narrow: number;
  readonly slant: number;
  readonly gap: number;
  readonly care: number;
  readonly pen: number;
  readonly climb: number;
  readonly smallZeros: number;
  /** Zeros at the end: each for itself, loops open at the top as a hurried pen leaves them, or all in one stroke. */
  readonly zeros: 'closed' | 'open' | 'chain';
}

/** Memory for composing; nothing in it outlives a line. */
export interface Desk {
  readonly canvas: Float32Array;
  readonly trace: Trace;
}

export const newDesk = (): Desk => ({ canvas: new Float32Array(WIDE * TALL), trace: newTrace(96) });

/** A stroke through points x, y, x, y …. */
export function stroke({ canvas, trace, pen, random }: Hand, points: readonly number[], width = pen): void {
  trace.length = points.length / 2;
  for (let i = 0; i < trace.length; i++) {
    trace.x[i] = points[2 * i]!;
    trace.y[i] = points[2 * i + 1]!;
    trace.radius[i] = width * random.between(0.85, 1.15);
    trace.up[i] = i === 0 ? 1 : 0;
  }
  ink(canvas, WIDE, TALL, trace, 1.2);
}

/** A hand at random, on an empty canvas. */
export function newHand(desk: Desk, random: Random): Hand {
  desk.canvas.fill(0);
  return {
    ...desk,
    random,
    scale: random.between(0.8, 1.1),
    narrow: Math.exp(0.14 * random.normal()),
    slant: 0.15 * random.normal() + 0.05,
    gap: random.between(-3, 7),
    care: random.between(0.5, 2),
    pen: random.between(1, 2.6),
    climb: 0.03 * random.normal(),
    smallZeros: random.uniform() < 0.45 ? random.between(0.5, 0.85) : 1,
    zeros: (['closed', 'closed', 'open', 'chain', 'chain'] as const)[random.below(5)]!,
  };
}
