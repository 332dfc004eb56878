/** The library of this page. */
import { readLibrary } from './load.ts';
import type { Library } from './load.ts';

let loaded: Promise<Library> | null = null;

/**
 * The library of this page, read by the first caller; a failure is not kept, the next call tries again.
 * @throws HypnosError as `readLibrary`
 */
export function loadLibrary(): Promise<Library> {
  loaded ??= readLibrary({
    baseUrl: new URL('library/', document.baseURI).href,
    fetch: (url) => fetch(url),
  }).catch((error: unknown) => {
    loaded = null;
    throw error;
  });
  return loaded;
}
