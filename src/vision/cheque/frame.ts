/** The printed frame of the courtesy amount in a straightened cheque. */
import type { Box, GreyImage } from '../grey.ts';

/** A printed rectangle, in pixels; the score is the share of its outline that is there, times how usual it is. */
export interface Frame extends Box {
  readonly score: number;
}

/** Sizes as shares of the cheque's width. */
const LEAST_HEIGHT = 0.03;
const MOST_HEIGHT = 0.1;
const LEAST_WIDTH = 0.13;
const MOST_WIDTH = 0.42;
/** A line is darker than the paper on both its sides by this share of its brightness; sides are often fainter. */
const LEAST_CONTRAST = { across: 0.035, down: 0.02 };
/** Noise averages out over this many pixels along a line; odd. */
const RUN = { across: 5, down: 9 };
/** Distance of the paper that a line is compared with, pixels. */
const BESIDE = 3;
/** Pixels that a side may be broken for, and how much of it must be there. */
const GAP = 4;
const LEAST_SHARE = 0.7;
/** As much of top and bottom must be there. */
const LEAST_LINE = 0.5;
/** Share of a frame's pixels on upright strokes when an amount stands in it. */
const LEAST_INK = 0.01;
/** Sides and lines meet within this many pixels. */
const SLACK = 5;
/** How far beyond the corners sides and lines are looked for, in heights and widths of the frame. */
const BEYOND_SIDES = 0.4;
const BEYOND_LINES = 0.1;

/** Pixels as the lines of one direction: their number on a line, how far apart they and the lines are in memory. */
interface Direction {
  readonly data: Uint8Array;
  readonly count: number;
  readonly along: number;
  readonly across: number;
}

/** Dark lines of a picture. */
interface Lines {
  readonly width: number;
  readonly height: number;
  /** Width of the whole cheque, by which sizes are told. */
  readonly scale: number;
  /** 1 where a vertical line passes. */
  readonly down: Uint8Array;
  /** Pixels of horizontal lines and of those beside them, along rows: entry y·(width + 1) + x is the sum of [0, x). */
  readonly acrossSums: Int32Array;
  readonly level: Direction;
  readonly upright: Direction;
}

function linesOf({ width, height, data }: GreyImage, scale: number): Lines {
  const across = new Uint8Array(data.length);
  const down = new Uint8Array(data.length);
  const levelRuns = runsAlong(data, width, height);
  const uprightRuns = runsDown(data, width, height);
  const far = BESIDE * width;
  for (let y = BESIDE; y < height - BESIDE; y++) {
    for (let at = y * width + BESIDE; at < (y + 1) * width - BESIDE; at++) {
      const level = levelRuns[at]! * (1 + LEAST_CONTRAST.across) + 1;
      if (level < levelRuns[at - far]! && level < levelRuns[at + far]!) {
        across[at] = across[at - width] = across[at + width] = 1;
      }
      const upright = uprightRuns[at]! * (1 + LEAST_CONTRAST.down) + 1;
      if (upright < uprightRuns[at - BESIDE]! && upright < uprightRuns[at + BESIDE]!) down[at] = 1;
    }
  }
  const acrossSums = new Int32Array((width + 1) * height);
  for (let y = 0, at = 0, to = 1; y < height; y++, to++) {
    for (let x = 0, sum = 0; x < width; x++) acrossSums[to++] = sum += across[at++]!;
  }
  const level = { data, count: width, along: 1, across: width };
  const upright = { data, count: height, along: width, across: 1 };
  return { width, height, scale, down, acrossSums, level, upright };
}

/** Sums of the RUN.across pixels around each along its row; 0 near the ends. */
function runsAlong(data: Uint8Array, width: number, height: number): Uint16Array {
  const sums = new Uint16Array(data.length);
  const half = (RUN.across - 1) / 2;
  for (let y = 0; y < height; y++) {
    const end = (y + 1) * width;
    let sum = 0;
    for (let at = y * width; at < end - width + RUN.across - 1; at++) sum += data[at]!;
    for (let at = end - width + RUN.across - 1; at < end; at++) {
      sum += data[at]!;
      sums[at - half] = sum;
      sum -= data[at - RUN.across + 1]!;
    }
  }
  return sums;
}

