/**
 * The messages between the page and the engine worker: sessions, never kernels. Types only; the page imports
 * nothing else of the engine. Carried by Comlink: callbacks are wrapped in `Comlink.proxy`.
 */
import type { ChequeReading, Correction, LearnReport } from './cheque-api.ts';

/** What the machine offers and what was chosen. */
export interface Capabilities {
  readonly threads: number;
  /** Which of the three WASM binaries runs. */
  readonly binary: 'simd' | 'threads' | 'relaxed';
  readonly crossOriginIsolated: boolean;
  readonly memoryBytes: number;
  /** False where the browser lets a page keep nothing: models and runs last as long as the page. */
  readonly keeps: boolean;
}

export interface WorkChoice {
  /** The network's title. */
  readonly title: string;
  readonly batch: number;
  readonly training: boolean;
  readonly choice: {
    readonly side: 'wasm' | 'webgpu';
    readonly why:
      | 'measured'
      | 'remembered'
      | 'asked for'
      | 'short'
      | 'no GPU'
      | 'software GPU'
      | 'does not fit';
    /** Milliseconds of a run, where measured. */
    readonly wasm?: number;
    readonly webgpu?: number;
  };
}

export interface Devices {
  readonly gpu: {
    readonly description: string;
    readonly software: boolean;
    /** WebGPU's names. */
    readonly features?: readonly string[];
    readonly limits?: Readonly<Record<string, number>>;
  } | null;
  readonly work: readonly WorkChoice[];
}

/** Channels × height × width. */
export type InputShape = readonly [number, number, number];

/** A network as it can be trained. */
export interface NetworkSummary {
  readonly id: string;
  readonly title: string;
  readonly parameters: number;
  /** Multiply–accumulates for one image. */
  readonly macs: number;
  readonly input: InputShape;
  readonly classes: number;
  /** Whether it can be made for other classes. */
  readonly anyClasses: boolean;
}

export interface ModelSummary {
  /** For `predict`, `exportWeights` …: "lenet5-modern", or that of something trained or imported here. */
  readonly id: string;
  readonly title: string;
  readonly origin: 'shipped' | 'trained' | 'imported';
  /** Identifier of its network; null for an imported one that is no network of ours. */
  readonly network: string | null;
  readonly parameters: number;
  readonly input: InputShape;
  readonly classes: readonly string[];
  /** Size of its file. */
  readonly bytes: number;
  /** Share of validation images right, 0 … 1; null when it was not measured. */
  readonly accuracy: number | null;
  /** On what that was measured. */
  readonly measuredOn: string | null;
  /** When it came about, milliseconds since 1970; null for those shipped. */
  readonly created: number | null;
  /** Whether a log of its training is kept. */
  readonly log: boolean;
}

/** A model of the user's: its file holds the weights (safetensors) or the whole network (ONNX). */
export interface StoredModel extends ModelSummary {
  readonly file: string;
}

export interface DataSummary {
  readonly id: string;
  readonly title: string;
  /** Read from files, pictures that the user took by class (which can be added to), or digits cut out of cheques. */
  readonly source: 'files' | 'own' | 'cheques';
  readonly train: number;
  readonly validation: number;
  readonly shape: InputShape;
  readonly classes: readonly string[];
  readonly bytes: number;
  readonly created: number;
}

/** A file to read data from; the path has the folders it was in. */
export interface DataFile {
  readonly path: string;
  readonly file: Blob;
}

/** Pictures the user took: RGB planes of 128 × 128 each, one after the other. */
export interface OwnPictures {
  readonly classes: readonly { readonly name: string; readonly pixels: Uint8Array }[];
}

/** Grey image, row-major, 0 = paper, 255 = full ink; any size, the engine centres and scales it as MNIST does. */
export interface GreyImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Ink of a digit, or a colour picture (RGBA). */
export type Picture =
  | { readonly kind: 'ink'; readonly image: GreyImage }
  | {
      readonly kind: 'colour';
      readonly width: number;
      readonly height: number;
      readonly data: Uint8ClampedArray<ArrayBuffer>;
    };

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
  /** The image as the network saw it, channels × height × width, before normalisation, 0 … 1. */
  readonly seen: Float32Array;
  readonly features: readonly FeatureMaps[];
  /** Time in the network alone, milliseconds. */
  readonly milliseconds: number;
}

