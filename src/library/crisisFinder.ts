/**
 * Finds crisis cards by what is typed while a patient is unwell: names letter by letter, and the library's own search
 * (pinyin, initials, slips, everyday words) over the crisis cards alone.
 */
import { namedCrises } from './crises.ts';
import type { CrisisCard, CrisisFinder } from './crises.ts';
import { SearchEngine } from './engine.ts';

const FOUND_MAX = 6;

/** All cards for an empty query, none where nothing fits; else best first. */
export function crisisFinder(cards: readonly CrisisCard[]): CrisisFinder {
  const engine = new SearchEngine(cards);
  const byId = new Map(cards.map((card) => [card.id, card]));
  const spokenOf = (query: string) =>
    engine.sources(query, FOUND_MAX * 2).passages.flatMap(({ place }) => {
      const anchor = engine.cardPassages[place]?.anchor;
      const card = anchor?.kind === 'card' ? byId.get(anchor.cardId) : undefined;
      return card ? [card] : [];
    });
  return (query) => {
    const { beginning, holding } = namedCrises(cards, query);
    // "an" is in many an English name: only one that begins so leaves no doubt.
    const spoken = beginning.length > 0 ? [] : new Set(spokenOf(query));
    return [...new Set([...beginning, ...[...spoken].slice(0, FOUND_MAX), ...holding])];
  };
}
