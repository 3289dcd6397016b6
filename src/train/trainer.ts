/** One training step as one graph: forward, loss, backward and update. */
import type { Executable } from '../backend.ts';
import { check } from '../core/error.ts';
import { Random } from '../core/random.ts';
import { type Shape, type Tensor, tensor } from '../core/tensor.ts';
import type { Batch } from '../data/batches.ts';
import type { Value } from '../ir/graph.ts';
import type { Builder, Model } from '../nn/builder.ts';
import { modelLoss } from '../nn/loss.ts';
import { countCorrect } from '../ops/loss.ts';
import { gradients } from '../plan/grad.ts';
import type { Session } from '../session.ts';
import type { Optimizer } from './optimizer.ts';

export interface StepResult {
  /** Mean over the batch. */
  readonly loss: number;
  /** Images of the batch classified right, before the update. */
  readonly correct: number;
}

/**
 * Appends a training step: inputs "x" f32[shape], "labels" i32[N,…], "hyper" f32[2] (learning rate, step) and, where
 * the network draws random numbers, "seed" i32[1]; outputs "loss" and "correct"; updates of all parameters.
 * @param shape of the images, [N,C,H,W]
 * @param labelShape of one image's label; a number where absent
 * @returns the gradients by parameter name
 */
export function buildStep(
  b: Builder,
  model: Model,
  optimizer: Optimizer,
  shape: Shape,
  labelShape: Shape = [],
): Map<string, Value> {
  const hyper = b.graph.input('hyper', { dtype: 'f32', shape: [2] });
  const grads = buildGradients(b, model, shape, labelShape);
  for (const [name, gradient] of grads) {
    const { value } = b.graph.variables.get(name) as { value: Value };
    optimizer.apply(b, name, value, gradient, hyper);
  }
  return grads;
}

/**
 * Appends the step without the updates of the parameters: inputs "x", "labels" and, where needed, "seed"; outputs
 * "loss" and "correct".
 * @returns the gradients by parameter name
 */
export function buildGradients(
  b: Builder,
  model: Model,
  shape: Shape,
  labelShape: Shape = [],
): Map<string, Value> {
  const { graph } = b;
  const x = graph.input('x', { dtype: 'f32', shape });
  const labels = graph.input('labels', { dtype: 'i32', shape: [shape[0], ...labelShape] });
  const scores = model.build(b, x);
  const loss = modelLoss(model, b, scores, labels);
  graph.output('loss', loss);
  graph.output('correct', model.correct?.(b, scores, labels) ?? countCorrect(scores, labels));
  const parameters = [...graph.variables.values()].filter((v) => v.spec.role === 'parameter');
  const grads = gradients(
    loss,
    parameters.map((p) => p.value),
  );
  const byName = new Map<string, Value>();
  for (const { spec, value } of parameters) {
    const gradient = grads.get(value);
    if (gradient) byName.set(spec.name, gradient);
  }
  return byName;
}

export class Trainer {
  readonly #hyper = tensor([2]);

  /**
   * @param seed dropout's masks are a function of this and the step's number
   * @param model how the session's network is built and judged when it is trained; its name tells plans apart
   */
  constructor(
    readonly session: Session,
    readonly optimizer: Optimizer,
    readonly seed = 0,
    readonly model: Model = session.model,
  ) {}

  /** The plan for batches of this size, image shape and shape of a label. */
  plan(shape: Shape, labelShape: Shape = []): Promise<Executable> {
    const { session, optimizer, model } = this;
    return session.plan(`train ${model.name} ${shape} ${labelShape} ${optimizer.name}`, true, (b) => {
      buildStep(b, model, optimizer, shape, labelShape);
    });
  }

  /**
   * One update.
   * @param step number of the update, from 1
   * @throws LensletError 'value' when the loss is no number any more: the weights are lost
   */
  async step({ x, labels }: Batch, lr: number, step: number): Promise<StepResult> {
    const executable = await this.plan(x.shape, labels.shape.slice(1));
    this.#hyper.data.set([lr, step]);
    const feeds: Record<string, Tensor> = { x, labels, hyper: this.#hyper };
    if (executable.inputs.has('seed')) {
      feeds.seed = tensor([1], new Int32Array([new Random(this.seed).at('step', step).key]));
    }
    const { loss, correct } = await executable.run(feeds);
    checkLoss(loss.data[0], lr, step);
    return { loss: loss.data[0], correct: correct.data[0] };
  }
}

/** @throws LensletError 'value' when the loss of a step is no number any more */
export function checkLoss(loss: number, lr: number, step: number): void {
  check(
    Number.isFinite(loss),
    'value',
    () =>
      `Training diverged: the loss of step ${step} is ${loss}. Start again with a lower learning rate than ${lr}, ` +
      'and check the data for values that are not finite.',
  );
}
