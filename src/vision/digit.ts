/**
 * From a picture of a digit to what a LeNet-5 was trained on: `prepareDigit` finds the ink in a photo,
 * `fitDigit` scales and centres it as MNIST does.
 */
import { check } from '../core/error.ts';
import type { Box, GreyImage, Shape } from './grey.ts';
import {
  checkImage,
  close,
  crop,
  dilate,
  histogramOf,
  inkBox,
  invert,
  otsu,
  shapesOf,
  shrink,
} from './grey.ts';

export type { GreyImage } from './grey.ts';

/** Photos are averaged down to this many pixels on the longer side before anything else. */
const LONGEST_SIDE = 384;
/** Ink differs from the paper beside it by at least this much luma, of 255. */
const LEAST_CONTRAST = 24;
/** Values up to this are paper. */
const PAPER = 24;
/** MNIST's strokes are about 2 pixels wide in the 20 × 20 box; thinner ones are widened to that. */
const LEAST_STROKE = 2 / 20;

/**
 * The ink of a photographed or scanned digit, cropped to its bounding box: 0 = paper, 255 = full ink.
 * Light or dark ink, uneven light, shadows; the ink is what is narrower than a third of the picture and
 * differs from the paper around it.
 * @param grey luma, 0 = black … 255 = white
 * @throws LensletError ("shape") for an empty image, ("value") where no ink is found
 */
export function prepareDigit(grey: GreyImage): GreyImage {
  checkImage(grey);
  const small = shrink(grey, Math.ceil(Math.max(grey.width, grey.height) / LONGEST_SIDE));
  const luma = hasLightInk(small) ? invert(small) : small;
  const paper = close(luma, Math.max(1, Math.round(Math.min(luma.width, luma.height) / 6)));
  const contrast: GreyImage = { ...luma, data: luma.data.map((v, i) => paper.data[i]! - v) };
  const threshold = Math.max(LEAST_CONTRAST, otsu(histogramOf(contrast.data)));
  const shapes = digitShapes(shapesOf(contrast, threshold));
  check(
    shapes.length > 0,
    'value',
    () => 'No digit was found in the picture: write it large, in a dark pen on plain paper, and come closer.',
  );
  const ink = inkOf(contrast, shapes, threshold);
  const box = inkBox(ink, PAPER)!;
  return thicken(crop(ink, box));
}

/** Ink covers less than half of the picture, so the deviations from the mean are skewed towards it. */
function hasLightInk({ data }: GreyImage): boolean {
  let sum = 0;
  for (const v of data) sum += v;
  const mean = sum / data.length;
  let skewness = 0;
  for (const v of data) skewness += (v - mean) ** 3;
  return skewness > 0;
}

/** Leaves out the edge of the sheet or of the table (what touches the border) and specks. */
function digitShapes(shapes: readonly Shape[]): readonly Shape[] {
  const largest = (list: readonly Shape[]) => list.reduce((n, s) => Math.max(n, s.pixels.length), 0);
  const inside = shapes.filter((s) => !s.touchesBorder);
  const kept = largest(inside) * 10 >= largest(shapes) ? inside : shapes;
  const least = largest(kept) / 20;
  return kept.filter((s) => s.pixels.length >= least);
}

/** Contrast stretched to 0 … 255 in the shapes and the soft edge of one pixel around them, paper elsewhere. */
function inkOf(contrast: GreyImage, shapes: readonly Shape[], threshold: number): GreyImage {
  const mask = new Uint8Array(contrast.data.length);
  let sum = 0;
  let count = 0;
  for (const { pixels } of shapes) {
    for (const p of pixels) {
      mask[p] = 255;
      sum += contrast.data[p]!;
    }
    count += pixels.length;
  }
  const near = dilate({ ...contrast, data: mask }, 1);
  const low = threshold / 2;
  const scale = 255 / (sum / count - low);
  const data = contrast.data.map((v, i) =>
    near.data[i] ? Math.max(0, Math.min(255, Math.round((v - low) * scale))) : 0,
  );
  return { ...contrast, data };
}

