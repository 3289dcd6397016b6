/** The engine as the page sees it: one connection, what it can do, and whether it is alive. */
import { computed, signal } from '@preact/signals';
import { wrap } from 'comlink';
import type { Capabilities, Engine, ModelSummary } from '../workers/api.ts';
import { engineDied, engineWorker } from '../workers/spawn.ts';
import { remembered } from './settings.ts';

/** Set when the engine cannot be used any more; a reload of the page starts another one. */
export const engineFailure = signal<string | null>(null);
export const models = signal<readonly ModelSummary[]>([]);
export const capabilities = signal<Capabilities | null>(null);

export const engine = wrap<Engine>(engineWorker);
void engineDied.then((message) => {
  engineFailure.value = message;
});

/** Whether a model reads digits: it has their ten names. */
export const readsDigits = (m: ModelSummary): boolean =>
  m.classes.length === 10 && m.classes.every((c, i) => c === String(i));

export const digitModels = computed(() => models.value.filter(readsDigits));

/** The network to recognise with, as chosen last time. */
const chosenModel = remembered<string>('model', 'lenet5-modern', () => true);
// Loaded before the list is there that says whether it still exists.
void engine.prepare(chosenModel.peek()).catch(() => {});

export const model = computed(
  () => digitModels.value.find((m) => m.id === chosenModel.value) ?? digitModels.value[0] ?? null,
);

export function chooseModel(id: string): void {
  chosenModel.value = id;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export async function startEngine(): Promise<void> {
  try {
    await Promise.all([
      refreshModels(),
      engine.capabilities().then((found) => {
        capabilities.value = found;
      }),
    ]);
  } catch (error) {
    engineFailure.value = messageOf(error);
  }
}

/** After something was trained, imported, renamed or deleted. */
export async function refreshModels(): Promise<void> {
  models.value = await engine.models();
}
