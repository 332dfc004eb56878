/**
 * The one connection to the history's database: opening, failures told as codes, and what happens when another tab
 * upgrades or deletes the database.
 *
 *   a newer tab upgrades --> this one lets go at once and writes no more ('newer-version'): reload the page
 *   another tab erases  ---> this one lets go, opens the new empty database, and every watcher reads again
 *   an older tab holds it -> 'blocked' until that tab closes
 */
import { liveQuery } from 'dexie';
import { HypnosError } from '../shared/errors.ts';
import { DATABASE_VERSION, HistoryDatabase } from './db.ts';
import type { HistoryStatus } from './types.ts';

/** IndexedDB counts in tenths of Dexie's versions. */
const NATIVE_FACTOR = 10;

export class HistoryConnection {
  readonly database: HistoryDatabase;
  #status: HistoryStatus = 'opening';
  #opening: Promise<void> | null = null;
  #lettingGo = false;
  readonly #statusListeners = new Set<(status: HistoryStatus) => void>();
  readonly #resetListeners = new Set<() => void>();

  constructor(name?: string) {
    this.database = new HistoryDatabase(name);
    this.database.on('versionchange', (event) => {
      if (event.newVersion === null) this.#letGoForDeletion();
      else this.#retire();
      return false; // Not Dexie's own handler, which would open again and meet the newer schema.
    });
    this.database.on('blocked', () => {
      this.#setStatus('blocked');
      return false;
    });
    this.database.on('close', () => {
      // The browser closed it: the site's data was cleared from outside.
      if (!this.#lettingGo && this.#status === 'open') queueMicrotask(() => this.#reopen());
    });
  }

  get status(): HistoryStatus {
    return this.#status;
  }

  onStatus(listener: (status: HistoryStatus) => void): () => void {
    this.#statusListeners.add(listener);
    listener(this.#status);
    return () => this.#statusListeners.delete(listener);
  }

  /** Called when the database was replaced by an empty one: what was read before means nothing now. */
  onReset(listener: () => void): () => void {
    this.#resetListeners.add(listener);
    return () => this.#resetListeners.delete(listener);
  }

  /** Runs a piece of work on the open database; failures reject as HypnosError. */
  async run<Value>(work: (database: HistoryDatabase) => PromiseLike<Value>): Promise<Value> {
    await this.open();
    try {
      return await work(this.database);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** Emits the query's result now and after every change to what it read, in this tab or another. */
  watch<Value>(
    query: (database: HistoryDatabase) => PromiseLike<Value>,
    listener: (value: Value) => void,
    onError: (error: HypnosError) => void,
  ): () => void {
    let subscription: { unsubscribe(): void } | null = null;
    let stopped = false;
    const start = () => {
      this.open().then(
        () => {
          if (stopped) return;
          subscription?.unsubscribe();
          subscription = liveQuery(async () => query(this.database)).subscribe({
            next: (value) => {
              if (!stopped) listener(value);
            },
            error: (error) => {
              if (!stopped) onError(this.#explain(error));
            },
          });
        },
        (error: unknown) => {
          if (!stopped) onError(this.#explain(error));
        },
      );
    };
    start();
    const stopResets = this.onReset(start);
    return () => {
      stopped = true;
      stopResets();
      subscription?.unsubscribe();
    };
  }

  open(): Promise<void> {
    if (this.#status === 'newer-version') return Promise.reject(new HypnosError('history-newer-version'));
    this.#opening ??= this.#openOnce().catch((error: unknown) => {
      this.#opening = null; // The next call tries again: a full disk or a blocked profile may recover.
      const explained = this.#explain(error);
      if (explained.code === 'history-newer-version') this.#retire();
      else this.#setStatus('unavailable');
      throw explained;
    });
    return this.#opening;
  }

  /** Deletes the database, here and under every other tab, and opens an empty one. */
  async erase(): Promise<void> {
    await this.run(async (database) => {
      // Emptied first: if another tab does not let go, deletion waits, but the texts are gone from every list.
      await database.transaction('rw', database.tables, () =>
        Promise.all(database.tables.map((table) => table.clear())),
      );
      this.#lettingGo = true;
      try {
        await database.delete({ disableAutoOpen: false });
      } finally {
        this.#lettingGo = false;
      }
    });
    this.#reopen();
    await this.open();
  }

  close(): void {
    this.#close({ disableAutoOpen: true });
    this.#opening = null;
  }

  async #openOnce(): Promise<void> {
    // Dexie would open a newer database and put back the indexes it misses.
    const found = await indexedDB.databases?.().catch(() => []);
    const existing = found?.find(({ name }) => name === this.database.name)?.version ?? 0;
    if (isNewer(existing)) throw new HypnosError('history-newer-version', newerDetail(existing));
    await this.database.open();
    const opened = this.database.backendDB().version;
    if (isNewer(opened)) throw new HypnosError('history-newer-version', newerDetail(opened));
    this.#setStatus('open');
  }

  #close(options: { disableAutoOpen: boolean }): void {
    this.#lettingGo = true;
    this.database.close(options);
    this.#lettingGo = false;
  }

  #letGoForDeletion(): void {
    this.#close({ disableAutoOpen: false });
    this.#reopen();
  }

  #reopen(): void {
    this.#opening = null;
    this.#setStatus('opening');
    for (const listener of [...this.#resetListeners]) listener();
  }

  #retire(): void {
    this.#close({ disableAutoOpen: true });
    this.#setStatus('newer-version');
  }

  #setStatus(status: HistoryStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    for (const listener of [...this.#statusListeners]) listener(status);
  }

  #explain(error: unknown): HypnosError {
    if (this.#status === 'newer-version')
      return new HypnosError('history-newer-version', {}, { cause: error });
    return explainStorageError(error);
  }
}

const isNewer = (nativeVersion: number) => Math.floor(nativeVersion / NATIVE_FACTOR) > DATABASE_VERSION;
const newerDetail = (nativeVersion: number) => ({
  found: Math.floor(nativeVersion / NATIVE_FACTOR),
  supported: DATABASE_VERSION,
});

/** What IndexedDB and Dexie throw, as a code. Dexie wraps the browser's error in `inner`, bulk writes in `failures`. */
export function explainStorageError(error: unknown): HypnosError {
  if (error instanceof HypnosError) return error;
  const names = errorNames(error);
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const code = names.has('QuotaExceededError')
    ? 'storage-quota-exceeded'
    : names.has('VersionError')
      ? 'history-newer-version'
      : STORAGE_FAILURES.some((name) => names.has(name))
        ? 'storage-unavailable'
        : 'unknown';
  return new HypnosError(code, { message }, { cause: error });
}

const STORAGE_FAILURES = [
  'OpenFailedError',
  'MissingAPIError',
  'DatabaseClosedError',
  'InvalidStateError',
  'UnknownError',
  'SecurityError',
  'NotReadableError',
  'AbortError',
];

function errorNames(error: unknown, depth = 0): Set<string> {
  if (typeof error !== 'object' || error === null || depth > 4) return new Set();
  const { name, inner, cause, failures } = error as {
    name?: unknown;
    inner?: unknown;
    cause?: unknown;
    failures?: unknown;
  };
  const names = new Set<string>(typeof name === 'string' ? [name] : []);
  const nested = [inner, cause, ...(Array.isArray(failures) ? failures.slice(0, 1) : [])];
  for (const below of nested) for (const found of errorNames(below, depth + 1)) names.add(found);
  return names;
}
