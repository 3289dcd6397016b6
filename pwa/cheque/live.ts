/**
 * The live view: one picture at a time goes to the engine; when the cheque is found, sharp and steady and two readings
 * agree, the picture is taken by itself.
 */
import { signal } from '@preact/signals';
import { transfer } from 'comlink';
import type { ChequeReading, Point } from '../../workers/cheque-api.ts';
import { engine, messageOf } from '../engine.ts';

/** What the engine made of the latest frame. */
export const seen = signal<ChequeReading | null>(null);
/** Why there was no capture yet. */
export type Hint = 'search' | 'closer' | 'hold' | 'blurred' | 'reading';
export const hint = signal<Hint>('search');
export const liveError = signal<string | null>(null);

/** Corners that move less than this share of the picture's width are steady. */
const STEADY = 0.012;
const SHARP = 0.5;
/** Readings in a row that must agree. */
const AGREEING = 2;

/** Reads frames of the video until the signal aborts; resolves to the reading that was worth keeping, or null. */
export async function watchVideo(video: HTMLVideoElement, { signal: stop }: AbortController) {
  let before: ChequeReading | null = null;
  let agreeing = 0;
  seen.value = null;
  liveError.value = null;
  let fresh = nextFrame(video);
  while (!stop.aborted) {
    await fresh;
    if (stop.aborted) break;
    // Asked for now: one that comes while this one is read need not be waited for.
    fresh = nextFrame(video);
    if (video.videoWidth === 0) continue;
    const reading = await readFrame(video);
    if (stop.aborted || !reading) break;
    seen.value = reading;
    hint.value = hintFor(reading, before);
    agreeing = hint.value === 'reading' && agrees(reading, before) ? agreeing + 1 : 0;
    if (agreeing >= AGREEING) return reading;
    before = reading;
  }
  return null;
}

async function readFrame(video: HTMLVideoElement): Promise<ChequeReading | null> {
  try {
    return await readPicture(await createImageBitmap(video), true);
  } catch (error) {
    liveError.value = messageOf(error);
    return null;
  }
}

/** A picture to the engine, which uses it up and touches its pixels there. @param quick for the live view */
export const readPicture = (picture: ImageBitmap, quick = false): Promise<ChequeReading> =>
  engine.readCheque(transfer(picture, [picture]), quick);

/** The next frame, or a little later where the browser does not tell. */
const nextFrame = (video: HTMLVideoElement): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, 200);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(done);
    else requestAnimationFrame(done);
  });

function hintFor(now: ChequeReading, before: ChequeReading | null): Hint {
  if (!now.box || !now.amount) return 'search';
  if (height(now.box) < 12) return 'closer';
  if (now.sharpness < SHARP) return 'blurred';
  return before?.box && moved(now.box, before.box) < STEADY * now.width ? 'reading' : 'hold';
}

const agrees = (a: ChequeReading, b: ChequeReading | null): boolean =>
  !!a.amount?.accepted && a.amount.digits === b?.amount?.digits;

const moved = (a: readonly Point[], b: readonly Point[]): number =>
  Math.max(...a.map((p, i) => Math.hypot(p.x - b[i]!.x, p.y - b[i]!.y)));

const height = ([a, , , d]: readonly Point[]): number => Math.hypot(a!.x - d!.x, a!.y - d!.y);
