/**
 * How threads meet: entering and leaving a run, claiming tiles, waiting for tiles of others. The only file with atomics.
 * Nobody waits for a thread that has not entered: one still asleep when a run begins comes late, or not at all.
 * Without the threads feature everything folds to the single-thread case.
 */
import { Control, Layout } from "./protocol";

const RUN: usize = Layout.CONTROL + Control.RUN;
const DONE: usize = Layout.CONTROL + Control.DONE;
const INSIDE: usize = Layout.CONTROL + Control.INSIDE;

/** Bit of the DONE word: leave the run. More than any number of tiles, so that nobody waits for tiles any longer. */
// @ts-ignore: decorator
@inline
const ABORTED: i32 = 1 << 30;

/** Whether this thread may sleep; a page may not. */
let maySleep: bool = true;
/** The RUN word of the run that this thread was in last. */
let entered: i32 = 0;

export function setMaySleep(may: bool): void {
  maySleep = may;
}

/**
 * Claims a tile of a record; −1: none is left. Odd threads take tiles from the back, the others from the front: two
 * threads then find most of what they read in their own caches, from tile to tile and from record to record.
 */
// @ts-ignore: decorator
@inline
export function claim(counter: usize, tiles: i32, thread: i32): i32 {
  if (!ASC_FEATURE_THREADS) return -1;
  const back = thread & 1;
  const claimed = atomic.add<i64>(counter, <i64>1 << (back << 5));
  const front = <i32>claimed, behind = <i32>(claimed >> 32);
  if (front + behind >= tiles) return -1;
  return back ? tiles - 1 - behind : front;
}

/** One more look in vain at a word that is `value`: after SPIN of them, sleeps until it is another. Returns the looks so far. */
// @ts-ignore: decorator
@inline
function watch(word: usize, value: i32, looks: i32): i32 {
  if (looks < load<i32>(Layout.CONTROL + Control.SPIN) || !maySleep) return looks + 1;
  // Counted before the last look, which is part of waiting: who changes the word next sees the sleeper.
  atomic.add<i32>(word + Control.SLEEPERS, 1);
  atomic.wait<i32>(word, value, -1);
  atomic.sub<i32>(word + Control.SLEEPERS, 1);
  return 0;
}

/** Wakes those who sleep on a word that was changed. */
// @ts-ignore: decorator
@inline
function wake(word: usize): void {
  if (atomic.load<i32>(word + Control.SLEEPERS)) atomic.notify(word, -1);
}

export function aborted(): bool {
  if (ASC_FEATURE_THREADS) return atomic.load<i32>(DONE) >= ABORTED;
  return load<i32>(DONE) >= ABORTED;
}

/** Says that this thread has completed `tiles` more tiles. */
export function complete(tiles: i32): void {
  if (!ASC_FEATURE_THREADS) return;
  atomic.add<i32>(DONE, tiles);
  wake(DONE);
}

/** Waits until `tiles` tiles of the run are completed or the run is aborted. */
export function awaitTiles(tiles: i32): void {
  if (!ASC_FEATURE_THREADS) return;
  let looks = 0;
  while (true) {
    const done = atomic.load<i32>(DONE);
    if (done >= tiles) return;
    looks = watch(DONE, done, looks);
  }
}

/** Makes every thread leave the run. */
export function abortRun(): void {
  if (!ASC_FEATURE_THREADS) {
    store<i32>(DONE, ABORTED);
    return;
  }
  atomic.or<i32>(DONE, ABORTED);
  wake(DONE);
}

/** Thread 0 lets threads 1 … threads − 1 into a run. */
export function open(threads: i32): void {
  if (!ASC_FEATURE_THREADS) {
    store<i32>(DONE, 0);
    return;
  }
  atomic.store<i32>(DONE, 0);
  if (threads < 2) return;
  // The count is part of the word: no thread can mistake it. Between runs it is 0.
  atomic.store<i32>(RUN, atomic.load<i32>(RUN) + 32 + threads);
  wake(RUN);
}

/** Thread 0 lets nobody in any longer and waits until nobody is inside. */
export function close(): void {
  if (!ASC_FEATURE_THREADS) return;
  atomic.and<i32>(RUN, ~31);
  let looks = 0;
  while (true) {
    const inside = atomic.load<i32>(INSIDE);
    if (inside == 0) return;
    looks = watch(INSIDE, inside, looks);
  }
}

/** Parks a thread other than 0 until it is inside a run that it has not been in; returns the run's number of threads. */
export function enter(thread: i32): i32 {
  if (!ASC_FEATURE_THREADS) return 0;
  let looks = 0;
  while (true) {
    const run = atomic.load<i32>(RUN);
    if (run == entered || thread >= (run & 31)) {
      looks = watch(RUN, run, looks);
      continue;
    }
    entered = run;
    atomic.add<i32>(INSIDE, 1);
    // Either thread 0 sees this thread inside, or this thread sees that the run is closed.
    if (atomic.load<i32>(RUN) == run) return run & 31;
    leave();
    looks = 0;
  }
}

/** A thread other than 0 says that it has left the run. */
export function leave(): void {
  if (!ASC_FEATURE_THREADS) return;
  atomic.sub<i32>(INSIDE, 1);
  wake(INSIDE);
}
