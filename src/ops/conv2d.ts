/**
 * Convolution (cross-correlation, as everywhere in this field), its gradients, and transposed convolution; NCHW,
 * weights OIHW. The four operators are closed under differentiation: each one's gradients are the others.
 */

import { check } from '../core/error.ts';
import type { Tensor, TensorType } from '../core/tensor.ts';
import { sameShape, showType } from '../core/tensor.ts';
import { apply1, detachedNode, isStaticValue, type Node, type Value } from '../ir/graph.ts';
import { type Absorbed, defineOp, type OpDef } from '../ir/op.ts';
import { binaryOps } from './binary.ts';
import { convFilterGradShaders } from './conv-grad-webgpu.ts';
import { convFilterGradKernels, convKernels, convTransposeKernels } from './conv-kernels.ts';
import {
  absorbActivation,
  type ConvAttrs,
  checkConv,
  convShape,
  type Epilogue,
  forTaps,
  geometryOf,
  type Padding,
  type Pair,
  paddingOf,
  pairOf,
} from './conv-shape.ts';
import { convShaders, convTransposeShaders } from './conv-webgpu.ts';
import { activationFunction } from './elementwise.ts';
import { reduceSum } from './reduce.ts';
import { reshapeOp } from './shape.ts';

export type { ConvAttrs } from './conv-shape.ts';

const f32Of = (shape: readonly number[]): TensorType => ({ dtype: 'f32', shape });
const plain = (a: ConvAttrs): ConvAttrs => ({
  stride: a.stride,
  padding: a.padding,
  dilation: a.dilation,
  groups: a.groups,
});
const biasGrad = (b: Value | null, dy: Value): Value | null => (b ? reduceSum(dy, [0, 2, 3]) : null);

/** y = f(sum + bias + residual): ends the reference of a convolution whose sums are in f64. */
function finish(
  sums: Float64Array,
  b: Tensor | null,
  y: Tensor,
  a: ConvAttrs,
  residual: Tensor | null = null,
): void {
  const f = activationFunction(a.activation ?? 0, a.alpha);
  const [, channels, h, w] = y.shape;
  for (let i = 0; i < sums.length; i++)
    y.data[i] = f(sums[i] + (b ? b.data[Math.floor(i / (h * w)) % channels] : 0) + (residual?.data[i] ?? 0));
}

/**
 * x [N,C,H,W], w [M,C/groups,KH,KW], b [M] or null → [N,M,OH,OW]. Fusion adds a residual like the output as a fourth
 * input: it is added before the activation.
 */
export const conv2dOp: OpDef<ConvAttrs> = defineOp<ConvAttrs>({
  name: 'conv2d',
  infer: ([x, w, b], a) => [f32Of(convShape('conv2d', x!, w!, b, a))],
  grad({ inputs: [x, w, b], attrs }, [dy]) {
    const a = plain(attrs);
    return [
      apply1(conv2dInputGradOp, [dy, w], { ...a, size: [x!.shape[2], x!.shape[3]] }),
      apply1(conv2dFilterGradOp, [x, dy], { ...a, kernel: [w!.shape[2], w!.shape[3]] }),
      biasGrad(b, dy!),
    ];
  },
  reference([x, w, b, residual], [y], a) {
    const sums = new Float64Array(y.data.length);
    forTaps(geometryOf(x!.shape, w!.shape, y.shape, a), (i, j, o) => {
      sums[o] += x!.data[i] * w!.data[j];
    });
    finish(sums, b, y, a, residual);
  },
  wasm: ({ inputs: [x, w, b, residual], outputs: [y], attrs }) =>
    convKernels(x!, w!, b, y, geometryOf(x!.shape, w!.shape, y.shape, attrs), { ...attrs, residual }),
  webgpu({ inputs: [x, w, b, residual], outputs: [y], attrs }, gpu) {
    const s = geometryOf(x!.shape, w!.shape, y.shape, attrs);
    return convShaders(x!, w!, b, y, s, { ...attrs, residual }, gpu);
  },
  absorb(node, next) {
    // The kernels end in a residual and ReLU, or any activation without a residual.
    if (node.inputs[3]) return next.op.name === 'relu' ? absorbActivation(node, next) : null;
    return absorbAffine(node, next) ?? absorbResidual(node, next) ?? absorbActivation(node, next);
  },
});

/** Scale and shift of batch normalisation at inference, computed once for many runs: they go into weights and bias. */
function absorbAffine(
  { inputs, outputs: [y], attrs }: Node<ConvAttrs>,
  next: Node,
): Absorbed<ConvAttrs> | null {
  const [x, w, b] = inputs as [Value, Value, Value | null];
  const [, scale, shift] = next.inputs as Value[];
  if (next.op.name !== 'channel_affine' || attrs.activation || next.inputs[0] !== y) return null;
  if (![w, b, scale, shift].every((v) => !v || isStaticValue(v))) return null;
  const column = detachedNode(reshapeOp, [scale], { shape: [w.shape[0], 1, 1, 1] });
  const weight = detachedNode(binaryOps.mul, [w, column.outputs[0]], null);
  const before = [column, weight];
  let bias = shift;
  if (b) {
    const scaled = detachedNode(binaryOps.mul, [b, scale], null);
    const sum = detachedNode(binaryOps.add, [scaled.outputs[0], shift], null);
    before.push(scaled, sum);
    bias = sum.outputs[0];
  }
  const { activation, alpha } = next.attrs as Epilogue;
  return { attrs: { ...attrs, activation, alpha }, inputs: [x, weight.outputs[0], bias], before };
}

