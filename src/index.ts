/**
 * The public surface: write a network with layers or operators, give it a session on a backend, train it, run it.
 * Backends are created by "lenslet/node" and "lenslet/browser"; networks are in "lenslet/models".
 */
import { batchNormInference, batchNormTraining } from './ops/batch-norm.ts';
import { add, div, maximum, minimum, mul, pow, scalar, sub } from './ops/binary.ts';
import { conv2d, convTranspose2d } from './ops/conv2d.ts';
import { dropout } from './ops/dropout.ts';
import { leakyRelu, relu, scaledTanh, sigmoid, tanh, unary } from './ops/elementwise.ts';
import { countCorrect, crossEntropy, mapLoss, mseLoss } from './ops/loss.ts';
import { localResponseNorm } from './ops/lrn.ts';
import { linear, matmul } from './ops/matmul.ts';
import { avgPool2d, maxPool2d } from './ops/pool.ts';
import { expand, reduceMean, reduceSum } from './ops/reduce.ts';
import { reduceMax, reduceMin, reduceProd } from './ops/reduce-extremes.ts';
import { flatten, reshape, transpose } from './ops/shape.ts';
import { concat, pad, slice } from './ops/slice.ts';
import { logSoftmax, softmax } from './ops/softmax.ts';

export type { Backend, Executable, StepTime, VariableStore } from './backend.ts';
export { type ErrorCode, LensletError } from './core/error.ts';
export { Random } from './core/random.ts';
export { type DType, type Shape, sizeOf, type Tensor, type TensorType, tensor } from './core/tensor.ts';
export {
  type AffineOptions,
  type Augmentation,
  affine,
  colorJitter,
  compose,
  elastic,
  flip,
  padCrop,
  type WarpOptions,
  warp,
} from './data/augment.ts';
export { augmentationFor, digitAugmentation, photoAugmentation } from './data/augmentations.ts';
export {
  type Batch,
  type Batches,
  type BatchOptions,
  batches,
  type Normalization,
  standardize,
} from './data/batches.ts';
export { CIFAR10_CLASSES, parseCifar10, readCifar10 } from './data/cifar10.ts';
export { concat, DIGITS, fitCanvas, fromIdx, type ImageSet, slice, split, subset } from './data/dataset.ts';
export { type SyntheticOptions, syntheticDigits } from './data/digits.ts';
export { type Idx, type NamedFile, parseIdx, readIdx, readIdxPairs } from './io/idx.ts';
export { asClassifier, type ClassifierOptions } from './io/onnx/classifier.ts';
export { type ExportOptions, exportOnnx } from './io/onnx/export.ts';
export { importOnnx, type OnnxModel } from './io/onnx/import.ts';
export { parseSafetensors, type Safetensors, writeSafetensors } from './io/safetensors.ts';
export { Graph, type Initializer, type Value, type VariableSpec } from './ir/graph.ts';
export { defineOp, type OpDef } from './ir/op.ts';
export { Builder, type Model } from './nn/builder.ts';
export * as init from './nn/init.ts';
export * as layers from './nn/layers.ts';
export { compile, type PlanMemory } from './plan/compile.ts';
export { describeLayers, type LayerRow } from './plan/describe.ts';
export { gradients } from './plan/grad.ts';
export {
  type CalibrationMethod,
  QUANTIZATION,
  type QuantizeOptions,
  quantize,
  quantizedModel,
} from './quantize/index.ts';
export { ReferenceBackend } from './reference/index.ts';
export { classify, probabilities, Session, type SessionOptions } from './session.ts';
export { type Evaluation, evaluate } from './train/evaluate.ts';
export {
  type EpochReport,
  type FitOptions,
  type FitReport,
  fit,
  type Position,
  type StepReport,
} from './train/fit.ts';
export { type AdamOptions, adam, adamw, type Optimizer, type SgdOptions, sgd } from './train/optimizer.ts';
export { type Schedule, type ScheduleName, schedules } from './train/schedule.ts';
export { type StepResult, Trainer } from './train/trainer.ts';
export { fitDigit, type GreyImage, prepareDigit } from './vision/digit.ts';
export { type Binary, WasmBackend, type WasmOptions, wasmTarget } from './wasm/index.ts';
export { type AdapterInfo, WebgpuBackend, webgpuTarget } from './webgpu/index.ts';

/** Operators as functions that append to the graph of their operands. */
export const ops = {
  ...{ add, sub, mul, div, maximum, minimum, pow, scalar },
  ...{ unary, relu, leakyRelu, sigmoid, tanh, scaledTanh, softmax, logSoftmax },
  ...{ conv2d, convTranspose2d, linear, matmul, avgPool2d, maxPool2d },
  ...{ batchNormTraining, batchNormInference, localResponseNorm, dropout },
  ...{ reduceSum, reduceMean, reduceMax, reduceMin, reduceProd },
  ...{ expand, reshape, flatten, transpose, slice, pad, concat },
  ...{ crossEntropy, mseLoss, mapLoss, countCorrect },
};
