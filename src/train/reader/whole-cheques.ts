/** Lines as they come off whole cheques: found in generated ones and in photographs of them, straightened and cleaned. */
import { mapQuad, type Quad, quadOf } from '../../core/homography.ts';
import { Random } from '../../core/random.ts';
import { syntheticCheque } from '../../data/cheques/cheque.ts';
import { photograph } from '../../data/cheques/photograph.ts';
import { findAmount } from '../../vision/cheque/find.ts';
import { prepareFramed } from '../../vision/reader/cheque.ts';
import type { WrittenLine } from './compose.ts';
import { syntheticLine } from './everybody.ts';
import type { LineMaker } from './stream.ts';

/** Cheques there are: a line takes half a second, so that each is asked for more than once. */
const CHEQUES = 1500;
/** Share of them that is photographed. */
const PHOTOGRAPHED = 0.35;
/** Pixels across a scan. */
const WIDTHS = [700, 1300] as const;

/** Line `index` of a sequence; null where the amount is not found. */
function lineOf(seed: number, index: number): WrittenLine | null {
  const random = new Random(seed).at('whole', index);
  const { image, box, digits, text } = syntheticCheque(seed, index, {
    width: Math.round(random.between(...WIDTHS)),
  });
  const frame = quadOf(box.x1 - box.x0, box.y1 - box.y0, box.x0, box.y0);
  const photo = random.uniform() < PHOTOGRAPHED ? photograph(image, seed, index) : null;
  const found = findAmount(photo ? photo.image : image);
  if (!found || !isAt(found.frame, photo ? mapQuad(photo.toPhoto, frame) : frame)) return null;
  return { line: prepareFramed(found.line, found.lineFrame).line, digits, text: text.replaceAll(' ', '') };
}

/** Whether no corner lies farther off than half of the frame's height. */
function isAt(found: Quad, frame: Quad): boolean {
  const [a, , , d] = frame;
  const most = Math.hypot(a.x - d.x, a.y - d.y) / 2;
  return frame.every((p, i) => Math.hypot(p.x - found[i]!.x, p.y - found[i]!.y) < most);
}

/** Lines of whole cheques, each made when it is first asked for; lines of their own where the amount is not found. */
export function wholeCheques(seed: number): LineMaker {
  const made = new Map<number, WrittenLine | null>();
  return (random) => {
    const index = random.below(CHEQUES);
    if (!made.has(index)) made.set(index, lineOf(seed, index));
    return made.get(index) ?? syntheticLine(seed, random);
  };
}
