/** Whole cheques of layouts of our own, filled in by hand. */
import { check } from '../../core/error.ts';
import { Random } from '../../core/random.ts';
import { drawPaper, drawTone, inkExtent } from './amount.ts';
import { drawForm, type Field, type Form } from './form.ts';
import { drawHand, type Hand, writeLine } from './hand.ts';
import { blur, type Canvas, develop, drawTrace, type Picture, type Rectangle, shade } from './picture.ts';
import { scribble } from './scribble.ts';
import { AMOUNT_STYLES, type AmountStyle, type AmountText, drawAmountText } from './text.ts';

export interface ChequeOptions {
  readonly style?: AmountStyle;
  /** Pixels; the height follows from the layout. Default 1200. */
  readonly width?: number;
}

export interface SyntheticCheque extends AmountText {
  /** 0 = black … 255 = white; the cheque fills it. */
  readonly image: Picture;
  /** The printed frame of the amount. */
  readonly box: Rectangle;
}

/**
 * Cheque `index` of the endless sequence `seed`, a pure function of (seed, index, options).
 * @throws LensletError `value` for an index that is no whole number ≥ 0, a width outside of 300 to 4000
 */
export function syntheticCheque(seed: number, index: number, options: ChequeOptions = {}): SyntheticCheque {
  const { width = 1200 } = options;
  check(
    Number.isSafeInteger(seed) && Number.isSafeInteger(index) && index >= 0 && width >= 300 && width <= 4000,
    'value',
    () =>
      `Cannot draw cheque ${index} of sequence ${seed}, ${width} wide: 0 or more, and 300 to 4000 pixels.`,
  );
  const random = new Random(seed).at('cheques', index);
  const style = options.style ?? AMOUNT_STYLES[random.below(3)]!;
  const amount = drawAmountText(random.at('amount'), style);
  const form = drawForm(style, random.at('form'));
  const height = Math.round(width / form.aspect);
  const base = random.between(0.72, 0.97);
  const canvas = drawPaper(
    Math.round(width),
    height,
    base,
    (width / 200) * random.between(0.8, 2),
    0.13,
    random,
  );
  for (const band of form.bands) whiten(canvas, width, band);
  for (const draw of form.prints) draw(canvas, width);
  const tone = base * drawTone(random);
  fillIn(canvas, width, form, amount.text, tone, random);
  blur(canvas, random.between(0, width / 1400));
  const { x, y, w, h } = form.amount;
  const box = { x0: x * width, y0: y * width, x1: (x + w) * width, y1: (y + h) * width };
  return { ...amount, image: develop(canvas, random.between(0, 0.012), random), box };
}

/** Areas without background print, such as that of the code line. */
function whiten(canvas: Canvas, unit: number, { x, y, w, h }: Field): void {
  const area = { x0: x * unit, y0: y * unit, x1: (x + w) * unit, y1: (y + h) * unit };
  for (let v = Math.max(0, Math.floor(area.y0)); v < Math.min(canvas.height, area.y1); v++) {
    canvas.data.fill(
      0.96,
      v * canvas.width + Math.floor(Math.max(0, area.x0)),
      v * canvas.width + Math.min(canvas.width, Math.floor(area.x1)),
    );
  }
  shade(canvas, () => 1, 0.02, area);
}

/** Writes the amount into its frame and something like words on the other lines. */
function fillIn(canvas: Canvas, unit: number, form: Form, text: string, tone: number, random: Random): void {
  const drawn = drawHand(random.at('hand'));
  const hand: Hand = { ...drawn, slope: 0.3 * drawn.slope };
  const pen = random.between(0.9, 1.6);
  const { x, y, w, h } = form.amount;
  const line = writeLine(text, hand, random.at('line'));
  const ink = inkExtent(line);
  const room = w - form.signRoom;
  const most = Math.min(h * random.between(0.5, 0.85), (0.96 * room) / (ink.x1 - ink.x0));
  const slack = Math.max(0, room - most * (ink.x1 - ink.x0));
  const left = x + form.signRoom + slack * random.between(0.1, 0.7) - most * ink.x0;
  const top = y + 0.5 * h - 0.5 * most * (ink.y0 + ink.y1) + 0.06 * h * random.normal();
  drawTrace(canvas, line.trace, { left: left * unit, top: top * unit, scale: most * unit }, tone, pen);
  for (const [i, field] of form.words.entries()) {
    const trace = scribble(field.w / field.h, random.at('words', i));
    drawTrace(
      canvas,
      trace,
      { left: field.x * unit, top: (field.y + field.h) * unit, scale: field.h * unit },
      tone,
      pen,
    );
  }
  for (const cell of form.cells) {
    const digit = writeLine(String(random.below(10)), hand, random);
    const scale = cell.h * 0.7;
    const at = {
      left: (cell.x + 0.2 * cell.w) * unit,
      top: (cell.y + 0.85 * cell.h) * unit,
      scale: scale * unit,
    };
    drawTrace(canvas, digit.trace, at, tone, pen);
  }
}
