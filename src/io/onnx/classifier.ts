/** An imported network as a `Model`: what sessions, training and evaluation take. */
import { check } from '../../core/error.ts';
import { sizeOf, type TensorType } from '../../core/tensor.ts';
import { Graph, type Value } from '../../ir/graph.ts';
import { Builder, type Model } from '../../nn/builder.ts';
import { reshape, transpose } from '../../ops/shape.ts';
import type { OnnxModel, OnnxPort } from './import.ts';

export interface ClassifierOptions {
  readonly name?: string;
  /** Height and width where the file leaves them open. */
  readonly size?: readonly [number, number];
  readonly classes?: readonly string[];
  /** Default: what the file's metadata says if Lenslet wrote it, else 0 … 1, for files of CNTK 0 … 255. */
  readonly normalize?: Model['normalize'];
}

/** Keys of metadata_props in files that Lenslet writes; values are JSON. */
export const METADATA = {
  normalize: 'lenslet.normalize',
  classes: 'lenslet.classes',
  model: 'lenslet.model',
};

/** Files do not say how images are scaled. CNTK's image reader gives pixels 0 … 255, most others scale to 0 … 1. */
const usual = (producer: string): Model['normalize'] =>
  producer === 'CNTK' ? { scale: 1, offset: 0 } : { scale: 1 / 255, offset: 0 };

/**
 * A network with one image as its input and scores as its first output. A softmax at the end is left out: scores are
 * what it is taken of, as losses and probabilities want them. Images may be [N,C,H,W] or [N,H,W,C] in the file.
 * @throws LensletError 'shape' or 'unsupported' when it is no such network, 'unknown' when its size must be given
 */
export function asClassifier(onnx: OnnxModel, options: ClassifierOptions = {}): Model {
  check(
    onnx.inputs.length === 1,
    'unsupported',
    () => `"${onnx.name}" takes ${onnx.inputs.length} inputs; image classifiers take one.`,
  );
  const [port] = onnx.inputs;
  const layout = layoutOf(onnx, port, options);
  const output = logitsOf(onnx);
  const build = (b: Builder, x: Value): Value => {
    const image = layout.channelsLast ? transpose(x, [0, 2, 3, 1]) : x;
    const scores = onnx.build(b, new Map([[port.name, { value: image }]]), [output]).get(output) as Value;
    return asScores(scores, x.shape[0], onnx.name);
  };
  const graph = new Graph();
  const probe: TensorType = { dtype: 'f32', shape: [1, ...layout.input] };
  const count = build(new Builder(graph, false), graph.input('x', probe)).shape[1];
  const classes = options.classes ?? (stored(onnx, METADATA.classes) as string[] | null);
  return {
    name: options.name ?? onnx.name,
    title: options.name ?? onnx.name,
    input: layout.input,
    classes: classes?.length === count ? classes : Array.from({ length: count }, (_, i) => String(i)),
    normalize:
      options.normalize ??
      (stored(onnx, METADATA.normalize) as Model['normalize'] | null) ??
      usual(onnx.producer),
    build,
  };
}

/** A value of the file's metadata; null when absent or no JSON. */
function stored(onnx: OnnxModel, key: string): unknown {
  try {
    return JSON.parse(onnx.metadata.get(key) ?? 'null');
  } catch {
    return null;
  }
}

interface Layout {
  readonly input: readonly [number, number, number];
  readonly channelsLast: boolean;
}

function layoutOf(onnx: OnnxModel, port: OnnxPort, { size }: ClassifierOptions): Layout {
  const { dims } = port;
  check(
    dims?.length === 4 && port.dtype === 'f32',
    'shape',
    () =>
      `"${onnx.name}" takes no batch of images: its input "${port.name}" is ${port.dtype}[${dims?.join('×') ?? '?'}].`,
  );
  const isChannels = (d: unknown) => d === 1 || d === 3 || d === 4;
  const channelsLast = isChannels(dims[3]) && !isChannels(dims[1]);
  const c = dims[channelsLast ? 3 : 1];
  const [h, w] = (channelsLast ? [dims[1], dims[2]] : [dims[2], dims[3]]).map((d, i) => size?.[i] ?? d);
  check(
    typeof c === 'number' && typeof h === 'number' && typeof w === 'number',
    'unknown',
    () =>
      `"${onnx.name}" does not say how large its images [${dims.join('×')}] are; export it for one size, or give the option "size".`,
  );
  return { input: [c, h, w], channelsLast };
}

/** What the softmax at the end is taken of, or the first output. */
function logitsOf(onnx: OnnxModel): string {
  const [output] = onnx.outputs;
  const last = onnx.nodeOf(output);
  return last?.opType === 'Softmax' ? last.input[0] : output;
}

/** [N, classes], with dimensions of 1 at the end left out. */
function asScores(scores: Value, n: number, name: string): Value {
  const { shape } = scores;
  const classes = sizeOf(shape.slice(1));
  check(
    scores.dtype === 'f32' && shape.length >= 2 && shape[0] === n && classes === shape[1],
    'shape',
    () => `"${name}" gives ${scores.dtype}[${shape.join('×')}] for ${n} images, not a score for each class.`,
  );
  return shape.length === 2 ? scores : reshape(scores, [n, classes]);
}
