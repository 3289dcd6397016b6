/** One digit in one person's hand on one day: from a glyph to grey levels. */
import type { Random } from '../../core/random.ts';
import { GLYPHS, type Glyph } from './glyphs.ts';
import { appendCurve, curveLength, ink, newTrace, type Trace } from './pen.ts';

/** MNIST: the digit fits a box of 20×20 in an image of 28×28. */
export const SIZE = 28;
const BOX = 20;

const MOST_POINTS = Math.max(...GLYPHS.flat().map((g) => g.strokes.flat().length));

/** Memory of one writer; nothing in it outlives a digit. */
export interface Desk {
  readonly trace: Trace;
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly corner: Uint8Array;
  readonly canvas: Float32Array;
}

export const newDesk = (): Desk => ({
  trace: newTrace(2 * curveLength(MOST_POINTS)),
  x: new Float32Array(MOST_POINTS),
  y: new Float32Array(MOST_POINTS),
  corner: new Uint8Array(MOST_POINTS),
  canvas: new Float32Array(SIZE * SIZE),
});

/** Writes `digit` in a hand drawn from `random` to `out`, 28×28, ink 255 on 0. */
export function writeDigit(desk: Desk, digit: number, random: Random, out: Uint8Array): void {
  const { trace, canvas } = desk;
  const glyph = pick(GLYPHS[digit] as readonly Glyph[], random);
  drawStrokes(desk, glyph, random.between(0.02, 0.08), random.uniform() < 0.3, random);
  distort(trace, random);
  slant(trace, random);
  const width = penWidth(random);
  fitBox(trace, width / 2);
  press(trace, width / 2, random);
  canvas.fill(0);
  ink(canvas, SIZE, SIZE, trace, random.between(0.9, 1.5));
  develop(canvas, out, random);
}

export function pick(glyphs: readonly Glyph[], random: Random): Glyph {
  const total = glyphs.reduce((sum, g) => sum + g.weight, 0);
  let left = random.between(0, total);
  return glyphs.find((g) => (left -= g.weight) < 0) ?? (glyphs[0] as Glyph);
}

/** Correlation of how far adjacent control points are missed. */
const DRIFT = 0.4;

/**
 * The glyph's strokes, 0 … 1 high, through control points that a hand has missed by about `care`, ends cut or not
 * reached; `rounded` runs smoothly through corners.
 */
export function drawStrokes(
  { trace, x, y, corner }: Desk,
  glyph: Glyph,
  care: number,
  rounded: boolean,
  random: Random,
): void {
  trace.length = 0;
  for (const stroke of glyph.strokes) {
    // Where the hand is off by; strokes begin off on their own, then drift.
    let dx = care * random.normal();
    let dy = care * random.normal();
    stroke.forEach((p, i) => {
      x[i] = p.x + dx;
      y[i] = p.y + dy;
      corner[i] = p.corner && !rounded ? 1 : 0;
      dx = DRIFT * dx + care * Math.sqrt(1 - DRIFT ** 2) * random.normal();
      dy = DRIFT * dy + care * Math.sqrt(1 - DRIFT ** 2) * random.normal();
    });
    const start = trace.length;
    appendCurve(trace, x, y, corner, stroke.length);
    if (random.uniform() < 0.4) {
      const points = trace.length - start;
      trace.length -= Math.floor(points * random.between(0, 0.1));
    }
  }
}

/** Smooth distortion: halves of different size, and a few long waves. */
export function distort(trace: Trace, random: Random, strength = 1): void {
  const bendX = 0.25 * strength * random.normal();
  const bendY = 0.35 * strength * random.normal();
  const waves = Array.from({ length: 3 }, () => ({
    ax: 0.035 * strength * random.normal(),
    ay: 0.035 * strength * random.normal(),
    kx: random.between(-5, 5),
    ky: random.between(-5, 5),
    phase: random.between(0, 2 * Math.PI),
  }));
  for (let i = 0; i < trace.length; i++) {
    const x = trace.x[i] as number;
    const y = trace.y[i] as number;
    let sx = x + bendX * x * (1 - x);
    let sy = y + bendY * y * (1 - y);
    for (const w of waves) {
      const s = Math.sin(w.kx * x + w.ky * y + w.phase);
      sx += w.ax * s;
      sy += w.ay * s;
    }
    trace.x[i] = sx;
    trace.y[i] = sy;
  }
}

