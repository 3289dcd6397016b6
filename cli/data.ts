/** Data sets for the commands: folders of IDX files, CIFAR-10 batches or pictures by class, and synthetic digits. */
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { check, LensletError } from '../src/core/error.ts';
import { isCifar10Name, readCifar10 } from '../src/data/cifar10.ts';
import { fromIdx, type ImageSet } from '../src/data/dataset.ts';
import { syntheticDigits } from '../src/data/digits.ts';
import { isIdxName, type NamedFile, readIdxPairs } from '../src/io/idx.ts';
import type { Model } from '../src/nn/builder.ts';
import { fileError, readBytes } from './files.ts';
import { findImageFolder, readImageFolder } from './image-folder.ts';

export interface Data {
  /** Short name for reports. */
  readonly name: string;
  readonly train: ImageSet | null;
  readonly test: ImageSet | null;
}

/** Where `lenslet data` puts data sets and the commands look for them. */
export const dataHome = (): string => process.env.LENSLET_DATA || 'data';

/** The data set that suits a network; photographs of 224 × 224 come from no public server. */
const usualData = ({ input: [channels, height] }: Model): string | null =>
  channels === 1 ? 'mnist' : height === 32 ? 'cifar10' : null;

const SYNTHETIC = /^synthetic(?::(\d+))?$/;
const MOST_SYNTHETIC = 1_000_000;
const SYNTHETIC_TRAIN = 60_000;
const SYNTHETIC_TEST = 10_000;
/** Training and test images are apart in the endless sequence of synthetic digits. */
const FIRST_TEST_IMAGE = 2 ** 31;

export type Split = 'train' | 'test';

/**
 * @param source a folder, or "synthetic" or "synthetic:N"; without it the usual folder of the network
 * @param splits the parts wanted; others may be null although they exist
 * @throws LensletError 'unknown' without data, 'format' for broken files, 'value' for too many synthetic images
 */
export async function loadData(
  source: string | undefined,
  model: Model,
  splits: readonly Split[],
  seed = 0,
): Promise<Data> {
  const synthetic = SYNTHETIC.exec(source ?? '');
  if (synthetic) return makeDigits(synthetic[1], splits, seed);
  const usual = usualData(model);
  const folder = source ?? (usual && join(dataHome(), usual));
  check(folder, 'unknown', () => `Name the data for ${model.name} with --data DIR.`);
  return readFolder(folder, usual, splits, model);
}

function makeDigits(count: string | undefined, splits: readonly Split[], seed: number): Data {
  check(
    count === undefined || (Number(count) >= 1 && Number(count) <= MOST_SYNTHETIC),
    'value',
    () => `synthetic:${count} cannot be made: give a number of images from 1 to ${MOST_SYNTHETIC}.`,
  );
  const make = (split: Split, usual: number, start: number) =>
    splits.includes(split) ? syntheticDigits({ count: Number(count ?? usual), seed, start }) : null;
  return {
    name: count ? `synthetic:${count}` : 'synthetic',
    train: make('train', SYNTHETIC_TRAIN, 0),
    test: make('test', SYNTHETIC_TEST, FIRST_TEST_IMAGE),
  };
}

/** To which part a file belongs, so that files not asked for are not even read. */
const splitOf = (name: string): Split => (/t10k|test/i.test(name) ? 'test' : 'train');

async function readFolder(
  folder: string,
  usual: string | null,
  splits: readonly Split[],
  model: Model,
): Promise<Data> {
  const names = await listFolder(folder, usual);
  const read = (isOurs: (name: string) => boolean): Promise<NamedFile[]> =>
    Promise.all(
      names
        .filter((name) => isOurs(name) && splits.includes(splitOf(name)))
        .map(async (name) => ({ name, bytes: await readBytes(join(folder, name)) })),
    );
  const nothing = { name: basename(resolve(folder)), train: null, test: null };
  if (names.some(isIdxName)) {
    const files = await read(isIdxName);
    if (files.length === 0) return nothing;
    const { train, test } = await readIdxPairs(files);
    return { ...nothing, train: train && fromIdx(train), test: test && fromIdx(test) };
  }
  if (names.some(isCifar10Name)) {
    const files = await read(isCifar10Name);
    return files.length === 0 ? nothing : { ...nothing, ...readCifar10(files) };
  }
  const parts = await findImageFolder(folder);
  check(
    parts,
    'format',
    () =>
      `${folder} holds neither IDX files (train-images-idx3-ubyte, t10k-labels-idx1-ubyte.gz …), nor CIFAR-10 ` +
      'batches (data_batch_1.bin …, test_batch.bin), nor a folder of pictures for each class.',
  );
  const part = (split: Split) => {
    const place = splits.includes(split) ? parts[split] : null;
    return place ? readImageFolder(place, model) : null;
  };
  return { ...nothing, train: await part('train'), test: await part('test') };
}

function listFolder(folder: string, usual: string | null): Promise<string[]> {
  return readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw fileError('Cannot read the folder', folder, cause);
    const fetched = usual ? `, fetch them with "lenslet data ${usual}"` : '';
    throw new LensletError(
      'unknown',
      `There is no folder ${folder}: name the data with --data DIR${fetched}, or use --data synthetic.`,
      { cause },
    );
  });
}

/** The part of the data that a command needs. @throws LensletError 'unknown' when it is not there */
export function partOf(data: Data, split: Split): ImageSet {
  const set = data[split];
  check(set, 'unknown', () => `${data.name} has no ${split === 'train' ? 'training' : 'test'} images.`);
  return set;
}
