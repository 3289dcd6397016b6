/** Table rows: convolutions, pools, normalisations, matrix products. */
import { check, LensletError } from '../../core/error.ts';
import { hashString } from '../../core/random.ts';
import { sizeOf } from '../../core/tensor.ts';
import type { Node, Value } from '../../ir/graph.ts';
import { batchNormInference, batchNormTraining } from '../../ops/batch-norm.ts';
import { add, div, mul, sub } from '../../ops/binary.ts';
import { type ConvAttrs, type ConvTransposeAttrs, conv2d, convTranspose2d } from '../../ops/conv2d.ts';
import { dropout } from '../../ops/dropout.ts';
import { unary } from '../../ops/elementwise.ts';
import { maxPool2dIndices } from '../../ops/indexing.ts';
import { cast } from '../../ops/integer.ts';
import { type LrnAttrs, localResponseNorm } from '../../ops/lrn.ts';
import { linear, type MatmulAttrs, matmul } from '../../ops/matmul.ts';
import { avgPool2d, maxPool2d, type PoolAttrs } from '../../ops/pool.ts';
import { expand, reduceMean } from '../../ops/reduce.ts';
import { reduceMax } from '../../ops/reduce-extremes.ts';
import { reshape } from '../../ops/shape.ts';
import { slice } from '../../ops/slice.ts';
import { logSoftmax, softmax } from '../../ops/softmax.ts';
import { matchBatchNorm } from './batch-norm.ts';
import type { Reading } from './reading.ts';
import type { Row, Rows } from './row.ts';
import { asGiven, asPlanes, halves, pairFrom, readWindow } from './window.ts';
import { float, type Writing } from './writing.ts';

function readConv(r: Reading): Value {
  const x = asPlanes(r.x(0));
  const w = asPlanes(r.x(1), 'weight');
  const rank = r.x(0).shape.length - 2;
  const { stride, dilation, padding } = readWindow(r, x.shape.slice(2), w.shape.slice(2), rank);
  const options = { stride, dilation, padding, groups: r.int('group', 1), bias: r.optional(2) };
  return asGiven(conv2d(x, w, options), r.x(0));
}

const convAttributes = (a: ConvAttrs) => ({
  strides: a.stride,
  dilations: a.dilation,
  pads: a.padding,
  group: a.groups,
});

const names = (w: Writing, values: readonly (Value | null)[]): string[] => values.map((v) => w.name(v));

/** Padding follows from the output's shape where that is given (auto_pad or output_shape). */
function readConvTranspose(r: Reading): Value {
  const x = asPlanes(r.x(0));
  const w = asPlanes(r.x(1), 'weight');
  const rank = r.x(0).shape.length - 2;
  const window = readWindow(r, x.shape.slice(2), w.shape.slice(2), rank);
  const { stride, dilation } = window;
  const mode = r.string('auto_pad', 'NOTSET');
  const outputPadding = pairFrom(r, 'output_padding', rank, 0);
  let padding = window.padding;
  const given = r.ints('output_shape');
  if (given?.length || mode.startsWith('SAME')) {
    const wanted = given?.length
      ? [...(rank === 1 ? [1] : []), ...given.slice(-rank)]
      : x.shape.slice(2).map((n, i) => n * stride[i]);
    const [v, h] = [0, 1].map((i) => {
      const full =
        stride[i] * (x.shape[2 + i] - 1) + outputPadding[i] + dilation[i] * (w.shape[2 + i] - 1) + 1;
      const total = full - wanted[i];
      if (total < 0) outputPadding[i] -= total;
      // An odd rest goes to the start unless SAME_UPPER says otherwise.
      return total < 0 ? [0, 0] : halves(total, mode === 'SAME_UPPER');
    });
    padding = [v[0], h[0], v[1], h[1]];
  }
  const options = {
    stride,
    dilation,
    padding,
    outputPadding,
    groups: r.int('group', 1),
    bias: r.optional(2),
  };
  return asGiven(convTranspose2d(x, w, options), r.x(0));
}

