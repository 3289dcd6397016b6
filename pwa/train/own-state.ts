/** Teaching one's own classes: names, pictures taken with the camera or from files, stored as they come. */
import { signal } from '@preact/signals';
import type { OwnPictures } from '../../workers/api.ts';
import { PICTURE_SIDE, planesOf } from '../../workers/app/pictures.ts';
import { engine, messageOf } from '../engine.ts';
import { askToKeep } from '../storage.ts';
import { squareOf } from '../ui/camera.ts';
import { choose, loadSets } from './data.ts';
import { unsaved } from './status.ts';
import { text } from './text.ts';

const BYTES = 3 * PICTURE_SIDE ** 2;
/** Quiet time after the last picture before all are stored. */
const SAVE_MS = 600;
const MOST_PICTURES = 300;

export interface OwnClass {
  readonly name: string;
  /** RGB planes of each picture. */
  readonly pictures: readonly Uint8Array[];
}

const empty = (): readonly OwnClass[] =>
  [1, 2].map((i) => ({ name: text.peek().own.classDefault(i), pictures: [] }));

export const classes = signal<readonly OwnClass[]>(empty());
/** The stored set they belong to; null before the first pictures. */
export const setId = signal<string | null>(null);
export const problem = signal<string | null>(null);

let timer = 0;

function change(next: readonly OwnClass[]): void {
  classes.value = next;
  if (next.filter((c) => c.pictures.length > 0).length < 2) return;
  unsaved.value = true;
  clearTimeout(timer);
  timer = window.setTimeout(() => void save(), SAVE_MS);
}

/** One after the other: a later set must not be overtaken by an earlier one. */
let saving: Promise<void> = Promise.resolve();

function save(): Promise<void> {
  saving = saving.then(store);
  return saving;
}

async function store(): Promise<void> {
  const now = classes.peek();
  const pictures: OwnPictures = {
    classes: now.map(({ name, pictures: list }) => ({ name, pixels: joined(list) })),
  };
  try {
    const title = text.peek().own.title(now.map((c) => c.name).join(', '));
    const summary = await engine.saveOwnPictures(setId.peek(), title, pictures);
    setId.value = summary.id;
    problem.value = null;
    await loadSets();
    choose('own', summary.id);
    void askToKeep();
    if (classes.peek() === now) unsaved.value = false;
  } catch (error) {
    problem.value = messageOf(error);
  }
}

function joined(pictures: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pictures.length * BYTES);
  pictures.forEach((p, i) => {
    all.set(p, i * BYTES);
  });
  return all;
}

export function addClass(): void {
  change([...classes.value, { name: text.value.own.classDefault(classes.value.length + 1), pictures: [] }]);
}

export function removeClass(at: number): void {
  change(classes.value.filter((_, i) => i !== at));
}

const edit = (at: number, with_: (c: OwnClass) => OwnClass): void =>
  change(classes.value.map((c, i) => (i === at ? with_(c) : c)));

export const rename = (at: number, name: string): void => edit(at, (c) => ({ ...c, name }));

export const dropLast = (at: number): void => edit(at, (c) => ({ ...c, pictures: c.pictures.slice(0, -1) }));

function addPicture(at: number, source: CanvasImageSource, width: number, height: number): void {
  const planes = planesOf(squareOf(source, width, height, PICTURE_SIDE).data);
  edit(at, (c) => (c.pictures.length < MOST_PICTURES ? { ...c, pictures: [...c.pictures, planes] } : c));
}

export function takePicture(at: number, video: HTMLVideoElement): void {
  if (video.videoWidth > 0) addPicture(at, video, video.videoWidth, video.videoHeight);
}

export async function addFiles(at: number, files: readonly File[]): Promise<void> {
  problem.value = null;
  for (const file of files) {
    try {
      const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
      addPicture(at, bitmap, bitmap.width, bitmap.height);
      bitmap.close();
    } catch {
      problem.value = `${file.name} is no picture that this browser can open.`;
    }
  }
}

/** Opens a stored collection, or a new one. */
export async function open(id: string | null): Promise<void> {
  await saving;
  if (id === null) {
    setId.value = null;
    classes.value = empty();
    return;
  }
  const { classes: stored } = await engine.ownPictures(id);
  setId.value = id;
  choose('own', id);
  classes.value = stored.map(({ name, pixels }) => ({
    name,
    pictures: Array.from({ length: pixels.length / BYTES }, (_, i) =>
      pixels.slice(i * BYTES, (i + 1) * BYTES),
    ),
  }));
}
