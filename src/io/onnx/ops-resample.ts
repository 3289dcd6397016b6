/** Table rows: resizing, as gathers (nearest) and products with a matrix of weights (linear, cubic) an axis. */
import { check } from '../../core/error.ts';
import { tensor } from '../../core/tensor.ts';
import type { Value } from '../../ir/graph.ts';
import { gather } from '../../ops/indexing.ts';
import { matmul } from '../../ops/matmul.ts';
import { transpose } from '../../ops/shape.ts';
import type { Reading } from './reading.ts';
import type { Rows } from './row.ts';

/** Pads by repeating elements: "edge", "reflect" or "wrap". */
export function padByIndex(
  r: Reading,
  x: Value,
  mode: string,
  before: readonly number[],
  after: readonly number[],
): Value {
  const from: Record<string, (i: number, n: number) => number> = {
    edge: (i, n) => Math.max(0, Math.min(n - 1, i)),
    wrap: (i, n) => ((i % n) + n) % n,
    reflect(i, n) {
      const period = Math.max(1, 2 * (n - 1));
      const at = ((i % period) + period) % period;
      return Math.min(at, period - at) % n;
    },
  };
  const index = from[mode];
  if (!index) return r.fail(`mode "${mode}" is unknown.`);
  return x.shape.reduce((y, n, axis) => {
    if (!before[axis] && !after[axis]) return y;
    check(n > 0, 'shape', () => `an empty axis has nothing to repeat.`);
    const indices = Array.from({ length: Math.max(0, n + before[axis] + after[axis]) }, (_, i) =>
      index(i - before[axis], n),
    );
    return gather(y, r.integers(indices), axis);
  }, x);
}

const { fround } = Math;

/**
 * Position in the input of a position in the output, along one axis (ONNX Resize, coordinate_transformation_mode).
 * Rounded to f32, as in onnxruntime: positions halfway between two elements fall alike.
 */
function coordinates(r: Reading, mode: string, n: number, out: number, scale: number): (i: number) => number {
  switch (mode) {
    case 'asymmetric':
      return (i) => fround(i / scale);
    case 'align_corners':
      return (i) => (out === 1 ? 0 : fround((i * (n - 1)) / (scale * n - 1)));
    case 'pytorch_half_pixel':
      return (i) => (out > 1 ? fround(fround((i + 0.5) / scale) - 0.5) : 0);
    case 'half_pixel':
      return (i) => fround(fround((i + 0.5) / scale) - 0.5);
    case 'half_pixel_symmetric': {
      const offset = (n / 2) * (1 - out / (scale * n));
      return (i) => offset + (i + 0.5) / scale - 0.5;
    }
    default:
      return r.fail(`coordinate_transformation_mode "${mode}" is not supported.`);
  }
}

const roundings: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Weights of the neighbours of a position: [offset from its floor, weight]. */
function linearWeights(t: number): [number, number][] {
  return [
    [0, 1 - t],
    [1, t],
  ];
}

/** Keys 1981, "Cubic Convolution Interpolation for Digital Image Processing", equation 15 with its a. */
function cubicWeights(t: number, a: number): [number, number][] {
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [
    [-1, far(t + 1)],
    [0, near(t)],
    [1, near(1 - t)],
    [2, far(2 - t)],
  ];
}

interface Axis {
  readonly n: number;
  readonly out: number;
  readonly position: (i: number) => number;
}

/** Matrix [out][n] of interpolation weights; positions outside take the edge, or are left out and the rest scaled. */
function weightMatrix(
  { n, out, position }: Axis,
  weights: (t: number) => [number, number][],
  exclude: boolean,
) {
  const matrix = new Float32Array(out * n);
  for (let i = 0; i < out; i++) {
    const x = position(i);
    const base = Math.floor(x);
    const taps = weights(x - base).filter(([d]) => !exclude || (base + d >= 0 && base + d < n));
    const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [d, weight] of taps) {
      matrix[i * n + Math.max(0, Math.min(n - 1, base + d))] += exclude ? weight / total : weight;
    }
  }
  return tensor([out, n], matrix);
}

