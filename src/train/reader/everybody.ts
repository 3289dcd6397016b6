/** Lines as anybody may write them, without any data: what a reader must not forget while it learns one hand. */
import type { Random } from '../../core/random.ts';
import { syntheticAmount } from '../../data/cheques/amount.ts';
import { syntheticDigits } from '../../data/digits.ts';
import { prepareFramed } from '../../vision/reader/cheque.ts';
import { prepareLine } from '../../vision/reader/line.ts';
import { composeLine, digitSource, type WrittenLine } from './compose.ts';
import { newDesk } from './hand.ts';
import type { LineMaker } from './stream.ts';

/** Single digits that lines are composed of. */
const DIGITS = 2000;

/** Share of the framed lines whose frame is known and taken off, as on whole cheques. */
const KNOWN_FRAMES = 0.7;

/** A synthetic amount, its background taken off as the reader does. */
export function syntheticLine(sequence: number, random: Random): WrittenLine {
  const { image, digits, text, frame } = syntheticAmount(sequence, random.below(2 ** 24));
  const isKnown = frame !== null && random.uniform() < KNOWN_FRAMES;
  const line = isKnown ? prepareFramed(image, frame).line : prepareLine(image);
  return { line, digits, text: text.replaceAll(' ', '') };
}

/** Synthetic amounts and lines composed of synthetic digits, as many of each. */
export function everybody(sequence: number): LineMaker {
  const source = digitSource(syntheticDigits({ count: DIGITS, seed: sequence }));
  const desk = newDesk();
  return (random) =>
    random.uniform() < 0.5 ? syntheticLine(sequence, random) : composeLine(source, desk, random);
}
