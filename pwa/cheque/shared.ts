/** Pictures that other programs hand to the app: shared to it (kept by the service worker) or opened with it. */

/** Where the service worker puts a shared picture; the name is the same there. */
const CACHE = 'shared';
const SHARED = './shared-picture';

interface LaunchParams {
  readonly files: readonly FileSystemFileHandle[];
}
type LaunchQueue = { setConsumer(consumer: (launch: LaunchParams) => void): void };

/** Hands over what came before the page was there and what comes while it is open. */
export async function takeShared(open: (file: Blob) => void): Promise<void> {
  const { launchQueue } = window as { launchQueue?: LaunchQueue };
  launchQueue?.setConsumer(async ({ files: [handle] }) => {
    if (handle) open(await handle.getFile());
  });
  if (!('caches' in window)) return;
  const cache = await caches.open(CACHE);
  const kept = await cache.match(SHARED);
  if (!kept) return;
  await cache.delete(SHARED);
  open(await kept.blob());
}
