/**
 * Random changes to images that leave their class: affine and elastic for digits (P. Simard, D. Steinkraus,
 * J. Platt, "Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis", ICDAR 2003),
 * crop, flip and colour jitter for photographs (as in K. He et al. 2015, sec. 4.2, and torchvision).
 */
import { check } from '../core/error.ts';
import type { Random } from '../core/random.ts';
import { type ElasticOptions, elasticField } from './elastic.ts';

/**
 * Writes to `dst` a random variant of `src`, both C·H·W bytes, not overlapping. What is drawn depends on
 * `random` alone.
 */
export type Augmentation = (
  src: Uint8Array,
  dst: Uint8Array,
  channels: number,
  height: number,
  width: number,
  random: Random,
) => void;

export interface AffineOptions {
  /** Rotation drawn from ±degrees. */
  readonly degrees?: number;
  /** Factor of size drawn from [low, high). */
  readonly scale?: readonly [number, number];
  /** Horizontal shear drawn from ±degrees (slant). */
  readonly shear?: number;
  /** Translation drawn from ±pixels, each axis. */
  readonly translate?: number;
  /** Pixel value outside of the image. */
  readonly background?: number;
}

export interface WarpOptions extends AffineOptions {
  readonly elastic?: ElasticOptions;
}

const finite = (what: string, ...values: readonly number[]): void =>
  check(values.every(Number.isFinite), 'value', () => `${what} needs finite numbers, not ${values}.`);

/**
 * Affine transform about the middle and elastic distortion in one bilinear resampling.
 * @throws LensletError `value` for options that are not finite, or a scale that is not positive
 */
export function warp(options: WarpOptions): Augmentation {
  const { degrees = 0, scale = [1, 1], shear = 0, translate = 0, background = 0 } = options;
  finite('affine', degrees, ...scale, shear, translate, background);
  check(
    scale[0] > 0 && scale[1] >= scale[0],
    'value',
    () => `affine: scale [${scale}] is not 0 < low ≤ high.`,
  );
  check(Math.abs(shear) < 90, 'value', () => `affine: shear of ±${shear}° is not below 90°.`);
  const field = options.elastic && elasticField(options.elastic);
  return (src, dst, channels, height, width, random) => {
    const angle = (random.between(-degrees, degrees) * Math.PI) / 180;
    const size = random.between(scale[0], scale[1]);
    const slant = Math.tan((random.between(-shear, shear) * Math.PI) / 180);
    const cx = (width - 1) / 2;
    const cy = (height - 1) / 2;
    const tx = cx + random.between(-translate, translate);
    const ty = cy + random.between(-translate, translate);
    // Destination → source, the inverse of: shear, scale, rotate, translate.
    const cos = Math.cos(angle) / size;
    const sin = Math.sin(angle) / size;
    const xx = cos + slant * sin;
    const xy = sin - slant * cos;
    const offsets = field?.draw(random);
    const mask = field ? field.size - 1 : 0;
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to++) {
        let sx = xx * (x - tx) + xy * (y - ty) + cx;
        let sy = -sin * (x - tx) + cos * (y - ty) + cy;
        if (field && offsets) {
          sx += field.values[((y + offsets[0]) & mask) * field.size + ((x + offsets[1]) & mask)] as number;
          sy += field.values[((y + offsets[2]) & mask) * field.size + ((x + offsets[3]) & mask)] as number;
        }
        sample(src, dst, to, channels, height, width, sx, sy, background);
      }
    }
  };
}

/** dst[c, to] = src at column `sx`, row `sy` of each channel, bilinear, `background` outside. */
function sample(
  src: Uint8Array,
  dst: Uint8Array,
  to: number,
  channels: number,
  height: number,
  width: number,
  sx: number,
  sy: number,
  background: number,
): void {
  const x0 = Math.floor(sx);
  const y0 = Math.floor(sy);
  const plane = height * width;
  if (x0 < -1 || y0 < -1 || x0 >= width || y0 >= height) {
    for (let c = 0; c < channels; c++) dst[c * plane + to] = background;
    return;
  }
  const fx = sx - x0;
  const fy = sy - y0;
  const left = x0 >= 0;
  const right = x0 + 1 < width;
  const top = y0 >= 0;
  const bottom = y0 + 1 < height;
  for (let c = 0; c < channels; c++) {
    const at = c * plane + y0 * width + x0;
    const a = top && left ? (src[at] as number) : background;
    const b = top && right ? (src[at + 1] as number) : background;
    const d = bottom && left ? (src[at + width] as number) : background;
    const e = bottom && right ? (src[at + width + 1] as number) : background;
    const upper = a + (b - a) * fx;
    dst[c * plane + to] = upper + (d + (e - d) * fx - upper) * fy + 0.5;
  }
}

