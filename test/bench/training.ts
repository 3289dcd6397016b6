/** A step of training: forward, mean cross-entropy, backward and SGD with momentum; the loss is read. */
import type { Backend } from '../../src/backend.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { Builder } from '../../src/nn/builder.ts';
import { batchNormTraining } from '../../src/ops/batch-norm.ts';
import { crossEntropy } from '../../src/ops/loss.ts';
import { gradients } from '../../src/plan/grad.ts';
import { sgd } from '../../src/train/optimizer.ts';
import type { Asset } from './network.ts';
import {
  type BatchNorm,
  forward,
  graphFor,
  headOf,
  load,
  type Program,
  runner,
  type Work,
} from './program.ts';

export async function prepareTraining(
  backend: Backend,
  { batch }: Work,
  asset: Asset,
  steps: number,
): Promise<Program> {
  const { x, labels } = asset.t;
  const hyper = tensor([2], [asset.lr, 1]);
  const feeds: Record<string, Tensor> = { x: headOf(x, batch), labels: headOf(labels, batch), hyper };
  const graph = graphFor(feeds);
  const batchNorm: BatchNorm = (o, value, variable) =>
    batchNormTraining(
      value,
      variable(o.g),
      variable(o.be),
      { mean: variable(o.m), variance: variable(o.v) },
      { eps: asset.bn_eps, momentum: asset.bn_momentum },
    );
  const input = (name: string) => graph.inputs.get(name)!;
  const loss = crossEntropy(forward(graph, asset, batchNorm), input('labels'));
  graph.output('loss', loss);
  const parameters = asset.params.map((name) => graph.variables.get(name)!.value);
  const grads = gradients(loss, parameters);
  const optimizer = sgd({ momentum: asset.momentum });
  const builder = new Builder(graph, true);
  asset.params.forEach((name, i) => {
    optimizer.apply(builder, name, parameters[i], grads.get(parameters[i])!, input('hyper'));
  });
  const { executable, dispose } = await load(backend, graph, asset);
  const replay = runner(executable, feeds);
  const step = async () => {
    // A GPU takes inputs, work and read-back at once, as `Trainer` asks for it: the loss comes when all of it is done.
    if (backend.name === 'webgpu') return (await executable.run(feeds)).loss;
    await replay();
    return (await executable.results()).loss;
  };
  return {
    run: step,
    async check() {
      const losses: number[] = [];
      for (let i = 0; i < steps; i++) losses.push((await step()).data[0]);
      return losses;
    },
    profile: () => executable.profile(),
    dispose,
  };
}
