/**
 * The reference library for the screens. Everything behind it is a chunk of its own: the first paint needs none of it.
 */
import type { Library } from '../library/load.ts';

export type { Library } from '../library/load.ts';
export type {
  CardDose,
  CardKind,
  CardSection,
  CardStatement,
  CardStep,
  LibraryCard,
  LibraryIndex,
  LibrarySource,
  ScoreItem,
} from '../library/cards.ts';

/** The cards served with the page. @throws HypnosError 'library-unavailable', 'library-invalid' */
export const loadLibrary = async (): Promise<Library> => (await import('../library/load.ts')).loadLibrary();
