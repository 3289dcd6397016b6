/** Projective maps of the plane (P. Heckbert, Fundamentals of Texture Mapping, 1989, sec. 2.2.3), and pictures under them. */
import { check } from './error.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Corners in the order top left, top right, bottom right, bottom left. */
export type Quad = readonly [Point, Point, Point, Point];

/** Row-major 3 × 3: (x, y, 1) goes to (u/w, v/w) of (u, v, w) = H·(x, y, 1). */
export type Homography = readonly number[];

/** Corners of [0, width) × [0, height). */
export const quadOf = (width: number, height: number, x = 0, y = 0): Quad => [
  { x, y },
  { x: x + width, y },
  { x: x + width, y: y + height },
  { x, y: y + height },
];

/** The map that takes the corners of the unit square to those of `quad`. */
function squareTo([a, b, c, d]: Quad): Homography {
  const px = a.x - b.x + c.x - d.x;
  const py = a.y - b.y + c.y - d.y;
  const [dx1, dx2, dy1, dy2] = [b.x - c.x, d.x - c.x, b.y - c.y, d.y - c.y];
  const det = dx1 * dy2 - dx2 * dy1;
  check(
    Math.abs(det) > 1e-9,
    'value',
    () => 'The corners of the cheque lie on a line; choose four corners of a quadrilateral.',
  );
  const g = (px * dy2 - dx2 * py) / det;
  const h = (dx1 * py - px * dy1) / det;
  return [
    b.x - a.x + g * b.x,
    d.x - a.x + h * d.x,
    a.x,
    b.y - a.y + g * b.y,
    d.y - a.y + h * d.y,
    a.y,
    g,
    h,
    1,
  ];
}

/** Inverse up to a factor, which does not matter: the adjugate. */
export function inverse([a, b, c, d, e, f, g, h, i]: Homography): Homography {
  const m = [a, b, c, d, e, f, g, h, i] as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [A, B, C, D, E, F, G, H, I] = m;
  return [
    E * I - F * H,
    C * H - B * I,
    B * F - C * E,
    F * G - D * I,
    A * I - C * G,
    C * D - A * F,
    D * H - E * G,
    B * G - A * H,
    A * E - B * D,
  ];
}

/** The map that does `first`, then `second`. */
export function compose(second: Homography, first: Homography): Homography {
  return Array.from({ length: 9 }, (_, n) => {
    const row = 3 * Math.floor(n / 3);
    const column = n % 3;
    return (
      second[row]! * first[column]! +
      second[row + 1]! * first[column + 3]! +
      second[row + 2]! * first[column + 6]!
    );
  });
}

/**
 * The map that takes the corners of `from` to those of `to`.
 * @throws LensletError `value` when three corners of a quadrilateral lie on a line
 */
export const homography = (from: Quad, to: Quad): Homography =>
  compose(squareTo(to), inverse(squareTo(from)));

export function mapPoint(h: Homography, { x, y }: Point): Point {
  const w = h[6]! * x + h[7]! * y + h[8]!;
  return { x: (h[0]! * x + h[1]! * y + h[2]!) / w, y: (h[3]! * x + h[4]! * y + h[5]!) / w };
}

export const mapQuad = (h: Homography, quad: Quad): Quad =>
  quad.map((p) => mapPoint(h, p)) as unknown as Quad;

interface Grey {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Bilinear samples of an 8-bit picture: pixel (x, y) of the result is the picture at `toSource`(x + ½, y + ½).
 * Beyond its border the picture goes on with its outermost pixels, or is `outside` where that is given.
 */
export function warp(image: Grey, toSource: Homography, width: number, height: number, outside = -1): Grey {
  const data = new Uint8Array(width * height);
  const [du, dv, dw] = [toSource[0]!, toSource[3]!, toSource[6]!];
  for (let y = 0; y < height; y++) {
    let u = du * 0.5 + toSource[1]! * (y + 0.5) + toSource[2]!;
    let v = dv * 0.5 + toSource[4]! * (y + 0.5) + toSource[5]!;
    let w = dw * 0.5 + toSource[7]! * (y + 0.5) + toSource[8]!;
    const row = y * width;
    for (let x = 0; x < width; x++, u += du, v += dv, w += dw) {
      data[row + x] = sample(image, u / w - 0.5, v / w - 0.5, outside);
    }
  }
  return { width, height, data };
}

function sample({ width, height, data }: Grey, x: number, y: number, outside: number): number {
  if (!(x >= 0 && x < width - 1 && y >= 0 && y < height - 1)) {
    if (outside >= 0 && !(x >= -0.5 && x <= width - 0.5 && y >= -0.5 && y <= height - 0.5)) return outside;
    x = Math.min(Math.max(x, 0), width - 1.001) || 0;
    y = Math.min(Math.max(y, 0), height - 1.001) || 0;
  }
  const x0 = x | 0;
  const y0 = y | 0;
  const at = y0 * width + x0;
  const below = y0 + 1 < height ? at + width : at;
  const next = x0 + 1 < width ? 1 : 0;
  const fx = x - x0;
  const top = data[at]! + fx * (data[at + next]! - data[at]!);
  const bottom = data[below]! + fx * (data[below + next]! - data[below]!);
  return (top + (y - y0) * (bottom - top) + 0.5) | 0;
}