function poolOf(r: Reading): { x: Value; rank: number; attrs: Omit<PoolAttrs, 'countIncludePad'> } {
  const x = asPlanes(r.x(0));
  const rank = r.x(0).shape.length - 2;
  check(r.ints('kernel_shape')?.length, 'format', () => 'kernel_shape is missing.');
  const window = readWindow(r, x.shape.slice(2), pairFrom(r, 'kernel_shape', rank, 1), rank);
  return { x, rank, attrs: { ...window, ceilMode: r.int('ceil_mode', 0) !== 0 } };
}

function readMaxPool(r: Reading): Value[] {
  const { x: given, attrs } = poolOf(r);
  const x = cast(given, 'f32');
  const y = maxPool2d(x, attrs.kernel, attrs);
  const outputs = [asGiven(cast(y, given.dtype), r.x(0))];
  if (r.wants(1)) {
    const size = [y.shape[2], y.shape[3]] as const;
    const indices = maxPool2dIndices(x, { pool: attrs, size, columnMajor: r.int('storage_order', 0) !== 0 });
    outputs.push(asGiven(indices, r.x(0)));
  }
  return outputs;
}

function readAveragePool(r: Reading): Value {
  const { x, attrs } = poolOf(r);
  const countIncludePad = r.int('count_include_pad', 0) !== 0;
  return asGiven(avgPool2d(x, attrs.kernel, { ...attrs, countIncludePad }), r.x(0));
}

const poolAttributes = (a: PoolAttrs) => ({
  kernel_shape: a.kernel,
  strides: a.stride,
  pads: a.padding,
  ceil_mode: a.ceilMode ? 1 : 0,
});

const isDilated = (a: PoolAttrs): boolean => a.dilation.some((d) => d !== 1);

function writeMaxPool(w: Writing, node: Node): void {
  const a = node.attrs as PoolAttrs;
  w.emit('MaxPool', names(w, node.inputs), node, { ...poolAttributes(a), dilations: a.dilation });
}

function writeAveragePool(w: Writing, node: Node): void {
  const a = node.attrs as PoolAttrs;
  if (isDilated(a) || (a.divisorOverride && a.ceilMode)) {
    throw new LensletError(
      'unsupported',
      'Export: average pooling with dilation, or with a fixed divisor in ceil mode, is not in ONNX opset 17.',
    );
  }
  const pad = { count_include_pad: a.countIncludePad || a.divisorOverride ? 1 : 0 };
  const attributes = { ...poolAttributes(a), ...pad };
  if (!a.divisorOverride) return void w.emit('AveragePool', names(w, node.inputs), node, attributes);
  const mean = w.emit('AveragePool', names(w, node.inputs), null, attributes);
  w.emit('Mul', [mean, w.scalar((a.kernel[0] * a.kernel[1]) / a.divisorOverride)], node);
}

const spatial = (x: Value): number[] => x.shape.map((_, i) => i).slice(2);

/** Scales with the statistics of the batch and follows them (training_mode), or with given ones. */
function readBatchNorm(r: Reading): (Value | null)[] {
  if (r.int('spatial', 1) !== 1) r.fail('statistics for each position (spatial = 0) are not supported.');
  const [x, scale, shift, mean, variance] = [0, 1, 2, 3, 4].map((i) => r.x(i));
  const eps = r.float('epsilon', 1e-5);
  const keep = r.float('momentum', 0.9);
  if (r.int('training_mode', 0) !== 0) {
    const y = batchNormTraining(x, scale, shift, null, { eps });
    const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
    const average = reduceMean(x, axes, true);
    const spread = reduceMean(unary('square', sub(x, average)), axes);
    const follow = (old: Value, now: Value) =>
      add(unary('affine', old, { alpha: keep }), unary('affine', now, { alpha: 1 - keep }));
    return [
      y,
      r.wants(1) ? follow(mean, reshape(average, mean.shape)) : null,
      r.wants(2) ? follow(variance, spread) : null,
    ];
  }
  const { updates } = x.graph;
  const isFree = (v: Value) => v.source.kind === 'variable' && !updates.has(v.source.name);
  if (r.b.training && isFree(mean) && isFree(variance) && mean !== variance) {
    return [batchNormTraining(x, scale, shift, { mean, variance }, { eps, momentum: 1 - keep })];
  }
  return [batchNormInference(x, scale, shift, mean, variance, eps)];
}

