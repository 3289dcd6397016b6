/** What the page and the engine tell each other about cheques: types only, as in api.ts. */
import type { GreyImage } from '../src/vision/grey.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface ReadDigit {
  readonly digit: string;
  /** 0 … 1. */
  readonly confidence: number;
  /** Whether the confidence suffices. */
  readonly sure: boolean;
  /** Its corners in the picture. */
  readonly outline: readonly Point[];
}

export interface ReadAmount {
  /** As written, without separators. */
  readonly digits: string;
  /** With separators and strokes. */
  readonly text: string;
  /** The sum with the grouping it is written in; null where the signs make no sum or no grouping. */
  readonly value: string | null;
  /** Whether the separators stand as a grouping has them. */
  readonly regular: boolean;
  /** Whether the frame is surely the amount's, all of it. */
  readonly framed: boolean;
  readonly confidence: number;
  readonly accepted: boolean;
  readonly marks: readonly ReadDigit[];
  /** What stands inside the frame, straightened, dark ink on light paper. */
  readonly line: GreyImage;
}

/** What was found in a picture of a cheque; places are in its pixels. */
export interface ChequeReading {
  readonly width: number;
  readonly height: number;
  /** Corners of the cheque and of the amount's frame, from the top left on. */
  readonly cheque: readonly Point[] | null;
  readonly box: readonly Point[] | null;
  /** 0: blurred, 1: as sharp as edges get. */
  readonly sharpness: number;
  readonly amount: ReadAmount | null;
  readonly milliseconds: number;
}

/** A line that the user has read for the reader. */
export interface Correction {
  readonly line: GreyImage;
  /** As written, separators and strokes included. */
  readonly text: string;
}

export interface LearnReport {
  /** Share of the corrected lines read wrong before and after. */
  readonly before: number;
  readonly after: number;
  /** False when the reader read other lines worse, so that what it learned was taken back. */
  readonly kept: boolean;
  /** The new weights, a safetensors file. */
  readonly weights: ArrayBuffer;
}
