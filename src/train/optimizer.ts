/** Optimisers: what they append to the training graph for each parameter. */
import type { Value } from '../ir/graph.ts';
import type { Builder } from '../nn/builder.ts';
import { zeros } from '../nn/init.ts';
import { adamStep, sgdStep } from '../ops/optimizer.ts';

export interface Optimizer {
  /** Name and settings: equal names update equally. */
  readonly name: string;
  /** Appends the update of one parameter. @param hyper f32[2]: learning rate, number of the step from 1 */
  apply(b: Builder, name: string, parameter: Value, gradient: Value, hyper: Value): void;
}

/** A variable of the optimiser, of the parameter's shape. */
const slot = (b: Builder, kind: string, name: string, { shape }: Value): Value =>
  b.graph.variable({
    name: `optimizer.${kind}.${name}`,
    shape,
    init: zeros,
    role: 'optimizer',
    parameters: 0,
  });

export interface SgdOptions {
  /** Default 0. */
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** L2 penalty λ: the loss gains λ/2·‖w‖². Default 0. */
  readonly weightDecay?: number;
}

/** Stochastic gradient descent, as torch.optim.SGD. */
export const sgd = ({ momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimizer => ({
  name: `sgd momentum=${momentum} nesterov=${nesterov} weight-decay=${weightDecay}`,
  apply(b, name, w, gradient, hyper) {
    const velocity = momentum ? slot(b, 'momentum', name, w) : null;
    const [next, nextVelocity] = sgdStep(w, gradient, velocity, hyper, { momentum, nesterov, weightDecay });
    b.graph.update(w, next);
    if (velocity) b.graph.update(velocity, nextVelocity);
  },
});

export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  readonly weightDecay?: number;
}

const adamLike = (
  decoupled: boolean,
  { beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0 }: AdamOptions,
): Optimizer => ({
  name: `${decoupled ? 'adamw' : 'adam'} betas=${beta1},${beta2} eps=${eps} weight-decay=${weightDecay}`,
  apply(b, name, w, gradient, hyper) {
    const [mean, square] = [slot(b, 'mean', name, w), slot(b, 'square', name, w)];
    const next = adamStep(w, gradient, mean, square, hyper, { beta1, beta2, eps, weightDecay, decoupled });
    [w, mean, square].forEach((variable, i) => {
      b.graph.update(variable, next[i]);
    });
  },
});

/** Adam (Kingma & Ba 2015); weight decay as an L2 penalty. */
export const adam = (options: AdamOptions = {}): Optimizer => adamLike(false, options);
/** AdamW (Loshchilov & Hutter 2019): decoupled weight decay. */
export const adamw = (options: AdamOptions = {}): Optimizer => adamLike(true, options);
