/** One training step as one graph: forward, loss, backward and update. */
import type { Executable } from '../backend.ts';
import { check } from '../core/error.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import type { Batch } from '../data/batches.ts';
import { countCorrect, crossEntropy } from '../ops/loss.ts';
import { gradients } from '../plan/grad.ts';
import type { Session } from '../session.ts';
import type { Optimizer } from './optimizer.ts';

export interface StepResult {
  /** Mean over the batch. */
  readonly loss: number;
  /** Images of the batch classified right, before the update. */
  readonly correct: number;
}

export class Trainer {
  readonly #hyper = tensor([2]);

  constructor(
    readonly session: Session,
    readonly optimizer: Optimizer,
  ) {}

  /** The plan for batches of this size and image shape. */
  plan([n, c, h, w]: readonly number[]): Promise<Executable> {
    const { session, optimizer } = this;
    return session.plan(`train ${[n, c, h, w]} ${optimizer.name}`, true, (b) => {
      const { graph } = b;
      const x = graph.input('x', { dtype: 'f32', shape: [n, c, h, w] });
      const labels = graph.input('labels', { dtype: 'i32', shape: [n] });
      const hyper = graph.input('hyper', { dtype: 'f32', shape: [2] });
      const scores = session.model.build(b, x);
      const loss = session.model.loss?.(b, scores, labels) ?? crossEntropy(scores, labels);
      graph.output('loss', loss);
      graph.output('correct', countCorrect(scores, labels));
      const parameters = [...graph.variables.values()].filter((v) => v.spec.role === 'parameter');
      const grads = gradients(
        loss,
        parameters.map((p) => p.value),
      );
      for (const { spec, value } of parameters) {
        const gradient = grads.get(value);
        if (gradient) optimizer.apply(b, spec.name, value, gradient, hyper);
      }
    });
  }

  /**
   * One update.
   * @param step number of the update, from 1
   * @throws LensletError 'value' when the loss is no number any more: the weights are lost
   */
  async step({ x, labels }: Batch, lr: number, step: number): Promise<StepResult> {
    const executable = await this.plan(x.shape);
    this.#hyper.data.set([lr, step]);
    const { loss, correct } = await executable.run({ x, labels, hyper: this.#hyper as Tensor });
    check(
      Number.isFinite(loss.data[0]),
      'value',
      () =>
        `Training diverged: the loss of step ${step} is ${loss.data[0]}. Start again with a lower learning rate than ${lr}, ` +
        'and check the data for values that are not finite.',
    );
    return { loss: loss.data[0], correct: correct.data[0] };
  }
}
