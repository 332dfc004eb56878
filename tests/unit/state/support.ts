/** The stores over a real history (in fake-indexeddb), a scripted engine, and time that tests turn by hand. */
import type { EngineClient, EngineState } from '../../../src/engine/client/types.ts';
import type {
  EngineName,
  GenerateOutcome,
  GenerateRequest,
  LoadOptions,
  LoadedModel,
  ThreadMeasurement,
} from '../../../src/engine/shared/api.ts';
import type { HistoryRepository } from '../../../src/history/types.ts';
import { HypnosError } from '../../../src/shared/errors.ts';
import type { HypnosErrorCode } from '../../../src/shared/errors.ts';
import { createStores } from '../../../src/state/index.ts';
import type { StoresHandle } from '../../../src/state/index.ts';
import type { KeyValueStorage, LeasePort, SourcePort, StorePorts } from '../../../src/state/ports.ts';
import type { PackageSummary } from '../../../src/state/types.ts';
import { FakeLocks, freshName, testHistory } from '../history/support.ts';

export const MODEL: LoadedModel = {
  id: 'demo',
  title: { zh: '演示', en: 'Demo' },
  contextWindowSize: 2048,
  library: 'software',
  engine: 'web-llm',
  engineReason: 'gpu-fits',
};

export const SUMMARY: PackageSummary = {
  id: 'demo',
  version: '1.0.0',
  title: MODEL.title,
  notice: { zh: '', en: '' },
  reviewed: false,
  architecture: 'llama',
  quantization: 'q4f32_1',
  parameters: 1,
  contextWindowSize: 2048,
  bytes: 1,
  licence: '',
  data: [],
  offline: false,
};

/** One generation that the test conducts. */
export class Generation {
  readonly request: GenerateRequest;
  readonly #onText: (delta: string) => void;
  readonly #settle: { resolve: (outcome: GenerateOutcome) => void; reject: (error: Error) => void };
  readonly onStarted: (info: { promptTokens: number; droppedTurns: number }) => void;

  constructor(
    request: GenerateRequest,
    handlers: Parameters<EngineClient['generate']>[1],
    settle: { resolve: (outcome: GenerateOutcome) => void; reject: (error: Error) => void },
  ) {
    this.request = request;
    this.#onText = handlers.onText;
    this.onStarted = handlers.onStarted ?? (() => {});
    this.#settle = settle;
  }

  say(...deltas: string[]): void {
    for (const delta of deltas) this.#onText(delta);
  }

  end(finishReason: GenerateOutcome['finishReason'] = 'stop', droppedTurns = 0): void {
    this.#settle.resolve({
      finishReason,
      droppedTurns,
      contextTokens: 30,
      stats: {
        promptTokens: 20,
        completionTokens: 10,
        timeToFirstTokenSeconds: 0.1,
        prefillTokensPerSecond: 100,
        decodeTokensPerSecond: 50,
      },
    });
  }

  fail(code: HypnosErrorCode): void {
    this.#settle.reject(new HypnosError(code));
  }
}

export class ScriptedEngine implements EngineClient {
  state: EngineState = { phase: 'idle' };
  readonly generations: Generation[] = [];
  readonly loads: string[] = [];
  loadError: HypnosErrorCode | null = null;
  unloads = 0;
  readonly #listeners = new Set<(state: EngineState) => void>();

