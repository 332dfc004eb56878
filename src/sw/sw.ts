/**
 * The service worker: everything the page needs without a network, and the security headers on every response.
 *
 *   navigation, shell, worker scripts -> precache (revisioned, complete before it takes over)
 *   models/<id>/*                     -> the package cache if the user keeps that package, else the network
 *   everything else of this origin    -> the network
 *
 * Every answer leaves with the headers of src/shared/security-headers.json, whatever server the page came from: a worker
 * script without its own CSP would escape the page's. It never skips waiting by itself: the page asks when no answer runs.
 */
import { cleanupOutdatedCaches, matchPrecache, precache } from 'workbox-precaching';
import type { PrecacheEntry } from 'workbox-precaching';
import securityHeaders from '../shared/security-headers.json' with { type: 'json' };
import { PACKAGE_CACHE } from '../shared/caches.ts';

declare const self: ServiceWorkerGlobalScope & { readonly __WB_MANIFEST: (PrecacheEntry | string)[] };

/** Sent by the page: `{ type: 'activate-update' }` once the user agreed. */
interface PageMessage {
  readonly type: string;
}

const scopeUrl = new URL(self.registration.scope);
const modelsPath = new URL('models/', scopeUrl).pathname;

precache(self.__WB_MANIFEST);
cleanupOutdatedCaches();

function withSecurityHeaders(response: Response): Response {
  // Opaque and error responses cannot be rebuilt, nor those that forbid a body.
  if (response.type === 'opaque' || response.type === 'error' || response.status === 304) return response;
  // As it is where the server sent them already: a rebuilt body is piped through this thread, and a rebuilt script
  // loses the browser's compiled code.
  if (Object.entries(securityHeaders).every(([name, value]) => response.headers.get(name) === value))
    return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(securityHeaders)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

async function packageFile(request: Request): Promise<Response> {
  const kept = await caches.open(PACKAGE_CACHE);
  const isIndex = new URL(request.url).pathname === `${modelsPath}index.json`;
  if (!isIndex) {
    // 'reload' is how a reader asks past every cache for a file whose hash did not fit.
    const file = request.cache === 'reload' ? undefined : await kept.match(request.url, { ignoreVary: true });
    return file ?? fetch(request);
  }
  // The index is the one file that changes under its name: fresh when there is a network, as kept when there is none.
  try {
    const fresh = await fetch(request);
    if (fresh.ok) return fresh;
    return (await kept.match(request.url)) ?? fresh;
  } catch (error) {
    const stale = await kept.match(request.url);
    if (stale) return stale;
    throw error;
  }
}

async function respond(request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (request.mode === 'navigate') {
    const shell = await matchPrecache(new URL('index.html', scopeUrl).href);
    if (shell) return withSecurityHeaders(shell);
  }
  if (url.pathname.startsWith(modelsPath)) return withSecurityHeaders(await packageFile(request));
  const precached = await matchPrecache(request);
  return withSecurityHeaders(precached ?? (await fetch(request)));
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || new URL(request.url).origin !== scopeUrl.origin) return;
  event.respondWith(respond(request));
});

self.addEventListener('activate', (event) => {
  // The first visit's page is taken over at once, so that it too works offline and under our headers.
  event.waitUntil(self.clients.claim());
});

self.addEventListener('message', (event) => {
  if ((event.data as PageMessage | null)?.type === 'activate-update') void self.skipWaiting();
});
