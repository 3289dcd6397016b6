/** The storage that the app uses on this device. */
import { signal } from '@preact/signals';

export interface Storage {
  readonly used: number;
  readonly quota: number;
  /** Whether the browser promised to keep it. */
  readonly persisted: boolean;
}

export const storage = signal<Storage | null>(null);

export async function measureStorage(): Promise<void> {
  try {
    const [{ usage = 0, quota = 0 }, persisted] = await Promise.all([
      navigator.storage.estimate(),
      navigator.storage.persisted(),
    ]);
    storage.value = { used: usage, quota, persisted };
  } catch {
    storage.value = null;
  }
}

/** Asked for when there is something worth keeping; browsers decide, some ask the user. */
export async function askToKeep(): Promise<void> {
  try {
    if (!(await navigator.storage.persisted())) await navigator.storage.persist();
  } catch {
    // Without the promise, the browser may clear the app's data when the disk is full.
  }
}
