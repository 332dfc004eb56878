/** Builds a database from tests/fixtures/history with the plain IndexedDB API: in a page, and in Node's stand-in. */
export interface FixtureDatabase {
  /** Dexie's; IndexedDB counts in tenths of it. */
  readonly version: number;
  readonly stores: Readonly<
    Record<
      string,
      {
        readonly keyPath: string;
        readonly indexes: Readonly<Record<string, string | string[]>>;
        readonly rows: readonly object[];
      }
    >
  >;
}

export function buildDatabase(name: string, fixture: FixtureDatabase): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, fixture.version * 10);
    request.onupgradeneeded = () => {
      for (const [storeName, { keyPath, indexes, rows }] of Object.entries(fixture.stores)) {
        const store = request.result.createObjectStore(storeName, { keyPath });
        for (const [index, path] of Object.entries(indexes)) store.createIndex(index, path);
        for (const row of rows) store.add(row);
      }
    };
    request.onerror = () => {
      reject(request.error ?? new Error('open failed'));
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  });
}
