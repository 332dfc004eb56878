/**
 * The reference library for the screens. Everything behind it is a chunk of its own: the first paint needs none of it.
 */
import type { SearchAnswer } from '../library/api.ts';
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

export type { LibraryHit, SearchAnswer, ImportProgress } from '../library/api.ts';
export type { Passage } from '../library/passages.ts';
export type { DocumentRow } from '../library/db.ts';
export type { Documents, DocumentsState, RunningImport } from '../library/documents.ts';

/** Search over cards and documents. @throws HypnosError */
export const searchLibrary = async (query: string, limit: number): Promise<SearchAnswer> =>
  (await import('../library/searcher.ts')).searchLibrary(query, limit);

/** The hospital's documents: list, import, delete; the screen binds to its store. */
export const openDocuments = async () => (await import('../library/documents.ts')).documents();

/** The cards served with the page. @throws HypnosError 'library-unavailable', 'library-invalid' */
export const loadLibrary = async (): Promise<Library> => (await import('../library/page.ts')).loadLibrary();
