/** Clips of uncompressed frames (YUV4MPEG2) that Chromium plays in a loop for a camera. */
import { syntheticCheque } from '../../src/data/cheques/cheque.ts';

const [WIDTH, HEIGHT] = [1280, 720];

/**
 * A cheque on a dark table.
 * @param places how far it lies from the middle, [x, y] in pixels: a frame for each
 */
export function chequeClip(places: readonly (readonly [number, number])[], framesPerSecond = 15): Buffer {
  const { image } = syntheticCheque(3, 5, { style: 'indian', width: 1100 });
  const [left, top] = [(WIDTH - image.width) >> 1, (HEIGHT - image.height) >> 1];
  const chroma = Buffer.alloc((WIDTH * HEIGHT) / 2, 128);
  const frames = places.flatMap(([dx, dy]) => {
    const luma = Buffer.alloc(WIDTH * HEIGHT, 45);
    for (let y = 0; y < image.height; y++) {
      const row = image.data.subarray(y * image.width, (y + 1) * image.width);
      luma.set(row, (top + dy + y) * WIDTH + left + dx);
    }
    return [Buffer.from('FRAME\n'), luma, chroma];
  });
  const head = `YUV4MPEG2 W${WIDTH} H${HEIGHT} F${framesPerSecond}:1 Ip A1:1 C420jpeg\n`;
  return Buffer.concat([Buffer.from(head), ...frames]);
}

/** The same in a hand that never holds still, so that no picture is taken by itself. */
export const movingChequeClip = (framesPerSecond: number): Buffer =>
  chequeClip(
    Array.from({ length: 24 }, (_, i) => [
      Math.round(60 * Math.sin((2 * Math.PI * i) / 24)),
      Math.round(40 * Math.cos((2 * Math.PI * i) / 24)),
    ]),
    framesPerSecond,
  );