/** The sum of a convolution and a tensor of the same shape; not of linear layers, whose kernels have no such end. */
function absorbResidual(
  { inputs, outputs: [y], attrs }: Node<ConvAttrs>,
  next: Node,
): Absorbed<ConvAttrs> | null {
  const [x, w, b] = inputs;
  const other = next.inputs[0] === y ? next.inputs[1] : next.inputs[0];
  if (next.op.name !== 'add' || attrs.activation || other === y) return null;
  if (!sameShape(other!.shape, y.shape) || y.shape[2] * y.shape[3] === 1) return null;
  return { attrs, inputs: [x, w, b, other!] };
}

export interface ConvInputGradAttrs extends ConvAttrs {
  /** Height and width of the convolution's input. */
  readonly size: readonly [number, number];
}

/** dy [N,M,OH,OW], w [M,C/groups,KH,KW] → dx [N,C,H,W]. */
export const conv2dInputGradOp: OpDef<ConvInputGradAttrs> = defineOp<ConvInputGradAttrs>({
  name: 'conv2d_input_grad',
  infer([dy, w], a) {
    const shape = [dy!.shape[0], w!.shape[1] * a.groups, ...a.size];
    checkOutput('conv2d_input_grad', f32Of(shape), w!, dy!, a);
    return [f32Of(shape)];
  },
  grad: ({ inputs: [dy, w], attrs }, [g]) => [
    apply1(conv2dOp, [g, w, null], plain(attrs)),
    apply1(conv2dFilterGradOp, [g, dy], { ...plain(attrs), kernel: [w!.shape[2], w!.shape[3]] }),
  ],
  reference([dy, w], [dx], a) {
    const sums = new Float64Array(dx.data.length);
    forTaps(geometryOf(dx.shape, w!.shape, dy!.shape, a), (i, j, o) => {
      sums[i] += dy!.data[o] * w!.data[j];
    });
    dx.data.set(sums);
  },
  wasm: ({ inputs: [dy, w], outputs: [dx], attrs }) =>
    convTransposeKernels(dy!, w!, null, dx, geometryOf(dx.shape, w!.shape, dy!.shape, attrs), {}),
  webgpu: ({ inputs: [dy, w], outputs: [dx], attrs }, gpu) =>
    convTransposeShaders(dy!, w!, null, dx, geometryOf(dx.shape, w!.shape, dy!.shape, attrs), {}, gpu),
});

export interface ConvFilterGradAttrs extends ConvAttrs {
  readonly kernel: readonly [number, number];
}

/** x [N,C,H,W], dy [N,M,OH,OW] → dw [M,C/groups,KH,KW]. */
export const conv2dFilterGradOp: OpDef<ConvFilterGradAttrs> = defineOp<ConvFilterGradAttrs>({
  name: 'conv2d_filter_grad',
  infer([x, dy], a) {
    const shape = [dy!.shape[1], x!.shape[1] / a.groups, ...a.kernel];
    checkOutput('conv2d_filter_grad', x!, f32Of(shape), dy!, a);
    return [f32Of(shape)];
  },
  grad: ({ inputs: [x, dy], attrs }, [g]) => [
    apply1(conv2dInputGradOp, [dy, g], { ...plain(attrs), size: [x!.shape[2], x!.shape[3]] }),
    apply1(conv2dOp, [x, g, null], plain(attrs)),
  ],
  reference([x, dy], [dw], a) {
    const sums = new Float64Array(dw.data.length);
    forTaps(geometryOf(x!.shape, dw.shape, dy!.shape, a), (i, j, o) => {
      sums[j] += x!.data[i] * dy!.data[o];
    });
    dw.data.set(sums);
  },
  wasm: ({ inputs: [x, dy], outputs: [dw], attrs }) =>
    convFilterGradKernels(x!, dy!, dw, geometryOf(x!.shape, dw.shape, dy!.shape, attrs)),
  webgpu: ({ inputs: [x, dy], outputs: [dw], attrs }, gpu) =>
    convFilterGradShaders(x!, dy!, dw, geometryOf(x!.shape, dw.shape, dy!.shape, attrs), gpu),
});

/** Checks that a convolution of x with w has the shape of dy. */
function checkOutput(name: string, x: TensorType, w: TensorType, dy: TensorType, a: ConvAttrs): void {
  const shape = convShape(name, x, w, null, a);
  check(
    dy.dtype === 'f32' && shape.every((d, i) => d === dy.shape[i]),
    'shape',
    () => `${name}: the output's gradient is ${showType(dy)}, but the convolution's output is [${shape}].`,
  );
}

export interface ConvTransposeAttrs extends ConvAttrs {
  /** Rows and columns added at the bottom and right. */
  readonly outputPadding: readonly [number, number];
}

