/**
 * Which buffers share memory: views with what they view, updated variables with their next value, results with
 * an operand they may overwrite. Decided before scheduling, so that the scheduler sees every hazard this makes.
 */
import { bytesOf, type Tensor } from '../core/tensor.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Buffer } from '../ir/kernel.ts';
import type { Program } from './program.ts';

export type Region = 'variable' | 'input' | 'constant' | 'output' | 'arena' | 'persistent';

/**
 * A piece of memory. `offset` counts from the start of its region and is set for 'arena' and 'persistent'; for a
 * target with whole buffers it is the number of the buffer.
 */
export interface Storage {
  readonly bytes: number;
  region: Region;
  /** Of a variable or an input. */
  readonly name?: string;
  readonly tensor?: Tensor;
  offset: number;
}

/** Storages given up, with the one that all their buffers lie in now. */
type Moved = Map<Storage, Storage>;

export interface Storages {
  of(buffer: Buffer): Storage;
  /** Updates that need a copy at the end, because the variable is still read after its next value is made. */
  readonly copies: readonly { readonly from: Value; readonly to: Value }[];
}

export function assignStorage(graph: Graph, program: Program, isStatic: (b: Buffer) => boolean): Storages {
  const { nodes } = program;
  const map = new Map<Buffer, Storage>();
  const moved: Moved = new Map();
  const of = (b: Buffer): Storage => {
    let s = map.get(b);
    if (!s) map.set(b, (s = fresh(b)));
    for (let to = moved.get(s); to; to = moved.get(s)) s = to;
    return s;
  };
  for (const node of nodes) {
    if (node.op.view) map.set(node.outputs[0], of(node.inputs[0] as Value));
  }
  const lastRead = lastReads(nodes, of);
  const copies = placeUpdates(graph, program, moved, of, lastRead, isStatic);
  for (const v of program.outputs.values()) {
    const s = of(v);
    if (s.region === 'arena') s.region = 'output';
  }
  for (const copy of copies) lastRead.set(of(copy.from), nodes.length);
  reuseOperands(nodes, moved, of, lastRead, isStatic);
  return { of, copies };
}

function fresh(b: Buffer): Storage {
  if ('scratch' in b) return { bytes: b.bytes, region: 'arena', offset: -1 };
  const bytes = bytesOf(b);
  const { source } = b;
  switch (source.kind) {
    case 'node':
      return { bytes, region: 'arena', offset: -1 };
    case 'constant':
      return { bytes, region: 'constant', tensor: source.tensor, offset: -1 };
    default:
      return { bytes, region: source.kind, name: source.name, offset: -1 };
  }
}

/** Index of the last node that reads a storage. */
function lastReads(nodes: readonly Node[], of: (b: Buffer) => Storage): Map<Storage, number> {
  const last = new Map<Storage, number>();
  nodes.forEach((node, i) => {
    for (const x of node.inputs) if (x) last.set(of(x), i);
  });
  return last;
}

/**
 * Lets a variable's next value be written straight into the variable where nobody needs the old one any more. What
 * is computed once is not: the variable may be read, or written from outside, after that.
 */
function placeUpdates(
  graph: Graph,
  { nodes, updates }: Program,
  moved: Moved,
  of: (b: Buffer) => Storage,
  lastRead: Map<Storage, number>,
  isStatic: (b: Buffer) => boolean,
): { from: Value; to: Value }[] {
  const makers = new Map<Value, number>();
  nodes.forEach((node, i) => {
    for (const y of node.outputs) makers.set(y, i);
  });
  const copies: { from: Value; to: Value }[] = [];
  for (const [name, next] of updates) {
    const variable = graph.variables.get(name)?.value as Value;
    const target = of(variable);
    const at = makers.get(next);
    const last = lastRead.get(target) ?? -1;
    const direct =
      at !== undefined &&
      !nodes[at].op.view &&
      !isStatic(next) &&
      of(next).region === 'arena' &&
      (last < at || (last === at && overwrites(nodes[at], next, target, of)));
    if (direct) {
      const old = of(next);
      moved.set(old, target);
      lastRead.set(target, Math.max(last, lastRead.get(old) ?? -1));
    } else {
      copies.push({ from: next, to: variable });
    }
  }
  return copies;
}

const overwrites = (node: Node, out: Value, target: Storage, of: (b: Buffer) => Storage): boolean =>
  (node.op.inPlace ?? []).some(([y, x]) => {
    const input = node.inputs[x];
    return node.outputs[y] === out && !!input && of(input) === target && reads(node, target, of) === 1;
  });

const reads = (node: Node, s: Storage, of: (b: Buffer) => Storage): number =>
  node.inputs.filter((v) => v && of(v) === s).length;

/** In-place results: an operand that dies here gives its memory to the result. */
function reuseOperands(
  nodes: readonly Node[],
  moved: Moved,
  of: (b: Buffer) => Storage,
  lastRead: Map<Storage, number>,
  isStatic: (b: Buffer) => boolean,
): void {
  nodes.forEach((node, i) => {
    const placed = new Set<Value>();
    for (const [yi, xi] of node.op.inPlace ?? []) {
      const x = node.inputs[xi];
      const y = node.outputs[yi];
      if (!x || !y || placed.has(y)) continue;
      const from = of(x);
      const old = of(y);
      const fits =
        from.region === 'arena' && old.region === 'arena' && from.bytes === old.bytes && from !== old;
      if (!fits || lastRead.get(from) !== i || reads(node, from, of) !== 1) continue;
      if (isStatic(x) !== isStatic(y) || node.outputs.some((o) => o !== y && of(o) === from)) continue;
      moved.set(old, from);
      lastRead.set(from, lastRead.get(old) ?? -1);
      placed.add(y);
    }
  });
}
