/** Regular files of a tar archive (POSIX.1-1988 ustar; also the older form that lacks the magic). */
import { check } from '../src/core/error.ts';
import type { NamedFile } from '../src/io/idx.ts';

const BLOCK = 512;

/**
 * The files in order; contents are views. Other entries (folders, links, extended headers) are passed over.
 * @throws LensletError 'format' when the archive is truncated or no archive
 */
export function untar(archive: Uint8Array): NamedFile[] {
  const files: NamedFile[] = [];
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((b) => b === 0)) return files;
    const size = Number.parseInt(field(header, 124, 12), 8);
    const start = at + BLOCK;
    check(
      checksum(header) === Number.parseInt(field(header, 148, 8), 8) && start + size <= archive.length,
      'format',
      () => `The tar archive is truncated or damaged at byte ${at}; fetch it again.`,
    );
    const type = String.fromCharCode(header[156]);
    const bytes = archive.subarray(start, start + size);
    if (type === '0' || type === '\0') files.push({ name: field(header, 0, 100), bytes });
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

const field = (header: Uint8Array, start: number, length: number): string => {
  const bytes = header.subarray(start, start + length);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)).trim();
};

/** Sum of the header's bytes, its own field taken as spaces. */
const checksum = (header: Uint8Array): number =>
  header.reduce((sum, b, i) => sum + (i >= 148 && i < 156 ? 0x20 : b), 0);
