/**
 * The messages between the page and the engine worker: sessions, never kernels. Types only; the page imports
 * nothing else of the engine. Carried by Comlink: callbacks are wrapped in `Comlink.proxy`.
 */

/** What the machine offers and what was chosen. */
export interface Capabilities {
  readonly backend: string;
  readonly threads: number;
  /** Which of the three WASM binaries runs. */
  readonly binary: 'simd' | 'threads' | 'relaxed';
  readonly crossOriginIsolated: boolean;
  readonly memoryBytes: number;
}

export interface ModelSummary {
  /** Identifier for `predict` and `train`, for example "lenet5-modern" or a trained run's id. */
  readonly id: string;
  readonly title: string;
  readonly parameters: number;
  /** Input image, channels × height × width. */
  readonly input: readonly [number, number, number];
  readonly classes: readonly string[];
}

/** Grey image, row-major, 0 = paper, 255 = full ink; any size, the engine centres and scales it as MNIST does. */
export interface GreyImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** One channel stack of a layer: `maps` are maps × height × width floats, row-major. */
export interface FeatureMaps {
  readonly layer: string;
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly maps: Float32Array;
}

export interface Prediction {
  /** Probability by class, sums to 1. */
  readonly probabilities: Float32Array;
  /** The image as the network saw it, input height × width, before normalisation, 0 … 1. */
  readonly seen: Float32Array;
  readonly features: readonly FeatureMaps[];
  /** Time in the network alone, milliseconds. */
  readonly milliseconds: number;
}

export type TrainData =
  | { readonly kind: 'synthetic'; readonly train: number; readonly validation: number }
  /** IDX files (plain or gzip) as dropped on the page, by file name. */
  | {
      readonly kind: 'files';
      readonly files: readonly { readonly name: string; readonly bytes: ArrayBuffer }[];
    };

export interface TrainOptions {
  readonly model: string;
  readonly data: TrainData;
  readonly epochs: number;
  readonly batch: number;
  readonly optimizer: 'sgd' | 'adam' | 'adamw';
  /** Learning rate α at its highest. */
  readonly lr: number;
  /** L2 penalty λ (weight decay). */
  readonly weightDecay: number;
  readonly momentum: number;
  readonly schedule: 'constant' | 'cosine' | 'one-cycle';
  readonly augment: boolean;
  readonly seed: number;
  /** Start from the shipped weights instead of random ones. */
  readonly fromPretrained: boolean;
}

export interface StepReport {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly loss: number;
  /** Share of right answers in the latest batches, 0 … 1. */
  readonly accuracy: number;
  readonly lr: number;
  readonly imagesPerSecond: number;
}

export interface EpochReport {
  readonly epoch: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly validationLoss: number;
  readonly validationAccuracy: number;
  readonly seconds: number;
}

export interface TrainReport {
  readonly reason: 'finished' | 'stopped' | 'early-stop';
  readonly steps: number;
  readonly bestValidationAccuracy: number;
}

export interface TrainListener {
  /** At most about ten times a second. */
  onStep(report: StepReport): void;
  onEpoch(report: EpochReport): void;
}

/** Every method rejects with an Error whose message says what to do; the engine stays usable. */
export interface Engine {
  capabilities(): Promise<Capabilities>;
  models(): Promise<readonly ModelSummary[]>;
  /** Recognises a drawn or photographed digit. `features` asks for the layers' feature maps as well. */
  predict(model: string, image: GreyImage, features: boolean): Promise<Prediction>;
  /** Trains until done or stopped. The trained weights replace the model's for `predict` until `reset`. */
  train(options: TrainOptions, listener: TrainListener): Promise<TrainReport>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
  /** Weights as a safetensors file. */
  exportWeights(model: string): Promise<ArrayBuffer>;
  /** Goes back to the shipped weights. */
  reset(model: string): Promise<void>;
}
