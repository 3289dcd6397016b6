import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitDigit, type GreyImage, prepareDigit } from '../../src/vision/digit.ts';
import { dilate, otsu, shapesOf } from '../../src/vision/grey.ts';

/** Paper of brightness `paper(x, y)` with strokes of `ink` darkness (negative: light ink), width in pixels. */
function photo(
  width: number,
  height: number,
  paper: (x: number, y: number) => number,
  ink: number,
  stroke: number,
  lines: readonly (readonly [number, number, number, number])[],
): GreyImage {
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let distance = Number.POSITIVE_INFINITY;
      for (const [ax, ay, bx, by] of lines) {
        const [dx, dy] = [bx - ax, by - ay];
        const t = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
        distance = Math.min(distance, Math.hypot(x - ax - t * dx, y - ay - t * dy));
      }
      const cover = Math.max(0, Math.min(1, stroke / 2 - distance + 0.5));
      data[y * width + x] = Math.round(Math.max(0, Math.min(255, paper(x, y) - cover * ink)));
    }
  }
  return { width, height, data };
}

const seven = [
  [60, 50, 140, 50],
  [140, 50, 90, 160],
] as const;

/** Cosine of the angle between two 28 × 28 pictures, at the best of the shifts by up to one pixel. */
function likeness(a: Uint8Array, b: Uint8Array): number {
  let best = 0;
  for (const shift of [-29, -28, -27, -1, 0, 1, 27, 28, 29]) {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = 0; i < a.length; i++) {
      const other = b[i + shift] ?? 0;
      ab += a[i]! * other;
      aa += a[i]! * a[i]!;
      bb += other * other;
    }
    best = Math.max(best, ab / Math.sqrt(aa * bb));
  }
  return best;
}

const clean = fitDigit(prepareDigit(photo(200, 200, () => 255, 255, 12, seven)), 28);

describe('prepareDigit', () => {
  it.each([
    ['light ink on a dark board', photo(200, 200, () => 30, -200, 12, seven)],
    ['pale pencil', photo(200, 200, () => 210, 60, 12, seven)],
    ['light falling off to one side', photo(200, 200, (x) => 230 - 0.6 * x, 70, 12, seven)],
    ['the hard edge of a shadow', photo(200, 200, (x, y) => (x + y > 190 ? 110 : 220), 90, 12, seven)],
    ['the table beside the sheet', photo(200, 200, (x) => (x < 24 ? 40 : 220), 180, 12, seven)],
    ['grain', photo(200, 200, (x, y) => 215 + ((x * 7919 + y * 104729) % 17) - 8, 160, 12, seven)],
  ])('finds the ink under %s', (_, image) => {
    expect(likeness(fitDigit(prepareDigit(image), 28), clean)).toBeGreaterThan(0.95);
  });

  it('shrinks a large photo and widens a thin pen', () => {
    const large = photo(
      1600,
      1600,
      () => 220,
      160,
      16,
      seven.map(([a, b, c, d]) => [a * 8, b * 8, c * 8, d * 8]) as never,
    );
    const prepared = prepareDigit(large);
    expect(Math.max(prepared.width, prepared.height)).toBeLessThan(384);
    expect(likeness(fitDigit(prepared, 28), clean)).toBeGreaterThan(0.85);
  });

  it('leaves specks out of the box', () => {
    const lines = [...seven, [20, 180, 21, 181]] as const;
    const { width, height } = prepareDigit(photo(200, 200, () => 240, 200, 8, lines));
    expect(width).toBeLessThan(110);
    expect(height).toBeLessThan(130);
  });

  it('says what to do about pictures without a digit', () => {
    const blank = photo(64, 64, (x) => 200 + x / 8, 0, 1, []);
    expect(() => prepareDigit(blank)).toThrow(/No digit was found/);
    expect(() => prepareDigit({ width: 0, height: 0, data: new Uint8Array() })).toThrow(/empty/);
    expect(() => prepareDigit({ width: 8, height: 8, data: new Uint8Array(60) })).toThrow(/64 bytes, but 60/);
  });
});

