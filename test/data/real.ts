/** Real data for tests: LENSLET_DATA, else ../shared/data; absent, the tests that need it are skipped. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromIdx, type ImageSet } from '../../src/data/dataset.ts';
import { type NamedFile, readIdxPairs } from '../../src/io/idx.ts';

const root = process.env.LENSLET_DATA ?? '../shared/data';

/** Path of a file or folder of the data directory, or null when it is not there. */
export function realPath(name: string): string | null {
  const path = join(root, name);
  return existsSync(path) ? path : null;
}

/** All files of a folder of the data directory, or null when it is not there. */
export function realFiles(folder: string): NamedFile[] | null {
  const path = join(root, folder);
  if (!existsSync(path)) return null;
  return readdirSync(path).map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(path, name))) }));
}

/** MNIST's test images, or null when MNIST is not there. */
export const realDigits: (() => Promise<ImageSet | null>) | null = existsSync(join(root, 'mnist'))
  ? async () => {
      const { test } = await readIdxPairs(realFiles('mnist') ?? []);
      return test && fromIdx(test);
    }
  : null;
