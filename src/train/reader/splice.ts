/** New lines from parts of real ones, cut between digits. */
import type { Random } from '../../core/random.ts';
import { type Line, sample } from '../../vision/reader/line.ts';

/** A line whose digits are known, and where they are. */
export interface BoxedLine {
  readonly line: Line;
  readonly digits: string;
  /** Left and right edge of each digit, pixels of the line. */
  readonly edges: readonly (readonly [number, number])[];
}

/** Digits may overlap by this share of the writing's height where a line is cut. */
const MOST_OVERLAP = 0.04;

/** Where the line can be cut: before digit 0, between digits, behind the last; null where they overlap. */
function cuts({ line, edges }: BoxedLine): (number | null)[] {
  const most = MOST_OVERLAP * (line.bottom - line.top);
  const between = edges.slice(1).map(([left], i) => {
    const right = edges[i]![1];
    return right - left > most ? null : (left + right) / 2;
  });
  return [Math.min(line.left, edges[0]![0]), ...between, Math.max(line.right, edges[edges.length - 1]![1])];
}

/** The digits before a cut of one line and those behind a cut of another, brought to one size; null where none fits. */
export function splice(a: BoxedLine, b: BoxedLine, random: Random): BoxedLine | null {
  const [before, behind] = [cuts(a), cuts(b)];
  const i = random.below(before.length);
  const j = random.below(behind.length);
  const digits = a.digits.slice(0, i) + b.digits.slice(j);
  const [end, start] = [before[i], behind[j]];
  if (end == null || start == null || digits.length < 1 || digits.length > 9) return null;
  const height = a.line.ink.height;
  const scale = (a.line.bottom - a.line.top) / (b.line.bottom - b.line.top);
  if (scale < 0.5 || scale > 2) return null;
  const first = Math.max(0, Math.round(end));
  const gap = Math.max(0, Math.round(random.between(-0.02, 0.12) * height));
  const rest = Math.max(0, Math.round((b.line.ink.width - start) * scale));
  const width = first + gap + rest;
  if (width < 8) return null;
  const data = new Uint8Array(width * height);
  const [ya, yb] = [(a.line.top + a.line.bottom) / 2, (b.line.top + b.line.bottom) / 2];
  for (let y = 0; y < height; y++) {
    data.set(a.line.ink.data.subarray(y * a.line.ink.width, y * a.line.ink.width + first), y * width);
    const from = yb + (y + 0.5 - ya) / scale - 0.5;
    for (let x = 0; x < rest; x++) {
      data[y * width + first + gap + x] = sample(b.line.ink, start + (x + 0.5) / scale - 0.5, from);
    }
  }
  const place = (x: number): number => first + gap + (x - start) * scale;
  const left = i > 0 ? a.line.left : first + gap;
  const right = j < b.digits.length ? place(b.line.right) : first;
  const line = {
    ...a.line,
    ink: { width, height, data },
    left: Math.min(left, right - 4),
    right: Math.min(width, right),
  };
  const edges = [
    ...a.edges.slice(0, i),
    ...b.edges.slice(j).map((edge): [number, number] => [place(edge[0]), place(edge[1])]),
  ];
  return { line, digits, edges };
}
