/// <reference types="vite/client" />
/** Starts the import worker. */
import * as Comlink from 'comlink';
import { trustedScriptUrl } from '../platform/trustedTypes.ts';
import type { ImportApi } from './import.ts';
// The URL of the worker's script, none of its code.
import workerUrl from './worker/import.worker.ts?worker&url';

export interface ImportWorker extends ImportApi {
  /** What it wrote so far stays for going on later. */
  terminate(): void;
}

export function spawnImportWorker(): ImportWorker {
  const worker = new Worker(trustedScriptUrl(workerUrl), { type: 'module', name: 'hypnos-import' });
  const remote = Comlink.wrap<ImportApi>(worker);
  return {
    import: (source, trusted, onProgress) => remote.import(source, trusted, Comlink.proxy(onProgress)),
    verify: (key, onProgress) => remote.verify(key, Comlink.proxy(onProgress)),
    repair: (key, source, onProgress) => remote.repair(key, source, Comlink.proxy(onProgress)),
    cancel: () => remote.cancel(),
    remove: (key) => remote.remove(key),
    restore: (key) => remote.restore(key),
    discard: (key) => remote.discard(key),
    tidy: (purge) => remote.tidy(purge),
    terminate: () => {
      worker.terminate();
    },
  };
}
