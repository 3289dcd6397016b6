/**
 * Static memory: every arena buffer gets a fixed offset so that buffers alive at the same time do not overlap.
 * Greedy by size over lifetimes counted in groups (Pisarchyk & Lee 2020, "Efficient Memory Management for Deep
 * Neural Net Inference", section 5.2; also XNNPACK's planner).
 */

export interface Lifetime {
  readonly bytes: number;
  /** First and last group in which the buffer is touched, both included. */
  readonly first: number;
  readonly last: number;
}

const alignUp = (n: number, align: number): number => Math.ceil(n / align) * align;

/** Offsets by index, and the size of the arena in bytes. */
export function planMemory(lives: readonly Lifetime[], align: number): { offsets: number[]; bytes: number } {
  const offsets = new Array<number>(lives.length).fill(0);
  const order = lives.map((_, i) => i).sort((a, b) => lives[b].bytes - lives[a].bytes || a - b);
  const placed: number[] = [];
  let total = 0;
  for (const i of order) {
    const size = alignUp(lives[i].bytes, align);
    offsets[i] = smallestGap(lives, offsets, placed, i, size, align);
    total = Math.max(total, offsets[i] + size);
    const at = placed.findIndex((p) => offsets[p] > offsets[i]);
    placed.splice(at < 0 ? placed.length : at, 0, i);
  }
  return { offsets, bytes: total };
}

/**
 * The same with whole buffers: instead of offsets their numbers, and the size of every buffer, which is that of the
 * first it was made for. Later, smaller ones take the smallest that is free while they live.
 */
export function planBuffers(
  lives: readonly Lifetime[],
  align: number,
): { offsets: number[]; sizes: number[] } {
  const offsets = new Array<number>(lives.length).fill(0);
  const order = lives.map((_, i) => i).sort((a, b) => lives[b].bytes - lives[a].bytes || a - b);
  const sizes: number[] = [];
  const users: Lifetime[][] = [];
  for (const i of order) {
    const { first, last, bytes } = lives[i];
    let at = users.findLastIndex((list) => list.every((l) => l.last < first || l.first > last));
    if (at < 0) {
      at = users.push([]) - 1;
      sizes.push(alignUp(bytes, align));
    }
    users[at].push(lives[i]);
    offsets[i] = at;
  }
  return { offsets, sizes };
}

/** `placed` is sorted by offset. */
function smallestGap(
  lives: readonly Lifetime[],
  offsets: readonly number[],
  placed: readonly number[],
  i: number,
  size: number,
  align: number,
): number {
  let best = -1;
  let bestGap = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const p of placed) {
    if (lives[p].last < lives[i].first || lives[p].first > lives[i].last) continue;
    const gap = offsets[p] - end;
    if (gap >= size && gap < bestGap) {
      best = end;
      bestGap = gap;
    }
    end = Math.max(end, offsets[p] + alignUp(lives[p].bytes, align));
  }
  return best >= 0 ? best : end;
}

/** Bytes that are alive at once at the worst moment: no plan can do with less. */
export function lowerBound(lives: readonly Lifetime[], align: number): number {
  const change = new Map<number, number>();
  for (const l of lives) {
    const size = alignUp(l.bytes, align);
    change.set(l.first, (change.get(l.first) ?? 0) + size);
    change.set(l.last + 1, (change.get(l.last + 1) ?? 0) - size);
  }
  let now = 0;
  let most = 0;
  for (const [, d] of [...change].sort((a, b) => a[0] - b[0])) most = Math.max(most, (now += d));
  return most;
}
