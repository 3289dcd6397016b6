import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileStore } from '../../workers/app/file-store.ts';
import { crc32, parseSlot, SlotFile } from '../../workers/app/slots.ts';

type Bytes = Uint8Array<ArrayBuffer>;

class MemoryFiles implements FileStore {
  readonly files = new Map<string, Bytes>();
  async read(name: string) {
    return this.files.get(name) ?? null;
  }
  async write(name: string, ...parts: readonly Bytes[]) {
    this.files.set(name, new Uint8Array(Buffer.concat(parts)));
  }
  async remove(name: string) {
    this.files.delete(name);
  }
  async names() {
    return [...this.files.keys()];
  }
}

const bytes = (text: string): Bytes => new Uint8Array(Buffer.from(text));
const textOf = (content: Bytes | null) => content && Buffer.from(content).toString();

describe('checksum', () => {
  it('is CRC-32', () => {
    expect(crc32(bytes('123456789'))).toBe(0xcbf43926);
    expect(crc32(bytes('1234'), bytes('56789'))).toBe(0xcbf43926);
  });
});

describe('slots', () => {
  it('give what was written last', async () => {
    const store = new MemoryFiles();
    const file = new SlotFile(store, 'run');
    expect(await file.read()).toBeNull();
    for (const text of ['one', 'two', '', 'four']) {
      await file.write(bytes(text));
      expect(textOf(await new SlotFile(store, 'run').read())).toBe(text);
    }
    expect(store.files.size).toBe(2);
    await file.remove();
    expect(await file.read()).toBeNull();
    expect(store.files.size).toBe(0);
  });

  it('fall back to the one before when a write stopped anywhere, and go on from there', async () => {
    const store = new MemoryFiles();
    const file = new SlotFile(store, 'run');
    await file.write(bytes('before'));
    await file.write(bytes('latest'));
    const [name, whole] = [...store.files].find(([, b]) => Buffer.from(b).includes('latest'))!;
    for (let end = 0; end < whole.length; end++) {
      store.files.set(name, whole.slice(0, end));
      const reopened = new SlotFile(store, 'run');
      expect(textOf(await reopened.read())).toBe('before');
    }
    const reopened = new SlotFile(store, 'run');
    await reopened.write(bytes('next'));
    expect(textOf(await new SlotFile(store, 'run').read())).toBe('next');
    expect([...store.files.values()].some((b) => Buffer.from(b).includes('before'))).toBe(true);
  });

  it('never take a slot with a flipped bit', async () => {
    const store = new MemoryFiles();
    await new SlotFile(store, 'x').write(bytes('a checkpoint of some length'));
    const [whole] = store.files.values();
    fc.assert(
      fc.property(fc.nat(8 * whole!.length - 1), (bit) => {
        const damaged = whole!.slice();
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        expect(parseSlot(damaged)).toBeNull();
      }),
    );
  });
});
