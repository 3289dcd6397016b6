/** Loss, accuracy and confusion over a data set. */
import { batches } from '../data/batches.ts';
import { fitCanvas, type ImageSet } from '../data/dataset.ts';
import { modelLoss } from '../nn/loss.ts';
import { classify, type Session } from '../session.ts';

export interface Evaluation {
  readonly images: number;
  /** Share of right answers, 0 … 1. */
  readonly accuracy: number;
  /** Mean of the model's loss. */
  readonly loss: number;
  /** Images by [label][answer]. */
  readonly confusion: readonly Int32Array[];
}

/** The set on the canvas that the model takes: smaller images are centred on background 0. */
export function fitToModel({ model }: Session, set: ImageSet): ImageSet {
  const [, height, width] = model.input;
  return set.height === height && set.width === width ? set : fitCanvas(set, height, width);
}

export interface EvaluateOptions {
  /** Default 250. */
  readonly batch?: number;
  /** Asked after every batch, with the share of the images that is done. */
  between?(share: number): Promise<void>;
}

/** Runs a set of images through the network. @throws LensletError 'shape' when they do not fit it */
export async function evaluate(
  session: Session,
  images: ImageSet,
  { batch = 250, between }: EvaluateOptions = {},
): Promise<Evaluation> {
  const { model } = session;
  const set = fitToModel(session, images);
  const confusion = model.classes.map(() => new Int32Array(model.classes.length));
  let loss = 0;
  let right = 0;
  let done = 0;
  for (const { x, labels } of batches(set, { batch, normalize: model.normalize })) {
    const n = x.shape[0];
    const executable = await session.plan(`eval ${x.shape}`, false, (b) => {
      const scores = model.build(b, b.graph.input('x', x));
      const target = b.graph.input('labels', labels);
      b.graph.output('scores', scores);
      b.graph.output('loss', modelLoss(model, b, scores, target));
    });
    const results = await executable.run({ x, labels });
    loss += results.loss.data[0] * n;
    classify(results.scores).forEach((answer, i) => {
      confusion[labels.data[i]][answer]++;
      if (answer === labels.data[i]) right++;
    });
    done += n;
    await between?.(done / set.count);
  }
  return { images: set.count, accuracy: right / set.count, loss: loss / set.count, confusion };
}
