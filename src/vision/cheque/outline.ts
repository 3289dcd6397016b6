/** The outline of a cheque in a photo: the quadrilateral of four straight edges that light changes across. */
import type { Point, Quad } from '../../core/homography.ts';
import { type GreyImage, shrink } from '../grey.ts';

export interface Outline {
  readonly quad: Quad;
  /** Share of the outline where the light changes, the weakest side counting most; 0 … 1. */
  readonly score: number;
}

/** The outline is looked for in a picture of this many pixels on the longer side. */
const SIZE = 320;
/** Where none stands out, in these: a pattern's stripes vanish in the smaller one. */
const FAINT_SIZES = [240, SIZE];
/** Lines kept for each of the two directions. */
const LINES = 24;
/** The normals of a cheque's edges lean by at most this from upright and level, degrees. */
const MOST_LEAN = 45;
/** Width by height of a cheque, straightened: forms are from 1.7 (old ones) to 2.8 (business cheques). */
const ASPECT = [1.5, 3.4] as const;
/** Votes of a line, about pixels of its length. */
const LEAST_VOTES = 8;
const LEAST_AREA = 0.12;
const LEAST_SIDE = 0.1;

/** How much of an outline must be there. */
interface Clarity {
  /** Outlines kept. */
  readonly most: number;
  /** A side is left out when less than this of it is there. */
  readonly share: number;
  /** All four together. */
  readonly score: number;
}
const CLEAR: Clarity = { most: 1, share: 0.3, score: 0.55 };
const FAINT: Clarity = { most: 10, share: 0.1, score: 0.3 };
/** Corners nearer than this, as a share of the picture's width, are the same. */
const ALIKE = 0.04;

/** Light on both sides of an edge is compared this many pixels away from it, and must differ by this much. */
const BESIDE = 2.5;
const LEAST_STEP = 4;

/** Points with x·cos + y·sin = distance, from the middle of the picture. */
interface StraightLine {
  readonly cos: number;
  readonly sin: number;
  readonly distance: number;
}

/** The cheque's outline in pixels of `image`, or null where none stands out, as in a scan cut to its edges. */
export const findOutline = (image: GreyImage): Outline | null => outlines(image, CLEAR, SIZE)[0] ?? null;

/** What may be its outline where none stands out: on a patterned ground, across a shadow. Of each size likeliest first. */
export const faintOutlines = (image: GreyImage): Outline[] =>
  FAINT_SIZES.flatMap((size) => outlines(image, FAINT, size));

function outlines(image: GreyImage, clarity: Clarity, longest: number): Outline[] {
  const factor = Math.max(1, Math.ceil(Math.max(image.width, image.height) / longest));
  const small = shrink(image, factor);
  const [upright, level] = straightLines(small);
  const support = supportOf(small);
  const best: Ranked[] = [];
  for (const left of upright) {
    for (const right of upright) {
      if (right.distance <= left.distance + LEAST_SIDE * small.width) continue;
      // Pieces of level lines between these two that may be a side, from the top down.
      const pieces = level
        .map((line) => pieceOf(line, left, right, small, support))
        .filter((piece) => piece !== null && piece.share >= clarity.share) as Piece[];
      for (const top of pieces) {
        for (const bottom of pieces) {
          const quad: Quad = [top.from, top.to, bottom.to, bottom.from];
          if (!isCheque(quad, small)) continue;
          const size = reach(quad, small);
          const bar = best[clarity.most - 1]?.rank ?? 0;
          if ((0.5 * Math.min(top.share, bottom.share) + 0.5) * size <= bar) continue;
          const shares = [top.share, bottom.share, support(quad[1], quad[2]), support(quad[3], quad[0])];
          const score = 0.5 * Math.min(...shares) + 0.125 * shares.reduce((a, b) => a + b);
          if (score < clarity.score || score * size <= bar) continue;
          keep(best, { quad, score, rank: score * size }, clarity.most, ALIKE * small.width);
        }
      }
    }
  }
  return best.map(({ quad, score }) => ({ quad: scaled(refined(quad, small), factor), score }));
}

interface Ranked extends Outline {
  readonly rank: number;
}

/** Puts an outline among the `most` of the highest rank, best first; of those with the same corners the best stays. */
function keep(best: Ranked[], outline: Ranked, most: number, near: number): void {
  const alike = best.findIndex(({ quad }) => quad.every((p, i) => length(p, outline.quad[i]!) < near));
  if (alike >= 0) {
    if (best[alike]!.rank >= outline.rank) return;
    best.splice(alike, 1);
  }
  const behind = best.findIndex(({ rank }) => rank < outline.rank);
  best.splice(behind < 0 ? best.length : behind, 0, outline);
  best.length = Math.min(best.length, most);
}

const scaled = (quad: Quad, factor: number): Quad =>
  quad.map(({ x, y }) => ({ x: x * factor, y: y * factor })) as unknown as Quad;

