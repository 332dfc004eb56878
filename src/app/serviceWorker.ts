/**
 * The service worker's life as the page sees it.
 *
 *   first visit:  registered -> activated -> controls the page    'kept': the page opens without its server
 *   an update:    installed, waits -> 'ready' -> activate() -> the new one controls every tab -> 'controlling'
 *
 * It never takes over by itself: the user agrees first (src/sw/sw.ts skips waiting only when told).
 */
import { trustedScriptUrl } from '../platform/trustedTypes.ts';

export interface ServiceWorkerEvents {
  /** Whether the page itself opens without its server. */
  readonly onKept: (kept: boolean) => void;
  /** A new version is installed and waits. */
  readonly onUpdateReady: () => void;
  /** The new version runs; this tab must be reloaded to match it. */
  readonly onUpdated: () => void;
}

export interface ServiceWorkerHandle {
  /** Lets the waiting version take over. */
  activate(): void;
  unregister(): Promise<void>;
}

const UPDATE_INTERVAL_MS = 60 * 60 * 1000;

async function register(events: ServiceWorkerEvents): Promise<ServiceWorkerRegistration | undefined> {
  const { Workbox } = await import('workbox-window');
  const workbox = new Workbox(trustedScriptUrl(new URL('sw.js', document.baseURI)));
  workbox.addEventListener('waiting', events.onUpdateReady);
  // The first version claims the pages that are open while it installs: nothing changes for them then.
  let isControlled = navigator.serviceWorker.controller !== null;
  workbox.addEventListener('controlling', () => {
    if (isControlled) events.onUpdated();
    isControlled = true;
  });
  return workbox.register({ immediate: true });
}

export function registerServiceWorker(events: ServiceWorkerEvents): ServiceWorkerHandle {
  const container = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;
  if (!container || import.meta.env.DEV) {
    events.onKept(false);
    return { activate: () => {}, unregister: () => Promise.resolve() };
  }
  const registered = register(events).catch(() => undefined);
  void registered.then((registration) => {
    if (!registration) return void events.onKept(false);
    void container.ready.then(() => {
      events.onKept(true);
    });
    const check = () => {
      if (navigator.onLine) void registration.update().catch(() => undefined);
    };
    setInterval(check, UPDATE_INTERVAL_MS);
    addEventListener('online', check);
  });
  return {
    activate: () => {
      void registered.then((registration) => {
        registration?.waiting?.postMessage({ type: 'activate-update' });
      });
    },
    unregister: async () => {
      await (await registered)?.unregister();
    },
  };
}
