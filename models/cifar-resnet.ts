/**
 * Residual networks for CIFAR-10 (He et al. 2016, section 4.2): 6n + 2 layers in three stages of 16, 32 and 64
 * channels, shortcuts without parameters (option A); and the plain networks without shortcuts they are compared to.
 */
import { standardize } from '../src/data/batches.ts';
import { CIFAR10_CLASSES } from '../src/data/cifar10.ts';
import type { Value } from '../src/ir/graph.ts';
import type { Builder, Model } from '../src/nn/builder.ts';
import { heNormal } from '../src/nn/init.ts';
import { batchNorm, conv2d, globalAvgPool2d, linear } from '../src/nn/layers.ts';
import { add } from '../src/ops/binary.ts';
import { relu } from '../src/ops/elementwise.ts';
import { pad, slice } from '../src/ops/slice.ts';
import { torchInit } from './imagenet.ts';

/** Zero mean and unit variance over CIFAR-10's training images. */
export const CIFAR10_NORMALIZATION = standardize([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]);

const conv3x3 = (b: Builder, x: Value, out: number, stride = 1): Value =>
  conv2d(b, x, out, 3, { weightInit: heNormal, bias: false, padding: 1, stride });

/** Option A: every second pixel, zeros for the channels that are new. */
function shortcut(x: Value, out: number, stride: number): Value {
  const [n, c, h, w] = x.shape;
  const sizes = [n, c, Math.ceil(h / stride), Math.ceil(w / stride)];
  const seen = stride === 1 ? x : slice(x, { starts: [0, 0, 0, 0], steps: [1, 1, stride, stride], sizes });
  const before = Math.floor((out - c) / 2);
  return out === c ? seen : pad(seen, [0, before, 0, 0], [0, out - c - before, 0, 0]);
}

function block(b: Builder, x: Value, out: number, stride: number, residual: boolean): Value {
  const y = relu(batchNorm(b.at('bn1'), conv3x3(b.at('conv1'), x, out, stride)));
  const z = batchNorm(b.at('bn2'), conv3x3(b.at('conv2'), y, out));
  return relu(residual ? add(z, shortcut(x, out, stride)) : z);
}

export interface CifarNetOptions {
  /** Whether blocks have shortcuts. Default true. */
  readonly residual?: boolean;
  readonly classes?: readonly string[];
  /** Channels of the first stage. Default 16. */
  readonly width?: number;
}

/** @param depth layers with weights, 6n + 2 */
export function makeCifarNet(depth: number, options: CifarNetOptions = {}): Model {
  const { residual = true, classes = CIFAR10_CLASSES, width = 16 } = options;
  return {
    name: `cifar-${residual ? 'resnet' : 'plain'}${depth}`,
    title: `${residual ? 'ResNet' : 'Plain net'}-${depth}, CIFAR`,
    input: [3, 32, 32],
    classes,
    withClasses: (names) => makeCifarNet(depth, { ...options, classes: names }),
    normalize: CIFAR10_NORMALIZATION,
    build(b: Builder, image: Value): Value {
      let x = relu(batchNorm(b.at('bn1'), conv3x3(b.at('conv1'), image, width)));
      for (let stage = 0; stage < 3; stage++) {
        for (let i = 0; i < (depth - 2) / 6; i++) {
          const stride = stage > 0 && i === 0 ? 2 : 1;
          x = block(b.at(`layer${stage + 1}`).at(i), x, width * 2 ** stage, stride, residual);
        }
      }
      const features = globalAvgPool2d(x);
      return linear(b.at('fc'), features, classes.length, torchInit(features.shape[1]));
    },
  };
}

/** 269,722 to 1,727,962 parameters. */
export const cifarResNets: readonly Model[] = [20, 32, 44, 56, 110].map((depth) => makeCifarNet(depth));
export const cifarPlainNets: readonly Model[] = [20, 32, 44, 56].map((depth) =>
  makeCifarNet(depth, { residual: false }),
);
