/**
 * Installing, verifying and removing packages, for the models screen. A chunk of its own, made when that screen first opens; it
 * outlives the screen, so that an import goes on while the user reads something else.
 *
 *   screen -> actions -> import worker (src/packages/worker) -> OPFS; then the list of packages is read again
 */
import { createStore } from 'zustand/vanilla';
import type { StoreApi } from 'zustand/vanilla';
import type { ImportProgress } from '../packages/import.ts';
import { spawnImportWorker } from '../packages/importWorker.ts';
import type { ImportWorker } from '../packages/importWorker.ts';
import { STORE_FOLDER, STORE_LOCK, listRecords, openRoom, readInstalled } from '../packages/installed.ts';
import type { InstalledRecord, PendingRecord } from '../packages/installed.ts';
import { removeAllWeights, removeWeights } from '../packages/keptWeights.ts';
import type { PackageManifest } from '../packages/manifest.ts';
import type { SourceDescriptor } from '../packages/source.ts';
import { findServed } from '../packages/served.ts';
import { fetchTrustedKeys } from '../packages/trustedKeys.ts';
import { createRateMeter } from '../platform/rate.ts';
import { HypnosError } from '../shared/errors.ts';
import type { CodedError, Result } from '../shared/errors.ts';
import type { PackageId } from '../shared/types.ts';
import { tidyKeptWeights } from './keptWeights.ts';
import type { ModelStore } from './types.ts';

export type { SourceDescriptor } from '../packages/source.ts';

export interface ManagerJob {
  readonly kind: 'import' | 'verify' | 'repair';
  /** The package that is verified or repaired; null for an import. */
  readonly key: PackageId | null;
  readonly progress: ImportProgress;
  /** Null until known. */
  readonly bytesPerSecond: number | null;
  readonly secondsLeft: number | null;
}

export interface ManagerState {
  readonly job: ManagerJob | null;
  /** Imports that did not end, and how much of each is here. */
  readonly pending: readonly PendingRecord[];
  /** Packages that can be brought back until the next start. */
  readonly removed: readonly {
    readonly key: PackageId;
    readonly title: { readonly zh: string; readonly en: string };
    readonly origin: { readonly version: string; readonly installed: InstalledRecord };
  }[];
  /** The last action's failure; `key` where it belongs to a package. */
  readonly failure: { readonly key: PackageId | null; readonly error: CodedError } | null;
  /** What the last verification of a package found. */
  readonly checked: ReadonlyMap<PackageId, readonly string[]>;
  /** What the last import brought. */
  readonly imported: PackageId | null;
}

export interface ManagerActions {
  refresh(): Promise<void>;
  /** Brings a package; one that is installed already is repaired. */
  importFrom(source: SourceDescriptor): Promise<void>;
  cancel(): void;
  verify(key: PackageId): Promise<void>;
  /** Fetches what is damaged again. @param source 'server': the server that serves the page */
  repair(key: PackageId, source: SourceDescriptor | 'server'): Promise<void>;
  remove(key: PackageId): Promise<void>;
  restore(key: PackageId): Promise<void>;
  discard(key: PackageId): Promise<void>;
  fail(error: CodedError): void;
  dismissFailure(): void;
}
export type ManagerStore = StoreApi<ManagerState & ManagerActions>;

/** Tabs tell each other here which packages they removed; none: others came, came back or were let go. */
const CHANNEL_NAME = 'hypnos-packages';

interface StoreMessage {
  readonly removed: readonly PackageId[];
}

function tellOtherTabs(removed: readonly PackageId[] = []): void {
  const channel = new BroadcastChannel(CHANNEL_NAME);
  channel.postMessage({ removed } satisfies StoreMessage);
  channel.close();
}

function onOtherTab(listener: (message: StoreMessage) => void): void {
  // Never closed: stores live as long as the page.
  new BroadcastChannel(CHANNEL_NAME).addEventListener('message', (event) => {
    listener((event as MessageEvent<StoreMessage>).data);
  });
}

/** Hears of what other tabs bring and remove: a model that is gone is not kept running here, and the page says so. */
export function followOtherTabs(model: ModelStore): void {
  onOtherTab(({ removed }) => void model.getState().packagesChanged(removed));
}

