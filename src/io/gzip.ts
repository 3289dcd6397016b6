/** gzip (RFC 1952) through the platform's DecompressionStream. */
import { check, LensletError } from '../core/error.ts';

/** Whether the bytes begin with gzip's magic number 1f 8b. */
export const isGzip = (bytes: Uint8Array): boolean =>
  bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Far above any data set that fits a browser's memory; stops a decompression bomb. */
const MAX_BYTES = 2 ** 30;

/**
 * The decompressed bytes. Memory grows with what is really decompressed, never with a declared size.
 * @throws LensletError `format` when the data is not gzip, truncated, damaged or larger than `maxBytes`
 */
export async function gunzip(bytes: Uint8Array, maxBytes = MAX_BYTES): Promise<Uint8Array> {
  check(isGzip(bytes), 'format', () => 'Not gzip data: it does not begin with 1f 8b.');
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream('gzip') as ReadableWritablePair<Uint8Array, Uint8Array>);
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size <= maxBytes) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new LensletError('format', 'The gzip data is truncated or damaged; fetch the file again.', {
        cause,
      });
    });
    if (done) return join(chunks, size);
    chunks.push(value);
    size += value.length;
  }
  // Not awaited: cancelling may wait for a writer that waits for us.
  reader.cancel().catch(() => undefined);
  throw new LensletError('format', `The gzip data expands to more than the ${maxBytes} bytes allowed.`);
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const out = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