/** Random rotation, size, slant and position. @throws LensletError as `warp` */
export const affine = (options: AffineOptions): Augmentation => warp(options);

/** Random smooth displacement of every pixel. @throws LensletError as `warp` */
export const elastic = (options: ElasticOptions & { readonly background?: number }): Augmentation =>
  warp({ elastic: options, background: options.background });

/**
 * The image moved by a whole number of pixels in ±pad on each axis: what padding by `pad` and cropping at
 * random gives. @throws LensletError `value` when pad is not a whole number ≥ 0
 */
export function padCrop({ pad, value = 0 }: { readonly pad: number; readonly value?: number }): Augmentation {
  check(
    Number.isSafeInteger(pad) && pad >= 0,
    'value',
    () => `padCrop: pad must be a whole number ≥ 0, not ${pad}.`,
  );
  return (src, dst, channels, height, width, random) => {
    const dy = random.below(2 * pad + 1) - pad;
    const dx = random.below(2 * pad + 1) - pad;
    const x0 = Math.max(0, -dx);
    const x1 = Math.min(width, width - dx);
    dst.fill(value, 0, channels * height * width);
    for (let row = 0; row < channels * height; row++) {
      const y = (row % height) + dy;
      if (y < 0 || y >= height || x1 <= x0) continue;
      const from = (row + dy) * width + dx;
      dst.set(src.subarray(from + x0, from + x1), row * width + x0);
    }
  };
}

/** Left and right exchanged, for half of the images. */
export function flip(): Augmentation {
  return (src, dst, channels, height, width, random) => {
    const size = channels * height * width;
    dst.set(src.subarray(0, size));
    if (random.uniform() < 0.5) return;
    for (let row = 0; row < size; row += width) dst.subarray(row, row + width).reverse();
  };
}

/**
 * Brightness, contrast and saturation multiplied by factors drawn from [1−v, 1+v), in this order, as
 * torchvision's ColorJitter defines them. RGB only.
 * @throws LensletError `value` unless 0 ≤ v ≤ 1; when applied, `shape` unless there are 3 channels
 */
export function colorJitter(options: {
  readonly brightness?: number;
  readonly contrast?: number;
  readonly saturation?: number;
}): Augmentation {
  const { brightness = 0, contrast = 0, saturation = 0 } = options;
  check(
    [brightness, contrast, saturation].every((v) => v >= 0 && v <= 1),
    'value',
    () => `colorJitter: amounts must be from 0 to 1, not ${[brightness, contrast, saturation]}.`,
  );
  return (src, dst, channels, height, width, random) => {
    check(channels === 3, 'shape', () => `colorJitter needs RGB images, not ${channels} channels.`);
    const b = 1 + random.between(-brightness, brightness);
    const c = 1 + random.between(-contrast, contrast);
    const s = 1 + random.between(-saturation, saturation);
    const n = height * width;
    let total = 0;
    for (let i = 0; i < n; i++) total += Math.min(255, b * luma(src, i, n));
    const lift = ((1 - c) * total) / n;
    for (let i = 0; i < n; i++) {
      const grey = c * b * luma(src, i, n) + lift;
      for (let p = i; p < 3 * n; p += n)
        dst[p] = toByte(grey + s * (c * b * (src[p] as number) + lift - grey));
    }
  };
}

/** Brightness of RGB pixel i of a plane of n, ITU-R BT.601. */
const luma = (src: Uint8Array, i: number, n: number): number =>
  0.299 * (src[i] as number) + 0.587 * (src[i + n] as number) + 0.114 * (src[i + 2 * n] as number);

const toByte = (v: number): number => Math.max(0, Math.min(255, Math.round(v)));

/** One after the other; of none, a copy. */
export function compose(...steps: readonly Augmentation[]): Augmentation {
  let scratch: readonly [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];
  return (src, dst, channels, height, width, random) => {
    const size = channels * height * width;
    if (scratch[0].length < size) scratch = [new Uint8Array(size), new Uint8Array(size)];
    if (steps.length === 0) dst.set(src.subarray(0, size));
    let from = src;
    steps.forEach((step, i) => {
      const to = i === steps.length - 1 ? dst : (scratch[i % 2] as Uint8Array);
      step(from, to, channels, height, width, random);
      from = to;
    });
  };
}
