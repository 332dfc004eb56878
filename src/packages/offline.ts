/**
 * Keeps a served package for use without a network, in the cache from which the service worker answers.
 *
 *   server --PackageReader (size, SHA-256)--> one cache entry per file --manifest last--> kept
 *
 * The manifest's entry is the commit marker: a package without it is not kept, whatever else lies in the cache, and
 * keeping it again fetches only what is missing. The models index is stored with it, so that the page finds the package
 * when it opens without a network.
 */
import { PACKAGE_CACHE } from '../shared/caches.ts';
import { HypnosError } from '../shared/errors.ts';
import { MANIFEST_FILE } from './manifest.ts';
import type { PackageManifest } from './manifest.ts';
import { PackageReader } from './reader.ts';
import type { Fetch } from './reader.ts';
import { INDEX_FILE, packageUrls } from './served.ts';
import type { ServedPackage } from './served.ts';

export interface KeepProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** The part of CacheStorage that is used; `caches` in the page. */
export type Caches = Pick<CacheStorage, 'open'>;

/** The hash a kept file was verified against; what another version of the package left behind is fetched again. */
const HASH_HEADER = 'x-hypnos-sha256';

const manifestUrl = (served: ServedPackage) => new URL(MANIFEST_FILE, served.baseUrl).href;
const indexUrl = (served: ServedPackage) => new URL(`../${INDEX_FILE}`, served.baseUrl).href;

/** Whether the whole package is kept: of this version, where the manifest is given. */
export async function isKept(
  served: ServedPackage,
  caches: Caches,
  manifest?: PackageManifest,
): Promise<boolean> {
  const cache = await caches.open(PACKAGE_CACHE);
  const kept = await cache.match(manifestUrl(served));
  if (!kept || !manifest) return kept !== undefined;
  return JSON.stringify(await kept.json()) === JSON.stringify(manifest);
}

/**
 * Keeps the package. Killed or cancelled, it goes on later where it stopped; until it is complete it is not kept.
 * @throws HypnosError 'storage-quota-exceeded', 'cancelled', and as PackageReader.read
 */
export async function keep(
  served: ServedPackage,
  manifest: PackageManifest,
  ports: { readonly caches: Caches; readonly fetch: Fetch },
  onProgress: (progress: KeepProgress) => void = () => {},
  signal?: AbortSignal,
): Promise<void> {
  const cache = await ports.caches.open(PACKAGE_CACHE);
  // Gone before the first file changes: a half-updated package must not look complete.
  await cache.delete(manifestUrl(served));
  const reader = new PackageReader(served.baseUrl, manifest, ports.fetch);
  const bytesTotal = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  let bytesDone = 0;
  const advance = (count: number) => {
    bytesDone += count;
    onProgress({ bytesDone, bytesTotal });
  };
  for (const file of manifest.files) {
    const url = new URL(file.path, served.baseUrl).href;
    if ((await cache.match(url))?.headers.get(HASH_HEADER) === file.sha256) {
      advance(file.bytes);
      continue;
    }
    await cache.delete(url);
    const bytes = await reader.read(file.path, { signal, onBytes: advance });
    await put(cache, url, bytes, typeOf(file.path), file.sha256);
  }
  const index = await ports.fetch(indexUrl(served), { cache: 'no-cache', ...(signal ? { signal } : {}) });
  if (index.ok) await put(cache, indexUrl(served), await index.arrayBuffer(), 'application/json');
  if (signal?.aborted) throw new HypnosError('cancelled');
  const text = new TextEncoder().encode(JSON.stringify(manifest));
  await put(cache, manifestUrl(served), text, 'application/json');
  await dropStrangers(cache, served, manifest);
}

/** Lets go of the package; it runs again once there is a network. */
export async function forget(served: ServedPackage, caches: Caches): Promise<void> {
  const cache = await caches.open(PACKAGE_CACHE);
  await cache.delete(manifestUrl(served));
  for (const request of await cache.keys()) {
    if (request.url.startsWith(served.baseUrl)) await cache.delete(request);
  }
}

/** Files of an earlier version. */
async function dropStrangers(cache: Cache, served: ServedPackage, manifest: PackageManifest): Promise<void> {
  const wanted = new Set(packageUrls(served, manifest));
  for (const request of await cache.keys()) {
    if (request.url.startsWith(served.baseUrl) && !wanted.has(request.url)) await cache.delete(request);
  }
}

async function put(cache: Cache, url: string, body: BodyInit, type: string, sha256 = ''): Promise<void> {
  const headers = { 'Content-Type': type, ...(sha256 ? { [HASH_HEADER]: sha256 } : {}) };
  try {
    await cache.put(url, new Response(body, { headers }));
  } catch (error) {
    const isFull = error instanceof DOMException && error.name === 'QuotaExceededError';
    throw HypnosError.from(
      isFull ? new HypnosError('storage-quota-exceeded', { file: url }) : error,
      'storage-unavailable',
    );
  }
}

function typeOf(path: string): string {
  if (path.endsWith('.json')) return 'application/json';
  return path.endsWith('.wasm') ? 'application/wasm' : 'application/octet-stream';
}
