/**
 * What the app keeps: a list of models, data sets and runs, and their files. The list is one slot file, changed under
 * a lock, so that several tabs agree on it; where nothing can be kept it lasts as long as the page.
 */
import { check } from '../../src/core/error.ts';
import type { DataSummary, RunSummary, StoredModel } from '../api.ts';
import type { FileStore } from './file-store.ts';
import { SlotFile } from './slots.ts';

export interface Listing {
  readonly models: readonly StoredModel[];
  readonly data: readonly DataSummary[];
  readonly runs: readonly RunSummary[];
}

const EMPTY: Listing = { models: [], data: [], runs: [] };

/** Files in memory, for browsers that let a page keep nothing. */
export class MemoryStore implements FileStore {
  readonly #files = new Map<string, Uint8Array<ArrayBuffer>>();

  async read(name: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#files.get(name) ?? null;
  }

  async write(name: string, ...parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    this.#files.set(name, new Uint8Array(await new Blob([...parts]).arrayBuffer()));
  }

  async remove(name: string): Promise<void> {
    this.#files.delete(name);
  }

  async names(): Promise<string[]> {
    return [...this.#files.keys()];
  }
}

/** Runs `work` alone among all tabs of the app, or (shared) while no other one changes the list. */
async function locked<T>(mode: LockMode, work: () => Promise<T>): Promise<T> {
  if (!('locks' in navigator)) return work();
  return (await navigator.locks.request('lenslet.library', { mode }, work)) as T;
}

export class Library {
  readonly #list: SlotFile;

  constructor(
    readonly files: FileStore,
    /** False where everything is lost with the page. */
    readonly keeps: boolean,
  ) {
    this.#list = new SlotFile(files, 'library');
  }

  list(): Promise<Listing> {
    return locked('shared', () => this.#read());
  }

  async #read(): Promise<Listing> {
    const bytes = await this.#list.read();
    return bytes ? { ...EMPTY, ...(JSON.parse(new TextDecoder().decode(bytes)) as Listing) } : EMPTY;
  }

  /** Changes the list; the change sees the newest one. */
  async change(edit: (list: Listing) => Listing): Promise<void> {
    await locked('exclusive', async () => {
      const next = edit(await this.#read());
      await this.#list.write(new TextEncoder().encode(JSON.stringify(next)));
    });
  }

  /** The bytes of a file that the list names. @throws LensletError 'unknown' when it is gone */
  async bytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.files.read(name);
    check(bytes, 'unknown', () => `The stored file ${name} is gone: the browser may have cleared it.`);
    return bytes;
  }
}

/** A name for something new: unique here, sorted by time. */
export const newId = (): string =>
  Date.now().toString(36) + crypto.getRandomValues(new Uint16Array(1))[0].toString(36);