/** y = x·scale + shift by channel; batch normalisation where it comes from one. */
function writeChannelAffine(w: Writing, node: Node): void {
  const norm = matchBatchNorm(node);
  if (norm) {
    const { x, gamma, beta, mean, variance, eps } = norm;
    w.emit('BatchNormalization', names(w, [x, gamma, beta, mean, variance]), node, { epsilon: float(eps) });
    return;
  }
  const [x, scale, shift] = node.inputs as readonly Value[];
  const shape = [scale.shape[0], ...spatial(x).map(() => 1)];
  const column = (v: Value) => w.emit('Reshape', [w.name(v), w.integers(shape, 'shape')], null);
  w.emit('Add', [w.emit('Mul', [w.name(x), column(scale)], null), column(shift)], node);
}

function readInstanceNorm(r: Reading): Value {
  const x = r.x(0);
  const axes = spatial(x);
  const centred = sub(x, reduceMean(x, axes, true));
  const variance = reduceMean(unary('square', centred), axes, true);
  const std = unary('sqrt', unary('affine', variance, { alpha: 1, beta: r.float('epsilon', 1e-5) }));
  const column = (v: Value) => reshape(v, [sizeOf(v.shape), ...axes.map(() => 1)]);
  return add(mul(div(centred, std), column(r.x(1))), column(r.x(2)));
}

/** ONNX's window of an even size reaches one channel further up, ours one further down: turned around there. */
function readLrn(r: Reading): Value {
  const x = r.x(0);
  const size = r.int('size', 0);
  const options = { alpha: r.float('alpha', 1e-4), beta: r.float('beta', 0.75), k: r.float('bias', 1) };
  if (size % 2) return localResponseNorm(x, size, options);
  const turn = (v: Value) =>
    slice(v, {
      starts: v.shape.map((d, i) => (i === 1 ? d - 1 : 0)),
      steps: v.shape.map((_, i) => (i === 1 ? -1 : 1)),
      sizes: v.shape,
    });
  return turn(localResponseNorm(turn(x), size, options));
}

function writeLrn(w: Writing, node: Node): void {
  const { size, alpha, beta, k } = node.attrs as LrnAttrs;
  if (size % 2 === 0) {
    throw new LensletError(
      'unsupported',
      `Export: ONNX centres a window of ${size} channels elsewhere; use an odd size.`,
    );
  }
  w.emit('LRN', names(w, node.inputs), node, {
    size,
    alpha: float(alpha),
    beta: float(beta),
    bias: float(k),
  });
}

/** Nothing in inference. The ratio is an attribute up to opset 11 and an input from 12 on. */
function readDropout(r: Reading): Value[] {
  const x = r.x(0);
  const ratio = r.opset < 12 ? r.float('ratio', 0.5) : r.number(1, 0.5);
  const asks = r.opset >= 12 && r.number(2, 0) !== 0;
  if (asks && !r.b.training && ratio > 0) r.fail('training_mode is set, but this is a graph for inference.');
  const name = r.node.output[0] ?? '';
  const y =
    r.b.training && ratio > 0
      ? dropout(x, r.b.seed(), { p: ratio, stream: hashString(r.b.path + name) | 0 })
      : x;
  // Many files name the mask and do not use it; in training there is none.
  if (!r.wants(1) || y !== x) return [y];
  const one = r.constant({ dtype: 'i32', shape: [], data: Int32Array.of(1) });
  return [y, expand(one, x.shape)];
}

