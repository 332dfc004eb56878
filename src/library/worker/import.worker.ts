/**
 * The import worker: one document, from the file in `imports` to passages, a segment and a row.
 *
 *   reader (by kind) --pages of blocks--> PassageCutter --batch--> passages + how far it came, one transaction
 *   end: passages --> segment; segment + row + end of the import, one transaction; only then is the document there
 */
import * as Comlink from 'comlink';
import { sha256Hex } from '../../platform/sha256.ts';
import { HypnosError } from '../../shared/errors.ts';
import type { Result } from '../../shared/errors.ts';
import { DOCUMENT_LIMITS } from '../api.ts';
import type { ImportApi, ImportProgress } from '../api.ts';
import { LibraryDatabase } from '../db.ts';
import type { ImportRow, PassageRow } from '../db.ts';
import { PassageCutter } from '../passages.ts';
import type { Passage } from '../passages.ts';
import { SegmentBuilder } from '../segment.ts';
import { readerFor } from './readers.ts';
import type { DocumentReader } from './readers.ts';

/** Pages written at a time: what a kill costs at most. */
const PAGES_PER_WRITE = 20;
const PASSAGES_PER_READ = 500;
/** Characters. */
const TEXT_OF_A_PAGE_MIN = 8;

const database = new LibraryDatabase();

const rowOf = (passage: Passage): PassageRow[] =>
  passage.anchor.kind === 'document'
    ? [{ ...passage, documentId: passage.anchor.documentId, ordinal: passage.anchor.ordinal }]
    : [];

async function run(importId: string, onProgress: (progress: ImportProgress) => void): Promise<void> {
  const row = await database.imports.get(importId);
  if (!row) throw new HypnosError('cancelled');
  const reader = await readerFor(row);
  try {
    const read = await readPages(row, reader, onProgress);
    onProgress({ stage: 'indexing', done: 0, total: 1 });
    await finish(read, reader.pages);
  } finally {
    await reader.close();
  }
}

async function readPages(
  row: ImportRow,
  reader: DocumentReader,
  onProgress: (progress: ImportProgress) => void,
): Promise<ImportRow> {
  const { name: file } = row;
  if (reader.units > DOCUMENT_LIMITS.pages)
    throw new HypnosError('document-too-large', { file, pages: reader.units, limit: DOCUMENT_LIMITS.pages });
  const cutter = new PassageCutter(row.id, titleOf(row.name), row.cutter);
  let { pagesDone, emptyPages, characters } = row;
  let written = row;
  while (pagesDone < reader.units) {
    const passages: Passage[] = [];
    const end = Math.min(reader.units, pagesDone + PAGES_PER_WRITE);
    for (; pagesDone < end; pagesDone += 1) {
      const blocks = await reader.read(pagesDone);
      const length = blocks.reduce((sum, { text }) => sum + text.trim().length, 0);
      characters += length;
      // A page number or a scanner's stamp is no text.
      if (length < TEXT_OF_A_PAGE_MIN) emptyPages += 1;
      if (characters > DOCUMENT_LIMITS.characters)
        throw new HypnosError('document-too-large', { file, characters, limit: DOCUMENT_LIMITS.characters });
      for (const block of blocks) passages.push(...cutter.push(block));
      passages.push(...cutter.end());
      onProgress({ stage: 'reading', done: pagesDone + 1, total: reader.units });
    }
    const state = { ...written, pagesDone, emptyPages, characters, cutter: cutter.state };
    await database.transaction('rw', database.imports, database.passages, async () => {
      // Cancelled meanwhile, here or by erasing everything.
      if (!(await database.imports.get(row.id))) throw new HypnosError('cancelled');
      await database.passages.bulkPut(passages.flatMap(rowOf));
      await database.imports.put(state);
    });
    written = state;
  }
  if (written.cutter.ordinal > DOCUMENT_LIMITS.passages)
    throw new HypnosError('document-too-large', {
      file,
      passages: written.cutter.ordinal,
      limit: DOCUMENT_LIMITS.passages,
    });
  if (row.kind === 'pdf' && reader.units > 0 && written.emptyPages === reader.units)
    throw new HypnosError('document-scanned', { file, pages: reader.units });
  if (written.cutter.ordinal === 0) throw new HypnosError('document-empty', { file });
  return written;
}

async function finish(row: ImportRow, pages: number | null): Promise<void> {
  const builder = new SegmentBuilder();
  for (let from = 0; from < row.cutter.ordinal; from += PASSAGES_PER_READ) {
    const passages = await database.passages
      .where('[documentId+ordinal]')
      .between([row.id, from], [row.id, from + PASSAGES_PER_READ], true, false)
      .toArray();
    for (const passage of passages) builder.add(passage);
  }
  const segment = builder.build();
  const digest = await sha256Hex(await row.file.arrayBuffer());
  await database.transaction('rw', database.tables, async () => {
    if (!(await database.imports.get(row.id))) throw new HypnosError('cancelled');
    await database.segments.put({ id: row.id, version: '', segment });
    await database.documents.put({
      id: row.id,
      name: row.name,
      kind: row.kind,
      bytes: row.file.size,
      sha256: digest,
      importedAt: row.startedAt,
      pages,
      emptyPages: pages === null ? 0 : row.emptyPages,
      passages: row.cutter.ordinal,
    });
    if (row.replaces !== null) {
      await database.ofDocument(row.replaces).delete();
      await database.segments.delete(row.replaces);
      await database.documents.delete(row.replaces);
    }
    await database.imports.delete(row.id);
    await database.touch();
  });
}

const titleOf = (name: string) => name.replace(/\.[a-z]+$/i, '');

const api: ImportApi = {
  run: async (importId, onProgress): Promise<Result<null>> => {
    try {
      await run(importId, onProgress);
      return { ok: true, value: null };
    } catch (error) {
      const quota = [error, (error as { inner?: unknown }).inner].some(
        (one) => (one as { name?: string } | null | undefined)?.name === 'QuotaExceededError',
      );
      return {
        ok: false,
        error: (quota ? new HypnosError('storage-quota-exceeded') : HypnosError.from(error)).toCoded(),
      };
    }
  },
};
Comlink.expose(api);
