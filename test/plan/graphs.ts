/** Random graphs of cheap operators over a few small variables, for properties of plans. */
import fc from 'fast-check';
import { type Shape, sameShape, sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { add, maximum, mul, sub } from '../../src/ops/binary.ts';
import { relu, tanh, unary } from '../../src/ops/elementwise.ts';
import { linear } from '../../src/ops/matmul.ts';
import { sgdStep } from '../../src/ops/optimizer.ts';
import { expand, reduceMean } from '../../src/ops/reduce.ts';
import { reshape, transpose } from '../../src/ops/shape.ts';
import { concat, pad, slice } from '../../src/ops/slice.ts';
import { softmax } from '../../src/ops/softmax.ts';
import { randomTensor } from '../op.ts';

/** One random decision after another; each picks among what there is. */
export interface Recipe {
  readonly size: number;
  readonly nodes: readonly (readonly [kind: number, a: number, b: number])[];
  readonly updates: readonly (number | undefined)[];
  readonly outputs: readonly number[];
}

/** @param sizes of the variables' longer dimension */
export const recipes = (...sizes: number[]): fc.Arbitrary<Recipe> =>
  fc.record({
    size: fc.constantFrom(...sizes),
    nodes: fc.array(fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99)), { minLength: 6, maxLength: 30 }),
    updates: fc.array(fc.option(fc.nat(99), { nil: undefined }), { minLength: 4, maxLength: 4 }),
    outputs: fc.array(fc.nat(99), { minLength: 1, maxLength: 6 }),
  });

export interface RandomGraph {
  readonly graph: Graph;
  readonly feeds: Record<string, Tensor>;
}

/** Mostly one of the latest, so that much of the graph is alive. */
const recent = (values: readonly Value[], pick: number): Value =>
  values.at(-1 - (pick % Math.min(values.length, pick < 80 ? 6 : 99))) as Value;

/** Values stay small, so that rounding errors do not grow. */
const bounded = (x: Value): Value => unary('clip', x, { alpha: -3, beta: 3 });

type Maker = (a: Value, b: Value, like: (x: Value) => Value) => Value;

/** `like` finds a value of the same shape. */
const makers: Maker[] = [
  (a) => relu(a),
  (a) => tanh(a),
  (a) => unary('affine', a, { alpha: -0.75, beta: 0.125 }),
  (a, _, like) => bounded(add(a, like(a))),
  (a, _, like) => bounded(mul(like(a), a)),
  (a, _, like) => maximum(a, like(a)),
  (a, b) =>
    bounded(
      sub(
        a,
        reduceMean(
          b,
          b.shape.map((_, i) => i),
        ),
      ),
    ),
  (a) => bounded(reduceMean(a, [0], true)),
  (a) => bounded(add(a, reduceMean(a, [0], true))),
  (a) => reshape(a, [sizeOf(a.shape)]),
  (a) => reshape(a, [...a.shape].reverse()),
  (a) =>
    transpose(
      a,
      a.shape.map((_, i) => a.shape.length - 1 - i),
    ),
  (a) => slice(a, { starts: a.shape.map((d) => d - 1), steps: a.shape.map(() => -1), sizes: a.shape }),
  (a) =>
    pad(
      a,
      a.shape.map((_, i) => (i ? 0 : 1)),
      a.shape.map((_, i) => (i ? 0 : -1)),
      0.5,
    ),
  (a, _, like) =>
    slice(concat([a, like(a)], 0), {
      starts: a.shape.map(() => 0),
      steps: a.shape.map(() => 1),
      sizes: a.shape,
    }),
  (a) => softmax(a),
  (a) =>
    expand(
      slice(a, {
        starts: a.shape.map(() => 0),
        steps: a.shape.map(() => 1),
        sizes: a.shape.map((d, i) => (i ? d : 1)),
      }),
      a.shape,
    ),
  (a) => a.graph.constant(randomTensor('constant', a.shape)),
  (a) =>
    a.shape.length === 2
      ? relu(linear(a, a.graph.constant(randomTensor('weight', [a.shape[1], a.shape[1]], -0.1, 0.1))))
      : relu(a),
];

/** A graph with inputs, four variables, their updates and some results. */
export function buildGraph(recipe: Recipe): RandomGraph {
  const graph = new Graph();
  const feeds: Record<string, Tensor> = {};
  const shapes: Shape[] = [[2, recipe.size], [2, recipe.size], [recipe.size, 2], [2 * recipe.size]];
  const values: Value[] = [];
  for (const i of [0, 3]) {
    feeds[`x${i}`] = randomTensor(`x${i}`, shapes[i]);
    values.push(graph.input(`x${i}`, feeds[`x${i}`]));
  }
  const hyper = graph.constant(tensor([2], [0.1, 1]));
  const variables = shapes.map((shape, i) =>
    graph.variable({
      name: `v${i}`,
      shape,
      init: () => randomTensor(`v${i}`, shape).data as Float32Array,
      role: 'parameter',
      parameters: sizeOf(shape),
    }),
  );
  values.push(...variables);
  for (const [kind, i, j] of recipe.nodes) {
    const [a, b] = [recent(values, i), recent(values, j)];
    const like = (x: Value) => values.filter((v) => sameShape(v.shape, x.shape)).at(j - 99) ?? x;
    // 4100² weights would be no cheap operator.
    const index = kind % (makers.length + 1);
    if (index === makers.length)
      values.push(...sgdStep(a, like(a), like(a), hyper, { momentum: 0.5, nesterov: false, weightDecay: 0 }));
    else values.push(makers[recipe.size > 100 && index === makers.length - 1 ? 0 : index](a, b, like));
  }
  recipe.updates.forEach((pick, i) => {
    const fitting = values.filter((v) => sameShape(v.shape, shapes[i]));
    if (pick !== undefined) graph.update(variables[i], recent(fitting, pick));
  });
  recipe.outputs.forEach((pick, i) => {
    graph.output(`y${i}`, recent(values, pick));
  });
  return { graph, feeds };
}
