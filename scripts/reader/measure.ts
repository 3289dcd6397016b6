/** How well the reader reads lines whose digits are known. */

import { tensor } from '../../src/core/tensor.ts';
import type { Session } from '../../src/session.ts';
import { drawLine, HEIGHT, type Line, place, roundWidth, STRAIGHT } from '../../src/vision/reader/line.ts';

/** Share of lines whose digits are all right on the likeliest path. */
export async function accuracy(
  session: Session,
  lines: readonly { readonly line: Line; readonly digits: string }[],
): Promise<number> {
  let right = 0;
  for (const { line, digits } of lines) {
    const at = place(line, STRAIGHT);
    const width = roundWidth(at.width);
    const image = new Uint8Array(HEIGHT * width);
    drawLine(line, at, width, image);
    const scale = session.model.normalize.scale as number;
    const x = tensor(
      [1, 1, HEIGHT, width],
      Float32Array.from(image, (v) => scale * v),
    );
    const { scores } = await session.infer(x);
    if (bestPath(scores.data, scores.shape[2]) === digits) right++;
  }
  return right / lines.length;
}

/** The likeliest class of each step, repetitions joined, blanks left out. */
function bestPath(scores: ArrayLike<number>, steps: number): string {
  let text = '';
  let before = 0;
  for (let t = 0; t < steps; t++) {
    let best = 0;
    for (let c = 1; c < 11; c++) if (scores[c * steps + t] > scores[best * steps + t]) best = c;
    if (best && best !== before) text += best - 1;
    before = best;
  }
  return text;
}
