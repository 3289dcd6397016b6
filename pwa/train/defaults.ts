/** Hyper-parameters that suit a network and the amount of data. */
import type { NetworkSummary, TrainOptions } from '../../workers/api.ts';

export type Settings = Omit<TrainOptions, 'network' | 'data' | 'start' | 'size'>;

/** Below this many images more passes and smaller batches are needed. */
const FEW_IMAGES = 2000;

interface Recipe {
  readonly optimizer: TrainOptions['optimizer'];
  readonly lr: number;
  readonly weightDecay: number;
  readonly batch: number;
}

/** By the beginning of the network's name. ResNets: He et al. 2016, section 4.2. */
const RECIPES: readonly (readonly [prefix: string, Recipe])[] = [
  ['lenet5', { optimizer: 'adamw', lr: 0.003, weightDecay: 0.0005, batch: 64 }],
  ['cifar-alexnet', { optimizer: 'sgd', lr: 0.02, weightDecay: 0.0005, batch: 64 }],
  ['cifar-', { optimizer: 'sgd', lr: 0.1, weightDecay: 0.0001, batch: 64 }],
  ['', { optimizer: 'sgd', lr: 0.02, weightDecay: 0.0001, batch: 16 }],
];

/** Highest learning rates by optimiser, for when it is changed by hand. */
export const USUAL_LR = { sgd: 0.05, adam: 0.001, adamw: 0.003 } as const;

export interface DataKind {
  readonly images: number;
  /** Digits must not be mirrored; few of them need no variation to start with. */
  readonly generated: boolean;
}

export function usualSettings(network: string, { images, generated }: DataKind, fineTune: boolean): Settings {
  const recipe = RECIPES.find(([prefix]) => network.startsWith(prefix))![1];
  const few = images < FEW_IMAGES;
  const batch = few
    ? Math.max(4, Math.min(recipe.batch, 2 ** Math.floor(Math.log2(images / 8 + 1))))
    : recipe.batch;
  return {
    ...recipe,
    batch,
    // Smaller batches make noisier steps; trained weights must not be shaken off.
    lr: Number(
      (recipe.lr * (fineTune ? 0.2 : 1) * Math.sqrt(batch / recipe.batch) || recipe.lr).toPrecision(2),
    ),
    epochs: few ? 20 : generated ? 3 : 10,
    momentum: 0.9,
    schedule: 'one-cycle',
    augment: !generated,
    seed: 1,
  };
}

/** Sides of the images, for the network that takes any. */
export const SIZES = [64, 96, 128] as const;
export const takesAnySize = (network: NetworkSummary): boolean => network.input[1] > 32;
