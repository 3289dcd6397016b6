import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import {
  type Augmentation,
  affine,
  colorJitter,
  compose,
  elastic,
  flip,
  padCrop,
  warp,
} from '../../src/data/augment.ts';
import { elasticField } from '../../src/data/elastic.ts';

const noise = (size: number): Uint8Array => {
  const random = new Random(1);
  return Uint8Array.from({ length: size }, () => random.below(256));
};

function run(
  augment: Augmentation,
  src: Uint8Array,
  [c, h, w]: readonly [number, number, number],
  key = 0,
): number[] {
  const before = src.slice();
  const dst = new Uint8Array(src.length).fill(77);
  augment(src, dst, c, h, w, new Random(key));
  expect(src).toEqual(before);
  return [...dst];
}

const SHAPE = [3, 7, 9] as const;
const image = noise(3 * 7 * 9);

test.each([
  ['affine', affine({})],
  ['elastic', elastic({ alpha: 0, sigma: 4 })],
  ['padCrop', padCrop({ pad: 0 })],
  ['colorJitter', colorJitter({})],
  ['compose', compose()],
  ['compose of three', compose(padCrop({ pad: 0 }), affine({}), colorJitter({}))],
])('%s without amount is the identity', (_, augment) => {
  expect(run(augment, image, SHAPE)).toEqual([...image]);
});

test.each([
  ['affine', affine({ degrees: 20, scale: [0.8, 1.2], shear: 10, translate: 2 })],
  ['elastic', elastic({ alpha: 34, sigma: 4 })],
  ['padCrop', padCrop({ pad: 3 })],
  ['flip', flip()],
  ['colorJitter', colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4 })],
  ['compose', compose(padCrop({ pad: 3 }), flip(), affine({ degrees: 20 }))],
])('%s depends on the key alone', (_, augment) => {
  const results = Array.from({ length: 12 }, (_, key) => run(augment, image, SHAPE, key));
  expect(new Set(results.map(String)).size).toBeGreaterThan(1);
  results.reverse().forEach((result, i) => {
    expect(run(augment, image, SHAPE, 11 - i)).toEqual(result);
  });
});

describe('affine', () => {
  const dot = new Uint8Array(81);
  dot[4 * 9 + 6] = 200; // two to the right of the middle

  /** Centre of mass relative to the middle of 9×9. */
  const centre = (pixels: readonly number[]) => {
    let [mass, x, y] = [0, 0, 0];
    pixels.forEach((v, i) => {
      mass += v;
      x += v * ((i % 9) - 4);
      y += v * (Math.floor(i / 9) - 4);
    });
    return { mass, x: x / mass, y: y / mass };
  };

  test('rotation turns about the middle and stays within its bound', () => {
    let most = 0;
    for (let key = 0; key < 200; key++) {
      const { x, y } = centre(run(affine({ degrees: 45 }), dot, [1, 9, 9], key));
      const angle = (Math.atan2(y, x) * 180) / Math.PI;
      expect(Math.abs(angle)).toBeLessThan(50);
      expect(Math.hypot(x, y)).toBeCloseTo(2, 0);
      most = Math.max(most, angle);
    }
    expect(most).toBeGreaterThan(35);
  });

  test('scale about the middle', () => {
    const { x, y } = centre(run(affine({ scale: [1.5, 1.5] }), dot, [1, 9, 9]));
    expect(x).toBeCloseTo(3, 5);
    expect(y).toBeCloseTo(0, 5);
  });

  test('shear moves rows sideways in proportion to their height', () => {
    const column = Uint8Array.from({ length: 81 }, (_, i) => (i % 9 === 4 ? 200 : 0));
    for (let key = 0; key < 20; key++) {
      const pixels = run(affine({ shear: 30 }), column, [1, 9, 9], key);
      const rows = [0, 4, 8].map(
        (y) => centre([...new Array(36).fill(0), ...pixels.slice(9 * y, 9 * y + 9)]).x,
      );
      expect(rows[1]).toBe(0);
      expect(rows[0]).toBeCloseTo(-(rows[2] as number), 1);
      expect(Math.abs(rows[0] as number)).toBeLessThan(4 * Math.tan(Math.PI / 6) + 0.1);
    }
  });

  test('small shifts keep the mass inside', () => {
    for (let key = 0; key < 100; key++) {
      const { mass, x, y } = centre(run(affine({ translate: 1.5 }), dot, [1, 9, 9], key));
      expect(Math.abs(mass - 200)).toBeLessThanOrEqual(2);
      expect(Math.abs(x - 2)).toBeLessThan(1.52);
      expect(Math.abs(y)).toBeLessThan(1.52);
    }
  });

  test('what comes from outside is background', () => {
    const white = new Uint8Array(81).fill(255);
    const pixels = run(affine({ scale: [0.5, 0.5], background: 255 }), white, [1, 9, 9]);
    expect(pixels.every((v) => v === 255)).toBe(true);
    expect(run(affine({ scale: [0.5, 0.5] }), white, [1, 9, 9])[0]).toBe(0);
  });

  test('impossible options are refused', () => {
    const bad = [
      { degrees: Number.NaN },
      { scale: [0, 1] as const },
      { scale: [2, 1] as const },
      { shear: 90 },
    ];
    for (const options of bad)
      expect(() => affine(options)).toThrow(expect.objectContaining({ code: 'value' }));
    for (const sigma of [0, 100, Number.NaN]) expect(() => elastic({ alpha: 1, sigma })).toThrow('sigma');
    expect(() => elastic({ alpha: Number.POSITIVE_INFINITY, sigma: 4 })).toThrow('alpha');
  });
});

