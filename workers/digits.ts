/** From a picture of a digit to a network's input, and from its output to what the page shows. */
import type { Tensor } from '../src/core/tensor.ts';
import { batches } from '../src/data/batches.ts';
import { fitCanvas } from '../src/data/dataset.ts';
import { probabilities, type Session } from '../src/session.ts';
import { fitDigit } from '../src/vision/digit.ts';
import type { FeatureMaps, GreyImage, Prediction } from './api.ts';

const SIZE = 28;
/** The layers that the page shows. */
const LAYERS = ['c1', 's2', 'c3', 's4'];

/** @throws LensletError 'value' where there is no ink in the picture */
export async function predictDigit(
  session: Session,
  image: GreyImage,
  features: boolean,
): Promise<Prediction> {
  const { model } = session;
  const [, height, width] = model.input;
  const digit = {
    count: 1,
    channels: 1,
    height: SIZE,
    width: SIZE,
    pixels: fitDigit(image, SIZE),
    labels: new Uint8Array(1),
    classes: model.classes,
  };
  const set = fitCanvas(digit, height, width);
  const { x } = batches(set, { batch: 1, normalize: model.normalize }).at(0);
  const taps = features ? LAYERS : [];
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
