/**
 * How threads meet: claiming tiles, barriers, parking, leaving after a fault. The only file with atomics.
 * Without the threads feature everything folds to the single-thread case.
 */
import { Control, Layout } from "./protocol";

const CONTROL: usize = Layout.CONTROL;

/** The next unclaimed tile of a record; tiles are claimed in order by all threads together. */
// @ts-ignore: decorator
@inline
export function claim(counter: usize): i32 {
  if (ASC_FEATURE_THREADS) return atomic.add<i32>(counter, 1);
  const tile = load<i32>(counter);
  store<i32>(counter, tile + 1);
  return tile;
}

// @ts-ignore: decorator
@inline
export function aborted(): bool {
  if (ASC_FEATURE_THREADS) return atomic.load<i32>(CONTROL + Control.ABORT) != 0;
  return load<i32>(CONTROL + Control.ABORT) != 0;
}

/** Sleeps until the word at `address` is no longer `value`, after looking at it `spin` times. */
function waitWhile(address: usize, value: i32, spin: i32): void {
  for (let i = 0; i < spin; i++) {
    if (atomic.load<i32>(address) != value) return;
  }
  while (atomic.load<i32>(address) == value) atomic.wait<i32>(address, value, -1);
}

/** Waits until all threads of the run are here. False: the run was aborted, leave. */
export function barrier(threads: i32): bool {
  if (!ASC_FEATURE_THREADS) return !aborted();
  if (threads > 1) {
    const generation = atomic.load<i32>(CONTROL + Control.BARRIER_GENERATION);
    if (atomic.add<i32>(CONTROL + Control.BARRIER_ARRIVED, 1) == threads - 1) {
      atomic.store<i32>(CONTROL + Control.BARRIER_ARRIVED, 0);
      atomic.add<i32>(CONTROL + Control.BARRIER_GENERATION, 1);
      atomic.notify(CONTROL + Control.BARRIER_GENERATION, -1);
    } else if (!aborted()) {
      waitWhile(CONTROL + Control.BARRIER_GENERATION, generation, load<i32>(CONTROL + Control.SPIN));
    }
  }
  return !aborted();
}

/** Makes every thread leave the run: raised flag first, then whoever waits at a barrier is let go. */
export function abortRun(): void {
  if (!ASC_FEATURE_THREADS) {
    store<i32>(CONTROL + Control.ABORT, 1);
    return;
  }
  atomic.store<i32>(CONTROL + Control.ABORT, 1);
  atomic.add<i32>(CONTROL + Control.BARRIER_GENERATION, 1);
  atomic.notify(CONTROL + Control.BARRIER_GENERATION, -1);
}

/** Thread 0 lets threads 1 … threads − 1 go. The count is part of the word they wait on: no thread can mistake it. */
export function release(threads: i32): void {
  if (!ASC_FEATURE_THREADS) return;
  atomic.store<i32>(CONTROL + Control.BARRIER_ARRIVED, 0);
  if (threads < 2) return;
  atomic.store<i32>(CONTROL + Control.ACTIVE, threads - 1);
  const run = (atomic.load<i32>(CONTROL + Control.GENERATION) >>> 5) + 1;
  atomic.store<i32>(CONTROL + Control.GENERATION, (run << 5) | threads);
  atomic.notify(CONTROL + Control.GENERATION, -1);
}

/** Thread 0 waits until no other thread is inside the run. */
export function join(): void {
  if (!ASC_FEATURE_THREADS) return;
  const spin = load<i32>(CONTROL + Control.SPIN);
  for (;;) {
    const active = atomic.load<i32>(CONTROL + Control.ACTIVE);
    if (active <= 0) return;
    waitWhile(CONTROL + Control.ACTIVE, active, spin);
  }
}

/** A thread other than 0 says that it has left the run. */
export function leave(): void {
  if (!ASC_FEATURE_THREADS) return;
  atomic.sub<i32>(CONTROL + Control.ACTIVE, 1);
  atomic.notify(CONTROL + Control.ACTIVE, -1);
}

/** Parks a thread until the generation word is another; returns the new one. */
export function park(generation: i32): i32 {
  if (!ASC_FEATURE_THREADS) return 0;
  waitWhile(CONTROL + Control.GENERATION, generation, load<i32>(CONTROL + Control.SPIN));
  return atomic.load<i32>(CONTROL + Control.GENERATION);
}
