/**
 * A file that survives a crash at any moment: two slots with sequence number and checksum. A write goes to the older
 * one, a read takes the newer one that is whole.
 */
import type { FileStore } from './file-store.ts';

/** Magic, sequence number, length of the content, CRC-32 of the three and the content; little-endian words. */
const HEADER = 16;
const MAGIC = 0x544f_4c53;
const ENDINGS = ['.a', '.b'] as const;

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb8_8320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 (ISO 3309, as in zip and PNG) of parts one after the other. */
export function crc32(...parts: readonly Uint8Array[]): number {
  let c = 0xffff_ffff;
  for (const part of parts) for (let i = 0; i < part.length; i++) c = table[(c ^ part[i]) & 255] ^ (c >>> 8);
  return (c ^ 0xffff_ffff) >>> 0;
}

interface Slot {
  readonly sequence: number;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** The slot in the bytes, null when it is absent, damaged or half-written. */
export function parseSlot(bytes: Uint8Array<ArrayBuffer> | null): Slot | null {
  if (!bytes || bytes.length < HEADER) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const content = bytes.subarray(HEADER);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(8, true) !== content.length) return null;
  if (view.getUint32(12, true) !== crc32(bytes.subarray(0, 12), content)) return null;
  return { sequence: view.getUint32(4, true), content };
}

function headerOf(sequence: number, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(HEADER);
  const view = new DataView(header.buffer);
  [MAGIC, sequence, content.length].forEach((word, i) => {
    view.setUint32(4 * i, word, true);
  });
  view.setUint32(12, crc32(header.subarray(0, 12), content), true);
  return header;
}

export class SlotFile {
  /** Of the newest slot; null while nothing was read. */
  #newest: { index: 0 | 1; sequence: number } | null = null;

  constructor(
    private readonly store: FileStore,
    readonly name: string,
  ) {}

  /** What was written last and wholly; null when there is nothing. */
  async read(): Promise<Uint8Array<ArrayBuffer> | null> {
    const slots = await Promise.all(
      ENDINGS.map(async (e) => parseSlot(await this.store.read(this.name + e))),
    );
    const index = (slots[1]?.sequence ?? -1) > (slots[0]?.sequence ?? -1) ? 1 : 0;
    const newest = slots[index];
    this.#newest = { index, sequence: newest?.sequence ?? 0 };
    return newest?.content ?? null;
  }

  async write(content: Uint8Array<ArrayBuffer>): Promise<void> {
    if (!this.#newest) await this.read();
    const { index, sequence } = this.#newest as { index: 0 | 1; sequence: number };
    const next = { index: index === 0 ? 1 : 0, sequence: sequence + 1 } as const;
    await this.store.write(this.name + ENDINGS[next.index], headerOf(next.sequence, content), content);
    this.#newest = next;
  }

  async remove(): Promise<void> {
    for (const e of ENDINGS) await this.store.remove(this.name + e);
    this.#newest = null;
  }
}
