/** Pictures as a phone takes them: a flat sheet on a desk, seen askew, in uneven light. */
import {
  type Homography,
  homography,
  inverse,
  type Point,
  type Quad,
  quadOf,
  warp,
} from '../../core/homography.ts';
import { Random } from '../../core/random.ts';
import { drawLight, drawPattern } from './paper.ts';
import { blur, type Canvas, develop, newCanvas, type Pattern, type Picture, shade } from './picture.ts';

export interface Photograph {
  /** 0 = black … 255 = white. */
  readonly image: Picture;
  /** The sheet's corners in the photograph. */
  readonly quad: Quad;
  /** From pixels of the sheet's picture to pixels of the photograph. */
  readonly toPhoto: Homography;
}

/** How bad the photographs are, each at most: the camera's tilt and turn in degrees. */
export interface PhotographOptions {
  readonly tilt?: number;
  readonly turn?: number;
}

/**
 * Photograph `index` of the endless sequence `seed`: 0.7 to 2 megapixels, perspective up to `tilt` (25°), rotation up to
 * `turn` (20°), a desk, shadows, blur, noise. A pure function of its arguments.
 */
export function photograph(
  sheet: Picture,
  seed: number,
  index: number,
  { tilt = 25, turn = 20 }: PhotographOptions = {},
): Photograph {
  const random = new Random(seed).at('photographs', index);
  const pixels = random.between(0.7e6, 2e6);
  const ratio = random.uniform() < 0.25 ? 3 / 4 : random.uniform() < 0.5 ? 4 / 3 : 16 / 9;
  const width = Math.round(Math.sqrt(pixels * ratio));
  const height = Math.round(width / ratio);
  const quad = viewOf(
    sheet,
    width,
    height,
    (tilt * Math.PI) / 180,
    (turn * Math.PI) / 180,
    random.at('view'),
  );
  const toPhoto = homography(quadOf(sheet.width, sheet.height), quad);
  const canvas = drawDesk(width, height, meanOf(sheet), random.at('desk'));
  lay(canvas, sheet, toPhoto, quad);
  drawShadows(canvas, random.at('shadows'));
  blur(canvas, (width / 1400) * random.between(0.3, 1.3));
  return { image: develop(canvas, random.between(0.004, 0.02), random.at('noise')), quad, toPhoto };
}

function meanOf({ data }: Picture): number {
  let sum = 0;
  for (const v of data) sum += v;
  return sum / data.length / 255;
}

/** The corners of the sheet seen by a pinhole camera, filling most of the picture. */
function viewOf(
  sheet: Picture,
  width: number,
  height: number,
  tilt: number,
  turn: number,
  random: Random,
): Quad {
  const angle = random.between(-turn, turn);
  const axis = random.between(0, 2 * Math.PI);
  const lean = random.between(0, tilt);
  const far = random.between(1.2, 2);
  const corners = quadOf(sheet.width, sheet.height, -sheet.width / 2, -sheet.height / 2).map(
    ({ x, y }): Point => {
      const u = (x * Math.cos(angle) - y * Math.sin(angle)) / sheet.width;
      const v = (x * Math.sin(angle) + y * Math.cos(angle)) / sheet.width;
      // Turned about an axis in the sheet's plane: what is across it comes nearer or goes away.
      const along = u * Math.cos(axis) + v * Math.sin(axis);
      const across = v * Math.cos(axis) - u * Math.sin(axis);
      const depth = far / (far + across * Math.sin(lean));
      const [p, q] = [along * depth, across * Math.cos(lean) * depth];
      return { x: p * Math.cos(axis) - q * Math.sin(axis), y: p * Math.sin(axis) + q * Math.cos(axis) };
    },
  );
  const [left, right] = [Math.min(...corners.map((c) => c.x)), Math.max(...corners.map((c) => c.x))];
  const [top, bottom] = [Math.min(...corners.map((c) => c.y)), Math.max(...corners.map((c) => c.y))];
  const fill = random.between(0.72, 0.95);
  const scale = fill * Math.min(width / (right - left), height / (bottom - top));
  const x0 = random.between(0.2, 0.8) * (width - scale * (right - left)) - scale * left;
  const y0 = random.between(0.2, 0.8) * (height - scale * (bottom - top)) - scale * top;
  return corners.map(({ x, y }) => ({ x: x0 + scale * x, y: y0 + scale * y })) as unknown as Quad;
}

/** A desk that differs from the sheet: plain, grained or patterned, with other things on it. */
function drawDesk(width: number, height: number, sheet: number, random: Random): Canvas {
  const base = random.uniform() < 0.8 ? random.between(0.08, sheet - 0.2) : Math.min(1, sheet + 0.15);
  const canvas = newCanvas(width, height, base);
  if (random.uniform() < 0.7)
    shade(
      canvas,
      drawPattern(random.at('grain'), width * random.between(0.01, 0.05)),
      random.between(0.02, 0.2),
    );
  for (let i = random.below(3); i > 0; i--) {
    const quad = quadOf(random.between(0.02, 0.5) * width, random.between(0.02, 0.5) * height);
    const angle = random.between(0, Math.PI);
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const [x0, y0] = [random.uniform() * width, random.uniform() * height];
    shade(
      canvas,
      insideOf(quad.map(({ x, y }) => ({ x: x0 + c * x - s * y, y: y0 + s * x + c * y })) as unknown as Quad),
      0.5,
    );
  }
  return canvas;
}

/** 1 within a convex quadrilateral (clockwise on the screen). */
function insideOf(quad: Quad): Pattern {
  return (x, y) =>
    quad.every((p, i) => {
      const q = quad[(i + 1) % 4]!;
      return (q.x - p.x) * (y - p.y) - (q.y - p.y) * (x - p.x) >= 0;
    })
      ? 1
      : 0;
}

/** Lays the sheet on the canvas. Sheets larger than their picture in the photo are averaged down first. */
function lay(canvas: Canvas, sheet: Picture, toPhoto: Homography, quad: Quad): void {
  const { width, height } = canvas;
  const wide = Math.max(Math.hypot(quad[1].x - quad[0].x, quad[1].y - quad[0].y), 1);
  const soft: Canvas = { ...sheet, data: Float32Array.from(sheet.data, (v) => v / 255) };
  blur(soft, 0.4 * Math.max(0, sheet.width / wide - 1));
  const source: Picture = { ...sheet, data: Uint8Array.from(soft.data, (v) => Math.round(255 * v)) };
  const toSheet = inverse(toPhoto);
  const seen = warp(source, toSheet, width, height);
  const inside = insideOf(quad);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if (inside(x + 0.5, y + 0.5)) canvas.data[at] = seen.data[at]! / 255;
    }
  }
}

/** Falling light and up to two shadows with soft edges. */
function drawShadows(canvas: Canvas, random: Random): void {
  const { width, height } = canvas;
  shade(canvas, drawLight(random, width, height), random.between(0.05, 0.45));
  for (let i = random.below(3); i > 0; i--) {
    const angle = random.between(0, 2 * Math.PI);
    const [c, s] = [Math.cos(angle) / width, Math.sin(angle) / width];
    const at = random.between(-0.4, 0.4);
    const soft = random.between(0.01, 0.1);
    const shadow: Pattern = (x, y) =>
      1 / (1 + Math.exp((at - c * (x - width / 2) - s * (y - height / 2)) / soft));
    shade(canvas, shadow, random.between(0.1, 0.45));
  }
}
