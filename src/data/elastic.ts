/** Smooth random displacement fields (Simard et al. 2003, sec. 2). */
import { check } from '../core/error.ts';
import { Random } from '../core/random.ts';

export interface ElasticOptions {
  /** Scale of the displacements, pixels; Simard et al. use 34 for MNIST. */
  readonly alpha: number;
  /** Standard deviation of the Gaussian that smooths them, pixels; Simard et al. use 4. */
  readonly sigma: number;
}

/**
 * A field of size × size displacements, periodic in both directions. Any window of it is a sample: images take
 * windows at random places, one for each axis, so no smoothing is left to be done for an image.
 */
export interface ElasticField {
  /** A power of two. */
  readonly size: number;
  /** Displacements in pixels, row-major. */
  readonly values: Float32Array;
  /** Places of two windows: row and column of that of x, of that of y. */
  draw(random: Random): readonly [number, number, number, number];
}

const SIZE = 512;

/**
 * alpha · (uniform noise in ±1 ∗ Gaussian of sum 1 and deviation sigma).
 * @throws LensletError `value` for numbers that are not finite, or sigma outside of 0.5 to 32
 */
export function elasticField({ alpha, sigma }: ElasticOptions): ElasticField {
  check(Number.isFinite(alpha), 'value', () => `elastic: alpha must be finite, not ${alpha}.`);
  check(
    sigma >= 0.5 && sigma <= 32,
    'value',
    () => `elastic: sigma must be from 0.5 to 32 pixels, not ${sigma}.`,
  );
  const random = new Random(0).at('elastic');
  const noise = Float32Array.from({ length: SIZE * SIZE }, () => alpha * random.between(-1, 1));
  const kernel = gaussian(sigma);
  const values = smoothRows(smoothRows(noise, kernel), kernel);
  const draw = (r: Random): [number, number, number, number] => [
    r.below(SIZE),
    r.below(SIZE),
    r.below(SIZE),
    r.below(SIZE),
  ];
  return { size: SIZE, values, draw };
}

/** Sampled to 3 deviations each side, sum 1. */
function gaussian(sigma: number): Float32Array {
  const radius = Math.ceil(3 * sigma);
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const sum = kernel.reduce((a, b) => a + b, 0);
  return kernel.map((v) => v / sum);
}

/** Periodic convolution along the rows, result transposed: applied twice it smooths both directions. */
function smoothRows(field: Float32Array, kernel: Float32Array): Float32Array {
  const out = new Float32Array(field.length);
  const radius = (kernel.length - 1) / 2;
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      let sum = 0;
      for (let k = 0; k < kernel.length; k++) {
        sum += (kernel[k] as number) * (field[y * SIZE + ((x + k - radius) & (SIZE - 1))] as number);
      }
      out[x * SIZE + y] = sum;
    }
  }
  return out;
}
