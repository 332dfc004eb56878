import type { Passage } from '../../state/library.ts';

/** The address of a passage's place within the page. */
export function placeOf(anchor: Passage['anchor']): string {
  return anchor.kind === 'card'
    ? `/library/${anchor.cardId}/${anchor.sectionId}`
    : `/library/${anchor.documentId}/${anchor.ordinal}`;
}

/** The same from a passage's id: `<card>#<section>`, `<document>#<ordinal>`; null for what is none. */
export function placeOfId(id: string): string | null {
  const found = /^([a-z]+-[a-z0-9-]+)#([a-z0-9-]+)$/.exec(id);
  return found ? `/library/${found[1]}/${found[2]}` : null;
}
