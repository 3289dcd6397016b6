/** What the networks for ImageNet have in common. */
import { standardize } from '../src/data/batches.ts';
import { uniform } from '../src/nn/init.ts';
import type { LayerOptions } from '../src/nn/layers.ts';

/** The 1000 classes of ILSVRC by number. */
export const IMAGENET_CLASSES: readonly string[] = Array.from({ length: 1000 }, (_, i) => String(i));

/** Zero mean and unit variance over ImageNet's training images, as torchvision has it. */
export const IMAGENET_NORMALIZATION = standardize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/** Pixels to −1 … 1: what the Inception networks' published weights expect. */
export const SYMMETRIC_NORMALIZATION = standardize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]);

/** PyTorch's default: weights and biases uniform in ±1/√inputs. */
export const torchInit = (inputs: number): LayerOptions => ({
  weightInit: uniform(1 / Math.sqrt(inputs)),
  biasInit: uniform(1 / Math.sqrt(inputs)),
});
