/**
 * The service worker: everything the page needs without a network, and the security headers on every response.
 *
 *   navigation, shell, worker scripts -> precache (revisioned, complete before it takes over)
 *   models/<id>/*                     -> the package cache if the user keeps that package, else the network
 *   the CPU engine's wasm (10 MB)     -> its own cache unless the user chose otherwise, then the network
 *   everything else of this origin    -> the network
 *
 * Every answer leaves with the headers of src/shared/security-headers.json, whatever server the page came from: a worker
 * script without its own CSP would escape the page's. It never skips waiting by itself: the page asks when no answer runs.
 */
import { cleanupOutdatedCaches, matchPrecache, precache } from 'workbox-precaching';
import type { PrecacheEntry } from 'workbox-precaching';
import securityHeaders from '../shared/security-headers.json' with { type: 'json' };
import { CPU_ENGINE_CACHE, NO_CPU_ENGINE_CACHE, PACKAGE_CACHE } from '../shared/caches.ts';

declare const self: ServiceWorkerGlobalScope & { readonly __WB_MANIFEST: (PrecacheEntry | string)[] };

/**
 * Sent by the page: 'activate-update' once the user agreed; 'keep-cpu-engine' when it is wanted again or in use, answered on
 * the message's port with whether it is kept.
 */
interface PageMessage {
  readonly type: string;
}

const scopeUrl = new URL(self.registration.scope);
const modelsPath = new URL('models/', scopeUrl).pathname;

/** Of its own cache, for it can be left out: most laptops have a graphics processor. */
const isCpuEngine = (url: string) => /\/wllama-[\w-]+\.wasm$/.test(url);
const manifest = self.__WB_MANIFEST.map((entry) => (typeof entry === 'string' ? { url: entry } : entry));
const cpuEngineUrls = manifest
  .filter(({ url }) => isCpuEngine(url))
  .map(({ url }) => new URL(url, scopeUrl).href);

precache(manifest.filter(({ url }) => !isCpuEngine(url)) as PrecacheEntry[]);
cleanupOutdatedCaches();

/** Fetches what is missing of it. */
async function keepCpuEngine(): Promise<void> {
  const cache = await caches.open(CPU_ENGINE_CACHE);
  for (const url of cpuEngineUrls) if (!(await cache.match(url))) await cache.add(url);
}

/** What an earlier version of the page kept goes once that version does. */
async function dropEarlierCpuEngines(): Promise<void> {
  const cache = await caches.open(CPU_ENGINE_CACHE);
  for (const request of await cache.keys())
    if (!cpuEngineUrls.includes(request.url)) await cache.delete(request);
}

self.addEventListener('install', (event) => {
  // With the first visit: a model that a stick brings later must run also where the network was cut in between.
  event.waitUntil(
    caches.has(NO_CPU_ENGINE_CACHE).then((isUnwanted) => (isUnwanted ? undefined : keepCpuEngine())),
  );
});

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
  const kept = isCpuEngine(url.pathname) ? await caches.match(url.href) : await matchPrecache(request);
  return withSecurityHeaders(kept ?? (await fetch(request)));
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || new URL(request.url).origin !== scopeUrl.origin) return;
  event.respondWith(respond(request));
});

self.addEventListener('activate', (event) => {
  // The first visit's page is taken over at once, so that it too works offline and under our headers.
  event.waitUntil(Promise.all([self.clients.claim(), dropEarlierCpuEngines()]));
});

self.addEventListener('message', (event) => {
  const { type } = (event.data ?? {}) as Partial<PageMessage>;
  if (type === 'activate-update') void self.skipWaiting();
  if (type !== 'keep-cpu-engine') return;
  const [port] = event.ports;
  const keeping = Promise.all([keepCpuEngine(), caches.delete(NO_CPU_ENGINE_CACHE)]).then(
    () => port?.postMessage(true),
    () => port?.postMessage(false),
  );
  event.waitUntil(keeping);
});
