/** The log shown beside the present run's. */
import { computed, signal } from '@preact/signals';
import type { RunLog } from '../../workers/api.ts';
import { engine, models } from '../engine.ts';
import { log } from './run.ts';

/** Models whose training is on record. */
export const withLogs = computed(() => models.value.filter((m) => m.log));

/** Chosen models: shown where no run is (first), and beside it (second). */
export const first = signal<string | null>(null);
export const second = signal<string | null>(null);

const logs = signal<ReadonlyMap<string, RunLog>>(new Map());

const logOf = (id: string | null): RunLog | null => (id === null ? null : (logs.value.get(id) ?? null));

/** The run under way or just ended, else a chosen one. */
export const main = computed(() => log.value ?? logOf(first.value));
export const other = computed(() => logOf(second.value));

async function fetchLog(id: string | null): Promise<void> {
  if (id === null || logs.peek().has(id)) return;
  const found = await engine.runLog(id);
  if (found) logs.value = new Map([...logs.peek(), [id, found]]);
}

export function show(which: 'first' | 'second', id: string | null): void {
  (which === 'first' ? first : second).value = id;
  void fetchLog(id);
}