/** alpha·A·B + beta·C with optional transposes. */
function readGemm(r: Reading): Value {
  const [a, b] = [r.x(0), r.x(1)];
  const c = r.optional(2);
  const [transA, transB] = [r.int('transA', 0) !== 0, r.int('transB', 0) !== 0];
  const [alpha, beta] = [r.float('alpha', 1), r.float('beta', 1)];
  check(
    a.shape.length === 2 && b.shape.length === 2,
    'shape',
    () => `Gemm takes matrices, not [${a.shape}] and [${b.shape}].`,
  );
  const isLayer = !transA && transB && alpha === 1 && beta === 1;
  if (isLayer && (!c || (c.shape.length === 1 && c.shape[0] === b.shape[0]))) return linear(a, b, c);
  const product = matmul(a, b, transA, transB);
  const scaled = alpha === 1 ? product : unary('affine', product, { alpha });
  if (!c || beta === 0) return scaled;
  return add(scaled, beta === 1 ? c : unary('affine', c, { alpha: beta }));
}

/** Vectors are rows on the left and columns on the right. */
function readMatMul(r: Reading): Value {
  const [a, b] = [r.x(0), r.x(1)];
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]]) : a;
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0], 1]) : b;
  const y = matmul(left, right);
  const shape = [...y.shape];
  if (b.shape.length === 1) shape.pop();
  if (a.shape.length === 1) shape.splice(shape.length - (b.shape.length === 1 ? 1 : 2), 1);
  return reshape(y, shape);
}

function writeMatmul(w: Writing, node: Node): void {
  const { transA, transB } = node.attrs as MatmulAttrs;
  const operand = (v: Value, transposed: boolean): string => {
    if (!transposed) return w.name(v);
    const perm = v.shape.map((_, i) => i);
    perm.push(...perm.splice(-2).reverse());
    return w.emit('Transpose', [w.name(v)], null, { perm });
  };
  const [a, b] = node.inputs as readonly Value[];
  w.emit('MatMul', [operand(a, transA), operand(b, transB)], node);
}

/** Up to opset 12 the dimensions from `axis` on were one. */
const softmaxRow = (onnx: string, name: string, f: (x: Value, axis: number) => Value): Row => ({
  read(r) {
    const x = r.x(0);
    const rank = x.shape.length;
    const axis = r.axis(r.int('axis', r.opset < 13 ? 1 : -1), rank);
    if (r.opset >= 13) return f(x, axis);
    const rows = reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
    return reshape(f(rows, 1), x.shape);
  },
  write: {
    [name]: (w, node) =>
      w.emit(onnx, names(w, node.inputs), node, { axis: (node.attrs as { axis: number }).axis }),
  },
});

export const networkRows: Rows = {
  Conv: {
    read: readConv,
    write: { conv2d: (w, n) => w.emit('Conv', names(w, n.inputs), n, convAttributes(n.attrs as ConvAttrs)) },
  },
  ConvTranspose: {
    read: readConvTranspose,
    write: {
      conv_transpose2d: (w, n) => {
        const a = n.attrs as ConvTransposeAttrs;
        w.emit('ConvTranspose', names(w, n.inputs), n, {
          ...convAttributes(a),
          output_padding: a.outputPadding,
        });
      },
    },
  },
  MaxPool: { read: readMaxPool, write: { max_pool2d: writeMaxPool } },
  AveragePool: { read: readAveragePool, write: { avg_pool2d: writeAveragePool } },
  GlobalAveragePool: { read: (r) => reduceMean(r.x(0), spatial(r.x(0)), true) },
  GlobalMaxPool: { read: (r) => reduceMax(r.x(0), spatial(r.x(0)), true) },
  BatchNormalization: { read: readBatchNorm, write: { channel_affine: writeChannelAffine } },
  InstanceNormalization: { read: readInstanceNorm },
  LRN: { read: readLrn, write: { local_response_norm: writeLrn } },
  Dropout: { read: readDropout },
  Gemm: {
    read: readGemm,
    write: { linear: (w, n) => w.emit('Gemm', names(w, n.inputs), n, { transB: 1 }) },
  },
  MatMul: { read: readMatMul, write: { matmul: writeMatmul } },
  Softmax: softmaxRow('Softmax', 'softmax', softmax),
  LogSoftmax: softmaxRow('LogSoftmax', 'log_softmax', logSoftmax),
};
