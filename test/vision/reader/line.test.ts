import { describe, expect, it } from 'vitest';
import type { GreyImage } from '../../../src/vision/grey.ts';
import {
  drawLine,
  HEIGHT,
  type Line,
  place,
  prepareLine,
  roundWidth,
  STRAIGHT,
} from '../../../src/vision/reader/line.ts';

/** Paper with dark upright bars, x0 … x1 each, from `top` to `bottom`. */
function bars(
  width: number,
  height: number,
  [top, bottom]: number[],
  paper: (x: number, y: number) => number,
): GreyImage {
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const isBar = y >= top && y < bottom && x >= 20 && x < width - 20 && x % 20 < 4;
      data[y * width + x] = isBar ? 40 : paper(x, y);
    }
  }
  return { width, height, data };
}

const draw = (line: Line) => {
  const at = place(line, STRAIGHT);
  const width = roundWidth(at.width);
  const image = new Uint8Array(HEIGHT * width);
  drawLine(line, at, width, image);
  return { at, width, image };
};

describe('prepareLine', () => {
  it('finds the writing on paper whose brightness changes', () => {
    const line = prepareLine(bars(200, 60, [15, 45], (x, y) => 240 - 0.4 * x - y));
    expect([line.top, line.bottom, line.left, line.right]).toEqual([16, 44, 20, 164]);
  });

  it('does not take ruled lines for writing', () => {
    const line = prepareLine(bars(200, 60, [15, 45], (_, y) => (y === 55 || y === 4 ? 60 : 230)));
    expect([line.top, line.bottom]).toEqual([16, 44]);
  });

  it('writing of any size and contrast becomes the same image', () => {
    const small = draw(prepareLine(bars(200, 60, [15, 45], () => 230)));
    const big = bars(200, 60, [15, 45], () => 150);
    const twice = {
      width: 400,
      height: 120,
      data: Uint8Array.from(
        { length: 400 * 120 },
        (_, i) => big.data[((i % 400) >> 1) + 200 * (Math.floor(i / 400) >> 1)],
      ),
    };
    const large = draw(prepareLine(twice));
    expect(large.width).toBe(small.width);
    let difference = 0;
    large.image.forEach((v, i) => {
      difference += Math.abs(v - small.image[i]);
    });
    expect(difference / large.image.length).toBeLessThan(6);
    expect(Math.max(...small.image)).toBeGreaterThan(180);
  });

  it('empty paper stays empty, a pixel is an image', () => {
    const { image } = draw(prepareLine({ width: 50, height: 30, data: new Uint8Array(1500).fill(200) }));
    expect(Math.max(...image)).toBe(0);
    expect(draw(prepareLine({ width: 1, height: 1, data: new Uint8Array(1) })).image.length).toBeGreaterThan(
      0,
    );
  });

  it('refuses what is no image', () => {
    expect(() => prepareLine({ width: 0, height: 0, data: new Uint8Array(0) })).toThrow(/empty/);
    expect(() => prepareLine({ width: 4, height: 4, data: new Uint8Array(15) })).toThrow(/16 bytes, but 15/);
  });
});

describe('place', () => {
  const line = prepareLine(bars(200, 60, [15, 45], () => 230));

  it('puts the middle of the writing into the middle of the image', () => {
    const { at, width } = draw(line);
    expect(at.y0 + (at.dy * HEIGHT) / 2).toBeCloseTo((line.top + line.bottom) / 2, 6);
    expect(at.x0 + (at.dx * at.width) / 2).toBeCloseTo((line.left + line.right) / 2, 6);
    expect(width % 32).toBe(0);
    expect(width - at.width).toBeLessThan(32);
  });

  it('a scale is a scale, the longest line is squeezed', () => {
    const [one, two] = [1, 2].map((scaleX) => place(line, { ...STRAIGHT, scaleX }));
    expect(two.width - 16).toBeCloseTo(2 * (one.width - 16), 6);
    expect(place(line, { ...STRAIGHT, scaleX: 100 }).width).toBe(512);
  });
});