describe('fitDigit', () => {
  const square = (width: number, height: number, x: number, y: number, w: number, h: number): GreyImage => {
    const data = new Uint8Array(width * height);
    for (let v = y; v < y + h; v++) data.fill(255, v * width + x, v * width + x + w);
    return { width, height, data };
  };

  it('scales the longer side of the ink to 20 of 28 pixels, wherever and however large it is', () => {
    for (const image of [square(300, 200, 10, 20, 50, 100), square(28, 28, 3, 4, 5, 10)]) {
      const fitted = fitDigit(image, 28);
      const column = Array.from({ length: 28 }, (_, y) => fitted[y * 28 + 14]!);
      const row = Array.from({ length: 28 }, (_, x) => fitted[14 * 28 + x]!);
      expect(column.reduce((a, b) => a + b) / 255).toBeCloseTo(20, 0);
      expect(row.reduce((a, b) => a + b) / 255).toBeCloseTo(10, 0);
      expect(
        column
          .slice(0, 3)
          .concat(column.slice(26))
          .every((v) => v === 0),
      ).toBe(true);
    }
  });

  it('puts the centre of mass on the middle pixel', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 144, maxLength: 144 }), (ink) => {
        ink[0] = ink[143] = 255;
        const fitted = fitDigit({ width: 12, height: 12, data: Uint8Array.from(ink) }, 28);
        let [mass, x, y] = [0, 0, 0];
        fitted.forEach((v, i) => {
          mass += v;
          x += v * ((i % 28) + 0.5);
          y += v * (Math.floor(i / 28) + 0.5);
        });
        expect(Math.abs(x / mass - 14.5)).toBeLessThan(0.75);
        expect(Math.abs(y / mass - 14.5)).toBeLessThan(0.75);
      }),
      { numRuns: 30 },
    );
  });

  it('leaves an image of MNIST as it is', () => {
    // Like MNIST's: a box of 20 pixels whose centre of mass is on pixel (14, 14).
    const image = square(28, 28, 9, 4, 11, 20);
    image.data[28 * 10 + 12] = 40;
    expect(fitDigit(image, 28)).toEqual(image.data);
  });

  it('never reads past the picture and fills the bytes asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 8, max: 64 }),
        (w, h, size) => {
          const fitted = fitDigit({ width: w, height: h, data: new Uint8Array(w * h).fill(200) }, size);
          expect(fitted).toHaveLength(size * size);
          expect(Math.max(...fitted)).toBe(255);
        },
      ),
    );
  });

  it('says that there is nothing drawn', () => {
    expect(() => fitDigit({ width: 9, height: 9, data: new Uint8Array(81) }, 28)).toThrow(/no ink/);
  });
});

describe('grey filters', () => {
  it('dilate is the highest value of the square around', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 4 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
        (width, height, radius, bytes) => {
          const data = Uint8Array.from({ length: width * height }, () => bytes.next().value as number);
          const actual = dilate({ width, height, data }, radius).data;
          for (let y = 0; y < height; y++) {
            for (let x = 0; x < width; x++) {
              let highest = 0;
              for (let v = Math.max(0, y - radius); v <= Math.min(height - 1, y + radius); v++) {
                for (let u = Math.max(0, x - radius); u <= Math.min(width - 1, x + radius); u++) {
                  highest = Math.max(highest, data[v * width + u]!);
                }
              }
              expect(actual[y * width + x]).toBe(highest);
            }
          }
        },
      ),
    );
  });

  it('otsu separates two humps', () => {
    const histogram = new Uint32Array(256);
    histogram.fill(10, 20, 40).fill(3, 180, 220);
    const threshold = otsu(histogram);
    expect(threshold).toBeGreaterThanOrEqual(39);
    expect(threshold).toBeLessThan(180);
  });

  it('shapesOf joins diagonal neighbours and knows the border', () => {
    const rows = ['#....', '.....', '..#..', '...#.', '.....'];
    const data = Uint8Array.from(rows.join(''), (c) => (c === '#' ? 255 : 0));
    const shapes = shapesOf({ width: 5, height: 5, data }, 0);
    expect(shapes.map((s) => [s.pixels.length, s.touchesBorder])).toEqual([
      [1, true],
      [2, false],
    ]);
  });
});
