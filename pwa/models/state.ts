/** The model shelf: importing, renaming, deleting. */
import { computed, signal } from '@preact/signals';
import type { ModelSummary } from '../../workers/api.ts';
import { engine, messageOf, models, refreshModels } from '../engine.ts';
import { askToKeep, measureStorage } from '../storage.ts';
import { say, withUndo } from '../ui/toast.tsx';
import { text } from './text.ts';

export const importing = signal(false);
export const importError = signal<string | null>(null);
/** A file of weights that does not say what network they are for. */
export const unnamed = signal<{ readonly name: string; readonly bytes: ArrayBuffer } | null>(null);
export const problem = signal<string | null>(null);
/** Deleted for the eye; for the disk only after the time to take it back. */
const hidden = signal<ReadonlySet<string>>(new Set());

export const shown = computed(() => models.value.filter((m) => !hidden.value.has(m.id)));

export async function importFile(file: File): Promise<void> {
  await importBytes(file.name, await file.arrayBuffer(), null);
}

export async function importBytes(name: string, bytes: ArrayBuffer, network: string | null): Promise<void> {
  importing.value = true;
  importError.value = null;
  unnamed.value = null;
  try {
    const { title } = await engine.importModel(name, bytes, network);
    say(text.peek().imported(title));
    void askToKeep();
    await refresh();
  } catch (error) {
    const message = messageOf(error);
    if (/does not say which network/.test(message)) unnamed.value = { name, bytes };
    else importError.value = message;
  }
  importing.value = false;
}

async function refresh(): Promise<void> {
  await Promise.all([refreshModels(), measureStorage()]);
}

async function attempt(work: () => Promise<void>): Promise<void> {
  problem.value = null;
  try {
    await work();
  } catch (error) {
    problem.value = messageOf(error);
  }
  await refresh();
}

export const rename = (id: string, title: string): Promise<void> =>
  attempt(() => engine.renameModel(id, title));

export function remove({ id, title }: ModelSummary): void {
  const without = () => new Set([...hidden.peek()].filter((h) => h !== id));
  hidden.value = new Set([...hidden.peek(), id]);
  withUndo(
    text.peek().deleted(title),
    () =>
      void attempt(() => engine.removeModel(id)).then(() => {
        hidden.value = without();
      }),
    () => {
      hidden.value = without();
    },
  );
}
