/**
 * The hospital's documents: what is here, what is coming in, and the actions on both. One per page.
 *
 *   import(file): size, kind -> a row in `imports` with the file -> import worker -> document
 *
 * An import's worker runs under a Web Lock of its own: when a page opens, imports without a holder go on.
 */
/// <reference types="vite/client" />
import * as Comlink from 'comlink';
import { liveQuery } from 'dexie';
import { createStore } from 'zustand/vanilla';
import type { StoreApi } from 'zustand/vanilla';
import { trustedScriptUrl } from '../platform/trustedTypes.ts';
import { HypnosError } from '../shared/errors.ts';
import type { CodedError, Result } from '../shared/errors.ts';
import { DOCUMENT_LIMITS, kindOf } from './api.ts';
import type { ImportApi, ImportProgress } from './api.ts';
import { LibraryDatabase } from './db.ts';
import type { DocumentRow, ImportRow, PassageRow } from './db.ts';
import workerUrl from './worker/import.worker.ts?worker&url';

export interface RunningImport {
  readonly id: string;
  readonly name: string;
  /** null: waits its turn. */
  readonly progress: ImportProgress | null;
}

export interface DocumentsState {
  readonly documents: readonly DocumentRow[];
  readonly loaded: boolean;
  readonly imports: readonly RunningImport[];
  /** What could not be imported, newest first, until dismissed. */
  readonly failures: readonly CodedError[];
}

export interface Documents {
  readonly store: StoreApi<DocumentsState>;
  /** Puts the files in line. A file of the same name replaces the document when it has been read. */
  add(files: readonly File[]): Promise<void>;
  cancel(importId: string): Promise<void>;
  remove(documentId: string): Promise<void>;
  find(documentId: string): Promise<DocumentRow | undefined>;
  /** Passages in order, from that place on. */
  passages(documentId: string, from: number, count: number): Promise<readonly PassageRow[]>;
  dismissFailures(): void;
}

let opened: Documents | null = null;
export const documents = (): Documents => (opened ??= openDocuments());

const lockName = (importId: string) => `hypnos-library-import:${importId}`;

