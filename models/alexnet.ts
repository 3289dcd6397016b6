/**
 * AlexNet: the network of Krizhevsky, Sutskever & Hinton 2012 ("ImageNet Classification with Deep Convolutional
 * Neural Networks") as it was trained on two GPUs, and torchvision's of 2014 (Krizhevsky, "One weird trick for
 * parallelizing convolutional neural networks"), which has neither groups nor response normalisation.
 */
import type { Value } from '../src/ir/graph.ts';
import type { Builder, Model } from '../src/nn/builder.ts';
import { normal, ones, zeros } from '../src/nn/init.ts';
import { adaptiveAvgPool2d, conv2d, dropout, linear } from '../src/nn/layers.ts';
import { relu } from '../src/ops/elementwise.ts';
import { localResponseNorm } from '../src/ops/lrn.ts';
import { maxPool2d } from '../src/ops/pool.ts';
import { flatten } from '../src/ops/shape.ts';
import { IMAGENET_CLASSES, IMAGENET_NORMALIZATION, torchInit } from './imagenet.ts';

export interface AlexNetOptions {
  readonly classes?: readonly string[];
  /** Share of the channels and hidden units. Default 1. */
  readonly width?: number;
}

const common = ({ classes = IMAGENET_CLASSES }: AlexNetOptions) => ({
  classes,
  normalize: IMAGENET_NORMALIZATION,
});

/** torchvision's `alexnet`: 61,100,840 parameters with 1000 classes. */
export function makeAlexNet(options: AlexNetOptions = {}): Model {
  const { width = 1 } = options;
  const model = common(options);
  return {
    ...model,
    name: 'alexnet',
    withClasses: (classes) => makeAlexNet({ ...options, classes }),
    title: 'AlexNet',
    input: [3, 224, 224],
    build(b: Builder, image: Value): Value {
      const conv = (i: number, x: Value, out: number, kernel: number, padding: number, stride = 1) => {
        const init = torchInit(x.shape[1] * kernel * kernel);
        return relu(conv2d(b.at('features').at(i), x, out * width, kernel, { ...init, padding, stride }));
      };
      // N × 64 × 55 × 55, pooled to 27 × 27
      const f0 = maxPool2d(conv(0, image, 64, 11, 2, 4), 3, { stride: 2 });
      // N × 192 × 13 × 13
      const f3 = maxPool2d(conv(3, f0, 192, 5, 2), 3, { stride: 2 });
      const f10 = conv(10, conv(8, conv(6, f3, 384, 3, 1), 256, 3, 1), 256, 3, 1);
      // N × 256 × 6 × 6
      const features = adaptiveAvgPool2d(maxPool2d(f10, 3, { stride: 2 }), 6);
      const layer = (i: number, x: Value, out: number) =>
        linear(b.at('classifier').at(i), x, out, torchInit(x.shape[1]));
      const drop = (i: number, x: Value) => dropout(b.at('classifier').at(i), x, 0.5);
      const c1 = relu(layer(1, drop(0, flatten(features)), 4096 * width));
      return layer(6, relu(layer(4, drop(3, c1), 4096 * width)), model.classes.length);
    },
  };
}

/** α = 1e-4 of the paper's equation in section 3.3 counts a square once; here it is divided by the window's 5. */
export const NORMALIZATION = { alpha: 5e-4, beta: 0.75, k: 2 };

/** The network of 2012: 60,965,224 parameters with 1000 classes; initial values of section 5. */
export function makeAlexNet2012(options: AlexNetOptions = {}): Model {
  const { width = 1 } = options;
  const model = common(options);
  return {
    ...model,
    name: 'alexnet-2012',
    withClasses: (classes) => makeAlexNet2012({ ...options, classes }),
    title: 'AlexNet (2012)',
    // The paper says 224, but 55 × 55 maps after an 11 × 11 kernel with stride 4 need 227.
    input: [3, 227, 227],
    build(b: Builder, image: Value): Value {
      const init = (bias: 0 | 1) => ({ weightInit: normal(0.01), biasInit: bias ? ones : zeros });
      const conv = (name: string, x: Value, out: number, kernel: number, groups: 1 | 2, bias: 0 | 1) => {
        const geometry = x === image ? { stride: 4 } : { padding: (kernel - 1) / 2 };
        return relu(conv2d(b.at(name), x, out * width, kernel, { ...init(bias), ...geometry, groups }));
      };
      const shrink = (x: Value) => maxPool2d(localResponseNorm(x, 5, NORMALIZATION), 3, { stride: 2 });
      const conv1 = shrink(conv('conv1', image, 96, 11, 1, 0));
      const conv2 = shrink(conv('conv2', conv1, 256, 5, 2, 1));
      const conv3 = conv('conv3', conv2, 384, 3, 1, 0);
      const conv5 = conv('conv5', conv('conv4', conv3, 384, 3, 2, 1), 256, 3, 2, 1);
      const hidden = (name: string, x: Value) =>
        dropout(b.at(name), relu(linear(b.at(name), x, 4096 * width, init(1))), 0.5);
      const fc7 = hidden('fc7', hidden('fc6', flatten(maxPool2d(conv5, 3, { stride: 2 }))));
      return linear(b.at('fc8'), fc7, model.classes.length, init(0));
    },
  };
}

export const alexnet = makeAlexNet();
export const alexnet2012 = makeAlexNet2012();
