/** The training runs of steps.json: ten losses, the first gradients and the final variables. */
import type { Backend, VariableStore } from '../../src/backend.ts';
import { type Shape, sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';
import { DIGITS } from '../../src/data/dataset.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder, type Model } from '../../src/nn/builder.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { buildStep } from '../../src/train/trainer.ts';
import { filled, labels, procedural } from './fill.ts';
import { networkByName } from './networks.ts';
import { type Read, readJson } from './read.ts';
import { attempt, type CaseResult, Errors } from './result.ts';

interface Norms {
  readonly l2: number;
  readonly sum: number;
}

interface StepCase {
  readonly name: string;
  readonly tolerance: { readonly losses: number; readonly final_l2: number };
  readonly params: number;
  readonly input: readonly [number, number, number, number];
  readonly gain: number;
  readonly optimizer: { readonly lr: number; readonly momentum: number; readonly weight_decay: number };
  readonly losses: readonly number[];
  readonly first_gradients: Readonly<Record<string, Norms>>;
  readonly final: Readonly<Record<string, Norms>>;
}

/**
 * Relative tolerance of first gradients, for which steps.json gives none: one unit that rounding puts on the other
 * side of a ReLU changes the gradients before it by about 1/√units of its layer, here 4e-3 … 8e-3 as measured in the
 * plain network.
 */
const FIRST_GRADIENTS = 3e-2;

/** A training step; with `gradients`, these are results, too, under "d " and the parameter's name. */
function trainingGraph(c: StepCase, gradients: boolean): Graph {
  const model: Model = {
    name: c.name,
    title: c.name,
    input: [c.input[1], c.input[2], c.input[3]],
    classes: DIGITS,
    normalize: { scale: 1, offset: 0 },
    build: networkByName(c.name),
  };
  const graph = new Graph();
  const { momentum, weight_decay: weightDecay } = c.optimizer;
  const grads = buildStep(new Builder(graph, true), model, sgd({ momentum, weightDecay }), c.input);
  if (gradients) for (const [name, d] of grads) graph.output(`d ${name}`, d);
  return graph;
}

/** All variables to their first values: procedural ones, and zero for the optimiser's. */
async function initialise(store: VariableStore, salt: string, gain: number): Promise<void> {
  for (const { name, shape, role } of store.specs.values()) {
    await store.write(name, role === 'optimizer' ? tensor(shape) : procedural(salt, name, shape, gain));
  }
}

function norms({ data }: Tensor): Norms {
  let squares = 0;
  let sum = 0;
  for (const v of data) {
    squares += v * v;
    sum += v;
  }
  return { l2: Math.sqrt(squares), sum };
}

/** Norm and sum of a tensor; where the norm of its error is δ, its sum may be off by δ·√size. */
function compare(
  errors: Errors,
  what: string,
  name: string,
  actual: Tensor,
  wanted: Norms,
  tolerance: number,
): void {
  const { l2, sum } = norms(actual);
  const off = Math.abs(sum - wanted.sum) / Math.sqrt(sizeOf(actual.shape));
  errors.add(what, Math.max(Math.abs(l2 - wanted.l2), off) / wanted.l2, tolerance, name);
}

const sameNames = (a: Iterable<string>, b: Iterable<string>): boolean =>
  [...a].sort().join() === [...b].sort().join();

async function runCase(c: StepCase, salt: string, backend: Backend): Promise<CaseResult> {
  const errors = new Errors();
  const graph = trainingGraph(c, false);
  const store = backend.createStore();
  for (const { spec } of graph.variables.values()) store.add(spec);
  const kept = [...store.specs.values()].filter((v) => v.role !== 'optimizer');
  const parameters = kept.reduce((sum, v) => sum + (v.role === 'parameter' ? sizeOf(v.shape) : 0), 0);
  errors.add('parameters', Math.abs(parameters - c.params), 0, `${parameters}, not ${c.params}`);
  const known = sameNames(
    kept.map((v) => v.name),
    Object.keys(c.final),
  );
  errors.add('names', known ? 0 : 1, 0, 'they differ');
  const run = async (g: Graph, steps: number, visit: (t: number, r: Record<string, Tensor>) => void) => {
    await initialise(store, salt, c.gain);
    const executable = await backend.load(g, store);
    for (let t = 0; t < steps; t++) visit(t, await executable.run(feeds(c, salt, t)));
    executable.dispose();
  };
  await run(trainingGraph(c, true), 1, (_, results) => {
    for (const [name, wanted] of Object.entries(c.first_gradients)) {
      compare(errors, 'gradients', name, results[`d ${name}`], wanted, FIRST_GRADIENTS);
    }
  });
  await run(graph, c.losses.length, (t, { loss }) => {
    const wanted = c.losses[t];
    errors.add('losses', Math.abs(loss.data[0] - wanted) / wanted, c.tolerance.losses, `step ${t}`);
  });
  for (const [name, wanted] of Object.entries(c.final)) {
    compare(errors, 'final', name, await store.read(name), wanted, c.tolerance.final_l2);
  }
  store.dispose();
  return errors.result(c.name);
}

function feeds(c: StepCase, salt: string, t: number): Record<string, Tensor> {
  return {
    x: filled(salt, `${c.name}/x${t}`, c.input as Shape),
    labels: labels(salt, `${c.name}/y${t}`, c.input[0]),
    hyper: tensor([2], [c.optimizer.lr, t + 1]),
  };
}

export async function* runSteps(read: Read, backend: Backend): AsyncGenerator<CaseResult> {
  const { salt, steps } = await readJson<{ salt: string; steps: StepCase[] }>(read, 'steps.json');
  for (const c of steps) yield attempt(c.name, () => runCase(c, salt, backend));
}