export interface Histogram {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  /** Values in equal steps from low to high. */
  readonly counts: Uint32Array;
}

/** What an image does in a network: forward and, for one class, back. */
export interface Look {
  readonly prediction: Prediction;
  /** Of each layer's output, and of each parameter's gradient of the cross-entropy for `class`. */
  readonly activations: readonly Histogram[];
  readonly gradients: readonly Histogram[];
  readonly class: number;
  /** ∂score/∂pixel of that class, largest over the channels, height × width. */
  readonly saliency: Float32Array;
}

/** The class's probability with a patch of the image covered, by the patch's place. */
export interface Occlusion {
  readonly rows: number;
  readonly columns: number;
  readonly probabilities: Float32Array;
  /** With nothing covered. */
  readonly whole: number;
}

/** Weights of a convolution, out × in × height × width. */
export interface Filters {
  readonly layer: string;
  readonly shape: readonly [number, number, number, number];
  readonly weights: Float32Array;
}

/** One operator on small tensors, for looking at numbers. */
export interface Experiment {
  readonly op: 'conv' | 'transposed' | 'max-pool' | 'avg-pool';
  readonly channels: number;
  readonly size: number;
  readonly x: Float32Array;
  readonly outChannels: number;
  readonly kernel: number;
  readonly w: Float32Array;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  /** ∂loss/∂y at each output, as many as there are; all 1 where the length is another. */
  readonly delta: Float32Array;
}

export interface ExperimentResult {
  /** Side of the output. */
  readonly size: number;
  readonly channels: number;
  readonly y: Float32Array;
  readonly delta: Float32Array;
  /** ∂loss/∂x and ∂loss/∂w. */
  readonly dx: Float32Array;
  readonly dw: Float32Array | null;
}

export type TrainData =
  | { readonly kind: 'synthetic'; readonly train: number; readonly validation: number }
  | { readonly kind: 'stored'; readonly id: string };

export interface TrainOptions {
  readonly network: string;
  readonly data: TrainData;
  /** Side of the images where the network takes any; its usual one otherwise. */
  readonly size: number | null;
  /** Model whose weights to start from; null: random ones. */
  readonly start: string | null;
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
  /** Divides each batch between WASM and the GPU. Default: all where it was measured to be faster. */
  readonly split?: boolean;
  readonly seed: number;
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
  /** Steps done at its end. */
  readonly step: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  /** null without validation images. */
  readonly validationLoss: number | null;
  readonly validationAccuracy: number | null;
  readonly seconds: number;
}

/** An image of the validation set and what the network says. */
export interface Sample {
  /** channels × height × width. */
  readonly pixels: Uint8Array;
  readonly label: number;
  readonly answer: number;
  readonly probability: number;
}

/** How the network does after an epoch. */
export interface EpochLook {
  readonly shape: InputShape;
  readonly samples: readonly Sample[];
  /** Images by [label][answer]. */
  readonly confusion: readonly Int32Array[];
}

/** What a run has told so far; points are thinned out as they become many. */
export interface RunLog {
  readonly title: string;
  readonly options: TrainOptions;
  readonly points: readonly StepReport[];
  readonly epochs: readonly EpochReport[];
}

/** A run that was not finished and can go on. */
export interface RunSummary {
  readonly id: string;
  readonly title: string;
  readonly options: TrainOptions;
  readonly classes: readonly string[];
  readonly created: number;
}

export interface ResumableRun extends RunSummary {
  readonly step: number;
  readonly steps: number;
  readonly log: RunLog;
}

export interface TrainReport {
  readonly reason: 'finished' | 'stopped' | 'early-stop';
  readonly steps: number;
  readonly bestValidationAccuracy: number | null;
  /** The model it became. */
  readonly model: string;
  /** Whether that is stored; else the message why not. */
  readonly problem: string | null;
}

