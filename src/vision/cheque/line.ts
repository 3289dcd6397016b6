/** An amount line without what is printed: paper, pattern, rules, and the sign left of a divider. */
import { type Box, checkImage, close, type GreyImage, histogramOf, otsu } from '../grey.ts';

/** Sizes as shares of the line's height. Strokes of a pen are narrower than the paper's blotches. */
const BLOTCH = 0.1;
/** Rules are longer than any dash; those of a frame, whose place is known, may be seen in shorter pieces. */
const LEAST_RULE = 1.6;
const LEAST_FRAME_RULE = 0.8;
/** A frame's sides are seen over at least this share of its height; dividers, which tall digits look like, over more. */
const LEAST_SIDE = 0.85;
const LEAST_DIVIDER = 0.95;
/** Dividers are broken for less than this: a tall digit ends a little below the frame's top. */
const MOST_BREAK = 0.02;
/** Dividers are about as dark as the frame's lines and as one another. */
const ALIKE = 0.6;
/** Columns beside a divider that its soft edge takes. */
const EDGE = 2;
/** Rules are thinner than this, and no farther from where the frame was found. */
const MOST_THICK = 0.07;
/** Ink differs from the paper by at least this much, of 255. */
const LEAST_CONTRAST = 16;
/** A known frame's rules have at least this share of the contrast from which ink counts. */
const FAINT = 0.4;
/** Dividers between sign and number stand in the left part of a frame, as a share of its width. */
const DIVIDER = 0.35;

/** What a rule is known by, in pixels along it: how long it is at least, and how far it may be broken. */
interface Rule {
  readonly least: number;
  readonly mostBreak: number;
}

/**
 * Dark ink on white (255) paper, the paper's light, pattern and rules removed; strokes that cross a rule stay whole.
 * With the frame told, its sides go too, and the currency's sign where it stands in a cell of its own at the left.
 * @param line 0 = black … 255 = white, ink dark on light
 * @param frame of the amount, in pixels of the line; without it only long level rules are taken for printed
 * @throws LensletError `shape` for an empty image
 */
export function cleanLine(line: GreyImage, frame: Box | null = null): GreyImage {
  checkImage(line);
  const { width, height } = line;
  const paper = close(line, Math.max(2, Math.round(BLOTCH * height)));
  const contrast = line.data.map((v, i) => paper.data[i]! - v);
  const threshold = Math.max(LEAST_CONTRAST, otsu(histogramOf(contrast)));
  const mask = contrast.map((v) => (v > threshold ? 1 : 0));
  const thick = Math.max(2, Math.round(MOST_THICK * height));
  const near = (at: number, place: number): boolean => Math.abs(at - place) <= thick;
  // What is printed is often paler than what is written.
  const faint = frame ? contrast.map((v) => (v > Math.max(LEAST_CONTRAST, threshold * FAINT) ? 1 : 0)) : mask;
  const least = Math.round(height * (frame ? LEAST_FRAME_RULE : LEAST_RULE));
  const levelAt = (y: number): Rule | null =>
    !frame || near(y, frame.y0) || near(y, frame.y1) ? { least, mostBreak: thick } : null;
  const level = ruleOf(faint, width, height, 1, width, thick, levelAt);
  let upright: Uint8Array = new Uint8Array(0);
  let divider = 0;
  if (frame) {
    const { x0, x1 } = frame;
    const high = frame.y1 - frame.y0;
    const [first, last] = [Math.ceil(x0 + thick) + 1, Math.floor(x0 + DIVIDER * (x1 - x0))];
    const side: Rule = { least: Math.round(LEAST_SIDE * high), mostBreak: thick };
    const between: Rule = {
      least: Math.round(LEAST_DIVIDER * high),
      mostBreak: Math.round(MOST_BREAK * height),
    };
    const uprightAt = (x: number): Rule | null =>
      near(x, x0) || near(x, x1) ? side : x >= first && x <= last ? between : null;
    upright = ruleOf(faint, height, width, width, 1, thick, uprightAt);
    const darkness = darkest(darknessOf(level, contrast, height, 1, width, least));
    const like = { length: between.least, darkness };
    divider = keepDividers(upright, contrast, line, [Math.max(0, first), Math.min(width - 1, last)], like);
  }
  let [sum, count] = [0, 0];
  for (let i = 0; i < mask.length; i++) {
    if (level[i] || upright[i] || i % width < divider) contrast[i] = 0;
    else if (mask[i]) {
      sum += contrast[i]!;
      count++;
    }
  }
  // The pattern is what is left below the threshold; soft edges of strokes begin at half of it.
  const low = threshold / 2;
  const scale = count > 0 ? 255 / (sum / count - low) : 0;
  const data = contrast.map((v) => 255 - Math.max(0, Math.min(255, Math.round((v - low) * scale))));
  return { width, height, data };
}