  getState = () => this.state;
  subscribe = (listener: (state: EngineState) => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  report = () =>
    Promise.resolve({
      userAgent: 'test',
      hasWebGpu: true,
      isSecureContext: true,
      adapter: null,
      hardwareConcurrency: 2,
      deviceMemoryGiB: null,
    });
  /** What each load was told beyond the settings. */
  readonly overrides: (LoadOptions | undefined)[] = [];
  /** Loads with this engine fail. */
  brokenEngine: EngineName | null = null;
  load = (id: string, _signal?: AbortSignal, overrides?: LoadOptions) => {
    this.loads.push(id);
    this.overrides.push(overrides);
    if (this.brokenEngine && overrides?.engine === this.brokenEngine) {
      const error = new HypnosError('webgpu-too-weak');
      this.set({ phase: 'failed', error: error.toCoded(), packageId: id });
      return Promise.reject(error);
    }
    if (this.loadError) {
      const error = new HypnosError(this.loadError);
      this.set({ phase: 'failed', error: error.toCoded(), packageId: id });
      return Promise.reject(error);
    }
    this.set({ phase: 'ready', model: { ...MODEL, id } });
    return Promise.resolve({ ...MODEL, id });
  };
  generate = (
    request: GenerateRequest,
    handlers: Parameters<EngineClient['generate']>[1],
    signal?: AbortSignal,
  ) =>
    new Promise<GenerateOutcome>((resolve, reject) => {
      const generation = new Generation(request, handlers, { resolve, reject });
      signal?.addEventListener('abort', () => {
        generation.end('stopped');
      });
      this.generations.push(generation);
    });
  unload = () => {
    this.unloads += 1;
    for (const generation of this.generations) generation.fail('cancelled'); // those that are over do not mind
    this.set({ phase: 'idle' });
    return Promise.resolve();
  };
  /** What the next measurements tell; absent: nothing to find out. */
  threads: ThreadMeasurement | null = null;
  threadMeasurements = 0;
  measureThreads = () => {
    this.threadMeasurements += 1;
    return Promise.resolve(this.threads);
  };
  dispose = () => {};

  set(state: EngineState): void {
    this.state = state;
    for (const listener of this.#listeners) listener(state);
  }
}

/** Timers fire when the test says so. */
export class HandClock {
  time = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now = () => this.time;
  after = (milliseconds: number, callback: () => void) => {
    const timer = { at: this.time + milliseconds, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  advance(milliseconds: number): void {
    const end = this.time + milliseconds;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.time = Math.max(this.time, next.at);
      next.callback();
    }
    this.time = end;
  }
}

export class HandLease implements LeasePort {
  state: LeasePort['state'] = 'unknown';
  requests = 0;
  readonly onHandover: () => Promise<void>;
  readonly #grant: 'held' | 'waiting';
  readonly #listeners = new Set<(state: LeasePort['state']) => void>();

  constructor(onHandover: () => Promise<void>, grant: 'held' | 'waiting') {
    this.onHandover = onHandover;
    this.#grant = grant;
  }
  subscribe = (listener: (state: LeasePort['state']) => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  wait = () => {
    if (this.state === 'unknown') this.set(this.#grant);
  };
  requestHandover = () => {
    this.requests += 1;
  };
  dispose = () => {};
  set(state: LeasePort['state']): void {
    this.state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }
}

export function memoryStorage(initial: Record<string, string> = {}) {
  const values = new Map(Object.entries(initial));
  const listeners = new Map<string, () => void>();
  const storage: KeyValueStorage & {
    values: Map<string, string>;
    changeElsewhere(key: string, value: string): void;
  } = {
    values,
    read: (key) => values.get(key) ?? null,
    write: (key, value) => {
      if (value === null) values.delete(key);
      else values.set(key, value);
    },
    watch: (key, listener) => {
      listeners.set(key, listener);
      return () => listeners.delete(key);
    },
    changeElsewhere: (key, value) => {
      values.set(key, value);
      listeners.get(key)?.();
    },
  };
  return storage;
}

export interface Tab {
  readonly stores: StoresHandle;
  readonly history: HistoryRepository;
  readonly engine: ScriptedEngine;
  readonly clock: HandClock;
  readonly lease: HandLease;
  readonly storage: ReturnType<typeof memoryStorage>;
  /** Draws one frame. */
  frame(): void;
  hide(): void;
  /** The nth generation, once it has been asked for. */
  generation(index: number): Promise<Generation>;
}

export interface TabOptions {
  readonly database?: string;
  readonly locks?: FakeLocks;
  readonly lease?: 'held' | 'waiting';
  /** A function: asked at every listing. */
  readonly packages?: readonly PackageSummary[] | (() => readonly PackageSummary[]);
  readonly sources?: SourcePort;
  /** Wraps the repository, to let writes fail. */
  readonly wrap?: (history: HistoryRepository) => HistoryRepository;
}

export function openTab(options: TabOptions = {}): Tab {
  const inner = testHistory(options.database ?? freshName(), (options.locks ?? new FakeLocks()).tab().locks);
  const history = options.wrap?.(inner.history) ?? inner.history;
  const engine = new ScriptedEngine();
  const clock = new HandClock();
  const storage = memoryStorage();
  const frames = new Set<() => void>();
  const hiders = new Set<() => void>();
  let lease: HandLease | null = null;
  const ports: StorePorts = {
    history,
    engine,
    clock,
    storage,
    ...(options.sources ? { sources: options.sources } : {}),
    listPackages: () => {
      const packages = typeof options.packages === 'function' ? options.packages() : options.packages;
      return Promise.resolve({
        defaultId: packages?.[0]?.id ?? (packages ? null : 'demo'),
        packages: packages ?? [SUMMARY],
      });
    },
    createLease: (onHandover) => (lease = new HandLease(onHandover, options.lease ?? 'held')),
    now: () => (inner.time.now += 1),
    onNextFrame: (callback) => {
      frames.add(callback);
      return () => frames.delete(callback);
    },
    onHide: (callback) => {
      hiders.add(callback);
      return () => hiders.delete(callback);
    },
  };
  const stores = createStores(ports);
  return {
    stores,
    history,
    engine,
    clock,
    lease: lease!,
    storage,
    frame: () => {
      const drawn = [...frames];
      frames.clear();
      for (const callback of drawn) callback();
    },
    hide: () => {
      for (const callback of hiders) callback();
    },
    generation: async (index) => {
      for (;;) {
        const generation = engine.generations[index];
        if (generation) return generation;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
  };
}
