/** Measures of places in pictures. */
import type { Quad } from '../../../src/core/homography.ts';
import type { Box } from '../../../src/vision/grey.ts';

const area = ({ x0, y0, x1, y1 }: Box): number => Math.max(0, x1 - x0) * Math.max(0, y1 - y0);

/** Intersection over union. */
export function iou(a: Box, b: Box): number {
  const common = area({
    x0: Math.max(a.x0, b.x0),
    y0: Math.max(a.y0, b.y0),
    x1: Math.min(a.x1, b.x1),
    y1: Math.min(a.y1, b.y1),
  });
  return common / (area(a) + area(b) - common);
}

/** The upright box around a quadrilateral. */
export function boundsOf(quad: Quad): Box {
  const xs = quad.map((p) => p.x);
  const ys = quad.map((p) => p.y);
  return { x0: Math.min(...xs), y0: Math.min(...ys), x1: Math.max(...xs), y1: Math.max(...ys) };
}
