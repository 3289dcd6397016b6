/** A cheque to try, drawn by the engine: another one each time. */
import { engine } from '../engine.ts';

let next = 1;

export async function sampleCheque(): Promise<Blob> {
  const { width, height, data } = await engine.sampleCheque(next++);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d')!;
  const pixels = context.createImageData(width, height);
  for (let i = 0; i < data.length; i++) {
    pixels.data.fill(data[i]!, 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return canvas.convertToBlob();
}
