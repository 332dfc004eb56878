/** The crisis cards for the screens. */
import { readCrises } from '../library/crises.ts';
import type { Crises, CrisisFinder } from '../library/crises.ts';

export { finderByName } from '../library/crises.ts';
export type { Crises, CrisisCard, CrisisFinder } from '../library/crises.ts';

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

const finders = new WeakMap<Crises, Promise<CrisisFinder>>();

/** The search over these cards, with its code: after the cards stand on the screen. A failure is not kept. */
export function loadCrisisFinder(crises: Crises): Promise<CrisisFinder> {
  let finder = finders.get(crises);
  if (!finder) {
    finder = import('../library/crisisFinder.ts').then(({ crisisFinder }) => crisisFinder(crises.cards));
    finder.catch(() => finders.delete(crises));
    finders.set(crises, finder);
  }
  return finder;
}
