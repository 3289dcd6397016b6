/** While a run is under way: the screen stays on, and leaving the page saves a checkpoint. */
import { effect } from '@preact/signals';
import { engine } from '../engine.ts';
import { mustStay, phase } from './status.ts';

let lock: WakeLockSentinel | null = null;

async function keepAwake(): Promise<void> {
  const wanted = phase.peek() === 'running' || phase.peek() === 'preparing';
  if (wanted && !lock && document.visibilityState === 'visible') {
    try {
      lock = await navigator.wakeLock.request('screen');
      lock.addEventListener('release', () => {
        lock = null;
      });
    } catch {
      // Low battery, or a browser without: the run goes on as long as the system lets it.
    }
  } else if (!wanted && lock) await lock.release();
}

/** The system may freeze or end a hidden page without another word. */
function onVisibility(): void {
  if (document.visibilityState === 'hidden' && phase.peek() === 'running') void engine.checkpoint();
  void keepAwake();
}

let started = false;

export function watchOver(): void {
  if (started) return;
  started = true;
  effect(() => {
    phase.value;
    void keepAwake();
  });
  document.addEventListener('visibilitychange', onVisibility);
  window.addEventListener('pagehide', onVisibility);
  window.addEventListener('beforeunload', (event) => {
    if (mustStay.peek()) event.preventDefault();
  });
}
