/** Numbers as pictures. */

/** Bytes, channels × height × width with one or three channels. */
export function paintPlanes(
  canvas: HTMLCanvasElement,
  planes: ArrayLike<number>,
  [channels, height, width]: readonly [number, number, number],
): void {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d')!;
  const picture = context.createImageData(width, height);
  const plane = width * height;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) picture.data[4 * i + c] = planes[(channels === 1 ? 0 : c * plane) + i]!;
    picture.data[4 * i + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
}