/** The part of a level line between two upright ones. */
interface Piece {
  readonly from: Point;
  readonly to: Point;
  /** Of its length, how much has a step in brightness across it. */
  readonly share: number;
}

function pieceOf(
  line: StraightLine,
  left: StraightLine,
  right: StraightLine,
  image: GreyImage,
  support: (p: Point, q: Point) => number,
): Piece | null {
  const from = meet(line, left, image);
  const to = meet(line, right, image);
  if (!from || !to || to.x - from.x < LEAST_SIDE * image.width) return null;
  return { from, to, share: support(from, to) };
}

/** Of outlines with like support the larger one is the cheque, the others are printed on it. */
const reach = (quad: Quad, { width, height }: GreyImage): number => (areaOf(quad) / (width * height)) ** 0.25;

const areaOf = (quad: Quad): number =>
  0.5 *
  quad.reduce((sum, p, i) => {
    const q = quad[(i + 1) % 4]!;
    return sum + p.x * q.y - q.x * p.y;
  }, 0);

/** Where two lines meet, or null where that is out of the picture. */
function meet(a: StraightLine, b: StraightLine, { width, height }: GreyImage): Point | null {
  const det = a.cos * b.sin - b.cos * a.sin;
  if (Math.abs(det) < 0.3) return null;
  const x = (a.distance * b.sin - b.distance * a.sin) / det + width / 2;
  const y = (b.distance * a.cos - a.distance * b.cos) / det + height / 2;
  const inside = x > -0.03 * width && x < 1.03 * width && y > -0.03 * height && y < 1.03 * height;
  return inside ? { x, y } : null;
}

function isCheque(quad: Quad, { width, height }: GreyImage): boolean {
  if (areaOf(quad) < LEAST_AREA * width * height) return false;
  const aspect = aspectOf(quad);
  const long = Math.max(aspect, 1 / aspect);
  return long >= ASPECT[0] && long <= ASPECT[1];
}

const length = (p: Point, q: Point): number => Math.hypot(p.x - q.x, p.y - q.y);

/** Width by height, opposite sides averaged. */
export const aspectOf = ([a, b, c, d]: Quad): number =>
  (length(a, b) + length(d, c)) / (length(a, d) + length(b, c));

/** Share of the piece from p to q with a step in brightness across it, always of the same sign. */
function supportOf({ width, height, data }: GreyImage): (p: Point, q: Point) => number {
  const at = (x: number, y: number): number =>
    data[
      Math.min(height - 1, Math.max(0, Math.floor(y))) * width +
        Math.min(width - 1, Math.max(0, Math.floor(x)))
    ]!;
  return (p, q) => {
    const long = length(p, q);
    const nx = (BESIDE * (q.y - p.y)) / long;
    const ny = (BESIDE * (p.x - q.x)) / long;
    const count = Math.max(8, Math.round(long / 3));
    let lighter = 0;
    let darker = 0;
    for (let i = 0; i < count; i++) {
      const t = (i + 0.5) / count;
      const x = p.x + t * (q.x - p.x);
      const y = p.y + t * (q.y - p.y);
      // Two distances: an edge parts two areas, a printed line does not.
      const near = at(x + nx, y + ny) - at(x - nx, y - ny);
      const far = at(x + 1.8 * nx, y + 1.8 * ny) - at(x - 1.8 * nx, y - 1.8 * ny);
      if (near > LEAST_STEP && far > LEAST_STEP) lighter++;
      else if (near < -LEAST_STEP && far < -LEAST_STEP) darker++;
    }
    return Math.max(0, Math.max(lighter, darker) - Math.min(lighter, darker)) / count;
  };
}

/** How far from the line found the edge itself may be, pixels. */
const STRAY = 3;

/** Each side moved to where the steps in brightness across it are steepest: a straight line through most of them. */
function refined(quad: Quad, image: GreyImage): Quad {
  const sides = quad.map((p, i) => fitted(p, quad[(i + 1) % 4]!, image));
  const corners = sides.map((side, i) => meet(sides[(i + 3) % 4]!, side, image));
  return corners.every((c) => c !== null) ? (corners as unknown as Quad) : quad;
}

