/** Files, with errors that say what to do. */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LensletError } from '../src/core/error.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission is denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
  ENOSPC: 'the disk is full; free some space',
  EROFS: 'the file system is read-only',
};

/** Names file and reason instead of a system call. */
export function fileError(doing: string, path: string, cause: unknown): LensletError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  return new LensletError('unknown', `${doing} ${path}: ${reasons[code] ?? (cause as Error).message}.`, {
    cause,
  });
}

export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw fileError('Cannot read', path, cause);
  }
}

/** Whether there is a file or folder. */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Makes a folder and those above it. Not mkdir's `recursive`, which never returns where the system answers ENOENT
 * below a folder that exists, as in /proc.
 */
async function makeFolder(path: string): Promise<void> {
  if (await exists(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent);
  await mkdir(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw cause;
  });
}

/** Writes a file in full or not at all: under another name first, then renamed. */
export async function writeAtomic(path: string, bytes: Uint8Array | string): Promise<void> {
  const next = `${path}.${process.pid}.tmp`;
  try {
    await makeFolder(dirname(path));
    await writeFile(next, bytes, { flush: true });
    await rename(next, path);
  } catch (cause) {
    await rm(next, { force: true }).catch(() => undefined);
    throw fileError('Cannot write', path, cause);
  }
}

/** Finds out before the work whether a file could be written afterwards. */
export async function checkWritable(path: string): Promise<void> {
  const probe = `${path}.${process.pid}.tmp`;
  try {
    const found = await stat(path).catch(() => null);
    if (found?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    await makeFolder(dirname(path));
    await writeFile(probe, '');
    await rm(probe);
  } catch (cause) {
    throw fileError('Cannot write', path, cause);
  }
}
