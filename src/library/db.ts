/**
 * The library's database, beside the history's: imported documents and what is kept of the index.
 *
 *   documents   one row each, written last: a document is there when its row is
 *   passages    [documentId+ordinal]; read when shown
 *   segments    postings by document id, 'cards' for the cards of one library version
 *   imports     a file on its way in, with how far it came
 *   meta        'revision': number of the last write that changed which documents there are
 *
 * FROZEN as the history's schema is: never edit a released version, add one with its upgrade.
 *   1  first
 */
import { Dexie } from 'dexie';
import type { Table } from 'dexie';
import type { CutterState, Passage } from './passages.ts';
import type { Segment } from './segment.ts';

export const LIBRARY_DATABASE = 'hypnos-library';

export type DocumentKind = 'markdown' | 'text' | 'docx' | 'pdf';

export interface DocumentRow {
  /** `doc-` and a UUID. */
  readonly id: string;
  /** The file's name. */
  readonly name: string;
  readonly kind: DocumentKind;
  readonly bytes: number;
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly importedAt: number;
  /** null where the file has no pages. */
  readonly pages: number | null;
  /** Pages that hold no text: pictures, most likely. */
  readonly emptyPages: number;
  readonly passages: number;
}

export interface PassageRow extends Passage {
  readonly documentId: string;
  readonly ordinal: number;
}

export interface SegmentRow {
  /** A document's id, or 'cards'. */
  readonly id: string;
  /** Of the cards: what they were built from. */
  readonly version: string;
  readonly segment: Segment;
}

export interface ImportRow {
  /** The document's id-to-be. */
  readonly id: string;
  readonly name: string;
  readonly kind: DocumentKind;
  readonly file: Blob;
  readonly startedAt: number;
  /** The document that this one replaces. */
  readonly replaces: string | null;
  readonly pagesDone: number;
  readonly emptyPages: number;
  readonly characters: number;
  readonly cutter: CutterState;
}

export class LibraryDatabase extends Dexie {
  declare readonly documents: Table<DocumentRow, string>;
  declare readonly passages: Table<PassageRow, [string, number]>;
  declare readonly segments: Table<SegmentRow, string>;
  declare readonly imports: Table<ImportRow, string>;
  declare readonly meta: Table<{ readonly key: 'revision'; readonly value: number }, string>;

  constructor(name: string = LIBRARY_DATABASE) {
    super(name, { chromeTransactionDurability: 'strict', cache: 'disabled' });
    this.version(1).stores({
      documents: 'id, importedAt',
      passages: '[documentId+ordinal]',
      segments: 'id',
      imports: 'id, startedAt',
      meta: 'key',
    });
  }

  /** Inside a transaction on `meta`: which documents there are has changed. */
  async touch(): Promise<void> {
    const last = await this.meta.get('revision');
    await this.meta.put({ key: 'revision', value: (last?.value ?? 0) + 1 });
  }

  ofDocument(documentId: string) {
    return this.passages
      .where('[documentId+ordinal]')
      .between([documentId, Dexie.minKey], [documentId, Dexie.maxKey]);
  }
}
