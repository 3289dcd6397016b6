/** Grey pictures in the making: reflectance 0 = black … 1 = white, row-major floats. */
import type { Random } from '../../core/random.ts';
import { ink, type Trace } from '../digits/pen.ts';

/** width × height bytes, row-major, 0 = black … 255 = white. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** [x0, x1) × [y0, y1) in pixels. */
export interface Rectangle {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

export const newCanvas = (width: number, height: number, value = 1): Canvas => ({
  width,
  height,
  data: new Float32Array(width * height).fill(value),
});

/** Darkness of a pattern at a place, 0 = paper … 1. */
export type Pattern = (x: number, y: number) => number;

/** Darkens the box [x0, x1) × [y0, y1) of the canvas by up to `strength` of its reflectance. */
export function shade(
  canvas: Canvas,
  pattern: Pattern,
  strength: number,
  { x0, y0, x1, y1 } = { x0: 0, y0: 0, x1: canvas.width, y1: canvas.height },
): void {
  for (let y = Math.max(0, Math.floor(y0)); y < Math.min(canvas.height, y1); y++) {
    for (let x = Math.max(0, Math.floor(x0)); x < Math.min(canvas.width, x1); x++) {
      canvas.data[y * canvas.width + x]! *= 1 - strength * pattern(x, y);
    }
  }
}

/**
 * Draws a trace in ink of reflectance `tone`: point (x, y) of the trace goes to (left + scale·x, top + scale·y).
 * @param edge width of the soft edge, pixels
 */
export function drawTrace(
  canvas: Canvas,
  trace: Trace,
  place: { readonly left: number; readonly top: number; readonly scale: number },
  tone: number,
  edge: number,
): void {
  const { left, top, scale } = place;
  const { length } = trace;
  const x = Float32Array.from({ length }, (_, i) => left + scale * trace.x[i]!);
  const y = Float32Array.from({ length }, (_, i) => top + scale * trace.y[i]!);
  const radius = Float32Array.from({ length }, (_, i) => scale * trace.radius[i]!);
  const reach = edge + radius.reduce((a, b) => Math.max(a, b), 0);
  const low = (values: Float32Array): number =>
    Math.max(0, Math.floor(values.reduce((a, b) => Math.min(a, b), Infinity) - reach));
  const high = (values: Float32Array, most: number): number =>
    Math.min(most, Math.ceil(values.reduce((a, b) => Math.max(a, b), -1) + reach));
  // Only the part of the canvas that the trace touches is worked on.
  const [x0, y0] = [low(x), low(y)];
  const [width, height] = [high(x, canvas.width) - x0, high(y, canvas.height) - y0];
  if (!(width > 0 && height > 0)) return;
  const cover = new Float32Array(width * height);
  const part: Trace = { length, x: x.map((v) => v - x0), y: y.map((v) => v - y0), radius, up: trace.up };
  ink(cover, width, height, part, edge);
  for (let v = 0; v < height; v++) {
    for (let u = 0; u < width; u++) {
      const c = cover[v * width + u]!;
      const at = (y0 + v) * canvas.width + x0 + u;
      if (c > 0) canvas.data[at] = canvas.data[at]! * (1 - c) + c * Math.min(tone, canvas.data[at]!);
    }
  }
}

/** A straight line of ink, `width` pixels wide. */
export function drawLine(
  canvas: Canvas,
  [x0, y0, x1, y1]: readonly [number, number, number, number],
  width: number,
  tone: number,
): void {
  const trace: Trace = {
    length: 2,
    x: Float32Array.of(x0, x1),
    y: Float32Array.of(y0, y1),
    radius: Float32Array.of(width / 2, width / 2),
    up: Uint8Array.of(1, 0),
  };
  drawTrace(canvas, trace, { left: 0, top: 0, scale: 1 }, tone, 1);
}

/** Gaussian blur by two passes of a sampled kernel, borders repeated. `sigma` in pixels. */
export function blur(canvas: Canvas, sigma: number): void {
  if (sigma < 0.2) return;
  const radius = Math.ceil(2.5 * sigma);
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  );
  const sum = kernel.reduce((a, b) => a + b, 0);
  const { width, height, data } = canvas;
  const line = new Float32Array(Math.max(width, height));
  const pass = (start: number, stride: number, count: number): void => {
    for (let i = 0; i < count; i++) line[i] = data[start + i * stride]!;
    for (let i = 0; i < count; i++) {
      let v = 0;
      for (let k = -radius; k <= radius; k++) {
        v += kernel[k + radius]! * line[Math.max(0, Math.min(count - 1, i + k))]!;
      }
      data[start + i * stride] = v / sum;
    }
  };
  for (let y = 0; y < height; y++) pass(y * width, 1, width);
  for (let x = 0; x < width; x++) pass(x, width, height);
}

/** Adds normal noise of deviation `noise`, limits to 0 … 1 and rounds to bytes. */
export function develop({ width, height, data }: Canvas, noise: number, random: Random): Picture {
  const bytes = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    // Three uniforms are normal enough for noise, and faster than Box–Muller.
    const n = noise > 0 ? 2 * noise * (random.uniform() + random.uniform() + random.uniform() - 1.5) : 0;
    bytes[i] = Math.max(0, Math.min(255, Math.round(255 * (data[i]! + n))));
  }
  return { width, height, data: bytes };
}