test('elastic: mean 0, the deviation of smoothed uniform noise, smooth', () => {
  const { values, size } = elasticField({ alpha: 34, sigma: 4 });
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + b * b, 0) / values.length;
  // Var(uniform ±1) = 1/3; a Gaussian of deviation σ divides it by 4πσ².
  const expected = 34 / Math.sqrt(3) / Math.sqrt(4 * Math.PI * 16);
  expect(Math.abs(mean)).toBeLessThan(0.05);
  expect(Math.sqrt(variance) / expected).toBeGreaterThan(0.95);
  expect(Math.sqrt(variance) / expected).toBeLessThan(1.05);
  let step = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const d = (values[y * size + ((x + 1) % size)] as number) - (values[y * size + x] as number);
      step += d * d;
    }
  }
  // Adjacent values of the field correlate as exp(−1/(4σ²)).
  expect(Math.sqrt(step / values.length)).toBeLessThan(0.2 * expected);
});

test('warp is affine and elastic in one', () => {
  const both = run(warp({ degrees: 10, elastic: { alpha: 34, sigma: 4 } }), image, SHAPE, 3);
  expect(both).not.toEqual(run(affine({ degrees: 10 }), image, SHAPE, 3));
});

test('padCrop: all shifts of ±pad, filled with the value', () => {
  const src = Uint8Array.from({ length: 9 }, (_, i) => i + 1);
  const seen = new Set<string>();
  for (let key = 0; key < 300; key++)
    seen.add(String(run(padCrop({ pad: 1, value: 9 }), src, [1, 3, 3], key)));
  expect(seen.size).toBe(9);
  expect(seen).toContain('5,6,9,8,9,9,9,9,9');
  expect(seen).toContain('9,9,9,9,1,2,9,4,5');
  for (let key = 0; key < 50; key++) {
    const pixels = run(padCrop({ pad: 5, value: 0 }), src, [1, 3, 3], key);
    expect(pixels.every((v) => v < 10)).toBe(true);
  }
  expect(() => padCrop({ pad: 1.5 })).toThrow('whole number');
});

test('flip mirrors every row of half of the images', () => {
  const src = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const counts = new Map<string, number>();
  for (let key = 0; key < 400; key++) {
    const result = String(run(flip(), src, [2, 2, 3], key));
    counts.set(result, (counts.get(result) ?? 0) + 1);
  }
  expect(counts.size).toBe(2);
  expect(counts.get('3,2,1,6,5,4,9,8,7,12,11,10')).toBeGreaterThan(150);
  expect(counts.get(String(src))).toBeGreaterThan(150);
});

describe('colorJitter', () => {
  const grey = new Uint8Array(12).fill(100);
  const draw = (key: number) => 2 * new Random(key).uniform();

  test('brightness multiplies', () => {
    for (let key = 0; key < 20; key++) {
      const pixels = run(colorJitter({ brightness: 1 }), grey, [3, 2, 2], key);
      for (const v of pixels) expect(Math.abs(v - Math.min(255, 100 * draw(key)))).toBeLessThanOrEqual(0.51);
    }
  });

  test('contrast and saturation keep an even grey, and the mean of an image', () => {
    const jitter = colorJitter({ contrast: 0.3, saturation: 0.5 });
    for (let key = 0; key < 20; key++) {
      expect(run(jitter, grey, [3, 2, 2], key)).toEqual([...grey]);
      const steps = Uint8Array.from({ length: 12 }, (_, i) => 90 + 10 * (i % 4));
      const mean = run(jitter, steps, [3, 2, 2], key).reduce((a, b) => a + b, 0) / 12;
      expect(Math.abs(mean - 105)).toBeLessThanOrEqual(0.6);
    }
  });

  test('saturation keeps the brightness and spreads the colours', () => {
    const colour = new Uint8Array([120, 100, 80]);
    for (let key = 0; key < 20; key++) {
      const random = new Random(key);
      const s = [random.uniform(), random.uniform(), 1 + random.between(-0.5, 0.5)][2] as number;
      const [r, , b] = run(colorJitter({ saturation: 0.5 }), colour, [3, 1, 1], key) as [
        number,
        number,
        number,
      ];
      expect(Math.abs(r - b - 40 * s)).toBeLessThanOrEqual(1.01);
    }
  });

  test('refuses grey images and impossible amounts', () => {
    expect(() => run(colorJitter({}), grey, [1, 3, 4])).toThrow('RGB');
    expect(() => colorJitter({ contrast: 2 })).toThrow('from 0 to 1');
    expect(() => colorJitter({ contrast: Number.NaN })).toThrow('from 0 to 1');
  });
});
