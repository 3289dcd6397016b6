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

/** How much darker each pixel is than what is beside it, across a line that would run through it. */
interface Darkness {
  /** Running sums: entry p + along is the sum of p and of the pixels before it on its line; 0 near the border. */
  readonly sums: Int32Array;
  /** Pixels on a line, how far apart they are in memory, and how far apart lines are. */
  readonly count: number;
  readonly along: number;
  readonly across: number;
}

/** Dark lines of a picture: running sums of the pixels that belong to one. */
interface Lines {
  readonly width: number;
  readonly height: number;
  /** 1 where a horizontal line passes within one pixel. */
  readonly across: Uint8Array;
  readonly down: Uint8Array;
  /** Sums of `across` along rows: entry y·(width + 1) + x is the sum of [0, x). */
  readonly acrossSums: Int32Array;
  readonly level: Darkness;
  readonly upright: Darkness;
}

function linesOf({ width, height, data }: GreyImage): Lines {
  const across = new Uint8Array(data.length);
  const down = new Uint8Array(data.length);
  const levelRuns = runsOf(data, RUN.across, width, height, 1, width);
  const uprightRuns = runsOf(data, RUN.down, height, width, width, 1);
  for (let y = BESIDE; y < height - BESIDE; y++) {
    for (let x = BESIDE; x < width - BESIDE; x++) {
      const at = y * width + x;
      const level = levelRuns[at]! * (1 + LEAST_CONTRAST.across) + 1;
      if (level < levelRuns[at - BESIDE * width]! && level < levelRuns[at + BESIDE * width]!) {
        across[at] = across[at - width] = across[at + width] = 1;
      }
      const upright = uprightRuns[at]! * (1 + LEAST_CONTRAST.down) + 1;
      if (upright < uprightRuns[at - BESIDE]! && upright < uprightRuns[at + BESIDE]!) down[at] = 1;
    }
  }
  const acrossSums = new Int32Array((width + 1) * height);
  for (let y = 0; y < height; y++) {
    const row = y * (width + 1);
    for (let x = 0; x < width; x++) acrossSums[row + x + 1] = acrossSums[row + x]! + across[y * width + x]!;
  }
  const level = darknessOf(data, width, 1, width);
  const upright = darknessOf(data, height, width, 1);
  return { width, height, across, down, acrossSums, level, upright };
}

function darknessOf(data: Uint8Array, count: number, along: number, across: number): Darkness {
  const sums = new Int32Array(data.length + along);
  const far = BESIDE * across;
  for (let at = far; at < data.length - far; at++) {
    const beside = Math.min(data[at - far]!, data[at + far]!);
    sums[at + along] = sums[at]! + Math.max(0, beside - data[at]!);
  }
  return { sums, count, along, across };
}

/** Mean darkness of [from, to) of a line, or of one right beside it; null where that is outside of the picture. */
function darkness(
  { sums, count, along, across }: Darkness,
  line: number,
  from: number,
  to: number,
): number | null {
  const [first, end] = [Math.max(0, from), Math.min(count, to)];
  if (end <= first) return null;
  let most = 0;
  for (let l = line - 1; l <= line + 1; l++) {
    const at = l * across;
    most = Math.max(most, (sums[at + end * along] ?? 0) - (sums[at + first * along] ?? 0));
  }
  return most / (end - first);
}

