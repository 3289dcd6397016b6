/** How sharp a line is. */
import { checkImage, type GreyImage } from '../grey.ts';

/** Share of the neighbouring pixels that are steeper than the slope that is measured: edges, not noise. */
const EDGES = 0.01;
/** Share of the pixels that are darker than what counts as ink, and lighter than paper. */
const TAIL = 0.01;

/**
 * The steepest slopes between neighbours as a share of the contrast between ink and paper: 1 where edges are one pixel
 * wide, 1/n where they are n pixels wide; 0 without contrast.
 * @throws LensletError `shape` for an empty image
 */
export function sharpness(image: GreyImage): number {
  checkImage(image);
  const { width, height, data } = image;
  const levels = new Uint32Array(256);
  const slopes = new Uint32Array(256);
  for (let y = 0; y < height; y++) {
    for (let x = 0, i = y * width; x < width; x++, i++) {
      levels[data[i]!]!++;
      if (x > 0) slopes[Math.abs(data[i]! - data[i - 1]!)]!++;
    }
  }
  const contrast = quantile(levels, 1 - TAIL) - quantile(levels, TAIL);
  return contrast > 0 ? Math.min(1, quantile(slopes, 1 - EDGES) / contrast) : 0;
}

/** The value below which that share of the counted values lies. */
function quantile(counts: Uint32Array, share: number): number {
  const total = counts.reduce((a, b) => a + b, 0);
  let seen = 0;
  for (let value = 0; value < counts.length; value++) {
    seen += counts[value]!;
    if (seen >= share * total) return value;
  }
  return counts.length - 1;
}
