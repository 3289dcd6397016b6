/** Strokes as curves, and their ink on a canvas. */

/** Points along a pen's way; `up[i]` is 1 when the pen came to point i through the air. */
export interface Trace {
  length: number;
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** Half of the pen's width, pixels. */
  readonly radius: Float32Array;
  readonly up: Uint8Array;
}

export const newTrace = (capacity: number): Trace => ({
  length: 0,
  x: new Float32Array(capacity),
  y: new Float32Array(capacity),
  radius: new Float32Array(capacity),
  up: new Uint8Array(capacity),
});

const STEPS = 6;

/** Points a curve through `n` control points has at most. */
export const curveLength = (n: number): number => 1 + STEPS * (n - 1);

/**
 * Appends the uniform Catmull–Rom spline through control points 0 … n−1 (x, y); the curve breaks at corners.
 */
export function appendCurve(
  trace: Trace,
  x: Float32Array,
  y: Float32Array,
  corner: Uint8Array,
  n: number,
): void {
  let at = trace.length;
  trace.x[at] = x[0] as number;
  trace.y[at] = y[0] as number;
  trace.up[at++] = 1;
  for (let i = 0; i + 1 < n; i++) {
    // At an end or a corner the missing neighbour is the point itself.
    const before = i === 0 || corner[i] ? i : i - 1;
    const after = i + 2 === n || corner[i + 1] ? i + 1 : i + 2;
    for (let s = 1; s <= STEPS; s++, at++) {
      const t = s / STEPS;
      trace.x[at] = catmullRom(x, before, i, after, t);
      trace.y[at] = catmullRom(y, before, i, after, t);
      trace.up[at] = 0;
    }
  }
  trace.length = at;
}

function catmullRom(v: Float32Array, before: number, i: number, after: number, t: number): number {
  const a = v[before] as number;
  const b = v[i] as number;
  const c = v[i + 1] as number;
  const d = v[after] as number;
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

/**
 * Ink of a round pen on a width × height canvas, 0 … 1, over what is there: pixel (i, j) covers
 * [i, i+1) × [j, j+1), edges are ramps `edge` pixels wide.
 */
export function ink(canvas: Float32Array, width: number, height: number, trace: Trace, edge: number): void {
  for (let i = 0; i < trace.length; i++) {
    // A point without a next one is a dot.
    const next = i + 1 < trace.length && !trace.up[i + 1] ? i + 1 : i;
    if (next === i && !trace.up[i]) continue;
    inkSegment(canvas, width, height, trace, i, next, edge);
  }
}

function inkSegment(
  canvas: Float32Array,
  width: number,
  height: number,
  trace: Trace,
  i: number,
  j: number,
  edge: number,
): void {
  const ax = trace.x[i] as number;
  const ay = trace.y[i] as number;
  const ra = trace.radius[i] as number;
  const dx = (trace.x[j] as number) - ax;
  const dy = (trace.y[j] as number) - ay;
  const dr = (trace.radius[j] as number) - ra;
  const reach = Math.max(ra, ra + dr) + edge / 2;
  const inverse = 1 / Math.max(dx * dx + dy * dy, 1e-12);
  const x0 = Math.max(0, Math.floor(Math.min(ax, ax + dx) - reach));
  const x1 = Math.min(width - 1, Math.floor(Math.max(ax, ax + dx) + reach));
  const y0 = Math.max(0, Math.floor(Math.min(ay, ay + dy) - reach));
  const y1 = Math.min(height - 1, Math.floor(Math.max(ay, ay + dy) + reach));
  for (let y = y0; y <= y1; y++) {
    const py = y + 0.5 - ay;
    for (let x = x0; x <= x1; x++) {
      const px = x + 0.5 - ax;
      const t = Math.min(1, Math.max(0, (px * dx + py * dy) * inverse));
      const ex = px - t * dx;
      const ey = py - t * dy;
      const cover = 0.5 + (ra + t * dr - Math.sqrt(ex * ex + ey * ey)) / edge;
      const at = y * width + x;
      if (cover > (canvas[at] as number)) canvas[at] = Math.min(1, cover);
    }
  }
}
