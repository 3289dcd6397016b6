/** A map of values over a greyed image: nothing where they are lowest, the accent where they are highest. */
import type { InputShape } from '../../workers/api.ts';

const COLOURS = { light: [180, 83, 10], dark: [240, 163, 94] } as const;

export function heat(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  [rows, columns]: readonly [number, number],
  seen: Float32Array,
  [channels, height, width]: InputShape,
  isDark: boolean,
): void {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d')!;
  const picture = context.createImageData(width, height);
  const most = Math.max(1e-12, ...values);
  const colour = isDark ? COLOURS.dark : COLOURS.light;
  const plane = height * width;
  for (let i = 0; i < plane; i++) {
    const [y, x] = [Math.floor(i / width), i % width];
    const row = Math.min(rows - 1, Math.floor((y * rows) / height));
    const strength = Math.sqrt(
      values[row * columns + Math.min(columns - 1, Math.floor((x * columns) / width))]! / most,
    );
    let grey = 0;
    for (let c = 0; c < channels; c++) grey += seen[c * plane + i]! / channels;
    // Ink is 1 on one channel: dark on paper, light on a board.
    const level = channels === 1 ? (isDark ? 40 + 150 * grey : 255 - 150 * grey) : 60 + 150 * grey;
    for (let c = 0; c < 3; c++) picture.data[4 * i + c] = level + (colour[c]! - level) * strength;
    picture.data[4 * i + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
}
