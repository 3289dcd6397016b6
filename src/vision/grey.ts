/** Filters on grey images: 8-bit, row-major, one channel. Pure functions, no platform APIs. */
import { check } from '../core/error.ts';

/** width × height bytes, row-major. What 0 and 255 stand for is said by the function that takes it. */
export interface GreyImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Ink's bounding box, [x0, x1) × [y0, y1). */
export interface Box {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** @throws LensletError ("shape") when the sizes are no sizes or the data does not fit them. */
export function checkImage({ width, height, data }: GreyImage): void {
  check(
    Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0,
    'shape',
    () => `The picture is empty (${width} × ${height} pixels); choose another one.`,
  );
  check(
    data.length === width * height,
    'shape',
    () =>
      `A grey picture of ${width} × ${height} has ${width * height} bytes, but ${data.length} were given.`,
  );
}

/** Averages squares of `factor` × `factor` pixels; an incomplete last row or column averages what it has. */
export function shrink(image: GreyImage, factor: number): GreyImage {
  if (factor <= 1) return image;
  const width = Math.ceil(image.width / factor);
  const height = Math.ceil(image.height / factor);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const y1 = Math.min((y + 1) * factor, image.height);
    for (let x = 0; x < width; x++) {
      const x1 = Math.min((x + 1) * factor, image.width);
      let sum = 0;
      for (let v = y * factor; v < y1; v++) {
        for (let u = x * factor; u < x1; u++) sum += image.data[v * image.width + u]!;
      }
      data[y * width + x] = Math.round(sum / ((y1 - y * factor) * (x1 - x * factor)));
    }
  }
  return { width, height, data };
}

export function invert({ width, height, data }: GreyImage): GreyImage {
  const inverse = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) inverse[i] = 255 - data[i]!;
  return { width, height, data: inverse };
}

/** Highest value in the (2·radius+1)² square around each pixel, clipped at the border: grey dilation. */
export function dilate(image: GreyImage, radius: number): GreyImage {
  if (radius <= 0) return image;
  const { width, height, data } = image;
  const wide = width + 2 * radius;
  const rows = new Uint8Array(wide * height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * width, (y + 1) * width), y * wide + radius);
  slidingMax(rows, 2 * radius + 1, 1);
  const columns = new Uint8Array(width * (height + 2 * radius));
  for (let y = 0; y < height; y++)
    columns.set(rows.subarray(y * wide, y * wide + width), (y + radius) * width);
  slidingMax(columns, 2 * radius + 1, width);
  return { width, height, data: columns.slice(0, width * height) };
}

/** Lowest value in the square around each pixel: grey erosion. */
export const erode = (image: GreyImage, radius: number): GreyImage => invert(dilate(invert(image), radius));

/** Fills dark shapes that are narrower than 2·radius+1, and keeps steps in brightness where they are. */
export const close = (image: GreyImage, radius: number): GreyImage => erode(dilate(image, radius), radius);

/**
 * Each value becomes the highest of the `window` values from it on, `step` apart, as far as there are so many: of windows
 * of 2, 4, 8 … from two of half the size, the last one from two that overlap.
 */
function slidingMax(values: Uint8Array, window: number, step: number): void {
  for (let have = 1; have < window; ) {
    const further = Math.min(have, window - have);
    const end = values.length - further * step;
    for (let i = 0, k = further * step; i < end; i++, k++) {
      // Without a branch, which would be guessed wrong often.
      const more = values[k]! - values[i]!;
      values[i]! += more & ~(more >> 31);
    }
    have += further;
  }
}

/** Threshold that best separates a histogram into two classes (N. Otsu, 1979, eq. 18). */
export function otsu(histogram: ArrayLike<number>): number {
  let total = 0;
  let sum = 0;
  for (let i = 0; i < histogram.length; i++) {
    total += histogram[i]!;
    sum += i * histogram[i]!;
  }
  let below = 0;
  let sumBelow = 0;
  let best = 0;
  let threshold = 0;
  for (let i = 0; i < histogram.length - 1; i++) {
    below += histogram[i]!;
    sumBelow += i * histogram[i]!;
    if (below === 0 || below === total) continue;
    const difference = sumBelow / below - (sum - sumBelow) / (total - below);
    const between = below * (total - below) * difference * difference;
    if (between > best) {
      best = between;
      threshold = i;
    }
  }
  return threshold;
}

/** How often each of the 256 values occurs. */
export function histogramOf(data: Uint8Array): Uint32Array {
  const histogram = new Uint32Array(256);
  for (const v of data) histogram[v]!++;
  return histogram;
}

/** Smallest box with every pixel above `threshold`, or null where there is none. */
export function inkBox({ width, height, data }: GreyImage, threshold: number): Box | null {
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[y * width + x]! <= threshold) continue;
      if (x < x0) x0 = x;
      if (x >= x1) x1 = x + 1;
      if (y < y0) y0 = y;
      y1 = y + 1;
    }
  }
  return x1 > 0 ? { x0, y0, x1, y1 } : null;
}

export function crop(image: GreyImage, { x0, y0, x1, y1 }: Box): GreyImage {
  const width = x1 - x0;
  const height = y1 - y0;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (y0 + y) * image.width + x0;
    data.set(image.data.subarray(from, from + width), y * width);
  }
  return { width, height, data };
}

/** One connected shape (8 neighbours) of a mask. */
export interface Shape {
  readonly pixels: Int32Array;
  readonly touchesBorder: boolean;
}

/** The connected shapes of the pixels above `threshold`. */
export function shapesOf({ width, height, data }: GreyImage, threshold: number): Shape[] {
  const seen = new Uint8Array(data.length);
  const stack = new Int32Array(data.length);
  const shapes: Shape[] = [];
  for (let start = 0; start < data.length; start++) {
    if (seen[start] || data[start]! <= threshold) continue;
    // `stack` holds the whole shape in the end: [0, done) is visited, [done, count) waits.
    let count = 0;
    let touchesBorder = false;
    stack[count++] = start;
    seen[start] = 1;
    for (let done = 0; done < count; done++) {
      const p = stack[done]!;
      const x = p % width;
      const y = (p - x) / width;
      if (x === 0 || y === 0 || x === width - 1 || y === height - 1) touchesBorder = true;
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const q = v * width + u;
          if (seen[q] || data[q]! <= threshold) continue;
          seen[q] = 1;
          stack[count++] = q;
        }
      }
    }
    shapes.push({ pixels: stack.slice(0, count), touchesBorder });
  }
  return shapes;
}
