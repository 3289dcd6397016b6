/** A folder of pictures, one folder a class: DIR/CLASS/*.jpg, or DIR/train/CLASS/… and DIR/test/CLASS/…. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { check } from '../src/core/error.ts';
import type { ImageSet } from '../src/data/dataset.ts';
import type { Model } from '../src/nn/builder.ts';
import { openResizer } from './images.ts';

const PICTURE = /\.(jpe?g|png|webp|gif|avif|tiff?)$/i;
const PARTS = { train: ['train'], test: ['test', 'val', 'validation'] } as const;

const byName = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true });

async function entries(folder: string): Promise<{ folders: string[]; pictures: string[] }> {
  const all = await readdir(folder, { withFileTypes: true });
  const names = (keep: (name: string, isFolder: boolean) => boolean) =>
    all
      .filter((e) => keep(e.name, e.isDirectory()))
      .map((e) => e.name)
      .sort(byName);
  return {
    folders: names((name, isFolder) => isFolder && !name.startsWith('.')),
    pictures: names((name, isFolder) => !isFolder && PICTURE.test(name)),
  };
}

/** Whether a folder looks like one of pictures by class, and where its parts are. */
export async function findImageFolder(
  folder: string,
): Promise<{ readonly train: string | null; readonly test: string | null } | null> {
  const { folders } = await entries(folder);
  const part = (names: readonly string[]) => folders.find((f) => names.includes(f.toLowerCase()));
  const [train, test] = [part(PARTS.train), part(PARTS.test)];
  if (train || test)
    return { train: train ? join(folder, train) : null, test: test ? join(folder, test) : null };
  for (const name of folders) {
    // Not divided into parts: either use takes all of it.
    if ((await entries(join(folder, name))).pictures.length > 0) return { train: folder, test: folder };
  }
  return null;
}

/**
 * Reads the pictures, each cut to the shape of the network's input and scaled to it.
 * @throws LensletError 'format' for a file that is no picture or a folder without classes, 'unsupported' without sharp
 */
export async function readImageFolder(folder: string, model: Model): Promise<ImageSet> {
  const [channels, height, width] = model.input;
  const found = await Promise.all(
    (await entries(folder)).folders.map(async (name) => ({
      name,
      files: (await entries(join(folder, name))).pictures.map((file) => join(folder, name, file)),
    })),
  );
  const classes = found.filter(({ files }) => files.length > 0);
  check(
    classes.length > 1,
    'format',
    () => `${folder} needs a folder of pictures for each of two or more classes.`,
  );
  const files = classes.flatMap((c, label) => c.files.map((path) => ({ path, label })));
  const size = channels * height * width;
  const pixels = new Uint8Array(files.length * size);
  const resize = await openResizer(channels, height, width);
  for (const [i, { path }] of files.entries()) pixels.set(await resize(path), i * size);
  return {
    count: files.length,
    channels,
    height,
    width,
    pixels,
    labels: Int32Array.from(files, (f) => f.label),
    classes: classes.map((c) => c.name),
  };
}
