import type { Clock } from '../../../src/platform/clock.ts';
import type { EngineWorker } from '../../../src/engine/client/supervisor.ts';
import type {
  DeviceReport,
  EngineApi,
  GenerateEvent,
  GenerateOutcome,
  GenerateRequest,
  LoadOptions,
  LoadProgress,
  LoadedModel,
  PackageLocation,
} from '../../../src/engine/shared/api.ts';
import { HypnosError } from '../../../src/shared/errors.ts';
import type { CodedError, Result } from '../../../src/shared/errors.ts';

/** Time that moves when a test says so. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Runs what is due, in order, letting promises settle in between. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      await settle();
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
    await settle();
  }

  /** The machine slept: time has passed, and only then do timers fire. */
  async sleep(milliseconds: number): Promise<void> {
    this.#now += milliseconds;
    await this.advance(0);
  }
}

export const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

export const MODEL: LoadedModel = {
  id: 'm',
  title: { zh: '模型', en: 'Model' },
  contextWindowSize: 2048,
  library: 'm.wasm',
  engine: 'web-llm',
  engineReason: 'gpu-fits',
};

export const outcome = (change: Partial<GenerateOutcome> = {}): GenerateOutcome => ({
  finishReason: 'stop',
  stats: {
    promptTokens: 10,
    completionTokens: 2,
    timeToFirstTokenSeconds: 0.1,
    prefillTokensPerSecond: 100,
    decodeTokensPerSecond: 20,
  },
  droppedTurns: 0,
  contextTokens: 12,
  ...change,
});

const REPORT: DeviceReport = {
  userAgent: 'worker',
  hasWebGpu: true,
  isSecureContext: true,
  adapter: null,
  hardwareConcurrency: 2,
  deviceMemoryGiB: null,
};

interface PendingLoad {
  readonly location: PackageLocation;
  readonly options: LoadOptions;
  readonly progress: (progress: LoadProgress) => void;
  readonly settle: (result: Result<LoadedModel>) => void;
}
interface PendingGenerate {
  readonly request: GenerateRequest;
  readonly emit: (event: GenerateEvent) => void;
  readonly settle: (result: Result<GenerateOutcome>) => void;
}

/** A worker whose every answer the test gives; it can die, hang or lose its device. */
export class FakeWorker implements EngineWorker {
  load: PendingLoad | null = null;
  generate: PendingGenerate | null = null;
  readonly interrupted: string[] = [];
  isTerminated = false;
  isHung = false;
  pings = 0;
  #onDeath: ((error: HypnosError) => void)[] = [];
  #onLost: ((error: CodedError) => void) | null = null;

  readonly api: EngineApi = {
    report: () => (this.isHung ? new Promise(() => {}) : Promise.resolve(REPORT)),
    load: (location, options, progress) =>
      new Promise((resolve) => {
        this.load = { location, options, progress, settle: resolve };
      }),
    generate: (request, emit) =>
      new Promise((resolve) => {
        this.generate = {
          request,
          emit,
          settle: (result) => {
            this.generate = null;
            resolve(result);
          },
        };
      }),
    interrupt: (id) => {
      this.interrupted.push(id);
      return Promise.resolve();
    },
    unload: () => Promise.resolve(),
    ping: () => {
      this.pings += 1;
      return this.isHung ? new Promise(() => {}) : Promise.resolve();
    },
    onDeviceLost: (listener) => {
      this.#onLost = listener;
      return Promise.resolve();
    },
  };

  onDeath(listener: (error: HypnosError) => void): void {
    this.#onDeath.push(listener);
  }

  terminate(): void {
    this.isTerminated = true;
  }

  die(): void {
    for (const listener of this.#onDeath) listener(new HypnosError('engine-crashed', { message: 'gone' }));
  }

  loseDevice(): void {
    this.#onLost?.({ code: 'gpu-device-lost', detail: { reason: 'unknown' } });
  }
}
