/** Lines made for training: what is drawn is what the label says, and all of it a function of the seed. */
import { describe, expect, it } from 'vitest';
import { LABEL_SIZE, MARKS, MOST_LABELS, writeLabel } from '../../../models/cheque-reader.ts';
import { Random } from '../../../src/core/random.ts';
import { syntheticDigits } from '../../../src/data/digits.ts';
import { composeLine, digitSource } from '../../../src/train/reader/compose.ts';
import { withEnding } from '../../../src/train/reader/ending.ts';
import { newDesk } from '../../../src/train/reader/hand.ts';
import { type BoxedLine, splice } from '../../../src/train/reader/splice.ts';
import { LineStream, type StreamOptions } from '../../../src/train/reader/stream.ts';
import { amountText, FLOURISH } from '../../../src/train/reader/text.ts';
import { wholeCheques } from '../../../src/train/reader/whole-cheques.ts';
import { prepareLine } from '../../../src/vision/reader/line.ts';

const source = digitSource(syntheticDigits({ count: 300, seed: 3 }));

const options: StreamOptions = {
  seed: 5,
  batch: 3,
  sources: [[1, (random) => composeLine(source, newDesk(), random)]],
  widths: [128, 256],
  labelSize: LABEL_SIZE,
  writeLabel,
};

describe('LineStream', () => {
  it('makes batches of lines of like widths', () => {
    const stream = new LineStream(options);
    const widths = new Set<number>();
    for (let i = 0; i < 8; i++) {
      const { x, labels } = stream.next(1);
      expect(x.shape.slice(0, 3)).toEqual([3, 1, 40]);
      expect(labels.shape).toEqual([3, LABEL_SIZE]);
      widths.add(x.shape[3]);
      expect(Math.max(...x.data)).toBeGreaterThan(60);
      expect(labels.data[0]).toBeGreaterThan(0);
    }
    expect([...widths].sort()).toEqual([128, 256]);
  });

  it('goes on from its state as it would have gone on', () => {
    const whole = new LineStream(options);
    for (let i = 0; i < 3; i++) whole.next(1);
    const resumed = new LineStream(options, JSON.parse(JSON.stringify(whole.state)));
    for (let i = 0; i < 3; i++) {
      const [a, b] = [whole.next(1), resumed.next(1)];
      expect(b.x.shape).toEqual(a.x.shape);
      expect(Buffer.from(b.x.data.buffer).equals(Buffer.from(a.x.data.buffer))).toBe(true);
      expect(b.labels.data).toEqual(a.labels.data);
    }
  });
});

describe('composed lines', () => {
  it('have ink where they are said to be, and nowhere else where nothing is printed', () => {
    for (let i = 0; i < 40; i++) {
      const { line, digits, text } = composeLine(source, newDesk(), new Random(2).at(i));
      expect(text!.replace(/\D/g, '')).toBe(digits);
      expect(line.right).toBeGreaterThan(line.left);
      const middle = line.ink.data.filter(
        (v, k) => v > 120 && k % line.ink.width >= line.left && k % line.ink.width < line.right,
      );
      expect(middle.length).toBeGreaterThan(20);
      expect(line.right).toBeLessThanOrEqual(line.ink.width);
    }
  });

  it('amounts are texts that labels hold', () => {
    const out = new Int32Array(LABEL_SIZE);
    for (let i = 0; i < 500; i++) {
      const wanted = amountText(new Random(4).at(i));
      expect(wanted).toMatch(/^\*?[1-9][\d.,]*[-=.*/~]*\d*[-=]?$/);
      const text = wanted.replace(FLOURISH, '');
      expect(text.length).toBeLessThanOrEqual(MOST_LABELS);
      writeLabel(out, text.replace(/\D/g, ''), text);
      const read = [...out.subarray(2 + MOST_LABELS, 2 + MOST_LABELS + out[1])].map((c) =>
        c <= 10 ? c - 1 : MARKS[c - 11],
      );
      expect(read.join('')).toBe(text);
    }
    writeLabel(out, '250', null);
    expect([...out.subarray(0, 6)]).toEqual([3, -1, 3, 6, 1, 0]);
  });
});

