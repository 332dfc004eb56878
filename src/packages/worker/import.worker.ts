/** The worker that writes the package store. */
import * as Comlink from 'comlink';
import { HypnosError } from '../../shared/errors.ts';
import type { Result } from '../../shared/errors.ts';
import type { PackageId } from '../../shared/types.ts';
import type { ImportApi, ImportProgress } from '../import.ts';
import { STORE_LOCK, readInstalled } from '../installed.ts';
import type { TrustedKeys } from '../signature.ts';
import type { SourceDescriptor } from '../source.ts';
import { importPackage, repairInstalled, verifyInstalled } from './importer.ts';
import { releaseSha256 } from './sha256.ts';
import { openSource } from './sources.ts';
import { PackageStore } from './store.ts';

declare const self: DedicatedWorkerGlobalScope;

type Remote = ((progress: ImportProgress) => Promise<void>) & Partial<Comlink.ProxyMethods>;

let running: AbortController | null = null;

/** Runs an action while no other tab changes the store. */
async function exclusively<Value>(
  action: () => Promise<Value>,
  options: { readonly signal?: AbortSignal; readonly onWait?: () => void } = {},
): Promise<Result<Value>> {
  const { signal, onWait } = options;
  try {
    const { held } = await navigator.locks.query();
    if (held?.some(({ name }) => name === STORE_LOCK)) onWait?.();
    // The typings flatten the callback's promise wrongly.
    const value = (await navigator.locks.request(STORE_LOCK, signal ? { signal } : {}, action)) as Value;
    return { ok: true, value };
  } catch (error) {
    const known = signal?.aborted
      ? new HypnosError('cancelled')
      : HypnosError.from(error, 'storage-unavailable');
    return { ok: false, error: known.toCoded() };
  }
}

/** One long action at a time; the last progress arrives before the result does. */
async function withProgress<Value>(
  onProgress: Remote,
  action: (context: {
    readonly signal: AbortSignal;
    readonly onProgress: (progress: ImportProgress) => void;
  }) => Promise<Value>,
): Promise<Result<Value>> {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  let last = Promise.resolve();
  const report = (progress: ImportProgress) => {
    last = onProgress(progress);
  };
  const result = await exclusively(() => action({ signal: mine.signal, onProgress: report }), {
    signal: mine.signal,
    onWait: () => {
      report({ stage: 'waiting', file: null, bytesDone: 0, bytesTotal: 0 });
    },
  });
  await last;
  releaseSha256();
  onProgress[Comlink.releaseProxy]?.();
  if (running === mine) running = null;
  return result;
}

const api = {
  import: (source: SourceDescriptor, trusted: TrustedKeys, onProgress: Remote) =>
    withProgress(onProgress, async (context) =>
      importPackage(await openSource(source), { ...context, trusted }),
    ),
  verify: (key: PackageId, onProgress: Remote) =>
    withProgress(onProgress, async (context) => verifyInstalled(await readInstalled(key), context)),
  repair: (key: PackageId, source: SourceDescriptor, onProgress: Remote) =>
    withProgress(onProgress, async (context) =>
      repairInstalled(await readInstalled(key), await openSource(source), context),
    ),
  cancel: () => {
    running?.abort();
  },
  remove: (key: PackageId) =>
    exclusively(async () => {
      await (await PackageStore.open()).moveRecord(key, 'installed', 'removed');
      return null;
    }),
  restore: (key: PackageId) =>
    exclusively(async () => {
      const store = await PackageStore.open();
      if (!(await store.moveRecord(key, 'removed', 'installed')))
        throw new HypnosError('package-not-found', { id: key });
      return null;
    }),
  discard: (key: PackageId) =>
    exclusively(async () => {
      const store = await PackageStore.open();
      await store.dropRecord('pending', key);
      await store.collectGarbage(false);
      return null;
    }),
  tidy: (purge: boolean) => exclusively(async () => (await PackageStore.open()).collectGarbage(purge)),
} satisfies Record<keyof ImportApi, unknown>;

Comlink.expose(api, self);
