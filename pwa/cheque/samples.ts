/** Corrected lines, kept on this device alone, and what the reader learned from them. */
import { computed, signal } from '@preact/signals';
import { createStore, del, get, set } from 'idb-keyval';
import type { GreyImage } from '../../workers/api.ts';
import type { LearnReport } from '../../workers/cheque-api.ts';
import { engine, messageOf } from '../engine.ts';

export interface Sample {
  readonly id: string;
  readonly line: GreyImage;
  /** As written, separators and strokes included. */
  readonly text: string;
}

const store = createStore('lenslet-cheques', 'corrections');
const SAMPLES = 'samples';
const WEIGHTS = 'weights';

export const samples = signal<readonly Sample[]>([]);
export const learned = signal<LearnReport | null>(null);
export const learning = signal<number | null>(null);
export const learnError = signal<string | null>(null);
/** Whether the reader in use has learned on this device. */
export const adapted = signal(false);
export const canLearn = computed(() => samples.value.length > 0 && learning.value === null);

/** What was kept before. */
export async function loadSamples(): Promise<void> {
  samples.value = (await get<Sample[]>(SAMPLES, store)) ?? [];
}

/** The reader that learned before is used again. */
export async function loadReader(): Promise<void> {
  const weights = await get<ArrayBuffer>(WEIGHTS, store);
  if (weights) await engine.setReader(weights);
  adapted.value = !!weights;
}

export async function keepCorrection(line: GreyImage, text: string): Promise<void> {
  await keep([...samples.value, { id: crypto.randomUUID(), line, text }]);
}

export async function removeSample(id: string): Promise<void> {
  await keep(samples.value.filter((s) => s.id !== id));
  await forgetDigits();
}

/** Digits that were cut out of the samples, to train on. */
async function forgetDigits(): Promise<void> {
  for (const { id, source } of await engine.dataSets()) if (source === 'cheques') await engine.removeData(id);
}

async function keep(list: readonly Sample[]): Promise<void> {
  await set(SAMPLES, list, store);
  samples.value = list;
}

/** Fine-tunes the reader on all samples with replay; the weights before stay until the user is content. */
export async function learn(): Promise<void> {
  learning.value = 0;
  learnError.value = null;
  try {
    const { proxy } = await import('comlink');
    const report = await engine.learnAmounts(
      samples.value,
      proxy((share: number) => {
        learning.value = share;
      }),
    );
    learned.value = report;
    if (!report.kept) return;
    await set(WEIGHTS, report.weights, store);
    adapted.value = true;
  } catch (error) {
    learnError.value = messageOf(error);
  } finally {
    learning.value = null;
  }
}

/** Back to the shipped reader; the samples stay. */
export async function unlearn(): Promise<void> {
  await engine.setReader(null);
  await del(WEIGHTS, store);
  learned.value = null;
  adapted.value = false;
}

/** Deletes samples and what was learned from them. */
export async function forgetAll(): Promise<void> {
  await unlearn();
  await keep([]);
  await forgetDigits();
}

/** All samples as one JSON file: text, size and pixels in base64. */
export function exportSamples(): string {
  const rows = samples.value.map(({ line, text }) => ({
    text,
    width: line.width,
    height: line.height,
    pixels: btoa(String.fromCharCode(...line.data)),
  }));
  return JSON.stringify(rows);
}
