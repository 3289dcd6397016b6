/**
 * What must hold of every plan, worked out from its kernels and addresses alone, without the planner's own notion
 * of groups and lifetimes.
 */
import { Random } from '../../src/core/random.ts';
import type { Value } from '../../src/ir/graph.ts';
import type { Access, Buffer, WasmKernel } from '../../src/ir/kernel.ts';
import { buffersOf, type Plan, type Step } from '../../src/plan/compile.ts';
import type { Storage } from '../../src/plan/storage.ts';

type WasmPlan = Plan<WasmKernel>;
type WasmStep = Step<WasmKernel>;

interface Touch {
  readonly buffer: Buffer;
  readonly access: Access;
  readonly storage: Storage;
  /** Regions are apart; bytes [at, end) of the region. */
  readonly at: number;
  readonly end: number;
}

/** Storages outside arena and persistent memory have a block of their own. */
const isPlaced = (s: Storage): boolean => s.region === 'arena' || s.region === 'persistent';
const touchesOf = (plan: WasmPlan, { kernel }: WasmStep): Touch[] =>
  buffersOf(kernel).map(({ buffer, access }) => {
    const storage = plan.storageOf(buffer);
    const at = isPlaced(storage) ? storage.offset : 0;
    return { buffer, access, storage, at, end: at + storage.bytes };
  });

const overlap = (a: Touch, b: Touch): boolean =>
  a.storage === b.storage ||
  (isPlaced(a.storage) && a.storage.region === b.storage.region && a.at < b.end && b.at < a.end);

/** Kernels between two barriers. */
export function groupsOf(steps: readonly WasmStep[]): WasmStep[][] {
  const groups: WasmStep[][] = [];
  steps.forEach((step, i) => {
    if (i === 0 || step.barrierBefore) groups.push([]);
    groups.at(-1)?.push(step);
  });
  return groups;
}

const isConflict = (a: Touch, b: Touch): boolean =>
  overlap(a, b) &&
  (a.access !== 'read' || b.access !== 'read') &&
  !(a.access === 'part' && b.access === 'part' && a.buffer === b.buffer);

/**
 * Pairs of accesses to the same bytes, one of them a write, with no barrier between: tiles of the two kernels may
 * run at the same time, in any order. Within one kernel only an operand may share the memory of the result.
 */
export function racesIn(plan: WasmPlan, steps: readonly WasmStep[]): string[] {
  const found: string[] = [];
  for (const group of groupsOf(steps)) {
    const touches = group.map((step) => touchesOf(plan, step));
    touches.forEach((own, i) => {
      own.forEach((a, k) => {
        for (const b of own.slice(k + 1)) {
          const isInPlace = a.storage === b.storage && (a.access === 'read') !== (b.access === 'read');
          if (isConflict(a, b) && !isInPlace) found.push(`${group[i].label} with itself`);
        }
        for (let j = i + 1; j < group.length; j++) {
          if (touches[j].some((b) => isConflict(a, b))) found.push(`${group[i].label} and ${group[j].label}`);
        }
      });
    });
  }
  return found;
}

/** Buffers of the arena that are in use in the same group and overlap. */
export function overlapsIn(plan: WasmPlan): string[] {
  const lives = new Map<Storage, { first: number; last: number; touch: Touch }>();
  groupsOf(plan.steps).forEach((group, g) => {
    for (const touch of group.flatMap((step) => touchesOf(plan, step))) {
      if (touch.storage.region !== 'arena') continue;
      const life = lives.get(touch.storage);
      if (life) life.last = g;
      else lives.set(touch.storage, { first: g, last: g, touch });
    }
  });
  const list = [...lives.values()];
  return list.flatMap((a, i) =>
    list
      .slice(i + 1)
      .filter((b) => a.first <= b.last && b.first <= a.last && overlap(a.touch, b.touch))
      .map((b) => `[${a.touch.at}, ${a.touch.end}) and [${b.touch.at}, ${b.touch.end})`),
  );
}

/** The value whose elements a buffer holds: what is viewed, or copied as it is. */
function contentOf(b: Buffer): Buffer {
  if ('scratch' in b || b.source.kind !== 'node') return b;
  const { node, index } = b.source;
  return node.op.view || node.op.name === 'identity' ? contentOf(node.inputs[index] as Value) : b;
}

/**
 * Memory as a map from bytes to the value that was last written there. Replays two runs, the kernels of each group
 * in random order, and reports every read of a buffer that finds something else, results and variables included.
 */
export function staleReadsIn(plan: WasmPlan, seed: number): string[] {
  const memory = new Memory();
  const found: string[] = [];
  const random = new Random(seed);
  const play = (steps: readonly WasmStep[]) => {
    for (const group of groupsOf(steps)) {
      for (const i of random.permutation(group.length))
        found.push(...memory.replay(group[i], touchesOf(plan, group[i])));
    }
  };
  const { graph } = plan;
  for (const run of [0, 1]) {
    for (const { value } of graph.variables.values()) memory.write(plan.storageOf(value), contentOf(value));
    for (const value of graph.inputs.values()) memory.write(plan.storageOf(value), value);
    if (run === 0) play(plan.prologue);
    memory.forget('arena');
    play(plan.steps);
    for (const [name, value] of graph.outputs) {
      const { storage } = plan.outputs.get(name)!;
      if (!memory.holds(storage, contentOf(value))) found.push(`result ${name}`);
    }
    for (const [name, next] of graph.updates) {
      const variable = graph.variables.get(name)!.value;
      if (!memory.holds(plan.storageOf(variable), contentOf(next))) found.push(`variable ${name}`);
    }
  }
  return found;
}

interface Cell {
  readonly storage: Storage;
  readonly at: number;
  readonly end: number;
  readonly content: Buffer;
}

class Memory {
  #cells: Cell[] = [];

  forget(region: string): void {
    this.#cells = this.#cells.filter((c) => c.storage.region !== region);
  }

  /** What lay at these bytes is lost, in part or as a whole. */
  write(storage: Storage, content: Buffer): void {
    const at = isPlaced(storage) ? storage.offset : 0;
    const cell = { storage, at, end: at + storage.bytes, content };
    const hit = (c: Cell) =>
      c.storage === storage ||
      (isPlaced(storage) && c.storage.region === storage.region && c.at < cell.end && at < c.end);
    this.#cells = [...this.#cells.filter((c) => !hit(c)), cell];
  }

  holds(storage: Storage, content: Buffer): boolean {
    if (storage.bytes === 0) return true;
    if (storage.region === 'constant') return true;
    return this.#cells.some((c) => c.storage === storage && c.content === content);
  }

  replay({ label }: WasmStep, touches: readonly Touch[]): string[] {
    const reads = touches.filter((t) => t.access === 'read' || t.access === 'readwrite');
    const stale = reads.filter((t) => !this.holds(t.storage, contentOf(t.buffer)));
    for (const t of touches) {
      if (t.access === 'read') continue;
      this.write(t.storage, label === 'copy' ? contentOf(reads[0].buffer) : contentOf(t.buffer));
    }
    return stale.map((t) => `${label} reads ${t.storage.region} ${t.at}`);
  }
}
