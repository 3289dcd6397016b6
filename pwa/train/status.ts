/** What the rest of the app needs to know of a run, without loading the page that trains. */
import { computed, signal } from '@preact/signals';
import { proxy } from 'comlink';
import type { ResumableRun } from '../../workers/api.ts';
import { engine } from '../engine.ts';

/** idle → preparing → running ⇄ paused → stopping → done or failed → preparing … */
export type Phase = 'idle' | 'preparing' | 'running' | 'paused' | 'stopping' | 'done' | 'failed';

export const phase = signal<Phase>('idle');

const BUSY: readonly Phase[] = ['preparing', 'running', 'paused', 'stopping'];
/** Whether a run is under way. */
export const isBusy = computed(() => BUSY.includes(phase.value));

/** Something that a reload would lose: pictures not stored yet, a model that could not be. */
export const unsaved = signal(false);

/** Whether the page must not be reloaded. */
export const mustStay = computed(() => isBusy.value || unsaved.value);

/** Share of the steps done, 0 … 1. */
export const progress = signal(0);

/** Runs that a closed page left behind. */
export const resumable = signal<readonly ResumableRun[]>([]);

export async function findResumable(): Promise<void> {
  const found = await engine.resumable(proxy(() => void findResumable().catch(() => {})));
  // A run may have begun meanwhile, one of those found perhaps.
  if (!isBusy.peek()) resumable.value = found;
}
