/** Random changes to amount lines that leave their text: how hands, pens, paper and crops differ. */
import type { Random } from '../../core/random.ts';
import { type ElasticField, elasticField } from '../../data/elastic.ts';
import {
  type Bend,
  drawLine,
  HEIGHT,
  type Line,
  MOST_WIDTH,
  type Placement,
  place,
  sample,
} from '../../vision/reader/line.ts';

/** Where a changed line will lie; known before it is drawn, so that lines of like widths can share a batch. */
export function placeAtRandom(line: Line, random: Random): Placement {
  const grow = Math.exp(0.1 * random.normal());
  const placed = place(line, {
    scaleX: grow * Math.exp(0.12 * random.normal()),
    scaleY: grow * Math.exp(0.1 * random.normal()),
    slant: 0.18 * random.normal(),
    shift: 0.04 * random.normal(),
  });
  // Crops begin and end anywhere.
  const before = random.between(-5, 8);
  const width = Math.min(MOST_WIDTH, placed.width + before + random.between(-4, 8));
  return { ...placed, x0: placed.x0 - before * placed.dx, width };
}

/** Slow waves in three ways, in pixels of the line. */
function bendAtRandom(at: Placement, width: number, random: Random): Bend {
  const wave = (n: number, size: number, shortest: number): Float32Array => {
    const strength = size * random.normal();
    const rate = random.between(0.02, (2 * Math.PI) / shortest);
    const phase = random.between(0, 2 * Math.PI);
    return Float32Array.from({ length: n }, (_, i) => strength * Math.sin(rate * i + phase));
  };
  return {
    xByRow: wave(HEIGHT, 0.7 * at.dx, 24),
    xByColumn: wave(width, 1.2 * at.dx, 24),
    yByColumn: wave(width, 1 * at.dy, 30),
  };
}

/** Draws the line with another pen on other paper. @param out HEIGHT × width, 255 ink */
export function drawAtRandom(
  line: Line,
  at: Placement,
  width: number,
  random: Random,
  out: Uint8Array,
): void {
  drawLine(line, at, width, out, bendAtRandom(at, width, random));
  if (random.uniform() < 0.6) warp(out, width, random);
  if (random.uniform() < 0.3) soften(out, width, random.between(0.05, 0.25));
  if (random.uniform() < 0.5) thicken(out, width, random.uniform() < 0.5, random.between(0.2, 0.9));
  if (random.uniform() < 0.15) texture(out, width, random);
  if (random.uniform() < 0.12) rule(out, width, random);
  if (random.uniform() < 0.15) breakStrokes(out, width, random);
  develop(out, random);
}

/** Displacements of one pixel for a strength of 1 (alpha 34 makes 1.4 of them; Simard et al. 2003). */
let field: ElasticField | undefined;
const elastic = (): ElasticField => (field ??= elasticField({ alpha: 25, sigma: 4 }));

/** Bends every stroke in its own way: shapes of digits that are between those of the sources. */
function warp(image: Uint8Array, width: number, random: Random): void {
  const { values, size, draw } = elastic();
  const [yx, xx, yy, xy] = draw(random);
  const strength = Math.min(1.5, 0.7 * Math.abs(random.normal()));
  const from = { width, height: HEIGHT, data: image.slice() };
  const at = (row: number, column: number) => ((row & (size - 1)) * size + column) & (size * size - 1);
  for (let v = 0; v < HEIGHT; v++) {
    for (let u = 0; u < width; u++) {
      const dx = strength * values[at(yx + v, (xx + u) & (size - 1))]!;
      const dy = strength * values[at(yy + v, (xy + u) & (size - 1))]!;
      image[v * width + u] = sample(from, u + dx, v + dy);
    }
  }
}

/** A picture out of focus: each pixel gives a share of itself to each neighbour in its row, then in its column. */
function soften(image: Uint8Array, width: number, share: number): void {
  for (const [step, count] of [
    [1, width],
    [width, image.length / width],
  ] as const) {
    const from = image.slice();
    for (let i = 0; i < image.length; i++) {
      const at = Math.floor(i / step) % count;
      if (at > 0 && at < count - 1)
        image[i] = from[i]! + share * (from[i - step]! - 2 * from[i]! + from[i + step]!);
    }
  }
}

/** Blends each pixel with the largest (or smallest) of itself and its four neighbours. */
function thicken(image: Uint8Array, width: number, thinner: boolean, share: number): void {
  const from = image.slice();
  for (let i = 0; i < image.length; i++) {
    const x = i % width;
    const v = from[i]!;
    const left = x > 0 ? from[i - 1]! : v;
    const right = x + 1 < width ? from[i + 1]! : v;
    const up = from[i - width] ?? v;
    const down = from[i + width] ?? v;
    const other = thinner ? Math.min(v, left, right, up, down) : Math.max(v, left, right, up, down);
    image[i] = v + share * (other - v);
  }
}

/** Printed background: fine waves. */
export function texture(image: Uint8Array, width: number, random: Random, strength = 70): void {
  const size = random.between(0.2, 1) * strength;
  const angle = random.between(-0.9, 0.9);
  const rate = (2 * Math.PI) / random.between(2.5, 8);
  const [kx, ky] = [rate * Math.sin(angle), rate * Math.cos(angle)];
  const [bend, slow, phase] = [random.between(0, 3), random.between(0.05, 0.3), random.between(0, 6)];
  for (let i = 0; i < image.length; i++) {
    const x = i % width;
    const y = (i - x) / width;
    const wave = Math.sin(kx * x + ky * y + bend * Math.sin(slow * x + phase));
    if (wave > 0.3) image[i] = Math.max(image[i]!, size * wave);
  }
}

/** A ruled line above, below or through the feet of the writing. */
function rule(image: Uint8Array, width: number, random: Random): void {
  const ink = random.between(60, 255);
  const thick = random.uniform() < 0.4 ? 2 : 1;
  const tilt = 0.01 * random.normal();
  const y0 = random.uniform() < 0.3 ? random.between(1, 8) : random.between(28, 38);
  for (let u = 0; u < width; u++) {
    for (let k = 0; k < thick; k++) {
      const v = Math.round(y0 + tilt * u) + k;
      if (v >= 0 && v < HEIGHT) image[v * width + u] = Math.max(image[v * width + u]!, ink);
    }
  }
}

/** The pen skipped: small spots without ink. */
function breakStrokes(image: Uint8Array, width: number, random: Random): void {
  for (let n = 1 + random.below(4); n > 0; n--) {
    const [u0, v0] = [random.below(width), random.below(HEIGHT)];
    const [w, h] = [1 + random.below(3), 1 + random.below(3)];
    for (let v = v0; v < Math.min(HEIGHT, v0 + h); v++)
      image.fill(0, v * width + u0, v * width + Math.min(width, u0 + w));
  }
}

/** Contrast, blackness of the paper's grain, noise. */
function develop(image: Uint8Array, random: Random): void {
  const gain = random.between(0.65, 1.35);
  const floor = random.uniform() < 0.3 ? random.between(0, 40) : 0;
  const noise = random.uniform() < 0.5 ? random.between(0, 30) : 0;
  for (let i = 0; i < image.length; i++) {
    const grain = noise ? noise * (random.uniform() - 0.5) : 0;
    image[i] = Math.max(0, Math.min(255, gain * (image[i]! - floor) + grain));
  }
}
