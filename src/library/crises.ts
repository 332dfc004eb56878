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
