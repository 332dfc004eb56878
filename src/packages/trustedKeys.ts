/** The hospital's pinned keys: from the server that serves the page, remembered for when there is none. */
import { HypnosError } from '../shared/errors.ts';
import { PACKAGE_CACHE } from '../shared/caches.ts';
import { NO_TRUSTED_KEYS, TRUSTED_KEYS_FILE, parseTrustedKeys } from './signature.ts';
import type { TrustedKeys } from './signature.ts';

/**
 * @param modelsUrl absolute, ends in '/'
 * @throws HypnosError 'package-signature-invalid' for a file that cannot be read: silence would be trust
 */
export async function fetchTrustedKeys(modelsUrl: string): Promise<TrustedKeys> {
  const url = new URL(TRUSTED_KEYS_FILE, modelsUrl).href;
  const cache = await caches.open(PACKAGE_CACHE);
  let response: Response;
  try {
    response = await fetch(url, { cache: 'reload', credentials: 'same-origin' }); // past the service worker's copy
  } catch {
    const kept = await cache.match(url);
    return kept ? parseTrustedKeys(await kept.text()) : NO_TRUSTED_KEYS;
  }
  if (response.status === 404) {
    await cache.delete(url);
    return NO_TRUSTED_KEYS;
  }
  if (!response.ok)
    throw new HypnosError('package-signature-invalid', {
      file: TRUSTED_KEYS_FILE,
      reason: `HTTP ${response.status}`,
    });
  const text = await response.text();
  const keys = parseTrustedKeys(text);
  await cache
    .put(url, new Response(text, { headers: { 'Content-Type': 'application/json' } }))
    .catch(() => undefined);
  return keys;
}
