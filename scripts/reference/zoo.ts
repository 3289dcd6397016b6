/** The networks of zoo.json: names, shapes and number of parameters, and the scores of one image. */
import { modelByName } from '../../models/index.ts';
import type { Backend } from '../../src/backend.ts';
import type { Shape } from '../../src/core/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder } from '../../src/nn/builder.ts';
import { filled, procedural } from './fill.ts';
import { type Read, readJson } from './read.ts';
import { attempt, type CaseResult, Errors } from './result.ts';

interface ZooCase {
  readonly name: string;
  readonly input: Shape;
  readonly gain: number;
  readonly parameters: number;
  readonly state_dict: readonly (readonly [name: string, shape: number[]])[];
  readonly logits: readonly number[];
  readonly std: number;
  readonly argmax: number;
}

const described = (entries: Iterable<readonly [string, Shape]>): Set<string> =>
  new Set([...entries].map(([name, shape]) => `${name} [${shape}]`));

async function runCase(c: ZooCase, salt: string, backend: Backend): Promise<CaseResult> {
  const errors = new Errors();
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape: c.input });
  graph.output('scores', modelByName(c.name).build(new Builder(graph, false), x));
  const store = backend.createStore();
  for (const { spec } of graph.variables.values()) store.add(spec);
  const specs = [...store.specs.values()];
  const parameters = specs.reduce((sum, v) => sum + v.parameters, 0);
  errors.add('parameters', Math.abs(parameters - c.parameters), 0, `${parameters}, not ${c.parameters}`);
  const ours = described(specs.map((v) => [v.name, v.shape]));
  const theirs = described(c.state_dict);
  const other = [...ours].filter((d) => !theirs.has(d)).concat([...theirs].filter((d) => !ours.has(d)));
  errors.add('names', other.length, 0, other[0] ?? '');
  for (const { name, shape } of specs) await store.write(name, procedural(salt, name, shape, c.gain));
  const executable = await backend.load(graph, store);
  const { scores } = await executable.run({ x: filled(salt, `${c.name}/x`, c.input) });
  executable.dispose();
  store.dispose();
  const off = Math.max(...c.logits.map((wanted, i) => Math.abs(scores.data[i] - wanted))) / c.std;
  errors.add('logits', off, 1e-3, 'over their standard deviation');
  const best = scores.data.indexOf(Math.max(...scores.data));
  errors.add('argmax', best === c.argmax ? 0 : 1, 0, `${best}, not ${c.argmax}`);
  return errors.result(c.name);
}

export async function* runZoo(read: Read, backend: Backend): AsyncGenerator<CaseResult> {
  const { salt, zoo } = await readJson<{ salt: string; zoo: ZooCase[] }>(read, 'zoo.json');
  for (const c of zoo) yield attempt(c.name, () => runCase(c, salt, backend));
}
