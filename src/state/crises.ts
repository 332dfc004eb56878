/** The crisis cards for the screens. */
import { readCrises } from '../library/crises.ts';
import type { Crises } from '../library/crises.ts';

export type { Crises, CrisisCard } from '../library/crises.ts';

let loaded: Promise<Crises> | null = null;

/** Read by the first caller; a failure is not kept. @throws HypnosError as `readCrises` */
export function loadCrises(): Promise<Crises> {
  loaded ??= readCrises({
    baseUrl: new URL('library/', document.baseURI).href,
    fetch: (url) => fetch(url),
  }).catch((error: unknown) => {
    loaded = null;
    throw error;
  });
  return loaded;
}
