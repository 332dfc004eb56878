/** The stores' ports in a real page. */
import type { EngineClient } from '../engine/client/types.ts';
import { openHistory } from '../history/repository.ts';
import { systemClock } from '../platform/clock.ts';
import { EngineLease } from '../platform/locks.ts';
import type { KeyValueStorage, StorePorts } from './ports.ts';

/** @param modelsUrl absolute URL of the folder that serves packages, ends in '/' */
export function browserPorts(options: {
  readonly engine: EngineClient;
  readonly modelsUrl?: string;
}): StorePorts {
  let isRenewed = false;
  const modelsUrl = options.modelsUrl ?? new URL('models/', document.baseURI).href;
  return {
    engine: options.engine,
    history: openHistory({ locks: (navigator as { locks?: LockManager }).locks }),
    listPackages: async () => {
      // A chunk of its own: its schema validator would be a tenth of what the first paint waits for.
      const { listPackages } = await import('./packages.ts');
      const renew = isRenewed;
      isRenewed = true;
      return listPackages(modelsUrl, {
        fetch: (url, init) => fetch(url, init),
        caches: window.caches,
        renew,
      });
    },
    sources: {
      find: async (...request) => (await import('../library/sources.ts')).findSources(...request),
      checkCitations: async (...answer) => (await import('../library/sources.ts')).checkAnswer(...answer),
    },
    createLease: (onHandover) => new EngineLease(onHandover),
    storage: browserStorage(),
    clock: systemClock,
    now: () => Date.now(),
    onNextFrame: (callback) => {
      const frame = requestAnimationFrame(callback);
      return () => {
        cancelAnimationFrame(frame);
      };
    },
    onHide: (callback) => {
      const onVisibility = () => {
        if (document.visibilityState === 'hidden') callback();
      };
      document.addEventListener('visibilitychange', onVisibility);
      addEventListener('pagehide', callback);
      return () => {
        document.removeEventListener('visibilitychange', onVisibility);
        removeEventListener('pagehide', callback);
      };
    },
  };
}

/** localStorage; where it is blocked or full, settings last as long as the page. */
export function browserStorage(): KeyValueStorage {
  const unstored = new Map<string, string | null>();
  return {
    read: (key) => {
      const kept = unstored.get(key);
      if (kept !== undefined) return kept;
      try {
        return localStorage.getItem(key);
      } catch {
        return null;
      }
    },
    write: (key, value) => {
      try {
        if (value === null) localStorage.removeItem(key);
        else localStorage.setItem(key, value);
        unstored.delete(key);
      } catch {
        unstored.set(key, value);
      }
    },
    watch: (key, listener) => {
      const onStorage = (event: StorageEvent) => {
        // key null: everything was cleared.
        if (event.key === key || event.key === null) listener();
      };
      addEventListener('storage', onStorage);
      return () => {
        removeEventListener('storage', onStorage);
      };
    },
  };
}
