/**
 * An amount line brought into the form in which the reader takes it: ink on nothing, the writing as high as that of
 * every other line, in an image HEIGHT pixels high.
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import { type Box, checkImage, dilate, erode, type GreyImage, histogramOf, otsu, shrink } from '../grey.ts';

/** Height of the reader's images. */
export const HEIGHT = 40;
/** Height to which the writing is scaled, measured without its thinnest parts at both ends. */
const WRITING = 24;
/** Writing is made wider than it is: neighbours part better. */
const STRETCH = 1.2;
/** Empty columns left and right of the writing. */
const MARGIN = 8;
/** Widths are multiples of this: few shapes, few plans. */
const WIDTH_STEP = 32;
/** Longer lines are squeezed. */
export const MOST_WIDTH = 512;

/** A crop after removal of its background, in pixels of the (shrunk) crop; ink is about 200 on 0. */
export interface Line {
  readonly ink: GreyImage;
  /** Rows between which the writing lies. */
  readonly top: number;
  readonly bottom: number;
  /** Columns between which the writing lies. */
  readonly left: number;
  readonly right: number;
  /** Pixels of the image given for one of `ink`. */
  readonly factor: number;
}

/** How a line is laid into the reader's image; the neutral one is `STRAIGHT`. */
export interface Pose {
  /** Factors on the usual size. */
  readonly scaleX: number;
  readonly scaleY: number;
  /** Shear: columns to the right for each row upwards. */
  readonly slant: number;
  /** Rows that the middle of the writing lies below the image's middle, as a share of its height. */
  readonly shift: number;
}

export const STRAIGHT: Pose = { scaleX: 1, scaleY: 1, slant: 0, shift: 0 };

/** Above this, crops are shrunk: strokes stay wider than a pixel all the same. */
const MOST_HEIGHT = 112;
/** Average of the ink's pixels after the contrast was stretched. */
const INK = 200;
/** Contrast below which nothing is taken for ink, in grey levels. */
const FAINTEST = 14;

/**
 * Takes the background off a crop of dark ink on light paper and finds the writing in it.
 * @param inside where the writing is known to be, for the most part: ink elsewhere is not what is looked for
 * @throws LensletError ("shape") when the sizes are no sizes or the data does not fit them
 */
export function prepareLine(image: GreyImage, inside?: Box): Line {
  checkImage(image);
  const factor = Math.ceil(image.height / MOST_HEIGHT);
  const small = shrink(image, factor);
  const { ink, threshold } = inkOf(small);
  const mask = withoutRules(ink, threshold);
  if (inside) keepInside(mask, ink, inside, factor);
  const [top, bottom] = span(mask, ink.width, ink.height, false, 0.04);
  const [left, right] = span(mask, ink.width, ink.height, true, 0.004);
  return { ink, top, bottom, left, right, factor };
}

/** What is darker than its surroundings, stretched; and the level from which it is ink. */
function inkOf(image: GreyImage): { ink: GreyImage; threshold: number } {
  const radius = Math.max(3, Math.round(image.height / 9));
  // Closing: dark shapes narrower than the window vanish.
  const paper = erode(dilate(image, radius), radius);
  const dark = image.data.map((v, i) => Math.max(0, paper.data[i]! - v));
  const threshold = Math.max(FAINTEST, otsu(histogramOf(dark)));
  let sum = 0;
  let count = 0;
  for (const v of dark) {
    if (v <= threshold) continue;
    sum += v;
    count++;
  }
  const gain = INK / Math.max(2 * FAINTEST, count ? sum / count : 0);
  return {
    ink: { ...image, data: dark.map((v) => Math.min(255, Math.round(gain * v))) },
    threshold: Math.min(250, gain * threshold),
  };
}

/** 1 where there is ink that is not part of a ruled line: of a horizontal run longer than writing makes one. */
function withoutRules({ width, height, data }: GreyImage, threshold: number): Uint8Array {
  const mask = data.map((v) => (v > threshold ? 1 : 0));
  const longest = Math.max(1.2 * height, 0.3 * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0, start = 0; x <= width; x++) {
      if (x < width && mask[y * width + x]) continue;
      if (x - start > longest) mask.fill(0, y * width + start, y * width + x);
      start = x + 1;
    }
  }
  return mask;
}

/** Clears the mask outside of a box of the image given. */
function keepInside(mask: Uint8Array, { width, height }: GreyImage, box: Box, factor: number): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [(x + 0.5) * factor, (y + 0.5) * factor];
      if (u < box.x0 || u >= box.x1 || v < box.y0 || v >= box.y1) mask[y * width + x] = 0;
    }
  }
}

