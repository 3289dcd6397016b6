/** The service worker seen from the page: offline, isolation on hosts without headers, updates by prompt. */
import { signal } from '@preact/signals';
import { anyRun } from '../workers/app/run-lock.ts';
import { content, isEmpty } from './digit/recognise.ts';
import { mustStay } from './train/status.ts';

export const offlineReady = signal(false);
/** A new version is loaded and waits for the user's word. */
export const waitingUpdate = signal<ServiceWorker | null>(null);

const RELOADED = 'lenslet.reloaded-for-isolation';

export async function registerServiceWorker(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  try {
    const registration = await navigator.serviceWorker.register('./sw.js');
    watchUpdates(registration);
    await navigator.serviceWorker.ready;
    offlineReady.value = true;
    gainIsolation();
  } catch {
    // Without a service worker (private mode, plain http) the app works online.
  }
}

function watchUpdates(registration: ServiceWorkerRegistration): void {
  const offer = (worker: ServiceWorker | null) => {
    if (worker?.state === 'installed' && navigator.serviceWorker.controller) waitingUpdate.value = worker;
  };
  offer(registration.waiting);
  registration.addEventListener('updatefound', () => {
    const worker = registration.installing;
    worker?.addEventListener('statechange', () => offer(worker));
  });
}

/** One reload at most, and only while there is nothing to lose. */
function gainIsolation(): void {
  if (crossOriginIsolated || mustStay.peek() || !isEmpty.peek() || touched) return;
  try {
    if (sessionStorage.getItem(RELOADED)) return;
    sessionStorage.setItem(RELOADED, '1');
  } catch {
    return;
  }
  location.reload();
}

let touched = false;
const stopWatching = content.subscribe(() => {
  if (!isEmpty.peek()) {
    touched = true;
    queueMicrotask(() => stopWatching());
  }
});

/** Set when another tab of the app trains: it needs the files of its version until it is done. */
export const heldElsewhere = signal(false);

/** Lets the waiting version take over and loads it, unless a run is under way, here or in another tab. */
export async function applyUpdate(): Promise<void> {
  const worker = waitingUpdate.peek();
  if (!worker || mustStay.peek()) return;
  heldElsewhere.value = await anyRun();
  if (heldElsewhere.peek()) return;
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
  worker.postMessage({ type: 'SKIP_WAITING' });
}
