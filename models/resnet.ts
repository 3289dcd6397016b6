/**
 * Residual networks for ImageNet (He et al. 2016, "Deep Residual Learning for Image Recognition", table 1) as
 * torchvision builds them: projection shortcuts where shapes change (option B), a bottleneck's stride on its 3×3.
 */
import type { Value } from '../src/ir/graph.ts';
import type { Builder, Model } from '../src/nn/builder.ts';
import { heNormalFanOut } from '../src/nn/init.ts';
import { batchNorm, conv2d, globalAvgPool2d, linear } from '../src/nn/layers.ts';
import { add } from '../src/ops/binary.ts';
import { relu } from '../src/ops/elementwise.ts';
import { maxPool2d } from '../src/ops/pool.ts';
import { IMAGENET_CLASSES, IMAGENET_NORMALIZATION, torchInit } from './imagenet.ts';

const conv = (b: Builder, x: Value, out: number, kernel: number, stride = 1): Value => {
  const geometry = { stride, padding: (kernel - 1) / 2 };
  return conv2d(b, x, out, kernel, { weightInit: heNormalFanOut, bias: false, ...geometry });
};

/** x itself, or a 1×1 projection to another shape. */
function shortcut(b: Builder, x: Value, out: number, stride: number): Value {
  if (stride === 1 && x.shape[1] === out) return x;
  return batchNorm(b.at(1), conv(b.at(0), x, out, 1, stride));
}

type Block = (b: Builder, x: Value, width: number, stride: number) => Value;

/** Two 3×3 convolutions: figure 5, left. */
const basicBlock: Block = (b, x, width, stride) => {
  const y = relu(batchNorm(b.at('bn1'), conv(b.at('conv1'), x, width, 3, stride)));
  const z = batchNorm(b.at('bn2'), conv(b.at('conv2'), y, width, 3));
  return relu(add(z, shortcut(b.at('downsample'), x, width, stride)));
};

/** 1×1, 3×3 and 1×1 to four times the width: figure 5, right. */
const bottleneck: Block = (b, x, width, stride) => {
  const y = relu(batchNorm(b.at('bn1'), conv(b.at('conv1'), x, width, 1)));
  const z = relu(batchNorm(b.at('bn2'), conv(b.at('conv2'), y, width, 3, stride)));
  const out = batchNorm(b.at('bn3'), conv(b.at('conv3'), z, 4 * width, 1));
  return relu(add(out, shortcut(b.at('downsample'), x, 4 * width, stride)));
};

/** Blocks of each of the four stages. */
const DEPTHS = {
  18: { block: basicBlock, blocks: [2, 2, 2, 2] },
  34: { block: basicBlock, blocks: [3, 4, 6, 3] },
  50: { block: bottleneck, blocks: [3, 4, 6, 3] },
  101: { block: bottleneck, blocks: [3, 4, 23, 3] },
  152: { block: bottleneck, blocks: [3, 8, 36, 3] },
} as const;

export interface ResNetOptions {
  readonly classes?: readonly string[];
  /** Channels of the first stage. Default 64. */
  readonly width?: number;
}

/** torchvision's `resnet18` … `resnet152`. */
export function makeResNet(
  depth: keyof typeof DEPTHS,
  { classes = IMAGENET_CLASSES, width = 64 }: ResNetOptions = {},
): Model {
  const { block, blocks } = DEPTHS[depth];
  return {
    name: `resnet${depth}`,
    title: `ResNet-${depth}`,
    input: [3, 224, 224],
    classes,
    withClasses: (names) => makeResNet(depth, { classes: names, width }),
    normalize: IMAGENET_NORMALIZATION,
    build(b: Builder, image: Value): Value {
      const stem = relu(batchNorm(b.at('bn1'), conv(b.at('conv1'), image, width, 7, 2)));
      let x = maxPool2d(stem, 3, { stride: 2, padding: 1 });
      blocks.forEach((count, stage) => {
        for (let i = 0; i < count; i++) {
          const stride = stage > 0 && i === 0 ? 2 : 1;
          x = block(b.at(`layer${stage + 1}`).at(i), x, width * 2 ** stage, stride);
        }
      });
      const features = globalAvgPool2d(x);
      return linear(b.at('fc'), features, classes.length, torchInit(features.shape[1]));
    },
  };
}

export const resnet18 = makeResNet(18);
export const resnet34 = makeResNet(34);
export const resnet50 = makeResNet(50);
export const resnet101 = makeResNet(101);
export const resnet152 = makeResNet(152);
