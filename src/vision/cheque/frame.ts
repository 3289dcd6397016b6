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

/** Dark lines of a picture: running sums of the pixels that belong to one. */
interface Lines {
  readonly width: number;
  readonly height: number;
  /** 1 where a horizontal line passes within one pixel. */
  readonly across: Uint8Array;
  readonly down: Uint8Array;
  /** Sums of `across` along rows: entry y·(width + 1) + x is the sum of [0, x). */
  readonly acrossSums: Int32Array;
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
  return { width, height, across, down, acrossSums };
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

/** The most likely frame, or null where there is none. @param cheque straightened, 0 = black … 255 = white */
export function findFrame(cheque: GreyImage): Frame | null {
  const lines = linesOf(cheque);
  const uprights = uprightsOf(lines).sort((a, b) => a.x - b.x);
  const { width, height } = cheque;
  let best: Frame | null = null;
  for (let i = 0; i < uprights.length; i++) {
    const left = uprights[i]!;
    const faint = faintSide(lines, left);
    for (let j = faint ? i : i + 1; j < uprights.length; j++) {
      const right = j === i ? faint! : uprights[j]!;
      const wide = right.x - left.x;
      if (wide < LEAST_WIDTH * width) continue;
      if (wide > MOST_WIDTH * width) break;
      const y0 = Math.max(left.y0, right.y0);
      const y1 = Math.min(left.y1, right.y1);
      if (y1 - y0 < LEAST_HEIGHT * width * 0.8) continue;
      const usual = prior((left.x + right.x) / 2 / width, (y0 + y1) / 2 / height);
      if (best && 4.3 * usual <= best.score) continue;
      const frame = closeFrame(lines, left, right, y0, y1, usual);
      if (frame && (!best || frame.score > best.score) && isWritten(lines, frame)) best = frame;
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

/** The right side of a frame whose left side is given, if its lines end at the same place; it may be too faint itself. */
function faintSide(lines: Lines, left: Upright): Upright | null {
  const { width } = lines;
  const near = Math.round(LEAST_WIDTH * width);
  const most = Math.min(width - 1, left.x + Math.round(MOST_WIDTH * width));
  if (left.x + near >= most) return null;
  const top = bestRow(lines, left.x, left.x + near, left.y0 - SLACK, left.y0 + SLACK);
  const bottom = bestRow(lines, left.x, left.x + near, left.y1 - 1 - SLACK, left.y1 - 1 + SLACK);
  if (Math.min(top.share, bottom.share) < LEAST_LINE) return null;
  let x = left.x + near;
  const step = 4;
  while (x < most && shareOf(lines, x, x + 3 * step, top.y, bottom.y) >= 0.7) x += step;
  if (x >= most) return null;
  return { x: Math.min(x + step, width - 1), y0: top.y, y1: bottom.y + 1, share: FAINT };
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
  const over = (side: Upright): number =>
    (Math.max(0, top.y - side.y0 - 2) + Math.max(0, side.y1 - bottom.y - 3)) / (high + 1);
  const sides = covered(left) + covered(right) - 0.5 * (Math.min(1, over(left)) + Math.min(1, over(right)));
  // Strokes of a pen cross the frame; its own sides are where its lines end. To the left there may be rules.
  const wide = right.x - left.x;
  const reach = Math.round(0.1 * wide);
  const runOn =
    0.7 * shareOf(lines, right.x + 3, right.x + 3 + reach, top.y, bottom.y) +
    0.3 * shareOf(lines, left.x - 3 - reach, left.x - 3, top.y, bottom.y);
  const score =
    (top.share + bottom.share + sides - runOn + (0.3 * wide) / (MOST_WIDTH * lines.width)) * usual;
  return { x0: left.x, y0: top.y, x1: right.x + 1, y1: bottom.y + 1, score };
}
