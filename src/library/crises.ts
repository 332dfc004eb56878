/**
 * Crisis cards alone: index and one file. A fault in another file of the library must not keep them from opening.
 */
import type { CardStep, LibraryCard, LibraryIndex } from './cards.ts';
import { readCardFiles } from './load.ts';
import type { LibraryPorts } from './load.ts';

export interface CrisisCard extends LibraryCard {
  readonly steps: CardStep[];
}

export interface Crises {
  readonly index: LibraryIndex;
  readonly cards: readonly CrisisCard[];
}

/** @throws HypnosError 'library-unavailable' (file), 'library-invalid' (file, path, reason) */
export async function readCrises(ports: LibraryPorts): Promise<Crises> {
  const { index, files } = await readCardFiles(ports, 'crisis');
  return { index, cards: files.flat().filter(hasSteps) };
}

const hasSteps = (card: LibraryCard): card is CrisisCard =>
  card.kind === 'crisis' && (card.steps?.length ?? 0) > 0;

export type CrisisFinder = (query: string) => readonly CrisisCard[];

const fold = (text: string) => text.normalize('NFKC').toLowerCase().replaceAll(/\s+/gu, '');

/** Cards with a name that begins with the query (that is it: first), and those with one that holds it. */
export function namedCrises(
  cards: readonly CrisisCard[],
  query: string,
): { readonly beginning: readonly CrisisCard[]; readonly holding: readonly CrisisCard[] } {
  const wanted = fold(query);
  const having = (isIt: (name: string) => boolean) =>
    cards.filter(({ title, title_en, aliases }) => [title, title_en, ...aliases].map(fold).some(isIt));
  return {
    beginning: [
      ...new Set([...having((name) => name === wanted), ...having((name) => name.startsWith(wanted))]),
    ],
    holding: having((name) => name.includes(wanted)),
  };
}

/** Finds by names alone: for the moment before `crisisFinder` is there, and where it cannot be had. */
export const finderByName =
  (cards: readonly CrisisCard[]): CrisisFinder =>
  (query) => {
    const { beginning, holding } = namedCrises(cards, query);
    return [...new Set([...beginning, ...holding])];
  };
