/** The boundaries between the page and the library's two workers. */
import type { Result } from '../shared/errors.ts';
import type { AnswerPassage } from '../shared/types.ts';
import type { DocumentKind } from './db.ts';
import type { Range } from './engine.ts';
import type { Passage } from './passages.ts';

export interface LibraryHit {
  readonly passage: Passage;
  readonly score: number;
  /** Where the query's words stand in the passage's text. */
  readonly marks: readonly Range[];
}

export interface SearchAnswer {
  readonly hits: readonly LibraryHit[];
  /** Passages searched. */
  readonly total: number;
}

export interface SearchApi {
  /** One hit a card, three a document, best first. */
  search(query: string, limit: number): Promise<Result<SearchAnswer>>;
  /** Sources of an answer, numbered from 1; empty if nothing here speaks of it. @param context earlier questions */
  retrieve(
    question: string,
    context: readonly string[],
    limit: number,
  ): Promise<Result<readonly AnswerPassage[]>>;
}

export interface ImportProgress {
  readonly stage: 'reading' | 'indexing';
  /** Pages, or for files without pages: 0 and 1. */
  readonly done: number;
  readonly total: number;
}

export interface ImportApi {
  /** Goes on with an import that `db.ts` holds; resolves when the document is there. */
  run(importId: string, onProgress: (progress: ImportProgress) => void): Promise<Result<null>>;
}

export const DOCUMENT_LIMITS = {
  /** Bytes of the file. */
  bytes: 128 * 2 ** 20,
  pages: 5_000,
  /** UTF-16 units of text in one document: twice the longest textbook. */
  characters: 12_000_000,
  passages: 40_000,
  /** Bytes of what a DOCX unpacks to. */
  unpacked: 256 * 2 ** 20,
} as const;

export const KINDS: Readonly<Record<string, DocumentKind>> = {
  md: 'markdown',
  markdown: 'markdown',
  txt: 'text',
  docx: 'docx',
  pdf: 'pdf',
};

/** What the file is, by its name; null: nothing that can be read. */
export const kindOf = (name: string): DocumentKind | null =>
  KINDS[/\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase() ?? ''] ?? null;
