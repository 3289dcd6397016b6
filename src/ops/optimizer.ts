/** Weight updates as operators, so that a training step is one graph. Formulas as in torch.optim. */
import { OptimizerKind } from '../../as/kinds.ts';
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { sameShape, showType, sizeOf, type Tensor, type TensorType } from '../core/tensor.ts';
import { apply, type Value } from '../ir/graph.ts';
import { f32, i32, read, type WasmKernel, write } from '../ir/kernel.ts';
import { defineOp, noGrad } from '../ir/op.ts';
import { adamShader, sgdShader } from './optimizer-webgpu.ts';

export interface SgdAttrs {
  readonly momentum: number;
  readonly nesterov: boolean;
  /** L2 penalty λ: λ·w is added to the gradient. */
  readonly weightDecay: number;
}

export interface AdamAttrs {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** AdamW: w shrinks by α·λ·w instead of λ·w being added to the gradient. */
  readonly decoupled: boolean;
}

/** Checks that a gradient and the optimiser's state are as the weight, and `hyper` is there. */
function checkStep(
  name: string,
  w: TensorType,
  others: readonly TensorType[],
  hyper: TensorType | null | undefined,
): void {
  check(
    w.dtype === 'f32' && others.every((t) => t.dtype === 'f32' && sameShape(t.shape, w.shape)),
    'shape',
    () =>
      `${name}: gradient and state must be as the weight ${showType(w)}, not ${others.map(showType).join(', ')}.`,
  );
  check(
    hyper?.dtype === 'f32' && sameShape(hyper.shape, [2]),
    'shape',
    () =>
      `${name}: needs the learning rate and the step's number as f32[2], not ${hyper ? showType(hyper) : 'nothing'}.`,
  );
}

const sgdOp = defineOp<SgdAttrs>({
  name: 'sgd',
  infer([w, g, v, hyper], { momentum, nesterov }) {
    checkStep('sgd', w!, v ? [g!, v] : [g!], hyper);
    check(v || (!momentum && !nesterov), 'value', () => 'sgd: momentum and Nesterov need a velocity.');
    return v ? [w!, v] : [w!];
  },
  grad: noGrad,
  reference([w, g, v, hyper], [wOut, vOut], { momentum, nesterov, weightDecay }) {
    const lr = (hyper as Tensor).data[0];
    for (let i = 0; i < w!.data.length; i++) {
      const grad = g!.data[i] + weightDecay * w!.data[i];
      const velocity = v ? momentum * v.data[i] + grad : grad;
      if (v) vOut.data[i] = velocity;
      wOut.data[i] = w!.data[i] - lr * (nesterov ? grad + momentum * velocity : velocity);
    }
  },
  wasm({ inputs: [w, g, v, hyper], outputs: [wOut, vOut], attrs: a }): WasmKernel[] {
    const count = sizeOf(w!.shape);
    const buffers = [
      read(w),
      read(g),
      read(v),
      read(null),
      read(hyper),
      write(wOut),
      write(vOut ?? null),
      write(null),
    ];
    const words = [i32(count), i32(OptimizerKind.SGD), f32(a.momentum), f32(0), f32(0), f32(a.weightDecay)];
    const args = [...buffers, ...words, i32(a.nesterov ? 1 : 0)];
    return [{ opcode: Opcode.OPTIMIZER, tiles: Math.ceil(count / Layout.TILE), args }];
  },
  webgpu: ({ inputs, outputs, attrs }) => [sgdShader(inputs, outputs, attrs)],
  inPlace: [
    [0, 0],
    [1, 2],
  ],
});

const adamOp = defineOp<AdamAttrs>({
  name: 'adam',
  infer([w, g, m, v, hyper]) {
    checkStep('adam', w!, [g!, m!, v!], hyper);
    return [w!, m!, v!];
  },
  grad: noGrad,
  reference([w, g, m, v, hyper], [wOut, mOut, vOut], a) {
    const [lr, t] = (hyper as Tensor).data;
    for (let i = 0; i < w!.data.length; i++) {
      const weight = w!.data[i] * (a.decoupled ? 1 - lr * a.weightDecay : 1);
      const grad = g!.data[i] + (a.decoupled ? 0 : a.weightDecay * w!.data[i]);
      const mean = a.beta1 * m!.data[i] + (1 - a.beta1) * grad;
      const square = a.beta2 * v!.data[i] + (1 - a.beta2) * grad * grad;
      mOut.data[i] = mean;
      vOut.data[i] = square;
      const root = Math.sqrt(square / (1 - a.beta2 ** t)) + a.eps;
      wOut.data[i] = weight - (lr * (mean / (1 - a.beta1 ** t))) / root;
    }
  },
  wasm({ inputs: [w, g, m, v, hyper], outputs: [wOut, mOut, vOut], attrs: a }): WasmKernel[] {
    const count = sizeOf(w!.shape);
    const buffers = [read(w), read(g), read(m), read(v), read(hyper), write(wOut), write(mOut), write(vOut)];
    const kind = a.decoupled ? OptimizerKind.ADAMW : OptimizerKind.ADAM;
    const words = [i32(count), i32(kind), f32(a.beta1), f32(a.beta2), f32(a.eps), f32(a.weightDecay), i32(0)];
    return [
      { opcode: Opcode.OPTIMIZER, tiles: Math.ceil(count / Layout.TILE), args: [...buffers, ...words] },
    ];
  },
  webgpu: ({ inputs, outputs, attrs }) => [adamShader(inputs, outputs, attrs)],
  inPlace: [
    [0, 0],
    [1, 2],
    [2, 3],
  ],
});

/**
 * One step of stochastic gradient descent.
 * @param velocity null without momentum
 * @param hyper f32[2]: learning rate, number of the step from 1
 * @returns the new weight and, with momentum, the new velocity
 */
export const sgdStep = (w: Value, grad: Value, velocity: Value | null, hyper: Value, attrs: SgdAttrs) =>
  apply(sgdOp, [w, grad, velocity, hyper], attrs);

/** One step of Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019): new weight, mean, square. */
export const adamStep = (w: Value, grad: Value, mean: Value, square: Value, hyper: Value, attrs: AdamAttrs) =>
  apply(adamOp, [w, grad, mean, square, hyper], attrs);

export const optimizerOps = { sgd: sgdOp, adam: adamOp };