/** Multiplies along one axis: y[…, i, …] = Σ_j m[i][j] · x[…, j, …]. */
function alongAxis(x: Value, matrix: Value, axis: number): Value {
  const perm = x.shape.map((_, i) => i);
  perm.splice(axis, 1);
  perm.push(axis);
  const y = matmul(transpose(x, perm), matrix, false, true);
  return transpose(
    y,
    perm.map((_, i) => perm.indexOf(i)),
  );
}

/** Sizes and scales of the result along every axis. */
function targets(r: Reading, x: Value): { axes: number[]; sizes: number[]; scales: number[] } {
  const upsample = r.node.opType === 'Upsample';
  const scales = upsample
    ? r.given('scales')
      ? r.floats('scales')
      : r.numbers(1)
    : r.numbers(r.opset < 11 ? 1 : 2);
  const sizes = upsample || r.opset < 11 ? null : r.numbers(3);
  const axes = r.axes(r.ints('axes') ?? x.shape.map((_, i) => i), x.shape.length);
  const given = sizes?.length ? sizes : scales;
  check(given?.length === axes.length, 'shape', () => 'neither sizes nor scales for every axis are given.');
  if (sizes?.length && r.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch') {
    r.fail('keep_aspect_ratio_policy other than "stretch" is not supported.');
  }
  const size = axes.map((a, i) => (sizes?.length ? sizes[i] : Math.floor(x.shape[a] * given[i])));
  check(
    size.every((s) => Number.isInteger(s) && s > 0 && s < 2 ** 16) && axes.every((a) => x.shape[a] > 0),
    'shape',
    () => `[${x.shape}] cannot be resized to [${size}].`,
  );
  return {
    axes,
    sizes: size,
    scales: axes.map((a, i) => fround(sizes?.length ? size[i] / x.shape[a] : given[i])),
  };
}

function readResize(r: Reading): Value {
  const x = r.x(0);
  const { axes, sizes, scales } = targets(r, x);
  const mode = r.string('mode', 'nearest');
  const old = r.opset < 11 || r.node.opType === 'Upsample';
  const coordinate = old ? 'asymmetric' : r.string('coordinate_transformation_mode', 'half_pixel');
  if (r.int('antialias', 0) !== 0) r.fail('antialias is not supported.');
  const rounding = roundings[old ? 'floor' : r.string('nearest_mode', 'round_prefer_floor')];
  const cubic = r.float('cubic_coeff_a', -0.75);
  const exclude = r.int('exclude_outside', 0) !== 0;
  return axes.reduce((y, axis, i) => {
    const n = y.shape[axis];
    const out = sizes[i];
    if (n === out && scales[i] === 1) return y;
    const position = coordinates(r, coordinate, n, out, scales[i]);
    if (mode === 'nearest') {
      if (!rounding) return r.fail('nearest_mode is unknown.');
      const indices = Array.from({ length: out }, (_, k) =>
        Math.max(0, Math.min(n - 1, rounding(position(k)))),
      );
      return gather(y, r.integers(indices), axis);
    }
    if (mode !== 'linear' && mode !== 'cubic') return r.fail(`mode "${mode}" is unknown.`);
    check(n * out <= 2 ** 24, 'memory', () => `resizing ${n} to ${out} takes too large a matrix.`);
    const weights = mode === 'linear' ? linearWeights : (t: number) => cubicWeights(t, cubic);
    return alongAxis(
      y,
      r.constant(weightMatrix({ n, out, position }, weights, exclude && mode === 'cubic')),
      axis,
    );
  }, x);
}

export const resampleRows: Rows = {
  Resize: { read: readResize },
  Upsample: { read: readResize },
};
