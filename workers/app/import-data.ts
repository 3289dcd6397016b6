/** From files as people have them (IDX, CIFAR-10 batches, pictures in folders, zips of those) to a data set. */
import { unzipSync } from 'fflate';
import { check, LensletError } from '../../src/core/error.ts';
import { Random } from '../../src/core/random.ts';
import { isCifar10Name, readCifar10 } from '../../src/data/cifar10.ts';
import { fromIdx, type ImageSet, split } from '../../src/data/dataset.ts';
import { isIdxName, type NamedFile, readIdxPairs } from '../../src/io/idx.ts';
import type { DataFile } from '../api.ts';
import type { DataParts } from './data-file.ts';
import { decodePicture, PICTURE_SIDE } from './pictures.ts';

/** What a zip may unpack to: more does not fit a browser's memory. */
const MOST_BYTES = 2 ** 30;
const MOST_PICTURES = 20_000;
const PICTURE = /\.(jpe?g|png|webp|gif|avif|bmp)$/i;
const PARTS: Readonly<Record<string, 'train' | 'test'>> = {
  train: 'train',
  training: 'train',
  test: 'test',
  val: 'test',
  validation: 'test',
};

/** Small sets give up a larger share, so that there is something to measure with. */
const heldBack = (count: number): number => Math.min(5000, Math.floor(count / (count < 1000 ? 5 : 10)));

/** Sets validation images apart, drawn by a fixed seed, where the files bring none. */
export function withValidation(train: ImageSet, test: ImageSet | null): DataParts {
  const held = heldBack(train.count);
  if (test || held === 0) return { train, validation: test };
  const [rest, validation] = split(train, held, new Random(0).at('validation'));
  return { train: rest, validation };
}

interface Entry {
  readonly path: string;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
}

const entryOf = ({ path, file }: DataFile): Entry => ({
  path,
  bytes: async () => new Uint8Array(await file.arrayBuffer()),
});

async function unpacked(files: readonly DataFile[]): Promise<Entry[]> {
  const lists = await Promise.all(files.map(async (f) => (/\.zip$/i.test(f.path) ? unzip(f) : [entryOf(f)])));
  return lists.flat().filter(({ path }) => !/(^|\/)(\.|__MACOSX)/.test(path));
}

async function unzip({ path, file }: DataFile): Promise<Entry[]> {
  let total = 0;
  try {
    const found = unzipSync(new Uint8Array(await file.arrayBuffer()), {
      filter: ({ originalSize, name }) => {
        total += originalSize;
        check(total <= MOST_BYTES, 'format', () => 'it unpacks to more than 1 GiB');
        return !name.endsWith('/');
      },
    });
    return Object.entries(found).map(([name, bytes]) => ({
      path: name,
      bytes: async () => bytes as Uint8Array<ArrayBuffer>,
    }));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LensletError('format', `${path} cannot be unpacked: ${why}.`, { cause });
  }
}

/**
 * Reads a data set.
 * @param onProgress told the share of the pictures that is read
 * @throws LensletError 'format' for files that are none of the known kinds, or broken
 */
export async function importData(
  files: readonly DataFile[],
  onProgress: (share: number) => void,
): Promise<DataParts> {
  const entries = await unpacked(files);
  const read = (wanted: readonly Entry[]): Promise<NamedFile[]> =>
    Promise.all(wanted.map(async (e) => ({ name: e.path, bytes: await e.bytes() })));
  const cifar = entries.filter((e) => isCifar10Name(e.path));
  if (cifar.length > 0) {
    const { train, test } = readCifar10(await read(cifar));
    return fromParts(train, test);
  }
  const idx = entries.filter((e) => isIdxName(e.path));
  if (idx.length > 0) {
    const { train, test } = await readIdxPairs(await read(idx));
    return fromParts(train && fromIdx(train), test && fromIdx(test));
  }
  return importPictures(entries, onProgress);
}

/** A test set alone is trained on: somebody may have no other. */
function fromParts(train: ImageSet | null, test: ImageSet | null): DataParts {
  return train ? withValidation(train, test) : withValidation(test as ImageSet, null);
}

interface Labelled {
  readonly entry: Entry;
  readonly part: 'train' | 'test';
  readonly label: string;
}

/** Of CLASS/x.jpg or train/CLASS/x.jpg, with any folders before. */
function labelled(entry: Entry): Labelled | null {
  const folders = entry.path.split('/').slice(0, -1);
  const label = folders.pop();
  if (!label || !PICTURE.test(entry.path)) return null;
  const part = folders.map((f) => PARTS[f.toLowerCase()]).find((p) => p) ?? 'train';
  return { entry, part, label };
}

async function importPictures(
  entries: readonly Entry[],
  onProgress: (share: number) => void,
): Promise<DataParts> {
  const found = entries.map(labelled).filter((l) => l !== null);
  const classes = [...new Set(found.map((l) => l.label))].sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  );
  check(
    classes.length > 1,
    'format',
    () =>
      'No data were found: choose IDX files (train-images-idx3-ubyte …), CIFAR-10 batches (data_batch_1.bin …), ' +
      'or a folder or zip with a folder of pictures for each of two or more classes.',
  );
  check(
    found.length <= MOST_PICTURES,
    'format',
    () => `${found.length} pictures are too many for a browser's memory; choose at most ${MOST_PICTURES}.`,
  );
  let done = 0;
  const read = async (part: 'train' | 'test'): Promise<ImageSet | null> => {
    const wanted = found.filter((l) => l.part === part);
    if (wanted.length === 0) return null;
    const size = 3 * PICTURE_SIDE ** 2;
    const pixels = new Uint8Array(wanted.length * size);
    for (const [i, { entry }] of wanted.entries()) {
      pixels.set(await decodePicture(entry.path, await entry.bytes()), i * size);
      onProgress(++done / found.length);
    }
    return pictureSet(
      pixels,
      Int32Array.from(wanted, (l) => classes.indexOf(l.label)),
      classes,
    );
  };
  return fromParts(await read('train'), await read('test'));
}

/** Colour pictures of the size that the app keeps. */
export const pictureSet = (pixels: Uint8Array, labels: Int32Array, classes: readonly string[]): ImageSet => ({
  count: labels.length,
  channels: 3,
  height: PICTURE_SIDE,
  width: PICTURE_SIDE,
  pixels,
  labels,
  classes,
});
