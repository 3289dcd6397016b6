/**
 * The pipeline from graph to plan: live and fused nodes → kernels → shared storage → barriers → memory.
 * A plan is data; backends encode it into their own command list and replay that.
 */
import { LensletError } from '../core/error.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Buffer, Access as BufferAccess } from '../ir/kernel.ts';
import type { OpDef } from '../ir/op.ts';
import { identityOp } from '../ops/shape.ts';
import { type Lifetime, lowerBound, planBuffers, planMemory } from './memory.ts';
import { type Program, programOf } from './program.ts';
import { type Access, schedule } from './schedule.ts';
import { assignStorage, type Storage } from './storage.ts';

/** What the planner must know of a backend's kernels. */
export interface KernelLike {
  readonly args: readonly (
    | { readonly kind: 'buffer'; readonly buffer: Buffer | null; readonly access: BufferAccess }
    | { readonly kind: 'i32' | 'f32'; readonly value: number }
  )[];
}

export interface Target<K extends KernelLike> {
  /** Alignment of every buffer in bytes. */
  readonly align: number;
  /**
   * 'offsets': one memory, and kernels between two barriers run side by side. 'buffers': whole buffers, which a kernel
   * may not both read and write under two names, and every kernel waits for those before it.
   */
  readonly memory: 'offsets' | 'buffers';
  lower(node: Node): readonly K[];
}

export interface Step<K> {
  readonly kernel: K;
  /** Name of the operator it belongs to, for profiles and error messages. */
  readonly label: string;
  readonly barrierBefore: boolean;
}

export interface Plan<K> {
  readonly graph: Graph;
  /** Run once whenever variables have been written from outside: packing of weights, constant expressions. */
  readonly prologue: readonly Step<K>[];
  readonly steps: readonly Step<K>[];
  storageOf(buffer: Buffer): Storage;
  /** Results, with the storage that holds each after a run. */
  readonly outputs: ReadonlyMap<string, { readonly value: Value; readonly storage: Storage }>;
  readonly constants: readonly Storage[];
  /** Sizes in bytes of what holds the arena: of one memory, or of the buffers. */
  readonly arena: readonly number[];
  readonly memory: PlanMemory;
}

export interface PlanMemory {
  /** Bytes reused between steps. */
  readonly arena: number;
  /** The largest sum of arena bytes alive at once: `arena` cannot be smaller. */
  readonly arenaLowerBound: number;
  /** Bytes written by the prologue and kept. */
  readonly persistent: number;
}

export function compile<K extends KernelLike>(graph: Graph, target: Target<K>): Plan<K> {
  const program = programOf(graph);
  const lowered = program.nodes.map((node) => ({ node, kernels: node.op.view ? [] : target.lower(node) }));
  const fixed = findStatic(program, lowered);
  const storages = assignStorage(graph, program, (b) => fixed.buffers.has(b));
  const all = lowered.flatMap(({ node, kernels }) =>
    kernels.map((kernel) => ({ kernel, label: node.op.name })),
  );
  for (const { from, to } of storages.copies) {
    const copy = { id: -1, op: identityOp as OpDef<unknown>, inputs: [from], attrs: null, outputs: [to] };
    all.push(...target.lower(copy).map((kernel) => ({ kernel, label: 'copy' })));
  }
  const prologue = all.filter(({ kernel }) => fixed.kernels.has(kernel));
  const steps = all.filter(({ kernel }) => !fixed.kernels.has(kernel));
  for (const b of fixed.buffers) {
    const s = storages.of(b);
    if (s.region === 'arena') s.region = 'persistent';
  }
  const first = withBarriers(prologue, storages.of, target);
  const rest = withBarriers(steps, storages.of, target);
  const persistent = placePersistent(prologue, storages.of, target);
  const { sizes, arenaLowerBound } = placeArena(rest, target);
  return {
    graph,
    prologue: first.map((s) => s.step),
    steps: rest.map((s) => s.step),
    storageOf: storages.of,
    outputs: new Map(
      [...program.outputs].map(([name, value]) => [name, { value, storage: storages.of(value) }]),
    ),
    constants: constantsOf(all, program.outputs.values(), storages.of),
    arena: sizes,
    memory: { arena: sizes.reduce((a, b) => a + b, 0), arenaLowerBound, persistent },
  };
}

/**
 * Kernels that compute the same at every run, and the buffers they write. A buffer counts only when all kernels
 * that write it do: the zeros around a padded input make no constant.
 */