export interface TrainListener {
  /** Data are there; what they are. */
  onData(data: {
    readonly train: number;
    readonly validation: number;
    readonly classes: readonly string[];
  }): void;
  /** At most about ten times a second. */
  onStep(report: StepReport): void;
  /** Share of the validation images measured. */
  onMeasuring(share: number): void;
  onEpoch(report: EpochReport, look: EpochLook | null): void;
  /** The device lost the weights: the run goes on after `step`, later steps come again. */
  onRewind(step: number): void;
  /** A checkpoint was written, or why it could not be. */
  onCheckpoint(problem: string | null): void;
}

/** Every method rejects with an Error whose message says what to do; the engine stays usable. */
export interface Engine {
  capabilities(): Promise<Capabilities>;
  /** Opens the GPU and measures work of different size on both sides: some seconds. */
  devices(): Promise<Devices>;
  networks(): Promise<readonly NetworkSummary[]>;

  models(): Promise<readonly ModelSummary[]>;
  /** Adds a safetensors or ONNX file. @param network what a safetensors file is for when it does not say so */
  importModel(name: string, bytes: ArrayBuffer, network: string | null): Promise<ModelSummary>;
  renameModel(id: string, title: string): Promise<void>;
  removeModel(id: string): Promise<void>;
  /** Weights as a safetensors file. */
  exportWeights(model: string): Promise<ArrayBuffer>;
  /** The network as an ONNX file. */
  exportOnnx(model: string): Promise<ArrayBuffer>;
  /** How it was trained; null when that is not known. */
  runLog(model: string): Promise<RunLog | null>;

  dataSets(): Promise<readonly DataSummary[]>;
  importData(
    title: string,
    files: readonly DataFile[],
    onProgress: (share: number) => void,
  ): Promise<DataSummary>;
  /** Makes or replaces a set of the user's own pictures. */
  saveOwnPictures(id: string | null, title: string, pictures: OwnPictures): Promise<DataSummary>;
  ownPictures(id: string): Promise<OwnPictures>;
  /** Cuts the digits out of corrected lines; they take the place of those cut out before. */
  saveChequeDigits(title: string, corrections: readonly Correction[]): Promise<DataSummary>;
  removeData(id: string): Promise<void>;

  /** Loads a model and plans the recognition of one picture with it. */
  prepare(model: string): Promise<void>;
  /** Recognises a drawn or photographed digit. `features` asks for the layers' feature maps as well. */
  predict(model: string, image: GreyImage, features: boolean): Promise<Prediction>;
  /** Everything about one image. @param wanted the class to look back from; null: the answer */
  look(model: string, picture: Picture, wanted: number | null): Promise<Look>;
  occlusion(model: string, picture: Picture, wanted: number): Promise<Occlusion>;
  filters(model: string): Promise<readonly Filters[]>;
  experiment(experiment: Experiment): Promise<ExperimentResult>;

  /** Trains until done or stopped; the result becomes a model. */
  train(options: TrainOptions, title: string, listener: TrainListener): Promise<TrainReport>;
  /** Runs that a closed page left behind; `onFreed` is called when there may be one more. */
  resumable(onFreed: () => void): Promise<readonly ResumableRun[]>;
  /** Goes on with such a run, bit for bit. */
  resumeRun(id: string, listener: TrainListener): Promise<TrainReport>;
  forgetRun(id: string): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
  /** Writes a checkpoint as soon as the step under way is done. */
  checkpoint(): Promise<void>;
  /** Makes ready what reads cheques, so that the first one need not wait for it. */
  prepareCheques(): Promise<void>;
  /** Finds the amount in a photo or scan and reads it, with `quick` in one view only; the bitmap is used up. */
  readCheque(picture: ImageBitmap, quick: boolean): Promise<ChequeReading>;
  /** A cheque of our own, drawn by a generator; each number gives another one. */
  sampleCheque(index: number): Promise<GreyImage>;
  /** Fine-tunes the reader on corrections, with replay of synthetic amounts. */
  learnAmounts(corrections: readonly Correction[], onProgress: (share: number) => void): Promise<LearnReport>;
  /** Uses these weights to read cheques, or with null the shipped ones. */
  setReader(weights: ArrayBuffer | null): Promise<void>;
}