function fitted(p: Point, q: Point, { width, height, data }: GreyImage): StraightLine {
  const long = length(p, q);
  const [nx, ny] = [(q.y - p.y) / long, (p.x - q.x) / long];
  const at = (x: number, y: number): number => {
    const [u, v] = [Math.floor(x), Math.floor(y)];
    return u < 0 || v < 0 || u >= width || v >= height ? 0 : data[v * width + u]!;
  };
  // Steepest places: t along the side, d across it.
  const found: { t: number; d: number }[] = [];
  const count = Math.max(12, Math.round(long / 3));
  for (let i = 1; i < count; i++) {
    const t = i / count;
    let [steepest, place] = [LEAST_STEP, Number.NaN];
    for (let d = -STRAY; d <= STRAY; d += 0.5) {
      const [x, y] = [p.x + t * (q.x - p.x) + d * nx, p.y + t * (q.y - p.y) + d * ny];
      const step = Math.abs(at(x + nx, y + ny) - at(x - nx, y - ny));
      if (step > steepest) [steepest, place] = [step, d];
    }
    if (!Number.isNaN(place)) found.push({ t, d: place });
  }
  let line = { at0: 0, slope: 0 };
  for (let round = 0; round < 4; round++) {
    const kept = found.filter(
      ({ t, d }) => round === 0 || Math.abs(d - line.at0 - line.slope * t) < 3 / round,
    );
    if (kept.length < 6) break;
    line = leastSquares(kept);
  }
  const at0 = { x: p.x + line.at0 * nx, y: p.y + line.at0 * ny };
  const at1 = { x: q.x + (line.at0 + line.slope) * nx, y: q.y + (line.at0 + line.slope) * ny };
  const far = length(at0, at1);
  const [cos, sin] = [(at1.y - at0.y) / far, (at0.x - at1.x) / far];
  return { cos, sin, distance: cos * (at0.x - width / 2) + sin * (at0.y - height / 2) };
}

function leastSquares(points: readonly { t: number; d: number }[]): { at0: number; slope: number } {
  let [n, st, sd, stt, std] = [0, 0, 0, 0, 0];
  for (const { t, d } of points) {
    n++;
    st += t;
    sd += d;
    stt += t * t;
    std += t * d;
  }
  const slope = (n * std - st * sd) / Math.max(1e-9, n * stt - st * st);
  return { at0: (sd - slope * st) / n, slope };
}

const DEGREES = 180;

/** The strongest straight edges, upright ones and level ones (Hough, each edge voting for its own direction). */
function straightLines(image: GreyImage): [StraightLine[], StraightLine[]] {
  const { width, height, data } = image;
  const radius = Math.ceil(Math.hypot(width, height) / 2);
  const votes = new Float32Array(DEGREES * (2 * radius + 1));
  const cos = Float64Array.from({ length: DEGREES }, (_, a) => Math.cos((a * Math.PI) / DEGREES));
  const sin = Float64Array.from({ length: DEGREES }, (_, a) => Math.sin((a * Math.PI) / DEGREES));
  for (let y = 1; y < height - 1; y++) {
    const cy = y + 0.5 - height / 2;
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      const n = at - width;
      const s = at + width;
      const gx =
        data[n + 1]! - data[n - 1]! + 2 * (data[at + 1]! - data[at - 1]!) + data[s + 1]! - data[s - 1]!;
      const gy = data[s - 1]! - data[n - 1]! + 2 * (data[s]! - data[n]!) + data[s + 1]! - data[n + 1]!;
      const strength = Math.abs(gx) + Math.abs(gy);
      if (strength < 4 * LEAST_STEP) continue;
      const weight = Math.min(1, strength / 64);
      const cx = x + 0.5 - width / 2;
      // A line's direction is one of half a turn.
      let a = Math.round((Math.atan2(gy, gx) * DEGREES) / Math.PI) + 2 * DEGREES - 2;
      for (let d = -2; d <= 2; d++, a++) {
        while (a >= DEGREES) a -= DEGREES;
        const rho = Math.floor(cx * cos[a]! + cy * sin[a]! + radius + 0.5);
        votes[a * (2 * radius + 1) + rho]! += d === 0 ? weight : 0.6 * weight;
      }
    }
  }
  const pick = (middle: number): StraightLine[] =>
    peaks(votes, radius, middle).map(({ angle, rho }) => ({
      cos: Math.cos((angle * Math.PI) / DEGREES),
      sin: Math.sin((angle * Math.PI) / DEGREES),
      distance: rho,
    }));
  return [pick(0), pick(90)];
}

/** Local maxima among directions within MOST_LEAN of `middle`, best first; angles may be negative. */
function peaks(
  votes: Float32Array,
  radius: number,
  middle: number,
): { angle: number; rho: number; votes: number }[] {
  const row = 2 * radius + 1;
  // Below 0° a line is that of angle + 180° on the other side of the middle.
  const read = (angle: number, rho: number): number => {
    if (Math.abs(rho) > radius) return 0;
    return angle < 0 ? votes[(angle + DEGREES) * row + radius - rho]! : votes[angle * row + radius + rho]!;
  };
  const found: { angle: number; rho: number; votes: number }[] = [];
  for (let angle = middle - MOST_LEAN; angle <= middle + MOST_LEAN; angle++) {
    for (let rho = -radius; rho <= radius; rho++) {
      const v = read(angle, rho);
      if (v < LEAST_VOTES) continue;
      let highest = true;
      for (let a = -2; a <= 2 && highest; a++) {
        for (let r = -3; r <= 3; r++) {
          const other = read(angle + a, rho + r);
          if (other > v || (other === v && (a < 0 || (a === 0 && r < 0)))) {
            highest = false;
            break;
          }
        }
      }
      if (highest) found.push({ angle, rho, votes: v });
    }
  }
  return found.sort((a, b) => b.votes - a.votes).slice(0, LINES);
}