export function createManager(model: ModelStore, modelsUrl: string): ManagerStore {
  let worker: ImportWorker | null = null;
  const work = () => (worker ??= spawnImportWorker());

  const store = createStore<ManagerState & ManagerActions>((set, get) => {
    async function run<Value>(
      kind: ManagerJob['kind'],
      key: PackageId | null,
      action: (onProgress: (progress: ImportProgress) => void) => Promise<Result<Value>>,
    ): Promise<Value | null> {
      if (get().job) return null;
      const rate = createRateMeter();
      let stage: ImportProgress['stage'] | null = null;
      const onProgress = (progress: ImportProgress) => {
        stage = progress.stage;
        const bytesPerSecond =
          stage === 'copying' || stage === 'checking' ? rate(progress.bytesDone, performance.now()) : null;
        const left = progress.bytesTotal - progress.bytesDone;
        set({
          job: {
            kind,
            key,
            progress,
            bytesPerSecond,
            secondsLeft: bytesPerSecond ? left / bytesPerSecond : null,
          },
        });
      };
      set({ failure: null, imported: null });
      onProgress({ stage: 'reading', file: null, bytesDone: 0, bytesTotal: 0 });
      let value: Value | null = null;
      try {
        const result = await action(onProgress);
        if (result.ok) value = result.value;
        else if (result.error.code !== 'cancelled') set({ failure: { key, error: result.error } });
      } catch (error) {
        set({ failure: { key, error: HypnosError.from(error, 'storage-unavailable').toCoded() } });
      }
      set({ job: null });
      await get().refresh();
      tellOtherTabs();
      return value;
    }

    async function change(
      key: PackageId,
      action: Promise<Result<null>>,
      removed: readonly PackageId[] = [],
    ): Promise<void> {
      const result = await action;
      if (!result.ok) set({ failure: { key, error: result.error } });
      await get().refresh();
      // Last: this page hears it too, and would read what was removed before the list is without it.
      if (result.ok) tellOtherTabs(removed);
    }

    async function readLeftovers(): Promise<void> {
      const [pending, removed] = await Promise.all([
        listRecords<PendingRecord>('pending'),
        listRecords<InstalledRecord>('removed'),
      ]);
      set({
        pending,
        removed: removed.map((installed) => {
          const { title, version } = contentOf(installed);
          return { key: installed.key, title, origin: { version, installed } };
        }),
      });
    }
    onOtherTab(() => void readLeftovers());

    return {
      job: null,
      pending: [],
      removed: [],
      failure: null,
      checked: new Map(),
      imported: null,

      refresh: async () => {
        await model.getState().refreshPackages();
        await readLeftovers(); // a package is not shown as removed while it is still listed
      },
      importFrom: async (source) => {
        const key = await run('import', null, async (onProgress) => {
          const trusted = await fetchTrustedKeys(modelsUrl);
          return work().import(source, trusted, onProgress);
        });
        if (key !== null) set({ imported: key });
      },
      cancel: () => void work().cancel(),
      verify: async (key) => {
        const damaged = await run('verify', key, (onProgress) => work().verify(key, onProgress));
        if (damaged) set({ checked: new Map(get().checked).set(key, damaged) });
      },
      repair: async (key, source) => {
        const fetched = await run('repair', key, async (onProgress) => {
          const from = source === 'server' ? await serverSource(key, modelsUrl) : source;
          return work().repair(key, from, onProgress);
        });
        if (fetched === null) return;
        set({ checked: new Map(get().checked).set(key, []) });
        const { engine, load } = model.getState();
        if (engine.phase === 'failed' && engine.packageId === key) await load(key);
      },
      remove: async (key) => {
        const { engine, unload } = model.getState();
        const isLoaded =
          (engine.phase === 'ready' || engine.phase === 'generating') && engine.model.id === key;
        if (isLoaded) await unload();
        await change(key, work().remove(key), [key]);
        await removeWeights(key);
      },
      restore: (key) => change(key, work().restore(key)),
      discard: (key) => change(key, work().discard(key)),
      fail: (error) => {
        set({ failure: { key: null, error } });
      },
      dismissFailure: () => {
        set({ failure: null });
      },
    };
  });
  void store.getState().refresh();
  return store;
}

/**
 * The package's folder on the server that serves the page: where it was installed from, or the served package of its id.
 * @throws HypnosError 'package-not-found', 'network-unavailable'
 */
async function serverSource(key: PackageId, modelsUrl: string): Promise<SourceDescriptor> {
  const { source } = await readInstalled(key);
  if (source.kind === 'url') return { kind: 'url', baseUrl: new URL(source.name, modelsUrl).href };
  const served = await findServed(modelsUrl, (url, init) => fetch(url, init), key.split('@', 1)[0] ?? key);
  return { kind: 'url', baseUrl: served.baseUrl };
}

function contentOf({ manifest }: InstalledRecord): Pick<PackageManifest, 'title' | 'version'> {
  return JSON.parse(manifest) as PackageManifest;
}

/**
 * Deletes every package in this browser, with what is left of imports and what was kept for the CPU engine; waits for
 * another tab's import to end.
 */
export async function eraseInstalled(): Promise<void> {
  await removeAllWeights();
  const { storage, locks } = navigator as { storage?: StorageManager; locks?: LockManager };
  if (!storage || !locks || !(await openRoom('staging'))) return;
  await locks.request(STORE_LOCK, async () => {
    const installed = await listRecords<InstalledRecord>('installed');
    const root = await storage.getDirectory();
    await root.removeEntry(STORE_FOLDER, { recursive: true });
    tellOtherTabs(installed.map(({ key }) => key));
  });
}

/** Held, shared, by every open page. */
const PAGES_LOCK = 'hypnos-packages-pages';
/** A page that was just closed or reloaded holds its lock for a moment longer. */
const CLOSING_MS = 3000;

/**
 * At a start with no other page open: removed packages go for good, and so do bytes that belong to nothing. Never rejects.
 */
export async function tidyAtStart(modelsUrl: string): Promise<void> {
  const { locks } = navigator as { locks?: LockManager };
  if (!locks) return;
  await locks
    .request(PAGES_LOCK, { signal: AbortSignal.timeout(CLOSING_MS) }, async () => {
      if (await openRoom('staging')) {
        const worker = spawnImportWorker();
        await worker.tidy(true);
        worker.terminate();
        tellOtherTabs(); // this one too, whose list may have been read before
      }
      await tidyKeptWeights(modelsUrl);
    })
    .catch(() => undefined);
  void locks
    .request(PAGES_LOCK, { mode: 'shared' }, () => new Promise<never>(() => {}))
    .catch(() => undefined);
}
