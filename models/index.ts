/** All networks by name. */
import { LensletError } from '../src/core/error.ts';
import type { Model } from '../src/nn/builder.ts';
import { alexnet, alexnet2012 } from './alexnet.ts';
import { cifarAlexNet } from './cifar-alexnet.ts';
import { cifarGoogLeNet } from './cifar-googlenet.ts';
import { cifarInception } from './cifar-inception.ts';
import { cifarPlainNets, cifarResNets } from './cifar-resnet.ts';
import { googlenet } from './googlenet.ts';
import { inceptionV3 } from './inception.ts';
import { lenet5, lenet5Modern } from './lenet5.ts';
import { resnet18, resnet34, resnet50, resnet101, resnet152 } from './resnet.ts';

export * from './alexnet.ts';
export { chequeReader, readerNetwork, readerSettings } from './cheque-reader.ts';
export * from './cifar-alexnet.ts';
export * from './cifar-googlenet.ts';
export * from './cifar-inception.ts';
export * from './cifar-resnet.ts';
export { type GoogLeNetOptions, googlenet, makeGoogLeNet } from './googlenet.ts';
export { type InceptionOptions, inceptionV3, makeInceptionV3 } from './inception.ts';
export * from './resnet.ts';
export { lenet5, lenet5Modern };

export const models: readonly Model[] = [
  lenet5Modern,
  lenet5,
  alexnet,
  alexnet2012,
  googlenet,
  inceptionV3,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  cifarAlexNet,
  cifarGoogLeNet,
  cifarInception,
  ...cifarResNets,
  ...cifarPlainNets,
];

/** @throws LensletError 'unknown', naming those that there are */
export function modelByName(name: string): Model {
  const model = models.find((m) => m.name === name);
  if (!model) {
    throw new LensletError(
      'unknown',
      `There is no network "${name}"; there are ${models.map((m) => m.name).join(', ')}.`,
    );
  }
  return model;
}
