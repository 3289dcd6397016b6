/** Picture files as planes of bytes. */
import { LensletError } from '../../src/core/error.ts';

/** Side of the pictures that are kept: enough for the networks here, small enough for thousands on a phone. */
export const PICTURE_SIDE = 128;

/** The planes of RGBA pixels, red first; transparent parts count as white. */
export function planesOf(rgba: Uint8ClampedArray): Uint8Array {
  const plane = rgba.length / 4;
  const pixels = new Uint8Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    const a = rgba[4 * i + 3];
    for (let c = 0; c < 3; c++) pixels[c * plane + i] = (rgba[4 * i + c] * a + 255 * (255 - a)) / 255;
  }
  return pixels;
}

/**
 * The square in the middle of a picture, upright, scaled: 3 × PICTURE_SIDE × PICTURE_SIDE.
 * @throws LensletError 'format' when this browser cannot read it
 */
export async function decodePicture(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes]), { imageOrientation: 'from-image' });
  } catch (cause) {
    throw new LensletError('format', `${name} is no picture that this browser can open; leave it out.`, {
      cause,
    });
  }
  const side = Math.min(bitmap.width, bitmap.height);
  const canvas = new OffscreenCanvas(PICTURE_SIDE, PICTURE_SIDE);
  const context = canvas.getContext('2d', { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D;
  context.imageSmoothingQuality = 'high';
  const [x, y] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  context.drawImage(bitmap, x, y, side, side, 0, 0, PICTURE_SIDE, PICTURE_SIDE);
  bitmap.close();
  return planesOf(context.getImageData(0, 0, PICTURE_SIDE, PICTURE_SIDE).data);
}
