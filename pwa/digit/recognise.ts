/** What is on the pad and what the network makes of it: one prediction in flight, the latest picture wins. */
import { computed, effect, signal } from '@preact/signals';
import type { GreyImage, Prediction } from '../../workers/api.ts';
import { engine, messageOf, model } from '../engine.ts';
import { rasterise, type Stroke } from './strokes.ts';

export type Content =
  | { readonly kind: 'strokes'; readonly strokes: readonly Stroke[] }
  | { readonly kind: 'picture'; readonly ink: GreyImage };

const EMPTY: Content = { kind: 'strokes', strokes: [] };

/** Below this share the answer is called unsure. */
export const SURE = 0.6;

export const content = signal<Content>(EMPTY);
export const prediction = signal<Prediction | null>(null);
export const predictError = signal<string | null>(null);
export const isEmpty = computed(() => content.value.kind === 'strokes' && content.value.strokes.length === 0);

export interface Answer {
  readonly index: number;
  readonly label: string;
  readonly probability: number;
  readonly sure: boolean;
}

export const answer = computed<Answer | null>(() => {
  const probabilities = prediction.value?.probabilities;
  if (!probabilities) return null;
  const index = probabilities.indexOf(Math.max(...probabilities));
  const probability = probabilities[index]!;
  return {
    index,
    label: model.value?.classes[index] ?? String(index),
    probability,
    sure: probability >= SURE,
  };
});

export function setStrokes(strokes: readonly Stroke[]): void {
  content.value = { kind: 'strokes', strokes };
}

export function setPicture(ink: GreyImage): void {
  content.value = { kind: 'picture', ink };
}

export function clear(): void {
  content.value = EMPTY;
}

/** Takes the last stroke back; a picture goes as a whole. */
export function undo(): void {
  const current = content.value;
  content.value = current.kind === 'strokes' ? { ...current, strokes: current.strokes.slice(0, -1) } : EMPTY;
}

let frame = 0;
let inFlight = false;
let wanted: { readonly id: string; readonly image: GreyImage } | null = null;

/** What is on the pad, as ink. */
export const inkOf = (current: Content): GreyImage | null =>
  current.kind === 'strokes' ? rasterise(current.strokes) : current.ink;

/** Once a frame at most: strokes become pixels and go to the engine. */
function request(): void {
  frame = 0;
  const image = inkOf(content.value);
  const id = model.value?.id;
  wanted = image && id ? { id, image } : null;
  if (!image) {
    prediction.value = null;
    predictError.value = null;
  } else if (!inFlight) void drain();
}

async function drain(): Promise<void> {
  inFlight = true;
  while (wanted) {
    const { id, image } = wanted;
    wanted = null;
    try {
      const result = await engine.predict(id, image, true);
      if (!isEmpty.peek()) prediction.value = result;
      predictError.value = null;
    } catch (error) {
      prediction.value = null;
      predictError.value = messageOf(error);
    }
  }
  inFlight = false;
}

effect(() => {
  const id = model.value?.id;
  // A failure is told with the first digit.
  if (id) void engine.prepare(id).catch(() => {});
});

effect(() => {
  content.value;
  model.value;
  if (frame === 0) frame = requestAnimationFrame(request);
});