/** Widens strokes that would fade when scaled to 20 pixels; their width is about 2 · area / outline. */
function thicken(ink: GreyImage): GreyImage {
  const { width, height, data } = ink;
  let area = 0;
  let outline = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[y * width + x]! < 128) continue;
      area++;
      if (x === 0 || x === width - 1 || y === 0 || y === height - 1) outline++;
      else if (
        data[y * width + x - 1]! < 128 ||
        data[y * width + x + 1]! < 128 ||
        data[(y - 1) * width + x]! < 128 ||
        data[(y + 1) * width + x]! < 128
      ) {
        outline++;
      }
    }
  }
  const stroke = (2 * area) / Math.max(1, outline);
  const radius = Math.round((LEAST_STROKE * Math.max(width, height) - stroke) / 2);
  if (radius <= 0) return ink;
  return dilate(pad(ink, radius), radius);
}

function pad(image: GreyImage, margin: number): GreyImage {
  const width = image.width + 2 * margin;
  const height = image.height + 2 * margin;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < image.height; y++) {
    const row = image.data.subarray(y * image.width, (y + 1) * image.width);
    data.set(row, (y + margin) * width + margin);
  }
  return { width, height, data };
}

/**
 * A digit as in MNIST: the ink's box scaled into 20/28 of `size` (aspect ratio kept, antialiased) and placed
 * so that its centre of mass is the centre of the image (LeCun et al. 1998, III.A), to the nearest pixel: as in
 * MNIST's files, pixel (14, 14) of 28 × 28. An image of MNIST comes out as it went in.
 * @param image 0 = paper, 255 = full ink
 * @returns size × size bytes, 0 = paper, 255 = ink, row-major
 * @throws LensletError ("shape") for an empty image, ("value") where there is no ink
 */
export function fitDigit(image: GreyImage, size: number): Uint8Array {
  checkImage(image);
  const box = inkBox(image, 0);
  check(box, 'value', () => 'There is no ink in the picture: draw or choose a digit first.');
  const scale = (size * 20) / 28 / Math.max(box.x1 - box.x0, box.y1 - box.y0);
  const centre = centreOfMass(image, box);
  const columns = taps(box.x0, box.x1, centre.x, scale, size);
  const rows = taps(box.y0, box.y1, centre.y, scale, size);
  const fitted = new Float32Array(size * size);
  for (let i = 0; i < size; i++) {
    const row = rows[i]!;
    for (let j = 0; j < size; j++) {
      const column = columns[j]!;
      let sum = 0;
      for (let a = 0; a < row.weights.length; a++) {
        const line = (row.first + a) * image.width + column.first;
        let part = 0;
        for (let b = 0; b < column.weights.length; b++) part += column.weights[b]! * image.data[line + b]!;
        sum += row.weights[a]! * part;
      }
      fitted[i * size + j] = sum;
    }
  }
  // Scaling down makes thin strokes pale; MNIST's reach full ink.
  const highest = fitted.reduce((a, b) => Math.max(a, b), 1);
  return Uint8Array.from(fitted, (v) => Math.round((v * 255) / highest));
}

function centreOfMass({ width, data }: GreyImage, { x0, y0, x1, y1 }: Box): { x: number; y: number } {
  let [mass, x, y] = [0, 0, 0];
  for (let v = y0; v < y1; v++) {
    for (let u = x0; u < x1; u++) {
      const m = data[v * width + u]!;
      mass += m;
      x += m * (u + 0.5);
      y += m * (v + 0.5);
    }
  }
  return { x: x / mass, y: y / mass };
}

interface Tap {
  readonly first: number;
  readonly weights: readonly number[];
}

/**
 * For each of `size` target pixels the source pixels of [from, to) and their weights: a tent two target pixels
 * wide, two source pixels at least. The box starts at a whole target pixel, so that `centre` (source) lands
 * as near to the middle as the box, kept inside, allows.
 */
function taps(from: number, to: number, centre: number, scale: number, size: number): Tap[] {
  const middle = (size / 2) * (1 + 1 / 28);
  const most = size - Math.ceil((to - from) * scale);
  const offset = Math.max(0, Math.min(most, Math.round(middle - (centre - from) * scale)));
  const reach = Math.max(1, 1 / scale);
  return Array.from({ length: size }, (_, i) => {
    const at = from + (i + 0.5 - offset) / scale;
    const first = Math.max(from, Math.ceil(at - reach - 0.5));
    const last = Math.min(to - 1, Math.floor(at + reach - 0.5));
    const weights: number[] = [];
    for (let p = first; p <= last; p++) weights.push((1 - Math.abs(p + 0.5 - at) / reach) / reach);
    return { first, weights };
  });
}