/** Sums over `run` pixels along each of `lines` lines of `count`, pixels `step` apart; those at the ends are 0. */
function runsOf(
  data: Uint8Array,
  run: number,
  count: number,
  lines: number,
  step: number,
  stride: number,
): Uint16Array {
  const sums = new Uint16Array(data.length);
  const half = (run - 1) / 2;
  for (let line = 0; line < lines; line++) {
    let at = line * stride;
    let sum = 0;
    for (let i = 0; i < count; i++, at += step) {
      sum += data[at]!;
      if (i >= run) sum -= data[at - run * step]!;
      if (i >= run - 1) sums[at - half * step] = sum;
    }
  }
  return sums;
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
function uprightsOf({ width, height, down }: Lines): Upright[] {
  const least = Math.round(LEAST_HEIGHT * width);
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

/** How usual a place is: in the right part of the cheque, around its middle or above. */
function prior(x: number, y: number): number {
  const dx = (x - 0.83) / 0.12;
  const dy = (y - 0.38) / 0.2;
  return Math.exp(-0.5 * (dx * dx + dy * dy));
}

/** Four sides that are all there, as wide as can be. */
const MOST_SCORE = 4.3;

/** The most likely frame, or null where there is none. @param cheque straightened, 0 = black … 255 = white */
export function findFrame(cheque: GreyImage): Frame | null {
  const { width, height } = cheque;
  const lines = linesOf(cheque);
  const uprights = uprightsOf(lines).sort((a, b) => a.x - b.x);
  let best: Frame | null = null;
  const consider = (left: Upright | null, right: Upright | null): void => {
    if (!left || !right || right.x - left.x < LEAST_WIDTH * width) return;
    const y0 = Math.max(left.y0, right.y0);
    const y1 = Math.min(left.y1, right.y1);
    if (y1 - y0 < LEAST_HEIGHT * width * 0.8) return;
    const usual = prior((left.x + right.x) / 2 / width, (y0 + y1) / 2 / height);
    if (best && MOST_SCORE * usual <= best.score) return;
    const frame = closeFrame(lines, left, right, y0, y1, usual);
    if (frame && (!best || frame.score > best.score) && isWritten(lines, frame)) best = frame;
  };
  for (const [i, side] of uprights.entries()) {
    consider(side, faintSide(lines, side, 1));
    consider(faintSide(lines, side, -1), side);
    for (let j = i + 1; j < uprights.length; j++) {
      if (uprights[j]!.x - side.x > MOST_WIDTH * width) break;
      consider(side, uprights[j]!);
    }
  }
  return best;
}

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
  const { width } = lines;
  const span = (from: number, until: number): [number, number] => (to > 0 ? [from, until] : [until, from]);
  const near = side.x + to * Math.round(LEAST_WIDTH * width);
  const most = Math.max(0, Math.min(width - 1, side.x + to * Math.round(MOST_WIDTH * width)));
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

/** How far beyond the corners its sides and lines are looked for, in heights and widths of the frame. */
const BEYOND_SIDES = 0.4;
const BEYOND_LINES = 0.1;
/** Pixels around a corner that count to neither side of it. */
const CORNER = 3;

/**
 * How far two parallel lines, between `from` and `to`, run on before and behind: darkness there by darkness between,
 * at most 1, their mean.
 */
function runOn(
  lines: Darkness,
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

/** Top and bottom between two sides that reach [y0, y1) both; sides may run on beyond the frame. */
function closeFrame(
  lines: Lines,
  left: Upright,
  right: Upright,
  y0: number,
  y1: number,
  usual: number,
): Frame | null {
  const least = LEAST_HEIGHT * lines.width;
  const top = bestRow(lines, left.x, right.x, y0 - SLACK, Math.min(y0 + SLACK, y1));
  const bottom = bestRow(
    lines,
    left.x,
    right.x,
    Math.max(top.y + Math.round(least), y1 - 1 - SLACK),
    y1 + SLACK,
  );
  const high = bottom.y - top.y;
  if (high < least || high > MOST_HEIGHT * lines.width || Math.min(top.share, bottom.share) < LEAST_LINE)
    return null;
  const covered = (side: Upright): number =>
    (side.share * (Math.min(side.y1, bottom.y + 1) - Math.max(side.y0, top.y))) / (high + 1);
  // Strokes of a pen cross the frame, and a pattern goes on beside it; its own sides and lines end in its corners.
  const wide = right.x - left.x;
  const over = runOn(lines.upright, [left.x, right.x], top.y, bottom.y, BEYOND_SIDES * high);
  const on = runOn(lines.level, [top.y, bottom.y], left.x, right.x, BEYOND_LINES * wide);
  const sides = covered(left) + covered(right) - 0.5 * (over.before + over.behind);
  const score =
    (top.share +
      bottom.share +
      sides -
      0.7 * on.before -
      on.behind +
      (0.3 * wide) / (MOST_WIDTH * lines.width)) *
    usual;
  return { x0: left.x, y0: top.y, x1: right.x + 1, y1: bottom.y + 1, score };
}
