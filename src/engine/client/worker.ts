/// <reference types="vite/client" />
/** Starts the real inference worker and tells when it is gone. */
import * as Comlink from 'comlink';
import { trustedScriptUrl } from '../../platform/trustedTypes.ts';
import { HypnosError } from '../../shared/errors.ts';
import type { EngineApi } from '../shared/api.ts';
import type { EngineWorker } from './supervisor.ts';
// The URL of the worker's script, none of its code.
import workerUrl from '../worker/engine.worker.ts?worker&url';

export function spawnEngineWorker(): EngineWorker {
  // The worker holds a Web Lock of this name while it lives.
  const name = `hypnos-engine-worker-${crypto.randomUUID()}`;
  const worker = new Worker(trustedScriptUrl(workerUrl), { type: 'module', name });
  const remote = Comlink.wrap<EngineApi>(worker);
  const gone = new AbortController();
  const listeners: ((error: HypnosError) => void)[] = [];
  let death: HypnosError | null = null;

  const die = (detail: Record<string, string>) => {
    if (death || gone.signal.aborted) return;
    death = new HypnosError('engine-crashed', detail);
    for (const listener of listeners) listener(death);
  };
  // An exception that nobody caught, or a script that could not be loaded: either way its state is unknown.
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    die({ message: event.message || 'the worker script could not be loaded' });
  });
  worker.addEventListener('messageerror', () => {
    die({ message: 'a message could not be read' });
  });
  void watchLock(name, remote, gone.signal).then((isFreed) => {
    if (isFreed) die({ message: 'the worker ended' });
  });

  return {
    api: {
      report: () => remote.report(),
      load: (location, options, onProgress) => remote.load(location, options, Comlink.proxy(onProgress)),
      generate: (request, onEvent) => remote.generate(request, Comlink.proxy(onEvent)),
      interrupt: (id) => remote.interrupt(id),
      unload: () => remote.unload(),
      ping: () => remote.ping(),
      measureThreads: () => (remote as unknown as Required<EngineApi>).measureThreads(),
      onDeviceLost: async (listener) => {
        await (remote as unknown as Required<EngineApi>).onDeviceLost(Comlink.proxy(listener));
      },
    },
    onDeath: (listener) => {
      if (death) listener(death);
      else listeners.push(listener);
    },
    terminate: () => {
      gone.abort();
      worker.terminate();
    },
  };
}

/** @returns whether the worker held the lock and the browser has freed it */
async function watchLock(
  name: string,
  remote: Pick<EngineApi, 'ping'>,
  signal: AbortSignal,
): Promise<boolean> {
  const { locks } = navigator as { locks?: LockManager };
  if (!locks) return false;
  try {
    await remote.ping();
    const { held } = await locks.query();
    // Only a worker that is known to have held it can be known to have lost it.
    if (!held?.some((lock) => lock.name === name)) return false;
    return await locks.request(name, { signal }, () => true);
  } catch {
    return false; // terminated from here
  }
}
