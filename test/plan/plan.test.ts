import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WasmKernel } from '../../src/ir/kernel.ts';
import { buffersOf, compile, type Plan } from '../../src/plan/compile.ts';
import type { Storage } from '../../src/plan/storage.ts';
import { wasmTarget } from '../../src/wasm/index.ts';
import { groupsOf, overlapsIn, racesIn, staleReadsIn } from './check.ts';
import { buildGraph, type Recipe, recipes } from './graphs.ts';

const planOf = (recipe: Recipe): Plan<WasmKernel> => compile(buildGraph(recipe).graph, wasmTarget);

function problemsOf(plan: Plan<WasmKernel>): string[] {
  return [
    ...racesIn(plan, plan.prologue),
    ...racesIn(plan, plan.steps),
    ...overlapsIn(plan),
    ...staleReadsIn(plan, 1),
    ...staleReadsIn(plan, 2),
  ];
}

const graphs = recipes(1, 4, 40);
const runs = { numRuns: 200, seed: 1 };

describe('plans of random graphs', () => {
  it('have no race, no overlap and no stale read, in whatever order the kernels of a group run', () => {
    fc.assert(
      fc.property(graphs, (recipe) => {
        expect(problemsOf(planOf(recipe))).toEqual([]);
      }),
      runs,
    );
  });

  it('need every barrier: leaving one out is found', () => {
    let barriers = 0;
    fc.assert(
      fc.property(graphs, (recipe) => {
        const plan = planOf(recipe);
        for (const [i, step] of plan.steps.entries()) {
          if (!step.barrierBefore) continue;
          barriers++;
          expect(
            racesIn(plan, plan.steps.with(i, { ...step, barrierBefore: false })),
            `barrier ${i}`,
          ).not.toEqual([]);
        }
      }),
      runs,
    );
    expect(barriers).toBeGreaterThan(500);
  });

  it('need their offsets: moving a buffer onto one in use is found', () => {
    let moved = 0;
    fc.assert(
      fc.property(graphs, fc.nat(), (recipe, pick) => {
        const plan = planOf(recipe);
        const pairs = alive(plan);
        if (!pairs.length) return;
        const [a, b] = pairs[pick % pairs.length];
        a.offset = b.offset;
        moved++;
        expect(overlapsIn(plan)).not.toEqual([]);
        expect([...racesIn(plan, plan.steps), ...staleReadsIn(plan, 1)]).not.toEqual([]);
      }),
      runs,
    );
    expect(moved).toBeGreaterThan(100);
  });

  it('take no less than the lower bound, and on the whole within 10 % of it', () => {
    let [arena, bound, worst] = [0, 0, 1];
    fc.assert(
      fc.property(graphs, (recipe) => {
        const { memory } = planOf(recipe);
        expect(memory.arena).toBeGreaterThanOrEqual(memory.arenaLowerBound);
        arena += memory.arena;
        bound += memory.arenaLowerBound;
        if (memory.arenaLowerBound) worst = Math.max(worst, memory.arena / memory.arenaLowerBound);
      }),
      runs,
    );
    console.log(
      `arena / lower bound: ${(arena / bound).toFixed(4)} on the whole, ${worst.toFixed(2)} at worst`,
    );
    expect(arena / bound).toBeLessThan(1.1);
  });
});

/** Pairs of arena buffers that are used in the same group by kernels that need both as they are. */
function alive(plan: Plan<WasmKernel>): [Storage, Storage][] {
  const pairs: [Storage, Storage][] = [];
  for (const group of groupsOf(plan.steps)) {
    for (const { kernel } of group) {
      const used = [...new Set(buffersOf(kernel).map((t) => plan.storageOf(t.buffer)))];
      const placed = used.filter((s) => s.region === 'arena' && s.bytes > 0);
      placed.forEach((a, i) => {
        for (const b of placed.slice(i + 1)) pairs.push([a, b]);
      });
    }
  }
  return pairs;
}
