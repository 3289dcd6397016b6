/** Pen strokes on the pad, in units of the pad's side, and how they become pixels. */
import type { GreyImage } from '../../workers/api.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export type Stroke = readonly Point[];

/** Width of the pen on the pad. */
export const PEN = 0.06;
/** Side of the picture handed to the engine, pixels; scaled to the ink's box, so nothing of it is lost. */
const RASTER = 112;
/** Pen width in units of the ink's longer side: MNIST's strokes are about 2.4 pixels in its 20-pixel box. */
const RASTER_PEN = 0.12;

/** Smooth curve through the points: quadratic pieces between their midpoints. */
export function trace(context: CanvasRenderingContext2D, stroke: Stroke): void {
  const [first, second] = stroke;
  if (!first) return;
  context.beginPath();
  context.moveTo(first.x, first.y);
  if (!second) {
    context.lineTo(first.x + 1e-4, first.y);
  }
  for (let i = 1; i < stroke.length - 1; i++) {
    const [p, next] = [stroke[i]!, stroke[i + 1]!];
    context.quadraticCurveTo(p.x, p.y, (p.x + next.x) / 2, (p.y + next.y) / 2);
  }
  const last = stroke[stroke.length - 1]!;
  context.lineTo(last.x, last.y);
  context.stroke();
}

export function penStyle(context: CanvasRenderingContext2D, width: number): void {
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.lineWidth = width;
}

let canvas: HTMLCanvasElement | undefined;

/**
 * The strokes as ink on paper, their box filling the picture, drawn with a pen whose width suits the box:
 * a small or a large digit looks the same to the network.
 */
export function rasterise(strokes: readonly Stroke[]): GreyImage | null {
  const points = strokes.flat();
  if (points.length === 0) return null;
  let [x0, y0, x1, y1] = [1, 1, 0, 0];
  for (const { x, y } of points) {
    x0 = Math.min(x0, x);
    y0 = Math.min(y0, y);
    x1 = Math.max(x1, x);
    y1 = Math.max(y1, y);
  }
  const side = Math.max(x1 - x0, y1 - y0, PEN / 2);
  const pen = side * RASTER_PEN;
  const scale = RASTER / (side + 2 * pen);
  canvas ??= document.createElement('canvas');
  canvas.width = canvas.height = RASTER;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.setTransform(scale, 0, 0, scale, (pen - x0) * scale, (pen - y0) * scale);
  penStyle(context, pen);
  for (const stroke of strokes) trace(context, stroke);
  const { data } = context.getImageData(0, 0, RASTER, RASTER);
  return {
    width: RASTER,
    height: RASTER,
    data: Uint8Array.from({ length: RASTER * RASTER }, (_, i) => data[4 * i + 3]!),
  };
}
