/** The engine as the page sees it: one connection, what it can do, and whether it is alive. */
import { computed, signal } from '@preact/signals';
import type { Capabilities, ModelSummary } from '../workers/api.ts';
import { connectEngine } from '../workers/spawn.ts';
import { remembered } from './settings.ts';

/** Set when the engine cannot be used any more; a reload of the page starts another one. */
export const engineFailure = signal<string | null>(null);
export const models = signal<readonly ModelSummary[]>([]);
export const capabilities = signal<Capabilities | null>(null);
/** Models whose weights were trained on this page and not reset since. */
export const trainedHere = signal<ReadonlySet<string>>(new Set());

export const engine = connectEngine((message) => {
  engineFailure.value = message;
});

/** The network to recognise with, as chosen last time. */
const chosenModel = remembered<string>('model', 'lenet5-modern', () => true);

export const model = computed(
  () => models.value.find((m) => m.id === chosenModel.value) ?? models.value[0] ?? null,
);

export function chooseModel(id: string): void {
  chosenModel.value = id;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export async function startEngine(): Promise<void> {
  try {
    const [list, found] = await Promise.all([engine.models(), engine.capabilities()]);
    models.value = list;
    capabilities.value = found;
  } catch (error) {
    engineFailure.value = messageOf(error);
  }
}

export function markTrained(id: string): void {
  trainedHere.value = new Set([...trainedHere.value, id]);
}

export async function resetModel(id: string): Promise<void> {
  await engine.reset(id);
  trainedHere.value = new Set([...trainedHere.value].filter((m) => m !== id));
}
