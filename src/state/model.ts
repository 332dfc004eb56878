/**
 * The model: which packages are served, which tab holds the one engine, and what the engine does.
 *
 *   lease 'held' + wanted --> engine.load --> 'ready'
 *   another tab asks -------> answers end, engine unloads, lease given up ('waiting'), taken back when that tab closes
 */
import { createStore } from 'zustand/vanilla';
import type { LoadedModel } from '../engine/shared/api.ts';
import { HypnosError } from '../shared/errors.ts';
import type { CodedError } from '../shared/errors.ts';
import type { PackageId } from '../shared/types.ts';
import type { LeasePort, StorePorts } from './ports.ts';
import type {
  EngineLease,
  EngineState,
  ModelActions,
  ModelState,
  ModelStore,
  PackageSummary,
} from './types.ts';

const DEFAULT_KEY = 'hypnos.default-model';
/** A lease that nobody holds is granted at once: shorter waits are not worth telling. */
const WAITING_SHOWN_AFTER_MS = 300;

/** The package that an engine loads, runs or failed to run; null where there is none. */
function packageOf(state: EngineState): PackageId | null {
  if (state.phase === 'idle') return null;
  return 'model' in state ? state.model.id : state.packageId;
}

export interface ModelRoom {
  readonly store: ModelStore;
  /** Resolves with a model that is ready to answer, loading one if none is. Rejects with HypnosError. */
  ready(signal: AbortSignal): Promise<LoadedModel>;
  /** Resolves when it is known which packages there are. */
  readonly listed: Promise<void>;
  /** Which model would answer now; null when there is none. */
  current(): { readonly id: PackageId; readonly title: { readonly zh: string; readonly en: string } } | null;
  /** Whether this tab may answer; waits a moment at the start, until it is known. */
  holdsEngine(): Promise<boolean>;
  dispose(): void;
}

