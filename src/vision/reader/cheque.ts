/** From the picture of a cheque, or of its amount line alone, to the amount. */

import { LensletError } from '../../core/error.ts';
import { mapQuad, type Quad, quadOf } from '../../core/homography.ts';
import { type Amount, type AmountFormat, parseAmount } from '../cheque/amount.ts';
import { type FoundAmount, findAmounts } from '../cheque/find.ts';
import { cleanLine } from '../cheque/line.ts';
import type { Box, GreyImage } from '../grey.ts';
import { type Line, prepareLine } from './line.ts';
import { type ReaderNetwork, type ReaderSettings, type Reading, readAmountLine, readLine } from './read.ts';

/** Share of the frame's height that its printed lines take at most, each. */
const FRAME_LINE = 0.06;

export interface ChequeReading {
  readonly reading: Reading;
  /** null where no digit was read, or more than can be counted. */
  readonly amount: Amount | null;
  /** The amount's upright box in pixels of the image. */
  readonly box: Box;
  /** Where each digit was seen, in pixels of the image. */
  readonly places: readonly Quad[];
  /** The cheque and its frame; null for a crop. */
  readonly found: FoundAmount | null;
  /** `found.line` as it was read: paper, rules and frame taken off, dark ink on light paper; null for a crop. */
  readonly cleaned: GreyImage | null;
}

/** Reads an image already cut to the amount line. */
export async function readCrop(
  network: ReaderNetwork,
  image: GreyImage,
  settings: ReaderSettings,
  format?: AmountFormat,
): Promise<ChequeReading> {
  const reading = await readAmountLine(network, image, settings);
  const places = reading.characters.map(({ box }) => quadOfBox(box));
  const box = { x0: 0, y0: 0, x1: image.width, y1: image.height };
  return { reading, amount: amountOf(reading, format), box, places, found: null, cleaned: null };
}

/** A frame in which nothing is read more surely than this is perhaps not the amount's. */
const DOUBTFUL = 0.1;
/**
 * What is read in frames that score less is not accepted: of 300 generated scans and photographs 4 % of the right frames
 * do, and both of those whose left side was a stroke of the pen.
 */
const SURE_FRAME = 3;

/** Whether a frame is surely the amount's, all of it. */
export const isSureFrame = ({ score }: FoundAmount): boolean => score >= SURE_FRAME;

/**
 * Finds the amount of a cheque and reads it; null where no amount is found. What is read in a frame that hardly looks like
 * one is not accepted.
 */
export async function readCheque(
  network: ReaderNetwork,
  image: GreyImage,
  settings: ReaderSettings,
  format?: AmountFormat,
): Promise<ChequeReading | null> {
  let best: { found: FoundAmount; cleaned: GreyImage; reading: Reading; sure: number } | null = null;
  for (const found of findAmounts(image, settings.views !== 1)) {
    const { cleaned, line } = prepareFramed(found.line, found.lineFrame);
    const reading = await readLine(network, line, settings);
    const sure = reading.digits === '' ? 0 : reading.confidence;
    if (!best || sure > best.sure) best = { found, cleaned, reading, sure };
    if (sure > DOUBTFUL) break;
  }
  if (!best) return null;
  const { found, cleaned } = best;
  const accepted = best.reading.accepted && isSureFrame(found);
  const reading = { ...best.reading, accepted };
  const places = reading.characters.map(({ box }) => mapQuad(found.toImage, quadOfBox(box)));
  return { reading, amount: amountOf(reading, format), box: found.box, places, found, cleaned };
}

/** The writing in a printed frame, paper, rules and the frame itself taken off; and as the network takes it. */
export function prepareFramed(image: GreyImage, frame: Box): { cleaned: GreyImage; line: Line } {
  const cleaned = cleanLine(image, frame);
  return { cleaned, line: prepareLine(cleaned, insideOf(frame)) };
}

/** What the printed frame encloses, in pixels of the line, its lines left out. */
export function insideOf({ x0, y0, x1, y1 }: Box): Box {
  const line = FRAME_LINE * (y1 - y0);
  return { x0: x0 + line, y0: y0 + line, x1: x1 - line, y1: y1 - line };
}

const quadOfBox = ({ x0, y0, x1, y1 }: Box): Quad => quadOf(x1 - x0, y1 - y0, x0, y0);

/** The sum; from the digits alone where the marks between them make none. */
function amountOf({ text, digits }: Reading, format?: AmountFormat): Amount | null {
  for (const written of [text, digits]) {
    try {
      return parseAmount(written, format);
    } catch (error) {
      if (!(error instanceof LensletError)) throw error;
    }
  }
  return null;
}
