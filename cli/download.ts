/** Downloads that resume, and that count only when their checksum is right. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { check, LensletError } from '../src/core/error.ts';
import { fileError } from './files.ts';

export interface Download {
  /** The same file on several servers, in the order of trying. */
  readonly urls: readonly string[];
  readonly path: string;
  readonly md5: string;
}

/** Longest silence of a server. */
const SILENCE_MS = 30_000;

/** Whether the file is there with the right content. */
export async function isVerified({ path, md5 }: Download): Promise<boolean> {
  return (await sizeOf(path)) > 0 && (await md5Of(path)) === md5;
}

/**
 * Fetches a file from the first server that has it. What arrived before a break is in `path`.part and is
 * continued by the next call; `path` itself appears only complete and checked.
 * @throws LensletError 'unknown', telling why each server failed
 */
export async function download(
  wanted: Download,
  onProgress: (received: number, total: number | null) => void,
): Promise<void> {
  const part = `${wanted.path}.part`;
  const failures: string[] = [];
  for (const url of wanted.urls) {
    try {
      if (!(await isVerified({ ...wanted, path: part }))) await fetchTo(url, part, onProgress);
      const found = await md5Of(part);
      if (found !== wanted.md5) await rm(part);
      check(found === wanted.md5, 'format', () => `the file has checksum ${found}, expected ${wanted.md5}`);
      await rename(part, wanted.path);
      return;
    } catch (cause) {
      if (isDiskError(cause)) throw fileError('Cannot write', part, cause);
      failures.push(`${new URL(url).host}: ${reasonOf(cause)}`);
    }
  }
  const name = wanted.path.replace(/.*[/\\]/, '');
  throw new LensletError('unknown', `${name} could not be fetched (${failures.join('; ')}).`);
}

function reasonOf(cause: unknown): string {
  const { name, message, cause: inner } = cause as Error & { cause?: NodeJS.ErrnoException };
  if (name === 'TimeoutError' || name === 'AbortError') return 'no answer';
  return inner?.code ?? message;
}

const isDiskError = (cause: unknown): boolean =>
  ['ENOSPC', 'EACCES', 'EROFS', 'EISDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    (s) => s.size,
    () => 0,
  );

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function fetchTo(
  url: string,
  part: string,
  onProgress: (received: number, total: number | null) => void,
): Promise<void> {
  const have = await sizeOf(part);
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const response = await fetch(url, {
      // The checksum is that of the file as it is, not of what a server made of it for the way.
      headers: { 'Accept-Encoding': 'identity', ...(have ? { Range: `bytes=${have}-` } : {}) },
      signal: silence.signal,
    });
    if (response.status === 416) await rm(part, { force: true });
    check(response.ok && response.body, 'unknown', () => `status ${response.status}`);
    const from = response.status === 206 ? have : 0;
    const length = Number(response.headers.get('content-length'));
    const total = length ? from + length : null;
    let received = from;
    const file = await open(part, from ? 'a' : 'w');
    try {
      for await (const chunk of response.body) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        await file.appendFile(chunk);
        received += chunk.length;
        onProgress(received, total);
      }
    } finally {
      await file.close();
    }
  } finally {
    clearTimeout(timer);
  }
}
