/** How this browser keeps what Hypnos stores. */
export interface StorageReport {
  /** true: not evicted without the user; null: the browser does not tell. */
  readonly persisted: boolean | null;
  /** Bytes, as estimated; browsers round and pad both. */
  readonly usageBytes: number | null;
  readonly quotaBytes: number | null;
}

type Storage = Pick<StorageManager, 'persist' | 'persisted' | 'estimate'>;
const browserStorage = (): Storage | undefined =>
  (globalThis.navigator as { storage?: Storage } | undefined)?.storage;

/** Never throws. The quota does not prove space: writes must still expect QuotaExceededError. */
export async function reportStorage(storage: Storage | undefined = browserStorage()): Promise<StorageReport> {
  const [persisted, estimate] = await Promise.all([
    storage?.persisted().catch(() => null) ?? null,
    storage?.estimate().catch(() => null) ?? null,
  ]);
  return { persisted, usageBytes: estimate?.usage ?? null, quotaBytes: estimate?.quota ?? null };
}

/**
 * Asks that the data be kept under storage pressure. Some browsers ask the user, so call it where the user has just
 * decided to keep something. Never throws.
 * @returns whether it is granted; null where it cannot be asked
 */
export async function requestPersistence(
  storage: Storage | undefined = browserStorage(),
): Promise<boolean | null> {
  try {
    return (await storage?.persist()) ?? null;
  } catch {
    return null;
  }
}
