import { describe, expect, it } from 'vitest';
import { models } from '../../models/index.ts';
import { sizeOf } from '../../src/core/tensor.ts';
import { Graph, type VariableSpec } from '../../src/ir/graph.ts';
import { Builder, type Model } from '../../src/nn/builder.ts';

function variablesOf(model: Model, training: boolean): VariableSpec[] {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape: [2, ...model.input] });
  const scores = model.build(new Builder(graph, training), x);
  expect(scores.shape).toEqual([2, model.classes.length]);
  return [...graph.variables.values()].map((v) => v.spec);
}

const parametersOf = (specs: readonly VariableSpec[]): number =>
  specs.reduce((sum, s) => sum + s.parameters, 0);

const model = (name: string): Model => models.find((m) => m.name === name) as Model;

/** From torchvision 0.28 and the papers; those of cifar-alexnet, cifar-googlenet and cifar-inception are sums over their layers. */
const COUNTS: Readonly<Record<string, number>> = {
  'lenet5-modern': 61_706,
  lenet5: 60_000,
  alexnet: 61_100_840,
  'alexnet-2012': 60_965_224,
  googlenet: 6_624_904,
  inception_v3: 23_834_568,
  resnet18: 11_689_512,
  resnet34: 21_797_672,
  resnet50: 25_557_032,
  resnet101: 44_549_160,
  resnet152: 60_192_808,
  'cifar-alexnet': 764_746,
  'cifar-googlenet': 191_778,
  'cifar-inception': 158_782,
  'cifar-resnet20': 269_722,
  'cifar-resnet32': 464_154,
  'cifar-resnet44': 658_586,
  'cifar-resnet56': 853_018,
  'cifar-resnet110': 1_727_962,
  'cifar-plain20': 269_722,
  'cifar-plain32': 464_154,
  'cifar-plain44': 658_586,
  'cifar-plain56': 853_018,
};

describe('networks', () => {
  it('are all known here', () => {
    expect(models.map((m) => m.name).sort()).toEqual(Object.keys(COUNTS).sort());
  });

  it.each(Object.entries(COUNTS))('%s has %i parameters', (name, count) => {
    expect(parametersOf(variablesOf(model(name), false))).toBe(count);
  });

  it.each([
    ['googlenet', 13_004_888],
    ['inception_v3', 27_161_264],
  ])('%s has %i parameters in training, with auxiliary heads', (name, count) => {
    expect(parametersOf(variablesOf(model(name), true))).toBe(count);
  });

  it.each([
    ['alexnet', ['features.0.weight', 'features.10.bias', 'classifier.1.weight', 'classifier.6.bias']],
    ['googlenet', ['conv1.conv.weight', 'inception4b.branch2.1.bn.running_var', 'fc.weight']],
    ['inception_v3', ['Conv2d_1a_3x3.conv.weight', 'Mixed_7c.branch3x3dbl_3b.bn.running_mean', 'fc.bias']],
    ['resnet50', ['conv1.weight', 'layer1.0.downsample.1.running_var', 'layer4.2.conv3.weight', 'fc.weight']],
    ['cifar-resnet20', ['conv1.weight', 'bn1.running_mean', 'layer3.2.bn2.bias', 'fc.bias']],
  ])('%s has the names of torchvision', (name, wanted) => {
    const names = variablesOf(model(name), false).map((s) => s.name);
    expect(names).toEqual(expect.arrayContaining(wanted));
  });

  it('have 61,100,840 numbers in the tensors of AlexNet', () => {
    expect(variablesOf(model('alexnet'), true).reduce((sum, s) => sum + sizeOf(s.shape), 0)).toBe(61_100_840);
  });
});
