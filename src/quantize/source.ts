/** What a quantised network is made of beside its graph, and where that comes from: a file, or an f32 network. */
import { check, LensletError } from '../core/error.ts';
import { sizeOf, type Tensor, tensor } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import type { Quantization } from '../ops/quantization.ts';

/** Least and largest value of a tensor that a byte shall tell. */
export type Range = readonly [low: number, high: number];

/** Weights f32 OIHW (linear: [out, in, 1, 1] or as the image it flattens) and bias [out]. */
export interface RealLayer {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

export interface QuantizedLayer {
  /** i8, OHWI. */
  readonly weight: Tensor;
  /** f32 [out]: real weight = weight · scale. */
  readonly scale: Tensor;
  /** f32 [out]. */
  readonly bias: Tensor | null;
}

export interface Source {
  /** @param value of the f32 network */
  range(site: string, value: Value): Range;
  /** @param inputScale of the bytes that the layer reads */
  layer(name: string, inputScale: number, make: () => RealLayer): QuantizedLayer;
  /** A variable that is used as it is. */
  variable(name: string): Tensor;
}

/** What is never negative takes all of u8, other tensors i8 around 0: zero is a byte of its own, and padding costs nothing. */
export const quantizationOf = (range: Range): Quantization => withType(range, range[0] >= 0 ? 'u8' : 'i8');

/** The same for a given type. */
export function withType([low, high]: Range, dtype: Quantization['dtype']): Quantization {
  const scale = dtype === 'u8' ? high / 255 : Math.max(-low, high) / 127;
  return { dtype, scale: scale > 0 ? scale : 1, zeroPoint: 0 };
}

/** Names of a layer's tensors. */
const partsOf = (name: string) =>
  ({ weight: `${name}.weight`, scale: `${name}.weight_scale`, bias: `${name}.bias` }) as const;
const rangeOf = (site: string): string => `${site}.range`;

/** A network that was quantised before. @throws LensletError 'unknown' when a tensor is missing, 'shape' */
export function storedSource(tensors: ReadonlyMap<string, Tensor>): Source {
  const get = (name: string, dtype: Tensor['dtype']): Tensor => {
    const found = tensors.get(name);
    check(
      found,
      'unknown',
      () => `The quantised weights are not those of this network: "${name}" is missing.`,
    );
    check(found.dtype === dtype, 'shape', () => `"${name}" must be ${dtype}, not ${found.dtype}.`);
    check(
      found.data.every(Number.isFinite),
      'value',
      () => `"${name}" holds NaN or infinity: the file is damaged.`,
    );
    return found;
  };
  return {
    range(site) {
      const { data } = get(rangeOf(site), 'f32');
      const [low, high] = data;
      check(
        data.length === 2 && low <= high,
        'value',
        () => `"${rangeOf(site)}" is no range: the file is damaged.`,
      );
      return [low, high];
    },
    layer(name) {
      const parts = partsOf(name);
      const bias = tensors.has(parts.bias) ? get(parts.bias, 'f32') : null;
      return { weight: get(parts.weight, 'i8'), scale: get(parts.scale, 'f32'), bias };
    },
    variable: (name) => get(name, 'f32'),
  };
}

/** Quantises an f32 network, keeping in `tensors` what `storedSource` reads. */
export function quantizingSource(
  variables: ReadonlyMap<string, Tensor>,
  ranges: ReadonlyMap<string, Range>,
  tensors: Map<string, Tensor>,
): Source {
  const keep = (name: string, value: Tensor): Tensor => {
    tensors.set(name, value);
    return value;
  };
  return {
    range(site) {
      const range = ranges.get(site);
      if (!range) throw new LensletError('unknown', `There is no range for "${site}".`);
      keep(rangeOf(site), tensor([2], range));
      return range;
    },
    layer(name, inputScale, make) {
      const layer = quantizeLayer(make(), inputScale);
      const parts = partsOf(name);
      keep(parts.weight, layer.weight);
      keep(parts.scale, layer.scale);
      if (layer.bias) keep(parts.bias, layer.bias);
      return layer;
    },
    variable(name) {
      const value = variables.get(name);
      if (!value) throw new LensletError('unknown', `There is no variable "${name}".`);
      return keep(name, value);
    },
  };
}

/** Biases are 32-bit numbers of inputScale · scale: a channel of next to no weights keeps a scale that they fit. */
const LARGEST_BIAS = 2 ** 30;

/** Symmetric, one scale for each output channel: its largest weight is 127. */
function quantizeLayer({ weight, bias }: RealLayer, inputScale: number): QuantizedLayer {
  const [m, c, kh, kw] = weight.shape;
  const each = c * kh * kw;
  const out = tensor([m, kh, kw, c], undefined, 'i8');
  const scale = tensor([m]);
  for (let k = 0; k < m; k++) {
    const row = weight.data.subarray(k * each, (k + 1) * each);
    let largest = 0;
    for (let i = 0; i < each; i++) largest = Math.max(largest, Math.abs(row[i]));
    const least = Math.abs(bias?.data[k] ?? 0) / (inputScale * LARGEST_BIAS);
    const step = Math.max(largest / 127, least) || 1;
    scale.data[k] = step;
    for (let i = 0; i < each; i++) {
      const [channel, tap] = [Math.floor(i / (kh * kw)), i % (kh * kw)];
      out.data[k * each + tap * c + channel] = Math.round(row[i] / step);
    }
  }
  return { weight: out, scale, bias };
}

/** Bias in units of inputScale · scale, i32. */
export function integerBias({ scale, bias }: QuantizedLayer, inputScale: number): Tensor | null {
  if (!bias) return null;
  const data = Int32Array.from(bias.data, (b, k) => {
    const steps = Math.round(b / (inputScale * scale.data[k]));
    return Math.max(-LARGEST_BIAS, Math.min(LARGEST_BIAS, steps));
  });
  return tensor([sizeOf(bias.shape)], data);
}
