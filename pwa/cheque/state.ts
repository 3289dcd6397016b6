/** What the page shows: nothing yet, the camera, or a cheque that was read. */
import { signal } from '@preact/signals';
import type { ChequeReading } from '../../workers/cheque-api.ts';
import { messageOf } from '../engine.ts';
import { stopCamera } from './camera.ts';
import { readPicture } from './live.ts';

export interface Picture {
  /** Address of the picture for `<img>`; the caller's to release. */
  readonly url: string;
  readonly reading: ChequeReading;
}

export const picture = signal<Picture | null>(null);
export const reading = signal(false);
export type Problem = { readonly kind: 'unreadable' } | { readonly kind: 'engine'; readonly detail: string };
export const problem = signal<Problem | null>(null);

/** Shows what was read of a picture. */
export function show(blob: Blob, result: ChequeReading): void {
  clear();
  picture.value = { url: URL.createObjectURL(blob), reading: result };
}

export function clear(): void {
  if (picture.value) URL.revokeObjectURL(picture.value.url);
  picture.value = null;
  problem.value = null;
}

/** Reads a scan or photo: chosen, pasted, dropped, shared to the app or opened with it. */
export async function openPicture(file: Blob): Promise<void> {
  stopCamera();
  clear();
  reading.value = true;
  try {
    const bitmap = await createImageBitmap(file).catch(() => null);
    if (!bitmap) {
      problem.value = { kind: 'unreadable' };
      return;
    }
    show(file, await readPicture(bitmap));
  } catch (error) {
    problem.value = { kind: 'engine', detail: messageOf(error) };
  } finally {
    reading.value = false;
  }
}