/** The convolution of which this is the transpose: output padding is taken off its bottom and right padding. */
function transposed(a: ConvTransposeAttrs): ConvAttrs {
  const [t, l, b, r] = a.padding;
  return { ...plain(a), padding: [t, l, b - a.outputPadding[0], r - a.outputPadding[1]] };
}

/**
 * x [N,I,H,W], w [I,O/groups,KH,KW], b [O] or null → [N,O,OH,OW] with
 * OH = (H−1)·stride − top − bottom + dilation·(KH−1) + outputPadding + 1: every input pixel adds its kernel to the
 * output. Also called fractionally strided convolution (Dumoulin & Visin, arXiv:1603.07285, section 4).
 */
export const convTranspose2dOp: OpDef<ConvTransposeAttrs> = defineOp<ConvTransposeAttrs>({
  name: 'conv_transpose2d',
  infer([x, w, b], a) {
    const name = 'conv_transpose2d';
    checkConv(name, x!, w!, b, w!.shape[1] * a.groups, a);
    check(
      x!.shape[1] === w!.shape[0] && w!.shape[0] % a.groups === 0,
      'shape',
      () =>
        `${name}: ${showType(x!)} has ${x!.shape[1]} channels, but the weight ${showType(w!)} takes ${w!.shape[0]} in ${a.groups} groups.`,
    );
    const fits = a.outputPadding.every(
      (p, i) => Number.isInteger(p) && p >= 0 && p < Math.max(a.stride[i], a.dilation[i]),
    );
    check(
      fits,
      'shape',
      () =>
        `${name}: output padding [${a.outputPadding}] must be smaller than the stride [${a.stride}] or the dilation [${a.dilation}].`,
    );
    const [t, l, bottom, r] = a.padding;
    const size = (i: 0 | 1, before: number, after: number) =>
      (x!.shape[2 + i] - 1) * a.stride[i] -
      before -
      after +
      a.dilation[i] * (w!.shape[2 + i] - 1) +
      a.outputPadding[i] +
      1;
    const [oh, ow] = [size(0, t, bottom), size(1, l, r)];
    check(
      oh > 0 && ow > 0,
      'shape',
      () => `${name}: padding [${a.padding}] leaves nothing of the output (${oh}×${ow}).`,
    );
    return [f32Of([x!.shape[0], w!.shape[1] * a.groups, oh, ow])];
  },
  grad({ inputs: [x, w, b], attrs }, [dy]) {
    const a = transposed(attrs);
    return [
      apply1(conv2dOp, [dy, w, null], a),
      apply1(conv2dFilterGradOp, [dy, x], { ...a, kernel: [w!.shape[2], w!.shape[3]] }),
      biasGrad(b, dy!),
    ];
  },
  reference([x, w, b], [y], a) {
    const sums = new Float64Array(y.data.length);
    forTaps(geometryOf(y.shape, w!.shape, x!.shape, transposed(a)), (i, j, o) => {
      sums[i] += x!.data[o] * w!.data[j];
    });
    finish(sums, b, y, a);
  },
  wasm: ({ inputs: [x, w, b], outputs: [y], attrs }) =>
    convTransposeKernels(x!, w!, b, y, geometryOf(y.shape, w!.shape, x!.shape, transposed(attrs)), attrs),
  webgpu({ inputs: [x, w, b], outputs: [y], attrs }, gpu) {
    const s = geometryOf(y.shape, w!.shape, x!.shape, transposed(attrs));
    return convTransposeShaders(x!, w!, b, y, s, attrs, gpu);
  },
  absorb: absorbActivation,
});

export interface Conv2dOptions {
  readonly bias?: Value | null;
  readonly stride?: Pair;
  readonly padding?: Padding;
  readonly dilation?: Pair;
  readonly groups?: number;
}

const attrsOf = (o: Conv2dOptions): ConvAttrs => ({
  stride: pairOf(o.stride ?? 1),
  padding: paddingOf(o.padding ?? 0),
  dilation: pairOf(o.dilation ?? 1),
  groups: o.groups ?? 1,
});

/** Convolution of x [N,C,H,W] with w [M,C/groups,KH,KW], bias [M]; options as in torch.nn.functional.conv2d. */
export const conv2d = (x: Value, w: Value, options: Conv2dOptions = {}): Value =>
  apply1(conv2dOp, [x, w, options.bias ?? null], attrsOf(options));

/** Transposed convolution of x [N,I,H,W] with w [I,O/groups,KH,KW], bias [O]; as torch.nn.functional.conv_transpose2d. */
export const convTranspose2d = (
  x: Value,
  w: Value,
  options: Conv2dOptions & { readonly outputPadding?: Pair } = {},
): Value =>
  apply1(convTranspose2dOp, [x, w, options.bias ?? null], {
    ...attrsOf(options),
    outputPadding: pairOf(options.outputPadding ?? 0),
  });

export const convOps = {
  conv2d: conv2dOp,
  conv2d_input_grad: conv2dInputGradOp,
  conv2d_filter_grad: conv2dFilterGradOp,
  conv_transpose2d: convTranspose2dOp,
};
