/** Puts the real parts together: engine, history, stores. */
import { createEngineClient } from '../engine/client/index.ts';
import { systemClock } from '../platform/clock.ts';
import { browserPorts, createStores } from '../state/index.ts';
import type { StoresHandle } from '../state/index.ts';

/** A model that is kept, small, or served from this computer loads with the page; a large download is asked for. */
const LOADS_UNASKED_BYTES = 512e6;

export function startStores(): StoresHandle {
  const modelsUrl = new URL('models/', document.baseURI).href;
  const fetchFile = (url: string, init: RequestInit) => fetch(url, init);
  // Read at every load: the setting may change while the page is open.
  const preference = () => stores.settings.getState().engine;
  const engine = createEngineClient({
    loadOptions: async (id) => {
      const [{ contextChoice }, { knownThreads }, { weightsChoice }] = await Promise.all([
        import('../state/contextChoice.ts'),
        import('../state/threads.ts'),
        import('../state/keptWeights.ts'),
      ]);
      return { engine: preference(), ...contextChoice(id), ...knownThreads(), ...weightsChoice(id) };
    },
    locate: async (id) => {
      const { isInstalledKey, installedBaseUrl } = await import('../packages/installed.ts');
      if (isInstalledKey(id)) return { id, baseUrl: installedBaseUrl(id) };
      const { findServed } = await import('../packages/served.ts');
      return findServed(modelsUrl, fetchFile, id);
    },
  });
  const stop = engine.subscribe((state) => {
    if (state.phase !== 'ready' || state.model.engine !== 'wllama') return;
    stop();
    void import('../state/threads.ts').then(({ measureWhenIdle }) => measureWhenIdle(engine, systemClock));
    // In use: without a network it must be there as the rest of the page is.
    void import('./cpuEngine.ts').then(({ keepCpuEngine }) => keepCpuEngine());
  });
  let noted: object | null = null;
  engine.subscribe((state) => {
    // Ready again after an answer is the same load.
    if (state.phase !== 'ready' || !state.model.weights || state.model === noted) return;
    const { model } = state;
    noted = model;
    void import('../state/keptWeights.ts').then(({ noteWeights }) => {
      noteWeights(model);
    });
  });
  const stores = createStores(browserPorts({ engine, modelsUrl }));
  return stores;
}

/** Writes the engine's phase on the document, where tests and measurements read it. */
export function showEnginePhase({ model }: StoresHandle): void {
  const show = () => {
    document.documentElement.dataset.enginePhase = model.getState().engine.phase;
  };
  show();
  model.subscribe(show);
}

/** Loads the default model in the background once it is known which one that is, unless that costs the user something. */
export function loadDefaultModel(stores: StoresHandle, servedLocally: boolean): void {
  const { model } = stores;
  const consider = (): void => {
    const { packages, defaultId, ensureLoaded } = model.getState();
    const summary = packages.find(({ id }) => id === defaultId);
    if (summary && (servedLocally || summary.offline || summary.bytes <= LOADS_UNASKED_BYTES))
      void ensureLoaded();
  };
  if (model.getState().packagesLoaded) {
    consider();
    return;
  }
  const stop = model.subscribe(({ packagesLoaded }) => {
    if (!packagesLoaded) return;
    stop(); // first: loading is a change too
    consider();
  });
}

/**
 * Frees what removed packages and broken-off imports left behind, then follows what other tabs bring and remove; in the
 * background, it needs nobody.
 */
export function tidyPackages({ model }: StoresHandle): void {
  void import('../state/manager.ts').then(
    ({ tidyAtStart, followOtherTabs }) => {
      followOtherTabs(model);
      return tidyAtStart(new URL('models/', document.baseURI).href);
    },
    () => undefined,
  );
}
