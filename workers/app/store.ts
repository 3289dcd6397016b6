/** Files of the app on this device: the origin private file system, IndexedDB where there is none. */
import { createStore, del, get, keys, set } from 'idb-keyval';
import type { FileStore } from './file-store.ts';
import { Library, MemoryStore } from './library.ts';

const FOLDER = 'lenslet';

const isMissing = (error: unknown): boolean =>
  error instanceof DOMException && error.name === 'NotFoundError';

/** Another tab writes the file, or was closed and has not let go of it yet: over in a moment. */
const PASSING: readonly string[] = ['NoModificationAllowedError', 'NotReadableError'];
const TRIES = 40;
const WAIT_MS = 50;

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const passing = error instanceof DOMException && PASSING.includes(error.name);
      if (!passing || tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
  }
}

class OpfsStore implements FileStore {
  constructor(private readonly folder: FileSystemDirectoryHandle) {}

  async read(name: string): Promise<Uint8Array<ArrayBuffer> | null> {
    try {
      const handle = await this.folder.getFileHandle(name);
      return new Uint8Array(await patiently(async () => (await handle.getFile()).arrayBuffer()));
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async write(name: string, ...parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    const handle = await this.folder.getFileHandle(name, { create: true });
    const access = await patiently(() => handle.createSyncAccessHandle());
    try {
      access.truncate(0);
      let at = 0;
      for (const part of parts) at += access.write(part, { at });
      access.flush();
    } finally {
      access.close();
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await patiently(() => this.folder.removeEntry(name));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  async names(): Promise<string[]> {
    const found: string[] = [];
    for await (const name of this.folder.keys()) found.push(name);
    return found;
  }
}

class IdbStore implements FileStore {
  readonly #store = createStore(FOLDER, 'files');

  async read(name: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return (await get<Uint8Array<ArrayBuffer>>(name, this.#store)) ?? null;
  }

  async write(name: string, ...parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    const bytes = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    await set(name, bytes, this.#store);
  }

  remove(name: string): Promise<void> {
    return del(name, this.#store);
  }

  async names(): Promise<string[]> {
    return (await keys<string>(this.#store)).map(String);
  }
}

/** The library in the best store there is. */
export async function openLibrary(): Promise<Library> {
  const store = await openStore();
  return new Library(store ?? new MemoryStore(), store !== null);
}

/** null where the browser lets a page keep nothing (some private modes). */
async function openStore(): Promise<FileStore | null> {
  try {
    const root = await navigator.storage.getDirectory();
    if ('createSyncAccessHandle' in FileSystemFileHandle.prototype) {
      return new OpfsStore(await root.getDirectoryHandle(FOLDER, { create: true }));
    }
  } catch {
    // No such file system here, or none in this mode.
  }
  try {
    const store = new IdbStore();
    await store.names();
    return store;
  } catch {
    return null;
  }
}
