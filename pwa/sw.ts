/// <reference lib="webworker" />
/**
 * The service worker: serves the whole app from the cache, and gives every answer the headers that isolate
 * the page, for hosts that cannot send them. A new version waits until the page says so.
 */
import { addPlugins, cleanupOutdatedCaches, type PrecacheEntry, precacheAndRoute } from 'workbox-precaching';

declare const self: ServiceWorkerGlobalScope & { readonly __WB_MANIFEST: (string | PrecacheEntry)[] };

function isolated(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

addPlugins([{ handlerWillRespond: async ({ response }) => isolated(response) }]);
cleanupOutdatedCaches();
precacheAndRoute(self.__WB_MANIFEST, { ignoreURLParametersMatching: [/.*/] });

/** Keeps a picture that was shared to the app until the page takes it (pwa/cheque/shared.ts). */
async function keepShared(request: Request): Promise<Response> {
  const picture = (await request.formData()).get('picture');
  if (picture instanceof File) {
    const cache = await caches.open('shared');
    await cache.put(new URL('./shared-picture', self.registration.scope), new Response(picture));
  }
  return Response.redirect(new URL('./#/cheque', self.registration.scope).href, 303);
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const isShare = new URL(request.url).pathname === new URL('./share', self.registration.scope).pathname;
  if (request.method === 'POST' && isShare) event.respondWith(keepShared(request));
});

self.addEventListener('message', (event) => {
  if (event.data?.type === 'SKIP_WAITING') void self.skipWaiting();
});