/** Sums of the RUN.down pixels around each along its column, row by row; 0 near the ends. */
function runsDown(data: Uint8Array, width: number, height: number): Uint16Array {
  const sums = new Uint16Array(data.length);
  const columns = new Uint16Array(width);
  const back = RUN.down * width;
  const half = ((RUN.down - 1) / 2) * width;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      columns[x]! += data[at]! - (y >= RUN.down ? data[at - back]! : 0);
      if (y >= RUN.down - 1) sums[at - half] = columns[x]!;
    }
  }
  return sums;
}

/**
 * How much darker than what is beside it [from, to) of a line is, or of one right beside it, in the mean; null where that
 * is outside of the picture. Near the border nothing is dark.
 */
function darkness(
  { data, count, along, across }: Direction,
  line: number,
  from: number,
  to: number,
): number | null {
  const [first, end] = [Math.max(0, from), Math.min(count, to)];
  if (end <= first) return null;
  const far = BESIDE * across;
  let most = 0;
  for (let l = line - 1; l <= line + 1; l++) {
    let sum = 0;
    for (let i = first, at = l * across + first * along; i < end; i++, at += along) {
      if (at >= far && at < data.length - far)
        sum += Math.max(0, Math.min(data[at - far]!, data[at + far]!) - data[at]!);
    }
    most = Math.max(most, sum);
  }
  return most / (end - first);
}

/** A vertical line's place, [y0, y1). */
interface Upright {
  readonly x: number;
  readonly y0: number;
  readonly y1: number;
  /** How much of it is there. */
  readonly share: number;
}

/** Vertical lines as high as a frame's side may be; they may lean by a pixel. */
function uprightsOf({ width, height, scale, down }: Lines): Upright[] {
  const least = Math.round(LEAST_HEIGHT * scale);
  const found: Upright[] = [];
  for (let x = 1; x < width - 1; x++) {
    let start = -1;
    let last = -1;
    let count = 0;
    for (let y = 0; y <= height; y++) {
      const at = y * width + x;
      if (y < height && (down[at] || down[at - 1] || down[at + 1])) {
        if (start < 0) start = y;
        last = y;
        count++;
      } else if (start >= 0 && (y === height || y - last > GAP)) {
        const length = last + 1 - start;
        const share = count / length;
        if (length >= least && share >= LEAST_SHARE) found.push({ x, y0: start, y1: last + 1, share });
        start = -1;
        count = 0;
      }
    }
  }
  return found;
}

/** Best row near `y` for a line over [x0, x1), and the share of it that is there. */
function bestRow(
  lines: Lines,
  x0: number,
  x1: number,
  from: number,
  to: number,
): { y: number; share: number } {
  let best = { y: from, share: 0 };
  for (let y = Math.max(0, from); y <= Math.min(lines.height - 1, to); y++) {
    const row = y * (lines.width + 1);
    const share = (lines.acrossSums[row + x1]! - lines.acrossSums[row + x0]!) / (x1 - x0);
    if (share > best.share) best = { y, share };
  }
  return best;
}

/** Share of both rows that lines cover over [x0, x1), the lesser of the two. */
function shareOf(lines: Lines, x0: number, x1: number, y0: number, y1: number): number {
  const from = Math.max(0, x0);
  const to = Math.min(lines.width, x1);
  if (to <= from) return 0;
  return Math.min(
    bestRow(lines, from, to, y0 - 1, y0 + 1).share,
    bestRow(lines, from, to, y1 - 1, y1 + 1).share,
  );
}