/**
 * Marks the rules along one direction: `count` pixels `step` apart on each of `lines` lines, `stride` apart. A rule is
 * ink as long as is expected there, leaning by a line at most in between, and thin:
 * where more than `thick` lines of ink lie across it, a stroke crosses and is kept.
 */
function ruleOf(
  mask: Uint8Array,
  count: number,
  lines: number,
  step: number,
  stride: number,
  thick: number,
  ruleAt: (line: number) => Rule | null,
): Uint8Array {
  const marked = new Uint8Array(mask.length);
  const inked = (i: number, l: number): boolean => l >= 0 && l < lines && mask[l * stride + i * step] === 1;
  for (let l = 0; l < lines; l++) {
    const rule = ruleAt(l);
    if (!rule) continue;
    let start = 0;
    let gap = 0;
    let ink = 0;
    for (let i = 0; i <= count; i++) {
      const here = i < count && (inked(i, l) || inked(i, l - 1) || inked(i, l + 1));
      if (here) {
        ink++;
        gap = 0;
      } else if (++gap > rule.mostBreak || i === count) {
        const end = i - gap + 1;
        if (end - start >= rule.least && ink >= 0.85 * (end - start)) {
          for (let k = start; k < end; k++) eraseAcross(k, l);
        }
        start = i + 1;
        ink = 0;
      }
    }
  }
  return marked;

  function eraseAcross(i: number, l: number): void {
    let [from, to] = [l, l];
    while (inked(i, from - 1) && l - from <= thick) from--;
    while (inked(i, to + 1) && to - l <= thick) to++;
    if (to - from + 1 > thick) return;
    // The soft edge of a rule is a pixel wider than its ink.
    for (let k = Math.max(0, from - 1); k <= Math.min(lines - 1, to + 1); k++)
      marked[k * stride + i * step] = 1;
  }
}

/** Mean contrast of what is marked on each of `lines` lines, 0 where that is fewer than `least` pixels. */
function darknessOf(
  marked: Uint8Array,
  contrast: Uint8Array,
  lines: number,
  step: number,
  stride: number,
  least: number,
): Float32Array {
  const count = marked.length / lines;
  return Float32Array.from({ length: lines }, (_, l) => {
    let [marks, sum] = [0, 0];
    for (let i = 0, at = l * stride; i < count; i++, at += step) {
      marks += marked[at]!;
      sum += marked[at]! * contrast[at]!;
    }
    return marks >= Math.max(1, least) ? sum / marks : 0;
  });
}

const darkest = (darkness: Float32Array): number => darkness.reduce((a, b) => Math.max(a, b), 0);

/**
 * Unmarks, in the columns from `first` to `last`, what is too pale for a divider: strokes of a pen and the pattern, as
 * far as they stand below one another. Returns the columns up to the last divider's end, 0 where there is none.
 * @param like how long a divider is, and how dark the frame's lines are
 */
function keepDividers(
  upright: Uint8Array,
  contrast: Uint8Array,
  { width, height }: GreyImage,
  [first, last]: readonly [number, number],
  like: { length: number; darkness: number },
): number {
  const darkness = darknessOf(upright, contrast, width, width, 1, 0.8 * like.length);
  darkness.fill(0, 0, first).fill(0, last + 1);
  const least = Math.max(1, ALIKE * Math.max(like.darkness, darkest(darkness)));
  const isDark = (d: number): boolean => d >= least;
  for (let x = first; x <= last; x++) {
    if (darkness.subarray(Math.max(0, x - EDGE), x + EDGE + 1).some(isDark)) continue;
    for (let at = x; at < width * height; at += width) upright[at] = 0;
  }
  const divider = darkness.findLastIndex(isDark);
  return divider < 0 ? 0 : divider + EDGE;
}
