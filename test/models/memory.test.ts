import { describe, expect, it } from 'vitest';
import { models } from '../../models/index.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder, type Model } from '../../src/nn/builder.ts';
import { compile } from '../../src/plan/compile.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { buildStep } from '../../src/train/trainer.ts';
import { wasmTarget } from '../../src/wasm/index.ts';

const batchOf = (m: Model): number => (m.input[1] > 100 ? 4 : 32);

describe('planned memory of a training step', () => {
  it.each(models.map((model) => ({ name: model.name, model })))(
    '$name is near its lower bound',
    ({ model }) => {
      const graph = new Graph();
      buildStep(new Builder(graph, true), model, sgd({ momentum: 0.9 }), [batchOf(model), ...model.input]);
      const { memory, steps } = compile(graph, wasmTarget);
      expect(steps.length).toBeGreaterThan(40);
      expect(memory.arena).toBeGreaterThanOrEqual(memory.arenaLowerBound);
      expect(memory.arena).toBeLessThanOrEqual(1.1 * memory.arenaLowerBound);
    },
  );
});