/** Where the middle of an amount's frame is usually, and how far from there, as shares of the cheque's sides. */
const USUAL = { x: 0.83, y: 0.38, dx: 0.12, dy: 0.2 };

/** How usual a place is: in the right part of the cheque, around its middle or above. */
function prior(x: number, y: number): number {
  const dx = (x - USUAL.x) / USUAL.dx;
  const dy = (y - USUAL.y) / USUAL.dy;
  return Math.exp(-0.5 * (dx * dx + dy * dy));
}

/** Four sides that are all there, as wide as can be. */
const MOST_SCORE = 4.3;
/** Frames are worth a look from here on. */
export const LEAST_SCORE = 1.6;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The part of a straightened cheque in which frames worth a look lie, with what is seen around them. */
export function frameArea({ width, height }: Size): Box {
  // Farther away than this even the best frame scores less, by `prior`.
  const far = Math.sqrt(2 * Math.log(MOST_SCORE / LEAST_SCORE));
  const left = (USUAL.x - far * USUAL.dx - (0.5 + BEYOND_LINES) * MOST_WIDTH) * width;
  const bottom = (USUAL.y + far * USUAL.dy) * height + (0.5 + BEYOND_SIDES) * MOST_HEIGHT * width;
  const edge = 2 * SLACK;
  return {
    x0: Math.max(0, Math.floor(left) - edge),
    y0: 0,
    x1: width,
    y1: Math.min(height, Math.ceil(bottom) + edge),
  };
}

/**
 * The most likely frame, in pixels of the cheque, or null where none is worth a look.
 * @param area what `frameArea` tells of the straightened cheque, 0 = black … 255 = white
 * @param cheque size of the whole
 */
export function findFrame(area: GreyImage, cheque: Size): Frame | null {
  const { width, height } = cheque;
  const offset = width - area.width;
  const lines = linesOf(area, width);
  const uprights = uprightsOf(lines).sort((a, b) => a.x - b.x);
  let best: Frame | null = null;
  const consider = (left: Upright | null, right: Upright | null): void => {
    if (!left || !right || right.x - left.x < LEAST_WIDTH * width) return;
    const y0 = Math.max(left.y0, right.y0);
    const y1 = Math.min(left.y1, right.y1);
    if (y1 - y0 < LEAST_HEIGHT * width * 0.8) return;
    const usual = prior((offset + (left.x + right.x) / 2) / width, (y0 + y1) / 2 / height);
    const least = best ? best.score : LEAST_SCORE;
    if (MOST_SCORE * usual <= least) return;
    const frame = closeFrame(lines, left, right, [y0, y1], usual, least);
    if (frame && isWritten(lines, frame)) best = frame;
  };
  for (const [i, side] of uprights.entries()) {
    consider(side, faintSide(lines, side, 1));
    consider(faintSide(lines, side, -1), side);
    for (let j = i + 1; j < uprights.length; j++) {
      if (uprights[j]!.x - side.x > MOST_WIDTH * width) break;
      consider(side, uprights[j]!);
    }
  }
  return best && moved(best, offset);
}

const moved = (frame: Frame, dx: number): Frame => ({ ...frame, x0: frame.x0 + dx, x1: frame.x1 + dx });

/** Whether something stands within the frame: empty ones are for other purposes. */
function isWritten({ width, down }: Lines, { x0, y0, x1, y1 }: Frame): boolean {
  const inset = SLACK + 1;
  let ink = 0;
  for (let y = y0 + inset; y < y1 - inset; y++) {
    for (let x = x0 + inset; x < x1 - inset; x++) ink += down[y * width + x]!;
  }
  return ink >= LEAST_INK * (x1 - x0) * (y1 - y0);
}

/** Share of a side that is seen only in that the lines at top and bottom end there. */
const FAINT = 0.4;

/**
 * The other side, `to` the right (1) or left (−1), of a frame one side of which is given, if its lines end at the same
 * place; it may be too faint itself, or hidden by what stands beside it.
 */
