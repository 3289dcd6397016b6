/** From a picture to a network's input, and from its output to what the page shows. */
import type { Tensor } from '../src/core/tensor.ts';
import { batches } from '../src/data/batches.ts';
import type { ImageSet } from '../src/data/dataset.ts';
import { probabilities, type Session } from '../src/session.ts';
import { fitToModel } from '../src/train/evaluate.ts';
import { fitDigit } from '../src/vision/digit.ts';
import type { FeatureMaps, GreyImage, Picture, Prediction } from './api.ts';
import { adaptTo } from './app/adapt.ts';
import { planesOf } from './app/pictures.ts';

const SIZE = 28;
/** The layers that the digit page shows, where a network has them. */
const LAYERS = ['c1', 's2', 'c3', 's4'];

/** A picture as the one image of a set, as the network takes it. @throws LensletError 'value' where there is no ink */
export function pictureFor(session: Session, picture: Picture): ImageSet {
  const { input, classes } = session.model;
  const alone = { count: 1, labels: new Uint8Array(1), classes };
  if (picture.kind === 'ink') {
    const digit = { ...alone, channels: 1, height: SIZE, width: SIZE, pixels: fitDigit(picture.image, SIZE) };
    return fitToModel(session, adaptTo(digit, input));
  }
  const { width, height, data } = picture;
  return fitToModel(
    session,
    adaptTo({ ...alone, channels: 3, height, width, pixels: planesOf(data) }, input),
  );
}

const tapsOf = ({ model }: Session): readonly string[] => (model.name.startsWith('lenet5') ? LAYERS : []);

/** So that the first digit is recognised as fast as the others. */
export async function prepareDigit(session: Session): Promise<void> {
  await session.inference([1, ...session.model.input], tapsOf(session));
}

/** @throws LensletError 'value' where there is no ink in the picture */
export async function predictDigit(
  session: Session,
  image: GreyImage,
  features: boolean,
): Promise<Prediction> {
  const { model } = session;
  const set = pictureFor(session, { kind: 'ink', image });
  const { x } = batches(set, { batch: 1, normalize: model.normalize }).at(0);
  const taps = features ? tapsOf(session) : [];
  await session.inference(x.shape, taps);
  const start = performance.now();
  const results = await session.infer(x, taps);
  return {
    milliseconds: performance.now() - start,
    probabilities: probabilities(results.scores.data),
    seen: Float32Array.from(set.pixels, (p) => p / 255),
    features: taps.map((layer) => featureMaps(layer, results[layer])),
  };
}

const featureMaps = (layer: string, { shape: [, count, height, width], data }: Tensor): FeatureMaps => ({
  layer,
  count,
  height,
  width,
  maps: data as Float32Array,
});