export function openDocuments(database = new LibraryDatabase()): Documents {
  const store = createStore<DocumentsState>(() => ({
    documents: [],
    loaded: false,
    imports: [],
    failures: [],
  }));
  const stops = new Map<string, () => void>();
  let line: Promise<void> = Promise.resolve();

  database.on('versionchange', () => {
    database.close({ disableAutoOpen: false });
    for (const stop of stops.values()) stop();
    queueMicrotask(watch);
    return false;
  });
  let subscription: { unsubscribe(): void } | null = null;
  function watch(): void {
    subscription?.unsubscribe();
    subscription = liveQuery(() => database.documents.orderBy('importedAt').reverse().toArray()).subscribe({
      next: (rows) => {
        store.setState({ documents: rows, loaded: true });
      },
      error: (error: unknown) => {
        store.setState({ loaded: true });
        fail(error);
      },
    });
  }
  watch();
  void resume().catch(fail);

  function fail(error: unknown): void {
    const coded = explain(error).toCoded();
    if (coded.code !== 'cancelled')
      store.setState(({ failures }) => ({ failures: [coded, ...failures].slice(0, 8) }));
  }

  async function resume(): Promise<void> {
    for (const row of await database.imports.orderBy('startedAt').toArray()) enqueue(row);
  }

  async function add(files: readonly File[]): Promise<void> {
    for (const file of files) {
      try {
        enqueue(await accept(file));
      } catch (error) {
        fail(error);
      }
    }
  }

  async function accept(file: File): Promise<ImportRow> {
    const kind = kindOf(file.name);
    if (kind === null) throw new HypnosError('document-unsupported', { file: file.name });
    if (file.size > DOCUMENT_LIMITS.bytes)
      throw new HypnosError('document-too-large', {
        file: file.name,
        bytes: file.size,
        limit: DOCUMENT_LIMITS.bytes,
      });
    const same = (await database.documents.toArray()).find(({ name }) => name === file.name);
    const row: ImportRow = {
      id: `doc-${crypto.randomUUID()}`,
      name: file.name,
      kind,
      file,
      startedAt: Date.now(),
      replaces: same?.id ?? null,
      pagesDone: 0,
      emptyPages: 0,
      characters: 0,
      cutter: { ordinal: 0, headings: [] },
    };
    await database.imports.add(row);
    return row;
  }

  function enqueue({ id, name }: Pick<ImportRow, 'id' | 'name'>): void {
    if (store.getState().imports.some((other) => other.id === id)) return;
    store.setState(({ imports }) => ({ imports: [...imports, { id, name, progress: null }] }));
    line = line.then(() => run(id));
  }

  async function run(id: string): Promise<void> {
    try {
      if (store.getState().imports.some((other) => other.id === id))
        await navigator.locks.request(lockName(id), { ifAvailable: true }, async (lock) => {
          // Another tab has it.
          if (lock) await work(id);
        });
    } catch (error) {
      await discard(database, id).catch(() => undefined);
      fail(error);
    } finally {
      store.setState(({ imports }) => ({ imports: imports.filter((other) => other.id !== id) }));
    }
  }

  async function work(id: string): Promise<void> {
    if (!(await database.imports.get(id))) return;
    const worker = new Worker(trustedScriptUrl(workerUrl), { type: 'module', name: 'hypnos-library-import' });
    const remote = Comlink.wrap<ImportApi>(worker);
    const ended = new Promise<never>((_resolve, reject) => {
      stops.set(id, () => {
        reject(new HypnosError('cancelled'));
      });
      worker.addEventListener('error', (event) => {
        event.preventDefault();
        reject(
          new HypnosError('document-damaged', {
            file: store.getState().imports.find((other) => other.id === id)?.name ?? '',
            message: event.message || 'the import worker ended',
          }),
        );
      });
    });
    const onProgress = (progress: ImportProgress) => {
      store.setState(({ imports }) => ({
        imports: imports.map((other) => (other.id === id ? { ...other, progress } : other)),
      }));
    };
    try {
      const result: Result<null> = await Promise.race([remote.run(id, Comlink.proxy(onProgress)), ended]);
      if (!result.ok) throw new HypnosError(result.error.code, result.error.detail);
    } finally {
      stops.delete(id);
      worker.terminate();
    }
  }

  return {
    store,
    add,
    cancel: async (id) => {
      store.setState(({ imports }) => ({ imports: imports.filter((other) => other.id !== id) }));
      const stop = stops.get(id);
      if (stop) stop();
      else await discard(database, id).catch(fail);
    },
    remove: async (documentId) => {
      try {
        await database.transaction('rw', database.tables, async () => {
          await removeDocument(database, documentId);
          await database.touch();
        });
      } catch (error) {
        fail(error);
      }
    },
    find: (documentId) => database.documents.get(documentId),
    passages: (documentId, from, count) =>
      database.passages
        .where('[documentId+ordinal]')
        .between([documentId, from], [documentId, from + count], true, false)
        .toArray(),
    dismissFailures: () => {
      store.setState({ failures: [] });
    },
  };
}

/** Inside a transaction over all tables. */
export async function removeDocument(database: LibraryDatabase, documentId: string): Promise<void> {
  await database.ofDocument(documentId).delete();
  await database.segments.delete(documentId);
  await database.documents.delete(documentId);
}

/** An import that will not go on, with what it had written. */
async function discard(database: LibraryDatabase, importId: string): Promise<void> {
  await database.transaction('rw', database.imports, database.passages, async () => {
    await database.imports.delete(importId);
    await database.ofDocument(importId).delete();
  });
}

/** Deletes every document and all that is kept of the index. */
export async function eraseLibrary(): Promise<void> {
  const database = new LibraryDatabase();
  await database.open();
  // Emptied first: if another tab does not let go, deletion waits, but the texts are gone.
  await database.transaction('rw', database.tables, () =>
    Promise.all(database.tables.map((table) => table.clear())),
  );
  await database.delete();
}

export function explain(error: unknown): HypnosError {
  if (error instanceof HypnosError) return error;
  const names = [error, (error as { inner?: unknown } | null)?.inner].map(
    (one) => (one as { name?: string } | null)?.name,
  );
  if (names.includes('QuotaExceededError'))
    return new HypnosError('storage-quota-exceeded', {}, { cause: error });
  if (names.some((name) => /Database|OpenFailed|MissingAPI|InvalidState/.test(name ?? '')))
    return new HypnosError('storage-unavailable', {}, { cause: error });
  return HypnosError.from(error);
}
