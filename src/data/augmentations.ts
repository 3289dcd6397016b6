/** The augmentations used for training, by name. */
import { type Augmentation, compose, flip, padCrop, warp } from './augment.ts';

/** Hands differ in slant, size and place, and no two strokes are alike. */
export const digitAugmentation = (): Augmentation =>
  warp({ degrees: 7.5, scale: [0.92, 1.08], shear: 7.5, translate: 1, elastic: { alpha: 14, sigma: 4 } });

/** Pad by 4, crop, flip: He et al. 2016, section 4.2. */
export const photoAugmentation = (): Augmentation => compose(padCrop({ pad: 4 }), flip());

/** What suits a data set: digits must not be mirrored. */
export const augmentationFor = (channels: number): Augmentation =>
  channels === 1 ? digitAugmentation() : photoAugmentation();
