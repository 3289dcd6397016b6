/** Printed backgrounds of cheques: waves, guilloches, hatching, micro print, grain. */
import type { Random } from '../../core/random.ts';
import { randomBits } from '../../core/random.ts';
import type { Pattern } from './picture.ts';

/** Dark where `phase` (turns) is near a whole number; `width` is the line's share of the period. */
function line(phase: number, width: number): number {
  const d = Math.abs(phase - Math.round(phase)) / width;
  return d >= 1 ? 0 : 1 - d * d;
}

/** Wavy parallel lines, `period` pixels apart. */
function waves(random: Random, period: number): Pattern {
  const angle = random.uniform() < 0.6 ? 0.15 * random.normal() : random.between(0, Math.PI);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const amplitude = random.between(0, 1) * period;
  const k = (2 * Math.PI) / (period * random.between(4, 14));
  const k2 = k * random.between(0.2, 0.6);
  const wide = random.between(0.12, 0.34);
  const phase = random.between(0, 2 * Math.PI);
  return (x, y) => {
    const u = c * x + s * y;
    const v = c * y - s * x;
    return line(
      (v + amplitude * (Math.sin(k * u + phase) + 0.7 * Math.sin(k2 * u - 0.01 * v))) / period,
      wide,
    );
  };
}

/** Two families of curves that cross. */
function guilloche(random: Random, period: number): Pattern {
  const a = waves(random, period * random.between(1, 1.6));
  const b = waves(random, period * random.between(1, 1.6));
  return (x, y) => Math.max(a(x, y), b(x, y));
}

/** Circles around a centre outside of the picture, bent. */
function rosette(random: Random, period: number): Pattern {
  const cx = random.between(-150, 350);
  const cy = random.between(-150, 250);
  const lobes = 3 + random.below(9);
  const depth = random.between(0.5, 3) * period;
  const wide = random.between(0.12, 0.34);
  return (x, y) => {
    const r = Math.hypot(x - cx, y - cy);
    return line((r + depth * Math.sin(lobes * Math.atan2(y - cy, x - cx) + r / (9 * period))) / period, wide);
  };
}

/** Rows of tiny signs, as good as unreadable. */
function microPrint(random: Random, period: number): Pattern {
  const row = period * random.between(1.2, 2.2);
  const column = row * random.between(0.5, 0.8);
  const lean = random.between(-0.6, 0.6);
  const key = random.bits();
  return (x, y) => {
    const r = Math.floor(y / row);
    const fy = y / row - r;
    if (fy > 0.6) return 0;
    const u = (x + lean * y) / column;
    const q = Math.floor(3 * u);
    return (randomBits(key, (r * 7919 + q * 4 + Math.floor(fy * 6)) | 0) & 3) === 0 ? 1 : 0;
  };
}

/** Fine dots, as of paper's fibres or a coarse screen. */
function grain(random: Random): Pattern {
  const key = random.bits();
  const cell = random.uniform() < 0.5 ? 1 : 2;
  return (x, y) => {
    const bits = randomBits(key, (Math.floor(y / cell) * 4099 + Math.floor(x / cell)) | 0);
    return (bits >>> 24) / 255;
  };
}

/** A background as printed on cheques, of period about `period` pixels. */
export function drawPattern(random: Random, period: number): Pattern {
  const kind = random.uniform();
  if (kind < 0.4) return waves(random, period);
  if (kind < 0.65) return guilloche(random, period);
  if (kind < 0.78) return rosette(random, period);
  if (kind < 0.88) return microPrint(random, period);
  return grain(random);
}

/** Light that falls off: 0 where it is full … 1, over a picture of width × height. */
export function drawLight(random: Random, width: number, height: number): Pattern {
  const angle = random.between(0, 2 * Math.PI);
  const [c, s] = [Math.cos(angle) / width, Math.sin(angle) / height];
  const curve = random.between(-1, 1);
  const middle = random.between(0.2, 0.8);
  return (x, y) => {
    const t = c * (x - width / 2) + s * (y - height / 2);
    const u = x / width - middle;
    return Math.max(0, Math.min(1, 0.5 + t + curve * u * u));
  };
}
