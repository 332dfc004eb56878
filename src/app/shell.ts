/** Makes the store behind `useShell`: what the frame knows of network, offline copies, updates and storage. */
import { createStore } from 'zustand/vanilla';
import { HypnosError } from '../shared/errors.ts';
import { reportStorage, requestPersistence } from '../platform/storage.ts';
import type { Stores } from '../state/types.ts';
import type { ShellActions, ShellState, ShellStore } from '../ui/shell.ts';
import { registerServiceWorker } from './serviceWorker.ts';

/** A chunk of its own: reading manifests needs a schema validator, the first paint does not. */
const offline = () => import('./offline.ts');
const findKeptPackages = async () => (await offline()).findKeptPackages();

const FOLDED_KEY = 'hypnos.sidebar-folded';
/** Progress arrives with every network chunk; the screen needs no more than this. */
const PROGRESS_INTERVAL_MS = 100;

export function createShell(stores: Stores): ShellStore {
  let keeping: AbortController | null = null;

  const store = createStore<ShellState & ShellActions>((set, get) => ({
    online: navigator.onLine,
    servedLocally: ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname),
    shellKept: null,
    update: 'none',
    storage: { usedBytes: null, quotaBytes: null, persisted: null, refused: false },
    keptPackages: null,
    keeping: null,
    keepError: null,
    cpuEngine: null,
    version: __HYPNOS_VERSION__,
    drawerOpen: false,
    sidebarFolded: readFolded(),
    shortcutsOpen: false,
    renaming: null,

    keepPackage: async (id) => {
      if (keeping) return;
      const mine = new AbortController();
      keeping = mine;
      set({
        keepError: null,
        keeping: { packageId: id, bytesDone: 0, bytesTotal: 0, bytesPerSecond: null, secondsLeft: null },
      });
      // Now, while the user's click still counts: some browsers ask only then.
      void get().requestPersistence();
      let shownAt = 0;
      try {
        const { keepPackage } = await offline();
        await keepPackage(
          id,
          (progress) => {
            const now = performance.now();
            if (now - shownAt < PROGRESS_INTERVAL_MS && progress.bytesDone < progress.bytesTotal) return;
            shownAt = now;
            set({ keeping: progress });
          },
          mine.signal,
        );
      } catch (error) {
        const coded = HypnosError.from(error).toCoded();
        if (coded.code !== 'cancelled') set({ keepError: { packageId: id, error: coded } });
      } finally {
        keeping = null;
        set({ keeping: null, keptPackages: await findKeptPackages().catch(() => get().keptPackages) });
        await get().refreshStorage();
      }
    },
    cancelKeeping: () => keeping?.abort(),
    dropPackage: async (id) => {
      try {
        await (await offline()).dropPackage(id);
      } catch (error) {
        set({ keepError: { packageId: id, error: HypnosError.from(error).toCoded() } });
      }
      set({ keptPackages: await findKeptPackages().catch(() => get().keptPackages) });
      await get().refreshStorage();
    },

    refreshCpuEngine: async () => {
      const { keptCpuEngineBytes } = await import('./cpuEngine.ts');
      const bytes = await keptCpuEngineBytes().catch(() => null);
      set({ cpuEngine: { isBusy: false, hasFailed: false, ...get().cpuEngine, bytes } });
    },
    setCpuEngineKept: async (keep) => {
      const { dropCpuEngine, keepCpuEngine } = await import('./cpuEngine.ts');
      set({ cpuEngine: { bytes: null, isBusy: true, hasFailed: false } });
      const isDone = keep ? await keepCpuEngine() : await dropCpuEngine().then(() => true);
      set({ cpuEngine: { bytes: null, isBusy: false, hasFailed: !isDone } });
      await Promise.all([get().refreshCpuEngine(), get().refreshStorage()]);
    },

    refreshStorage: async () => {
      const { usageBytes, quotaBytes, persisted } = await reportStorage();
      set({ storage: { ...get().storage, usedBytes: usageBytes, quotaBytes, persisted } });
    },
    requestPersistence: async () => {
      const granted = await requestPersistence();
      set({ storage: { ...get().storage, refused: granted === false } });
      await get().refreshStorage();
    },

    applyUpdate: () => {
      set({ update: 'applying' });
      serviceWorker.activate();
    },

    eraseEverything: async () => {
      get().cancelKeeping();
      await stores.history.getState().eraseEverything();
      await (await import('../state/records.ts')).records.erase();
      await (await import('../library/documents.ts')).eraseLibrary();
      await (await import('../state/manager.ts')).eraseInstalled();
      stores.settings.getState().reset();
      // What the service worker keeps of the page itself holds nothing of the user's.
      for (const name of await caches.keys()) if (!name.includes('precache')) await caches.delete(name);
      localStorage.clear();
      location.hash = '';
      location.reload();
    },

    setDrawerOpen: (drawerOpen) => {
      set({ drawerOpen });
    },
    setSidebarFolded: (sidebarFolded) => {
      set({ sidebarFolded });
      try {
        localStorage.setItem(FOLDED_KEY, String(sidebarFolded));
      } catch {
        // Storage is blocked: it is folded for this visit only.
      }
    },
    setShortcutsOpen: (shortcutsOpen) => {
      set({ shortcutsOpen });
    },
    setRenaming: (renaming) => {
      set({ renaming });
    },
  }));

  const serviceWorker = registerServiceWorker({
    onKept: (shellKept) => {
      store.setState({ shellKept });
    },
    onUpdateReady: () => {
      store.setState({ update: 'ready' });
    },
    onUpdated: () => {
      reloadWhenQuiet(stores);
    },
  });

  for (const name of ['online', 'offline'] as const) {
    addEventListener(name, () => {
      store.setState({ online: navigator.onLine });
    });
  }
  void store.getState().refreshStorage();
  void findKeptPackages().then(
    (keptPackages) => {
      store.setState({ keptPackages });
    },
    () => undefined,
  );
  askAfterFirstAnswers(stores, store);
  return store;
}

/** The files of this tab's version are gone from the precache: reload, but never in the middle of an answer. */
function reloadWhenQuiet(stores: Stores): void {
  const { chat } = stores;
  if (!chat.getState().answering) return void location.reload();
  const stop = chat.subscribe((state) => {
    if (state.answering) return;
    stop();
    location.reload();
  });
}

/** Someone who has had answers has something to lose: ask the browser then to keep it. */
function askAfterFirstAnswers(stores: Stores, shell: ShellStore): void {
  const ANSWERS = 2;
  let answers = 0;
  const stop = stores.chat.subscribe((now, before) => {
    if (!before.answering || now.answering) return;
    answers += 1;
    if (answers < ANSWERS) return;
    stop();
    if (shell.getState().storage.persisted === false) void shell.getState().requestPersistence();
  });
}

function readFolded(): boolean {
  try {
    return localStorage.getItem(FOLDED_KEY) === 'true';
  } catch {
    return false;
  }
}