/** Aspect, slant (to the right more often than to the left) and rotation. */
function slant(trace: Trace, random: Random): void {
  const aspect = 0.85 * Math.exp(0.27 * random.normal());
  const shear = 0.2 + 0.28 * random.normal();
  const angle = 0.13 * random.normal();
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  for (let i = 0; i < trace.length; i++) {
    const y = (trace.y[i] as number) - 0.5;
    const x = aspect * ((trace.x[i] as number) - 0.5) - shear * y;
    trace.x[i] = cos * x - sin * y;
    trace.y[i] = sin * x + cos * y;
  }
}

/** Width of the pen in pixels of the image: mostly 2 to 4. */
const penWidth = (random: Random): number =>
  Math.min(5.5, Math.max(1.2, 2.7 * Math.exp(0.33 * random.normal())));

/** Scales the trace, its pen's radius included, to the box, aspect kept, and centres the box. */
function fitBox(trace: Trace, radius: number): void {
  const n = trace.length;
  let left = Infinity;
  let right = -Infinity;
  let top = Infinity;
  let bottom = -Infinity;
  for (let i = 0; i < n; i++) {
    left = Math.min(left, trace.x[i] as number);
    right = Math.max(right, trace.x[i] as number);
    top = Math.min(top, trace.y[i] as number);
    bottom = Math.max(bottom, trace.y[i] as number);
  }
  const scale = (BOX - 2 * radius) / Math.max(right - left, bottom - top);
  for (let i = 0; i < n; i++) {
    trace.x[i] = SIZE / 2 + scale * ((trace.x[i] as number) - (left + right) / 2);
    trace.y[i] = SIZE / 2 + scale * ((trace.y[i] as number) - (top + bottom) / 2);
  }
}

/** The pen's radius along its way: slowly varying pressure, and once in a while a skip. */
export function press(trace: Trace, radius: number, random: Random): void {
  const amount = random.between(0, 0.25);
  const rate = random.between(0.05, 0.3);
  const phase = random.between(0, 2 * Math.PI);
  const rough = random.between(0, 0.25);
  for (let i = 0; i < trace.length; i++) {
    trace.radius[i] = radius * (1 + amount * Math.sin(rate * i + phase) + rough * (random.uniform() - 0.5));
  }
  if (random.uniform() < 0.04) {
    const from = random.below(trace.length);
    const to = Math.min(trace.length, from + 2 + random.below(6));
    for (let i = from; i < to; i++) trace.radius[i] = 0.3 * (trace.radius[i] as number);
  }
}

/** Canvas to bytes: saturation, some noise at the edges, centre of mass in the middle (a whole-pixel shift). */
function develop(canvas: Float32Array, out: Uint8Array, random: Random): void {
  const gain = random.between(1, 1.25);
  const noise = random.between(0, 0.12);
  let mass = 0;
  let mx = 0;
  let my = 0;
  for (let at = 0; at < canvas.length; at++) {
    let v = canvas[at] as number;
    if (v === 0) continue;
    if (v < 1) v = Math.max(0, gain * v + noise * (random.uniform() - 0.5));
    v = Math.min(1, v);
    canvas[at] = v;
    mass += v;
    mx += v * (at % SIZE);
    my += v * Math.floor(at / SIZE);
  }
  const middle = (SIZE - 1) / 2;
  const dx = Math.round(middle - mx / mass);
  const dy = Math.round(middle - my / mass);
  out.fill(0);
  for (let y = Math.max(0, dy); y < Math.min(SIZE, SIZE + dy); y++) {
    for (let x = Math.max(0, dx); x < Math.min(SIZE, SIZE + dx); x++) {
      out[y * SIZE + x] = Math.round(255 * (canvas[(y - dy) * SIZE + x - dx] as number));
    }
  }
}
