/** What a network is trained with. */
import type { Value } from '../ir/graph.ts';
import { add } from '../ops/binary.ts';
import { unary } from '../ops/elementwise.ts';
import { crossEntropy } from '../ops/loss.ts';
import type { Builder, Model } from './builder.ts';

/** The model's loss of its scores, plus those of its auxiliary heads times their weights: a scalar. */
export function modelLoss(model: Model, b: Builder, scores: Value, labels: Value): Value {
  const lossOf = (s: Value) => model.loss?.(b, s, labels) ?? crossEntropy(s, labels);
  return b.auxiliaries.reduce(
    (sum, head) => add(sum, unary('affine', lossOf(head.scores), { alpha: head.weight })),
    lossOf(scores),
  );
}