/** @param answers those that this tab writes */
export function createModelRoom(
  ports: StorePorts,
  answers: { whenIdle(): Promise<void>; interruptAll(): void },
): ModelRoom {
  const { engine, storage, clock } = ports;
  const { whenIdle } = answers;
  /** Set while this tab means to have a model: null, the default one. */
  let wanted: { readonly id: PackageId | null } | null = null;
  const want = (next: typeof wanted) => {
    wanted = next;
    // Only a change is told: whoever hears it may ask for the model again.
    if (store.getState().wanted !== (next !== null)) store.setState({ wanted: next !== null });
  };
  /** The last model that ran here. */
  let lastRun: PackageSummary | null = null;
  let loading: { readonly id: PackageId; readonly promise: Promise<LoadedModel>; cancel: () => void } | null =
    null;

  /** Ends the comparison that runs. */
  let comparing: AbortController | null = null;

  let isHandingOver = false;
  const lease = ports.createLease(async () => {
    isHandingOver = true;
    loading?.cancel();
    await whenIdle();
    await engine.unload();
  });

  const store: ModelStore = createStore<ModelState & ModelActions>((set) => ({
    packages: [],
    packagesLoaded: false,
    defaultId: storage.read(DEFAULT_KEY),
    engine: engine.getState(),
    lease: 'unknown',
    wanted: false,
    missing: null,
    device: null,
    error: null,
    gpuLosses: 0,

    ensureLoaded: async () => {
      want(wanted ?? { id: null });
      if (engine.getState().phase === 'idle') await loadWanted();
      // What failed once is tried again when the user asks for it, not by every screen that opens.
    },
    load: async (id) => {
      want({ id });
      if (lease.state !== 'held') lease.requestHandover();
      else {
        await whenIdle();
        await loadWanted();
      }
    },
    cancelLoad: () => {
      if (comparing && !loading) {
        comparing.abort(); // a load of its own; what ran before stays wanted
        return;
      }
      want(null);
      loading?.cancel();
    },
    unload: async () => {
      want(null);
      loading?.cancel();
      answers.interruptAll();
      set({ gpuLosses: 0 });
      await engine.unload();
    },
    reload: async () => {
      const id = packageOf(engine.getState());
      const { unload, load: loadAgain, ensureLoaded } = store.getState();
      await unload();
      await (id === null ? ensureLoaded() : loadAgain(id));
    },
    setDefault: (id) => {
      storage.write(DEFAULT_KEY, id);
      set({ defaultId: id });
    },
    requestLease: () => {
      want(wanted ?? { id: null });
      lease.requestHandover();
    },
    measureSpeed: async () => (await import('./speed.ts')).measureSpeed(engine),
    compareEngines: async (onStep, signal) => {
      const stop = new AbortController();
      comparing = stop;
      try {
        const { compareLoaded } = await import('./comparison.ts');
        return await compareLoaded(
          {
            engine,
            clock,
            mayRun: mayLoad,
            whenIdle,
            load,
            before: packageOf(engine.getState()),
            defaultId: store.getState().defaultId,
          },
          onStep,
          AbortSignal.any([signal, stop.signal]),
        );
      } finally {
        comparing = null;
      }
    },
    refreshPackages: () => listPackages(),
    packagesChanged: async (removed) => {
      const before = store.getState().packages;
      // First: what an answer that is being written says of its model stays with it.
      await whenIdle();
      await listPackages();
      const id = packageOf(engine.getState()) ?? wanted?.id ?? null;
      const isGone = !store.getState().packages.some((known) => known.id === id);
      if (id === null || !removed.includes(id) || !isGone) return;
      lastRun = before.find((known) => known.id === id) ?? lastRun;
      await store.getState().unload();
      set({ error: null });
      showMissing();
    },
  }));

  const listed = listPackages();

  async function listPackages(): Promise<void> {
    try {
      const { defaultId, packages } = await ports.listPackages();
      const chosen = storage.read(DEFAULT_KEY);
      const isServed = packages.some(({ id }) => id === chosen);
      store.setState({ packages, packagesLoaded: true, defaultId: isServed ? chosen : defaultId });
      showMissing();
    } catch (error) {
      store.setState({ packagesLoaded: true, error: HypnosError.from(error).toCoded() });
    }
  }

  /** Tells of a model that ran here and is gone, unless another runs or it came back. */
  function showMissing(): void {
    const { engine: state, packages } = store.getState();
    const isGone = lastRun !== null && !packages.some(({ id }) => id === lastRun?.id);
    store.setState({ missing: isGone && state.phase === 'idle' ? lastRun : null });
  }

  /** Loads what is wanted if this tab may; never rejects, failures are state. */
  async function loadWanted(): Promise<void> {
    await listed;
    const id = wanted?.id ?? store.getState().defaultId;
    if (!wanted || !mayLoad() || id === null) return;
    await load(id).catch(() => undefined);
  }

  function mayLoad(): boolean {
    return lease.state === 'held' && !isHandingOver;
  }

  function load(id: PackageId): Promise<LoadedModel> {
    const state = engine.getState();
    if ((state.phase === 'ready' || state.phase === 'generating') && state.model.id === id)
      return Promise.resolve(state.model);
    if (loading?.id === id) return loading.promise;
    loading?.cancel();
    const controller = new AbortController();
    store.setState({ error: null });
    const promise = engine.load(id, controller.signal);
    const mine = {
      id,
      promise,
      cancel: () => {
        controller.abort();
      },
    };
    loading = mine;
    promise
      .catch((error: unknown) => {
        const coded = HypnosError.from(error, 'engine-load-failed').toCoded();
        if (coded.code !== 'cancelled') store.setState({ error: coded });
        // The list is of a time before it went.
        if (coded.code === 'package-not-found') void listPackages();
      })
      .finally(() => {
        if (loading === mine) loading = null;
      });
    return promise;
  }

  async function ready(signal: AbortSignal): Promise<LoadedModel> {
    await listed;
    if (signal.aborted) throw new HypnosError('cancelled');
    if (lease.state !== 'held') throw new HypnosError('engine-busy', { holder: 'another-tab' });
    const state = engine.getState();
    if (state.phase === 'ready' || state.phase === 'generating') return state.model;
    const id = 'packageId' in state && state.phase === 'recovering' ? state.packageId : null;
    const waiting = id === null ? loadForAnswer() : recovered();
    return abortable(waiting, signal);
  }

  function loadForAnswer(): Promise<LoadedModel> {
    if (loading) return loading.promise;
    const id = wanted?.id ?? store.getState().defaultId;
    if (id === null) return Promise.reject(new HypnosError('model-not-loaded'));
    want(wanted ?? { id: null });
    return load(id);
  }

  /** The engine client recovers by itself; this only waits for how it ends. */
  function recovered(): Promise<LoadedModel> {
    return new Promise((resolve, reject) => {
      const stop = engine.subscribe((state) => {
        if (state.phase === 'recovering' || state.phase === 'loading') return;
        stop();
        if (state.phase === 'ready' || state.phase === 'generating') resolve(state.model);
        else if (state.phase === 'failed') reject(new HypnosError(state.error.code, state.error.detail));
        else reject(new HypnosError('model-not-loaded'));
      });
    });
  }

  let lastFailure: CodedError | null = null;
  const stopEngine = engine.subscribe((state) => {
    store.setState({ engine: state });
    const failure =
      state.phase === 'recovering' ? state.cause : state.phase === 'failed' ? state.error : lastFailure;
    // One failure is told with every step of the recovery from it.
    if (failure && failure !== lastFailure && failure.code.startsWith('gpu-'))
      store.setState({ gpuLosses: store.getState().gpuLosses + 1 });
    lastFailure = failure;
    if (state.phase === 'idle') showMissing();
    if (state.phase !== 'ready') return;
    lastRun = store.getState().packages.find(({ id }) => id === state.model.id) ?? null;
    store.setState({ missing: null });
  });
  const { settled, dispose: disposeLease } = followLease(lease, clock, (shown) => {
    isHandingOver = false;
    store.setState({ lease: shown });
    if (shown === 'held') void loadWanted();
  });
  void engine.report().then(
    (device) => {
      store.setState({ device });
    },
    (error: unknown) => {
      store.setState({ error: HypnosError.from(error).toCoded() });
    },
  );

  return {
    store,
    ready,
    listed,
    holdsEngine: async () => {
      await settled;
      return mayLoad();
    },
    current: () => {
      const { engine: state, packages, defaultId } = store.getState();
      if (state.phase === 'ready' || state.phase === 'generating') return state.model;
      const id = loading?.id ?? (state.phase === 'recovering' ? state.packageId : (wanted?.id ?? defaultId));
      return packages.find((known) => known.id === id) ?? null;
    },
    dispose: () => {
      stopEngine();
      disposeLease();
    },
  };
}

/** Waits for the lease and tells its state, but not a wait that ends at once. */
function followLease(
  lease: LeasePort,
  clock: StorePorts['clock'],
  onChange: (shown: EngineLease) => void,
): { settled: Promise<void>; dispose: () => void } {
  let cancelTimer: (() => void) | null = null;
  let settle: () => void = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const show = (state: EngineLease) => {
    cancelTimer?.();
    cancelTimer = null;
    onChange(state);
    settle();
  };
  const follow = () => {
    const { state } = lease;
    if (state !== 'waiting') show(state);
    else
      cancelTimer ??= clock.after(WAITING_SHOWN_AFTER_MS, () => {
        show('waiting');
      });
  };
  const stop = lease.subscribe(follow);
  lease.wait();
  return {
    settled,
    dispose: () => {
      cancelTimer?.();
      stop();
      lease.dispose();
    },
  };
}

function abortable<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(new HypnosError('cancelled'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}