/** Columns (or rows) between which all of the mask but a share at each end lies; all of them where it is empty. */
function span(
  mask: Uint8Array,
  width: number,
  height: number,
  columns: boolean,
  share: number,
): [number, number] {
  const counts = new Float64Array(columns ? width : height);
  mask.forEach((v, i) => {
    counts[columns ? i % width : Math.floor(i / width)]! += v;
  });
  const total = counts.reduce((a, v) => a + v, 0);
  if (total === 0) return [0, counts.length];
  let first = 0;
  for (let sum = counts[0]!; sum <= share * total; sum += counts[first]!) first++;
  let last = counts.length - 1;
  for (let sum = counts[last]!; sum <= share * total; sum += counts[last]!) last--;
  return [first, Math.max(last, first) + 1];
}

/** From the reader's image to the line: x = x0 + dx·(u + ½) + slant·(v + ½ − HEIGHT/2), y = y0 + dy·(v + ½). */
export interface Placement {
  readonly x0: number;
  readonly y0: number;
  readonly dx: number;
  readonly dy: number;
  readonly slant: number;
  /** Columns of the reader's image that the line needs. */
  readonly width: number;
}

/** Where the pixels of the reader's image lie in the line. */
export function place(line: Line, pose: Pose): Placement {
  const { top, bottom, left, right, ink } = line;
  // Writing is no less than a sixth of the crop, whatever a broken mask says.
  const size = Math.max(bottom - top, ink.height / 6, 4);
  const scale = WRITING / size;
  const wanted = STRETCH * scale * pose.scaleX * (right - left) + 2 * MARGIN;
  const width = Math.min(MOST_WIDTH, wanted);
  const dx = (right - left) / Math.max(1, width - 2 * MARGIN);
  const dy = 1 / (scale * pose.scaleY);
  return {
    x0: left - MARGIN * dx,
    y0: (top + bottom) / 2 - dy * (HEIGHT / 2 + pose.shift * HEIGHT),
    dx,
    dy,
    slant: pose.slant * dy,
    width,
  };
}

/** The width of the reader's image for a line placed so. */
export const roundWidth = (width: number): number => WIDTH_STEP * Math.ceil(width / WIDTH_STEP);

/** Displacements in pixels of the line: of x by row and by column of the reader's image, of y by column. */
export interface Bend {
  readonly xByRow: Float32Array;
  readonly xByColumn: Float32Array;
  readonly yByColumn: Float32Array;
}

/** The widths of the reader's images from `least` to `most`. */
export const lineWidths = (least: number, most: number): number[] =>
  Array.from({ length: (most - least) / WIDTH_STEP + 1 }, (_, i) => least + i * WIDTH_STEP);

/** Images of lines on which nothing is written, f32[count × 1 × HEIGHT × width]. */
export const emptyLines = (count: number, width: number): Tensor =>
  tensor([count, 1, HEIGHT, width], new Float32Array(count * HEIGHT * width));

/** Draws a line into a HEIGHT × `width` image, bilinear; outside of the line there is no ink. */
export function drawLine({ ink }: Line, at: Placement, width: number, out: Uint8Array, bend?: Bend): void {
  for (let v = 0; v < HEIGHT; v++) {
    const y = at.y0 + at.dy * (v + 0.5) - 0.5;
    const x = at.x0 + at.slant * (v + 0.5 - HEIGHT / 2) - 0.5 + (bend?.xByRow[v] ?? 0);
    for (let u = 0; u < width; u++) {
      const dx = at.dx * (u + 0.5) + (bend?.xByColumn[u] ?? 0);
      out[v * width + u] = sample(ink, x + dx, y + (bend?.yByColumn[u] ?? 0));
    }
  }
}

/** Bilinear, 0 outside. */
export function sample({ width, height, data }: GreyImage, x: number, y: number): number {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  if (x0 < -1 || y0 < -1 || x0 >= width || y0 >= height) return 0;
  const fx = x - x0;
  const fy = y - y0;
  const at = y0 * width + x0;
  const left = x0 >= 0;
  const right = x0 + 1 < width;
  const a = y0 >= 0 ? (left ? data[at]! * (1 - fx) : 0) + (right ? data[at + 1]! * fx : 0) : 0;
  const b =
    y0 + 1 < height
      ? (left ? data[at + width]! * (1 - fx) : 0) + (right ? data[at + width + 1]! * fx : 0)
      : 0;
  return a * (1 - fy) + b * fy;
}