function findStatic<K extends KernelLike>(
  { updates }: Program,
  lowered: readonly { node: Node; kernels: readonly K[] }[],
): { kernels: Set<K>; buffers: Set<Buffer> } {
  const buffers = new Set<Buffer>();
  const kernels = new Set<K>();
  const isStatic = (b: Buffer): boolean => {
    if (buffers.has(b)) return true;
    if ('scratch' in b) return false;
    const { source } = b;
    return source.kind === 'constant' || (source.kind === 'variable' && !updates.has(source.name));
  };
  for (const { node, kernels: own } of lowered) {
    if (node.op.view && isStatic(node.inputs[0] as Value)) buffers.add(node.outputs[0]);
    const written = new Set(own.flatMap(writtenBy));
    const changing = new Set<Buffer>();
    const isFixed = (k: K): boolean =>
      buffersOf(k).every(({ buffer }) => (written.has(buffer) ? !changing.has(buffer) : isStatic(buffer)));
    for (let before = -1; changing.size !== before; ) {
      before = changing.size;
      for (const k of own) if (!isFixed(k)) for (const b of writtenBy(k)) changing.add(b);
    }
    for (const k of own.filter(isFixed)) kernels.add(k);
    for (const b of written) if (!changing.has(b)) buffers.add(b);
  }
  return { kernels, buffers };
}

const writtenBy = (k: KernelLike): Buffer[] =>
  buffersOf(k)
    .filter((a) => a.access !== 'read')
    .map((a) => a.buffer);

/** The buffers a kernel touches, absent ones left out. */
export function buffersOf(k: KernelLike): { buffer: Buffer; access: BufferAccess }[] {
  const used: { buffer: Buffer; access: BufferAccess }[] = [];
  for (const a of k.args)
    if (a.kind === 'buffer' && a.buffer) used.push({ buffer: a.buffer, access: a.access });
  return used;
}

interface Scheduled<K> {
  readonly step: Step<K>;
  readonly access: Access;
  readonly group: number;
}

function withBarriers<K extends KernelLike>(
  kernels: readonly { kernel: K; label: string }[],
  of: (b: Buffer) => Storage,
  target: Target<K>,
): Scheduled<K>[] {
  const access = kernels.map(({ kernel }): Access => {
    const used = buffersOf(kernel);
    const pick = (...kinds: BufferAccess[]) =>
      used.filter((a) => kinds.includes(a.access)).map((a) => of(a.buffer));
    return { reads: pick('read', 'readwrite'), writes: pick('write', 'readwrite'), parts: pick('part') };
  });
  const groups = target.memory === 'buffers' ? access.map((_, i) => i) : schedule(access);
  return kernels.map(({ kernel, label }, i) => ({
    step: { kernel, label, barrierBefore: i > 0 && groups[i] !== groups[i - 1] },
    access: access[i],
    group: groups[i],
  }));
}

const storagesOf = ({ access }: { access: Access }): Storage[] => [
  ...access.reads,
  ...access.writes,
  ...access.parts,
];

function placeArena<K extends KernelLike>(steps: readonly Scheduled<K>[], { memory, align }: Target<K>) {
  const lives = new Map<Storage, { bytes: number; first: number; last: number }>();
  for (const s of steps) {
    for (const storage of storagesOf(s)) {
      if (storage.region !== 'arena') continue;
      const life = lives.get(storage);
      if (life) life.last = s.group;
      else lives.set(storage, { bytes: storage.bytes, first: s.group, last: s.group });
    }
  }
  const list: Lifetime[] = [...lives.values()];
  const one = memory === 'offsets' ? planMemory(list, align) : null;
  const { offsets, sizes } = one ? { offsets: one.offsets, sizes: [one.bytes] } : planBuffers(list, align);
  [...lives.keys()].forEach((storage, i) => {
    storage.offset = offsets[i];
  });
  return { sizes, arenaLowerBound: lowerBound(list, align) };
}

/** Everything the prologue writes stays; its temporaries are few and share nothing. */
function placePersistent<K extends KernelLike>(
  prologue: readonly { kernel: K }[],
  of: (b: Buffer) => Storage,
  { memory, align }: Target<K>,
): number {
  let bytes = 0;
  let count = 0;
  for (const { kernel } of prologue) {
    for (const { buffer } of buffersOf(kernel)) {
      const s = of(buffer);
      if (s.region === 'arena') {
        throw new LensletError(
          'value',
          'A step that runs once would use memory that is reused: a planner bug.',
        );
      }
      if (s.region !== 'persistent' || s.offset >= 0) continue;
      s.offset = memory === 'buffers' ? count++ : bytes;
      bytes += Math.ceil(s.bytes / align) * align;
    }
  }
  return bytes;
}

function constantsOf<K extends KernelLike>(
  kernels: readonly { kernel: K }[],
  outputs: Iterable<Value>,
  of: (b: Buffer) => Storage,
): Storage[] {
  const found = new Set<Storage>();
  for (const { kernel } of kernels) {
    for (const { buffer } of buffersOf(kernel)) if (of(buffer).region === 'constant') found.add(of(buffer));
  }
  for (const v of outputs) if (of(v).region === 'constant') found.add(of(v));
  return [...found];
}
