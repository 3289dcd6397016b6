/** The picture that is looked at and what the network makes of it: one look in flight, the latest picture wins. */
import { computed, effect, signal } from '@preact/signals';
import type { Filters, Look, ModelSummary, Occlusion, Picture } from '../../workers/api.ts';
import { PICTURE_SIDE } from '../../workers/app/pictures.ts';
import { content, inkOf } from '../digit/recognise.ts';
import { engine, messageOf, models, readsDigits } from '../engine.ts';
import { squareOf } from '../ui/camera.ts';

export type View = 'maps' | 'filters' | 'pixels' | 'histograms';

export const chosen = signal<string | null>(null);
export const view = signal<View>('maps');
/** Class to look back from; null: the answer. */
export const wanted = signal<number | null>(null);
export const look = signal<Look | null>(null);
export const occlusion = signal<Occlusion | null>(null);
export const filters = signal<readonly Filters[]>([]);
export const error = signal<string | null>(null);
/** A photograph, for networks that read other things than digits. */
export const photo = signal<Picture | null>(null);

export const model = computed<ModelSummary | null>(
  () => models.value.find((m) => m.id === chosen.value) ?? models.value[0] ?? null,
);
export const takesInk = computed(() => model.value !== null && readsDigits(model.value));

export const picture = computed<Picture | null>(() => {
  if (!takesInk.value) return photo.value;
  const image = inkOf(content.value);
  return image && { kind: 'ink', image };
});

/** Takes a picture from anything that can be drawn. */
export function snap(source: CanvasImageSource, width: number, height: number): void {
  const { data } = squareOf(source, width, height, PICTURE_SIDE);
  const size = { width: PICTURE_SIDE, height: PICTURE_SIDE };
  photo.value = { kind: 'colour', ...size, data: data as Uint8ClampedArray<ArrayBuffer> };
}

let inFlight = false;
let again = false;

async function drain(): Promise<void> {
  inFlight = true;
  do {
    again = false;
    await step();
  } while (again);
  inFlight = false;
}

async function step(): Promise<void> {
  const [m, p, c, v] = [model.peek(), picture.peek(), wanted.peek(), view.peek()];
  try {
    if (m && v === 'filters' && filtersOf !== m.id) {
      filters.value = await engine.filters(m.id);
      filtersOf = m.id;
    }
    if (!m || !p) {
      look.value = null;
      occlusion.value = null;
      return;
    }
    const found = await engine.look(m.id, p, c);
    if (model.peek() !== m) return;
    look.value = found;
    occlusion.value = v === 'pixels' ? await engine.occlusion(m.id, p, found.class) : null;
    error.value = null;
  } catch (cause) {
    look.value = null;
    occlusion.value = null;
    error.value = messageOf(cause);
  }
}

let filtersOf: string | null = null;

/** Follows the picture while the page is shown. @returns what ends it */
export function follow(): () => void {
  return effect(() => {
    model.value;
    picture.value;
    wanted.value;
    view.value;
    if (inFlight) again = true;
    else void drain();
  });
}

export function choose(id: string): void {
  chosen.value = id;
  wanted.value = null;
  look.value = null;
  occlusion.value = null;
}
