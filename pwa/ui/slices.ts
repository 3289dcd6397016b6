/** Work that can wait, each piece in a task of its own while the page is idle, so that the page answers in between. */

/** Then it is done although the page is busy. */
const PATIENCE_MS = 200;

const waiting = new Set<() => void>();
let running = false;

const soon = (work: () => void): void => {
  if ('requestIdleCallback' in window) requestIdleCallback(work, { timeout: PATIENCE_MS });
  else setTimeout(work);
};

/** @returns takes the work back where it was not done yet */
export function inTurn(work: () => void): () => void {
  waiting.add(work);
  if (!running) next();
  return () => void waiting.delete(work);
}

function next(): void {
  running = true;
  soon(() => {
    const [work] = waiting;
    if (work) waiting.delete(work);
    running = false;
    if (waiting.size > 0) next();
    work?.();
  });
}
