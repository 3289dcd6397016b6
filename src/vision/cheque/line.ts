/** An amount line without what is printed: paper, pattern, rules, and the sign left of a divider. */
import { type Box, checkImage, close, type GreyImage, histogramOf, otsu } from '../grey.ts';

/** Sizes as shares of the line's height. Strokes of a pen are narrower than the paper's blotches. */
const BLOTCH = 0.1;
/** Rules are longer than any dash; those of a frame, whose place is known, may be seen in shorter pieces. */
const LEAST_RULE = 1.6;
const LEAST_FRAME_RULE = 0.8;
/** A frame's sides and dividers are seen over at least this share of its height. */
const LEAST_SIDE = 0.85;
/** Rules are thinner than this, and no farther from where the frame was found. */
const MOST_THICK = 0.07;
/** Ink differs from the paper by at least this much, of 255. */
const LEAST_CONTRAST = 16;
/** A known frame's rules have at least this share of the contrast from which ink counts. */
const FAINT = 0.4;
/** Dividers between sign and number stand in the left part of a frame, as a share of its width. */
const DIVIDER = 0.35;

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
  const isLevel = (y: number): boolean => !frame || near(y, frame.y0) || near(y, frame.y1);
  const level = ruleOf(faint, width, height, 1, width, { least, thick, isRule: isLevel });
  let upright: Uint8Array = new Uint8Array(0);
  let divider = 0;
  if (frame) {
    const last = frame.x0 + DIVIDER * (frame.x1 - frame.x0);
    const isUpright = (x: number): boolean => (x >= frame.x0 - thick && x <= last) || near(x, frame.x1);
    const high = Math.round(LEAST_SIDE * (frame.y1 - frame.y0));
    upright = ruleOf(faint, height, width, width, 1, { least: high, thick, isRule: isUpright });
    divider = dividerOf(upright, line, high, last);
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
 * ink at least `least` long, broken for no more than a pen's width, leaning by a line at most in between, and thin:
 * where more than `thick` lines of ink lie across it, a stroke crosses and is kept.
 */
function ruleOf(
  mask: Uint8Array,
  count: number,
  lines: number,
  step: number,
  stride: number,
  { least, thick, isRule }: { least: number; thick: number; isRule: (line: number) => boolean },
): Uint8Array {
  const marked = new Uint8Array(mask.length);
  const inked = (i: number, l: number): boolean => l >= 0 && l < lines && mask[l * stride + i * step] === 1;
  for (let l = 0; l < lines; l++) {
    if (!isRule(l)) continue;
    let start = 0;
    let gap = 0;
    let ink = 0;
    for (let i = 0; i <= count; i++) {
      const here = i < count && (inked(i, l) || inked(i, l - 1) || inked(i, l + 1));
      if (here) {
        ink++;
        gap = 0;
      } else if (++gap > thick || i === count) {
        const end = i - gap + 1;
        if (end - start >= least && ink >= 0.85 * (end - start)) {
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

/** Columns up to the last upright rule before `last`, 0 where there is none. */
function dividerOf(upright: Uint8Array, { width, height }: GreyImage, least: number, last: number): number {
  for (let x = Math.round(last); x > 0; x--) {
    let marks = 0;
    for (let y = 0; y < height; y++) marks += upright[y * width + x]!;
    if (marks >= 0.8 * least) return x + 1;
  }
  return 0;
}