describe('endings', () => {
  it('are drawn behind what is written and change nothing of it', () => {
    const { line } = composeLine(source, newDesk(), new Random(2).at(1));
    const old = line.ink;
    for (let i = 0; i < 60; i++) {
      const { ink, right, ...other } = withEnding(line, newDesk(), new Random(6).at(i));
      expect({ ...other, ink: old, right: line.right }).toEqual(line);
      expect(right).toBeGreaterThan(line.right);
      expect(ink.width).toBeGreaterThan(right);
      let drawn = 0;
      for (let y = 0; y < ink.height; y++) {
        for (let x = 0; x < ink.width; x++) {
          const [before, after] = [
            x < old.width ? old.data[y * old.width + x]! : 0,
            ink.data[y * ink.width + x]!,
          ];
          if (after < before) throw new Error(`ink is lost at ${x}, ${y}`);
          if (x < line.right - 20 && after !== before) throw new Error(`ink among the digits at ${x}, ${y}`);
          if (after > 100 && after > before) drawn++;
        }
      }
      expect(drawn).toBeGreaterThan(8);
    }
  });
});

describe('whole cheques', () => {
  it('give lines with the amounts that were written, the same for the same numbers', () => {
    const [once, again] = [wholeCheques(4), wholeCheques(4)];
    for (let i = 0; i < 3; i++) {
      const made = once(new Random(3).at(i));
      expect(made.text!.replace(/\D/g, '')).toBe(made.digits);
      expect(made.line.bottom - made.line.top).toBeGreaterThan(10);
      expect(made.line.right - made.line.left).toBeGreaterThan(4 * made.digits.length);
      if (i < 1) expect(again(new Random(3).at(i))).toEqual(made);
    }
  });
});

describe('splice', () => {
  /** A line of blocks 10 wide, 20 apart, each as dark as its digit says. */
  const boxed = (digits: string): BoxedLine => {
    const width = 20 * digits.length + 10;
    const data = Uint8Array.from({ length: width * 40 }, (_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)];
      return y >= 10 && y < 30 && x % 20 >= 10 ? 20 * (1 + Number(digits[Math.floor(x / 20)])) : 0;
    });
    const line = { ...prepareLine({ width, height: 40, data: data.map((v) => 255 - v) }) };
    const edges = [...digits].map((_, i): [number, number] => [20 * i + 10, 20 * i + 20]);
    const all = {
      ...line,
      ink: { width, height: 40, data },
      top: 10,
      bottom: 30,
      left: 10,
      right: width - 10,
    };
    return { line: all, digits, edges };
  };

  it('joins the beginning of one line and the end of another', () => {
    const [a, b] = [boxed('1234'), boxed('5678')];
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const made = splice(a, b, new Random(1).at(i));
      if (!made) continue;
      seen.add(made.digits);
      const { ink } = made.line;
      // Levels of ink along the middle row, one a digit.
      const row = [...ink.data.subarray(20 * ink.width, 21 * ink.width)];
      const levels = row
        .map((v) => Math.round(v / 20 - 1))
        .filter((d, x) => d >= 1 && row[x - 1] === row[x] && row[x + 1] === row[x]);
      expect(levels.filter((d, k) => d !== levels[k - 1]).join('')).toBe(made.digits);
    }
    expect(seen.size).toBeGreaterThan(12);
    expect(seen).toContain('1278');
  });

  it('does not cut through digits that overlap', () => {
    const a = boxed('1234');
    const overlapping = { ...a, edges: a.edges.map(([l, r]): [number, number] => [l - 6, r + 6]) };
    for (let i = 0; i < 50; i++) {
      const made = splice(overlapping, overlapping, new Random(1).at(i));
      if (made) expect(['1234', '12341234']).toContain(made.digits);
    }
  });
});
