/** IDX, the file format of MNIST (http://yann.lecun.com/exdb/mnist, "THE IDX FILE FORMAT"), plain or gzip. */
import { check, LensletError } from '../core/error.ts';
import { gunzip, isGzip } from './gzip.ts';

export interface Idx {
  readonly shape: readonly number[];
  /** Row-major, shape's size; a view of the bytes it was parsed from. */
  readonly data: Uint8Array;
}

/** A file by name, as dropped on a page or read from a directory. */
export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Images [N,H,W] and their labels [N]. */
export interface IdxPair {
  readonly images: Idx;
  readonly labels: Idx;
}

const TYPES: Readonly<Record<number, string>> = {
  8: 'unsigned byte',
  9: 'signed byte',
  11: 'short',
  12: 'int',
  13: 'float',
  14: 'double',
};

/**
 * Parses an IDX file of unsigned bytes: 00 00 08 rank, the sizes as big-endian 32-bit numbers, the data.
 * @throws LensletError `format` saying what was expected and found; nothing is allocated before
 */
export function parseIdx(bytes: Uint8Array, name = 'The data'): Idx {
  const fail = (message: string): never => {
    throw new LensletError('format', `${name}: ${message}`);
  };
  const hex = Array.from(bytes.subarray(0, 4), (b) => b.toString(16).padStart(2, '0')).join(' ');
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) {
    fail(`not an IDX file, which begins with 00 00 08; found ${hex || 'no bytes'}.`);
  }
  const type = bytes[2] as number;
  if (type !== 8) {
    fail(`IDX of type ${TYPES[type] ?? `0x${type.toString(16)}`}; only unsigned bytes (08) are read.`);
  }
  const rank = bytes[3] as number;
  const header = 4 + 4 * rank;
  if (rank === 0) fail('the IDX header declares no dimensions.');
  if (bytes.length < header) {
    fail(`the IDX header of rank ${rank} takes ${header} bytes, the file has ${bytes.length}.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((a, b) => a * b, 1);
  if (size !== bytes.length - header) {
    fail(`IDX of shape [${shape}] holds ${size} bytes, but ${bytes.length - header} follow the header.`);
  }
  return { shape, data: new Uint8Array(bytes.buffer, bytes.byteOffset + header, size) };
}

/** Reads an IDX file, plain or gzip. @throws LensletError `format` */
export async function readIdx(bytes: Uint8Array, name = 'The data'): Promise<Idx> {
  if (!isGzip(bytes)) return parseIdx(bytes, name);
  const plain = await gunzip(bytes).catch((cause: unknown) => {
    throw new LensletError('format', `${name}: ${(cause as Error).message}`, { cause });
  });
  return parseIdx(plain, name);
}

type Part = 'train' | 'test';

/** What a file is by its name: train-images-idx3-ubyte.gz, t10k-labels.idx1-ubyte, usps-test-images-…; else null. */
function roleOf(name: string): { readonly part: Part; readonly what: keyof IdxPair } | null {
  const base = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1).toLowerCase();
  if (!/ubyte|idx/.test(base)) return null;
  const part = /train/.test(base) ? 'train' : /t10k|test/.test(base) ? 'test' : null;
  const what = /images/.test(base) ? 'images' : /labels/.test(base) ? 'labels' : null;
  return part && what && { part, what };
}

/** Whether a file's name says that it is images or labels in IDX. */
export const isIdxName = (name: string): boolean => roleOf(name) !== null;

/**
 * The training and test parts among files named as MNIST's or USPS's are; other files are passed over, an
 * absent part is null.
 * @throws LensletError `format` when no part is there, one lacks its images or labels, two files claim the same
 *   place, a file is broken or holds no images, images are not [N,H,W], or the numbers of images and labels differ
 */
export async function readIdxPairs(
  files: readonly NamedFile[],
): Promise<{ readonly train: IdxPair | null; readonly test: IdxPair | null }> {
  const found = new Map<string, NamedFile>();
  for (const file of files) {
    const role = roleOf(file.name);
    if (!role) continue;
    const key = `${role.part}-${role.what}`;
    check(
      !found.has(key),
      'format',
      () => `Both ${found.get(key)?.name} and ${file.name} hold ${key}; give one.`,
    );
    found.set(key, file);
  }
  check(
    found.size > 0,
    'format',
    () =>
      `No IDX files by name (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-…, .gz or not)${
        files.length
          ? ` among ${files
              .map((f) => f.name)
              .slice(0, 8)
              .join(', ')}`
          : ''
      }.`,
  );
  return { train: await readPair(found, 'train'), test: await readPair(found, 'test') };
}

async function readPair(found: ReadonlyMap<string, NamedFile>, part: Part): Promise<IdxPair | null> {
  const images = found.get(`${part}-images`);
  const labels = found.get(`${part}-labels`);
  if (!images && !labels) return null;
  if (!images || !labels) {
    const [there, missing] = images ? [images.name, 'labels'] : [labels?.name, 'images'];
    throw new LensletError('format', `${there} is there, but the file of its ${missing} is not.`);
  }
  const pair = {
    images: await readIdx(images.bytes, images.name),
    labels: await readIdx(labels.bytes, labels.name),
  };
  const [n, ...size] = pair.images.shape;
  check(
    size.length === 2,
    'format',
    () => `${images.name}: expected images [N,H,W], found [${pair.images.shape}].`,
  );
  check(
    pair.images.data.length > 0,
    'format',
    () => `${images.name} holds no images: its shape is [${pair.images.shape}].`,
  );
  check(
    pair.labels.shape.length === 1,
    'format',
    () => `${labels.name}: expected labels [N], found [${pair.labels.shape}].`,
  );
  check(
    n === pair.labels.shape[0],
    'format',
    () => `${images.name} holds ${n} images, ${labels.name} ${pair.labels.shape[0]} labels; they must agree.`,
  );
  return pair;
}
