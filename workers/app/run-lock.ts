/** Which runs tabs work on: a lock for each, which goes when its tab dies. */

const PREFIX = 'lenslet.run.';
const lockName = (id: string): string => PREFIX + id;

/** Who only looks holds a run for a moment; who works on it holds it for longer than this. */
const PATIENCE_MS = 3_000;

/** Marks the run as under way until the function returned is called, or the tab dies; null when another tab has it. */
export async function holdLock(id: string): Promise<(() => void) | null> {
  if (!('locks' in navigator)) return () => {};
  return new Promise((resolve) => {
    navigator.locks
      .request(
        lockName(id),
        { signal: AbortSignal.timeout(PATIENCE_MS) },
        () => new Promise<void>((release) => resolve(release)),
      )
      .catch(() => resolve(null));
  });
}

async function heldRuns(): Promise<string[]> {
  if (!('locks' in navigator)) return [];
  const { held = [] } = await navigator.locks.query();
  return held.map(({ name }) => name ?? '').filter((name) => name.startsWith(PREFIX));
}

export const isFree = async (id: string): Promise<boolean> => !(await heldRuns()).includes(lockName(id));

/** Whether any tab works on a run. */
export const anyRun = async (): Promise<boolean> => (await heldRuns()).length > 0;

const watched = new Set<string>();

/** Calls `told` when the tab that works on the run lets go of it or dies. */
export async function watch(id: string, told: () => void): Promise<void> {
  if (watched.has(id)) return;
  watched.add(id);
  try {
    await navigator.locks.request(lockName(id), { mode: 'shared' }, async () => {});
  } finally {
    watched.delete(id);
  }
  told();
}
