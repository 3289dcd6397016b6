/** The digits of a line whose digits are known, each by itself, as a LeNet-5 takes them. */
import { fitDigit } from '../digit.ts';
import { crop, inkBox, shapesOf } from '../grey.ts';
import { align, type Scores } from './decode.ts';
import { type Line, STRAIGHT } from './line.ts';
import { columnsOf, drawPoses, part, type ReaderNetwork, reach } from './read.ts';

/** What the network sees at a step counts this much as "some digit": a digit that it misreads is found all the same. */
const SOME_DIGIT = 0.3;
/** Where the network is less sure that there is any digit, there may be none. */
const LEAST_SURE = 0.5;
/** Ink of the line is about 200. */
const LEAST_INK = 90;
/** Neighbours are parted where there is least ink, this share of their distance around the middle. */
const SEAM = 0.15;
/** Rows above and below the writing that count still, as a share of its height. */
const MARGIN = 0.1;
/** A stroke belongs to one digit alone when this share of it stands in the digit's columns; others are parted there. */
const WHOLE = 0.7;
/** Parts of a digit smaller than this share of its largest one are specks and ends of its neighbours. */
const LEAST_PART = 0.1;
/** Lower than this share of the writing, and beginning below the other one, are commas and points. */
const [MARK_HEIGHT, MARK_TOP] = [0.45, 0.6];

/**
 * Cuts the digits out of a line: the network tells where each of them stands, the strokes there are taken as they are.
 * @param digits what is written, without separators
 * @returns size × size bytes for each digit, ink 255 on 0, in MNIST's place and scale; null where none is seen
 */
export async function cutDigits(
  network: ReaderNetwork,
  line: Line,
  digits: string,
  { scale, size }: { readonly scale: number; readonly size: number },
): Promise<(Uint8Array | null)[]> {
  const { x, places } = drawPoses(line, [STRAIGHT], scale);
  const scores = withSomeDigit(part((await network(x)).scores, 0));
  const spans = align(scores, digits) ?? [];
  const column = columnsOf(places[0]!, 1);
  const columns = spans.map((_, i) => {
    const [from, to] = reach(spans, i, x.shape[3]! / scores.steps);
    return [column(from), column(to)] as const;
  });
  const parts = partsOf(line, parted(line, columns));
  const isSeen = ([from, to]: readonly [number, number]): boolean =>
    scores.data.subarray(from, to + 1).some((nothing) => 1 - Math.exp(nothing) >= LEAST_SURE);
  return Array.from(digits, (_, i) => (spans[i] && isSeen(spans[i]) ? drawn(line, parts[i]!, size) : null));
}

/** The scores with each digit made likelier where any digit is. */
function withSomeDigit({ data, classes, steps }: Scores): Scores {
  const mixed = data.slice();
  for (let t = 0; t < steps; t++) {
    const any = (SOME_DIGIT * (1 - Math.exp(data[t]!))) / (classes - 1);
    for (let c = 1; c < classes; c++) {
      const p = Math.exp(data[c * steps + t]!);
      mixed[c * steps + t] = Math.log((1 - SOME_DIGIT) * p + any + 1e-9);
    }
  }
  return { data: mixed, classes, steps };
}

/** The same columns, the borders between neighbours moved to where the least ink is. */
function parted({ ink, top, bottom }: Line, columns: readonly Columns[]): Columns[] {
  const amount = (x: number): number => {
    let sum = 0;
    for (let y = top; y < bottom; y++) sum += ink.data[y * ink.width + x]!;
    return sum;
  };
  const moved = columns.map(([from, to]): [number, number] => [from, to]);
  for (let i = 1; i < moved.length; i++) {
    const [left, right] = [moved[i - 1]!, moved[i]!];
    if (left[1] < right[0] - 1) continue;
    const middle = right[0];
    const reach = (SEAM * (right[1] - left[0])) / 2;
    let best = Math.round(middle);
    for (let x = Math.ceil(middle - reach); x <= middle + reach; x++) {
      if (x < 0 || x >= ink.width) continue;
      const [now, before] = [amount(x), amount(best)];
      if (now < before || (now === before && Math.abs(x - middle) < Math.abs(best - middle))) best = x;
    }
    left[1] = right[0] = best;
  }
  return moved;
}

/** First and last column, in pixels of the line. */
type Columns = readonly [from: number, to: number];

/** Connected ink of one digit: its pixels. */
type Part = readonly number[];

/** The strokes of each digit, given the columns [from, to) in which it stands. */
function partsOf({ ink, top, bottom }: Line, columns: readonly Columns[]): Part[][] {
  const { width } = ink;
  const ownerOf = (p: number): number => {
    const x = (p % width) + 0.5;
    return columns.findIndex(([from, to]) => x >= from && x < to);
  };
  const margin = MARGIN * (bottom - top);
  const parts: Part[][] = columns.map(() => []);
  for (const { pixels } of shapesOf(ink, LEAST_INK)) {
    const byOwner = new Map<number, number[]>();
    for (const p of pixels) {
      const y = p / width;
      if (y < top - margin || y >= bottom + margin) continue;
      const owner = ownerOf(p);
      const list = byOwner.get(owner);
      if (list) list.push(p);
      else byOwner.set(owner, [p]);
    }
    const whole = [...byOwner].find(([, list]) => list.length >= WHOLE * pixels.length);
    if (whole) parts[whole[0]]?.push([...byOwner.values()].flat());
    else for (const [owner, list] of byOwner) parts[owner]?.push(list);
  }
  return parts.map((list) => withoutMarks(list, width, top, bottom));
}

function withoutMarks(parts: readonly Part[], width: number, top: number, bottom: number): Part[] {
  const largest = Math.max(...parts.map((p) => p.length));
  const height = bottom - top;
  return parts.filter((part) => {
    if (part.length < LEAST_PART * largest) return false;
    const rows = part.map((p) => Math.floor(p / width));
    const [first, last] = [Math.min(...rows), Math.max(...rows)];
    return last + 1 - first > MARK_HEIGHT * height || first < top + MARK_TOP * height;
  });
}

/** The strokes alone, as MNIST has digits; null where there are none. */
function drawn({ ink }: Line, parts: readonly Part[], size: number): Uint8Array | null {
  const alone = { ...ink, data: new Uint8Array(ink.data.length) };
  for (const pixels of parts) for (const p of pixels) alone.data[p] = ink.data[p]!;
  const box = inkBox(alone, 0);
  return box && fitDigit(crop(alone, box), size);
}
