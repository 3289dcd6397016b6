/**
 * Barriers. Kernels between two barriers form a group: threads may run them at the same time, in any order.
 * A kernel opens a new group when it conflicts with one in the current group: it reads or writes what that one
 * writes, or writes what that one reads. Arena memory is never reused within a group (plan/memory.ts), so these
 * hazards are the only ones.
 */
import type { Storage } from './storage.ts';

export interface Access {
  readonly reads: readonly Storage[];
  readonly writes: readonly Storage[];
  /** Writes parts that no other kernel of the group touches when that one, too, writes it in parts. */
  readonly parts: readonly Storage[];
}

/** Group number of each kernel; they rise from 0. */
export function schedule(kernels: readonly Access[]): number[] {
  let group = 0;
  let read = new Set<Storage>();
  let written = new Set<Storage>();
  let parted = new Set<Storage>();
  return kernels.map((k) => {
    const conflict =
      k.reads.some((s) => written.has(s) || parted.has(s)) ||
      k.writes.some((s) => read.has(s) || written.has(s) || parted.has(s)) ||
      k.parts.some((s) => read.has(s) || written.has(s));
    if (conflict) {
      group++;
      read = new Set();
      written = new Set();
      parted = new Set();
    }
    for (const s of k.reads) read.add(s);
    for (const s of k.writes) written.add(s);
    for (const s of k.parts) parted.add(s);
    return group;
  });
}
