/** An unfinished run on this device: what it is, and its newest checkpoint, in slots. */
import { check } from '../../src/core/error.ts';
import type { ResumableRun, RunLog, RunSummary } from '../api.ts';
import { type Library, newId } from './library.ts';
import { holdLock, isFree, watch } from './run-lock.ts';
import { SlotFile } from './slots.ts';

interface Position {
  readonly step: number;
  readonly steps: number;
  readonly log: RunLog;
}

/** Before the checkpoint stands a line of JSON. */
function encode(position: Position, checkpoint: Uint8Array): Uint8Array<ArrayBuffer> {
  const line = new TextEncoder().encode(`${JSON.stringify(position)}\n`);
  const bytes = new Uint8Array(line.length + checkpoint.length);
  bytes.set(line);
  bytes.set(checkpoint, line.length);
  return bytes;
}

function decode(bytes: Uint8Array): { position: Position; checkpoint: Uint8Array } {
  const end = bytes.indexOf(10);
  const position = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))) as Position;
  return { position, checkpoint: bytes.slice(end + 1) };
}

export class RunFile {
  readonly #slots: SlotFile;

  private constructor(
    private readonly library: Library,
    readonly summary: RunSummary,
    private readonly release: () => void,
  ) {
    this.#slots = new SlotFile(library.files, `run-${summary.id}`);
  }

  static async create(library: Library, summary: Omit<RunSummary, 'id' | 'created'>): Promise<RunFile> {
    const full = { ...summary, id: newId(), created: Date.now() };
    const release = (await holdLock(full.id)) as () => void;
    await library.change((list) => ({ ...list, runs: [...list.runs, full] }));
    return new RunFile(library, full, release);
  }

  /** @throws LensletError 'unknown' when it is gone, 'value' when another tab has it */
  static async open(
    library: Library,
    id: string,
  ): Promise<{ file: RunFile; log: RunLog; checkpoint: Uint8Array }> {
    const summary = (await library.list()).runs.find((r) => r.id === id);
    check(summary, 'unknown', () => 'This run is no longer there; start a new one.');
    const release = await holdLock(id);
    check(release, 'value', () => 'This run goes on in another tab of the app; look there.');
    const file = new RunFile(library, summary, release);
    const bytes = await file.#slots.read();
    if (!bytes) release();
    check(bytes, 'unknown', () => 'This run has no whole checkpoint; start a new one.');
    const { position, checkpoint } = decode(bytes);
    return { file, log: position.log, checkpoint };
  }

  /**
   * Unfinished runs that no tab works on; entries that never had a checkpoint are cleared away. A tab that was closed
   * may still be dying: `onFreed` is told when one of the others is free.
   */
  static async list(library: Library, onFreed: () => void = () => {}): Promise<ResumableRun[]> {
    const found: ResumableRun[] = [];
    for (const summary of (await library.list()).runs) {
      if (!(await isFree(summary.id))) {
        void watch(summary.id, onFreed);
        continue;
      }
      const bytes = await new SlotFile(library.files, `run-${summary.id}`).read();
      if (bytes) found.push({ ...summary, ...decode(bytes).position });
      else await forget(library, summary.id);
    }
    return found.sort((a, b) => b.created - a.created);
  }

  static async forget(library: Library, id: string): Promise<void> {
    const release = await holdLock(id);
    if (!release) return;
    try {
      await forget(library, id);
    } finally {
      release();
    }
  }

  save(position: Position, checkpoint: Uint8Array): Promise<void> {
    return this.#slots.write(encode(position, checkpoint));
  }

  /** Whether there is something to go on from. */
  async hasCheckpoint(): Promise<boolean> {
    return (await this.#slots.read()) !== null;
  }

  /** Ends the work on it; a run that is finished is forgotten. */
  async close(finished: boolean): Promise<void> {
    try {
      if (finished) await forget(this.library, this.summary.id);
    } finally {
      this.release();
    }
  }
}

async function forget(library: Library, id: string): Promise<void> {
  await library.change((list) => ({ ...list, runs: list.runs.filter((r) => r.id !== id) }));
  await new SlotFile(library.files, `run-${id}`).remove();
}
