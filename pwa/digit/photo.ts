/** From a picture file to the ink of its digit. */
import { signal } from '@preact/signals';
import type { GreyImage } from '../../workers/api.ts';
import { setPicture } from './recognise.ts';

/** Longer side handed to `prepareDigit`, pixels: enough for a digit, quick on a phone. */
const LONGEST_SIDE = 384;

export type PictureProblem = 'unreadable' | 'no-ink';
export const pictureProblem = signal<PictureProblem | null>(null);

/** Reads a picture and puts its ink on the pad; what goes wrong is in `pictureProblem`. */
export async function openPicture(file: Blob): Promise<void> {
  pictureProblem.value = null;
  let luma: GreyImage;
  try {
    luma = await lumaOf(file);
  } catch {
    pictureProblem.value = 'unreadable';
    return;
  }
  try {
    const { prepareDigit } = await import('../../src/vision/digit.ts');
    setPicture(prepareDigit(luma));
  } catch {
    pictureProblem.value = 'no-ink';
  }
}

/** Luma of the picture (ITU-R BT.601), upright, transparent parts on white. */
async function lumaOf(file: Blob): Promise<GreyImage> {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const luma = new Uint8Array(width * height);
  for (let i = 0; i < luma.length; i++) {
    luma[i] = Math.round(0.299 * data[4 * i]! + 0.587 * data[4 * i + 1]! + 0.114 * data[4 * i + 2]!);
  }
  return { width, height, data: luma };
}

/** The first picture among dropped or pasted things. */
export const pictureIn = (transfer: DataTransfer | null): File | null =>
  [...(transfer?.files ?? [])].find((f) => f.type.startsWith('image/')) ?? transfer?.files[0] ?? null;