function faintSide(lines: Lines, side: Upright, to: 1 | -1): Upright | null {
  const { width, scale } = lines;
  const span = (from: number, until: number): [number, number] => (to > 0 ? [from, until] : [until, from]);
  const near = side.x + to * Math.round(LEAST_WIDTH * scale);
  const most = Math.max(0, Math.min(width - 1, side.x + to * Math.round(MOST_WIDTH * scale)));
  if ((most - near) * to <= 0) return null;
  const top = bestRow(lines, ...span(side.x, near), side.y0 - SLACK, side.y0 + SLACK);
  const bottom = bestRow(lines, ...span(side.x, near), side.y1 - 1 - SLACK, side.y1 - 1 + SLACK);
  if (Math.min(top.share, bottom.share) < LEAST_LINE) return null;
  const step = 4 * to;
  let x = near;
  while ((most - x) * to > 0 && shareOf(lines, ...span(x, x + 3 * step), top.y, bottom.y) >= 0.7) x += step;
  if ((most - x) * to <= 0) return null;
  return { x: Math.max(0, Math.min(x + step, width - 1)), y0: top.y, y1: bottom.y + 1, share: FAINT };
}

/** Pixels around a corner that count to neither side of it. */
const CORNER = 3;

/**
 * How far two parallel lines, between `from` and `to`, run on before and behind: darkness there by darkness between,
 * at most 1, their mean.
 */
function runOn(
  lines: Direction,
  pair: readonly [number, number],
  from: number,
  to: number,
  far: number,
): { before: number; behind: number } {
  const reach = Math.round(far);
  const share = (line: number, start: number): number => {
    const beyond = darkness(lines, line, start, start + reach);
    // What the picture's edge cuts off may well run on.
    if (beyond === null) return 1;
    return Math.min(1, beyond / Math.max(1, darkness(lines, line, from + CORNER, to - CORNER) ?? 0));
  };
  const mean = (start: number): number => (share(pair[0], start) + share(pair[1], start)) / 2;
  return { before: mean(from - CORNER - reach), behind: mean(to + CORNER) };
}

/**
 * Top and bottom between two sides that reach [y0, y1) both; sides may run on beyond the frame. Null where the lines are
 * not there, or the score is not above `least`.
 */
function closeFrame(
  lines: Lines,
  left: Upright,
  right: Upright,
  [y0, y1]: readonly [number, number],
  usual: number,
  least: number,
): Frame | null {
  const { scale } = lines;
  const lowest = LEAST_HEIGHT * scale;
  const top = bestRow(lines, left.x, right.x, y0 - SLACK, Math.min(y0 + SLACK, y1));
  const from = Math.max(top.y + Math.round(lowest), y1 - 1 - SLACK);
  const bottom = bestRow(lines, left.x, right.x, from, y1 + SLACK);
  const high = bottom.y - top.y;
  if (high < lowest || high > MOST_HEIGHT * scale || Math.min(top.share, bottom.share) < LEAST_LINE)
    return null;
  const covered = (side: Upright): number =>
    (side.share * (Math.min(side.y1, bottom.y + 1) - Math.max(side.y0, top.y))) / (high + 1);
  const wide = right.x - left.x;
  const seen =
    top.share + bottom.share + covered(left) + covered(right) + (0.3 * wide) / (MOST_WIDTH * scale);
  if (seen * usual <= least) return null;
  // Strokes of a pen cross the frame, and a pattern goes on beside it; its own sides and lines end in its corners.
  const over = runOn(lines.upright, [left.x, right.x], top.y, bottom.y, BEYOND_SIDES * high);
  const on = runOn(lines.level, [top.y, bottom.y], left.x, right.x, BEYOND_LINES * wide);
  const score = (seen - 0.5 * (over.before + over.behind) - 0.7 * on.before - on.behind) * usual;
  return score > least ? { x0: left.x, y0: top.y, x1: right.x + 1, y1: bottom.y + 1, score } : null;
}
