/** The data to train on: the sets there are, and files that become one. */
import { computed, signal } from '@preact/signals';
import { proxy } from 'comlink';
import type { DataFile, DataSummary, TrainData } from '../../workers/api.ts';
import { engine, messageOf } from '../engine.ts';
import { askToKeep } from '../storage.ts';

export type Source = 'synthetic' | DataSummary['source'];

export const source = signal<Source>('synthetic');
export const counts = signal({ train: 10_000, validation: 1_000 });
export const sets = signal<readonly DataSummary[]>([]);
/** Sets chosen; of each source the newest where nothing is. */
export const chosen = signal<Readonly<Partial<Record<DataSummary['source'], string>>>>({});

/** Files that are not a data set yet: some may be missing. */
export const pending = signal<readonly DataFile[]>([]);
export const reading = signal<number | null>(null);
export const problem = signal<string | null>(null);

export const setsFrom = (from: DataSummary['source']): readonly DataSummary[] =>
  sets.value.filter((s) => s.source === from);

/** The set that the next run uses; null for generated digits, or while there is none. */
export const current = computed<DataSummary | null>(() => {
  const from = source.value;
  if (from === 'synthetic') return null;
  const list = setsFrom(from);
  return list.find((s) => s.id === chosen.value[from]) ?? list.at(-1) ?? null;
});

/** What to train on; null when there is nothing yet. */
export const trainData = computed<TrainData | null>(() => {
  if (source.value === 'synthetic') return { kind: 'synthetic', ...counts.value };
  return current.value && { kind: 'stored', id: current.value.id };
});

export const classCount = computed(() => current.value?.classes.length ?? 10);
export const imageCount = computed(() => current.value?.train ?? counts.value.train);

export async function loadSets(): Promise<void> {
  sets.value = await engine.dataSets();
}

export function choose(from: DataSummary['source'], id: string): void {
  chosen.value = { ...chosen.value, [from]: id };
}

/** Adds files to those waiting and tries to make a set of them. */
export async function addFiles(files: readonly DataFile[]): Promise<void> {
  const paths = new Set(files.map((f) => f.path));
  pending.value = [...pending.value.filter((f) => !paths.has(f.path)), ...files];
  await importPending();
}

export async function removePending(path: string): Promise<void> {
  pending.value = pending.value.filter((f) => f.path !== path);
  problem.value = null;
  if (pending.value.length > 0) await importPending();
}

async function importPending(): Promise<void> {
  if (reading.peek() !== null) return;
  problem.value = null;
  reading.value = 0;
  const files = pending.value;
  try {
    const found = await engine.importData(
      titleOf(files),
      files,
      proxy((share: number) => {
        if (reading.peek() !== null) reading.value = share;
      }),
    );
    void askToKeep();
    sets.value = [...sets.value, found];
    choose('files', found.id);
    pending.value = pending.value.filter((f) => !files.includes(f));
  } catch (error) {
    problem.value = messageOf(error);
  }
  reading.value = null;
  // More came while these were read.
  if (pending.value !== files && pending.value.length > 0) await importPending();
}

/** A name for the set: what it is known by, else that of its folder or first file. */
function titleOf(files: readonly DataFile[]): string {
  const names = files.map((f) => f.path);
  if (names.some((n) => /(data|test)_batch/.test(n))) return 'CIFAR-10';
  if (names.some((n) => /usps/i.test(n))) return 'USPS';
  if (names.some((n) => /^(.*\/)?(train|t10k)-images[-.]idx3/.test(n))) return 'MNIST';
  const [folder] = names[0]!.split('/');
  return folder!.replace(/\.(zip|gz)$/i, '');
}

export async function removeSet(id: string): Promise<void> {
  await engine.removeData(id);
  await loadSets();
}
