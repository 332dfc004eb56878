/**
 * EngineClient: keeps one worker alive and one model in it.
 *
 *              load                ok                generate            outcome
 *   idle ----------------> loading ----> ready ----------------> generating ----> ready
 *                            |             |                         |
 *                            +-------------+-----------+-------------+
 *                                                      | the worker died, hung or lost its device
 *                                                      v
 *                            ready <---- ok ---- recovering ---- after several in a row ----> failed
 *
 * A worker that failed is never trusted again: it is terminated and a fresh one loads the model. `#epoch` counts
 * workers; whatever an earlier one still says is ignored.
 */
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError, HypnosErrorCode } from '../../shared/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { PackageId } from '../../shared/types.ts';
import type {
  DeviceReport,
  EngineApi,
  GenerateOutcome,
  GenerateRequest,
  LoadOptions,
  LoadProgress,
  LoadedModel,
  PackageLocation,
  ThreadMeasurement,
} from '../shared/api.ts';
import type { EngineClient, EngineState, GenerateHandlers } from './types.ts';
import { Watchdog } from './watchdog.ts';

/** A worker that runs; everything the supervisor knows of one. */
export interface EngineWorker {
  readonly api: EngineApi;
  /** `listener` hears once that the worker is gone, or of no more use. */
  onDeath(listener: (error: HypnosError) => void): void;
  terminate(): void;
}

export interface SupervisorOptions {
  readonly spawn: () => EngineWorker;
  readonly clock: Clock;
  /** @throws HypnosError 'package-not-found' and others */
  readonly locate: (id: PackageId) => Promise<PackageLocation>;
  /** Used where no worker can be started. */
  readonly reportWithoutWorker: () => Promise<DeviceReport>;
  /** Asked at every load. */
  readonly loadOptions?: (id: PackageId) => LoadOptions | Promise<LoadOptions>;
  readonly timing?: Partial<Timing>;
}

export interface Timing {
  readonly pingIntervalMs: number;
  /** While it generates, a worker returns to its event loop between two steps. */
  readonly hangAfterMs: number;
  /** While it loads, one step (a library, a large tokenizer) may be minutes of a slow machine. */
  readonly loadHangAfterMs: number;
  /** How long an aborted generation may take to end: then the caller has its outcome. */
  readonly abortGraceMs: number;
  /**
   * How long the worker itself may take, if it has not given a first piece: it reads the prompt, and a batch of that is
   * many times a token. One that has given pieces takes a step as short as theirs, and is given up with the grace.
   */
  readonly promptGraceMs: number;
  /** Pause before the nth respawn in a row; as many as there are attempts. */
  readonly respawnDelaysMs: readonly number[];
  /** A failure this long after the last one begins a new row. */
  readonly failureMemoryMs: number;
}

export const DEFAULT_TIMING: Timing = {
  pingIntervalMs: 5_000,
  hangAfterMs: 60_000,
  loadHangAfterMs: 5 * 60_000,
  abortGraceMs: 30_000,
  promptGraceMs: 5 * 60_000,
  respawnDelaysMs: [0, 1_000, 5_000],
  failureMemoryMs: 10 * 60_000,
};

/** Failures after which the worker, not the request, is at fault. */
const WORKER_FAILURES: ReadonlySet<HypnosErrorCode> = new Set<HypnosErrorCode>([
  'gpu-device-lost',
  'gpu-out-of-memory',
  'engine-crashed',
  'engine-unresponsive',
]);

const NO_PROGRESS: LoadProgress = {
  stage: 'manifest',
  fraction: null,
  bytesDone: 0,
  bytesTotal: 0,
  bytesPerSecond: null,
  secondsLeft: null,
};

interface Waiter {
  readonly resolve: (model: LoadedModel) => void;
  readonly reject: (error: HypnosError) => void;
}

interface Job {
  readonly request: GenerateRequest;
  readonly handlers: GenerateHandlers;
  readonly resolve: (outcome: GenerateOutcome) => void;
  readonly reject: (error: HypnosError) => void;
  /** Pieces that onText has had, and what is known of the prompt: the outcome of a job that must be ended from here. */
  pieces: number;
  promptTokens: number;
  droppedTurns: number;
  isAborted: boolean;
  isOver: boolean;
  /** Runs until the worker has ended the job, which may be long after it is over for the caller. */
  cancelGrace: (() => void) | null;
}

export class EngineSupervisor implements EngineClient {
  readonly #options: SupervisorOptions;
  readonly #timing: Timing;
  readonly #listeners = new Set<(state: EngineState) => void>();
  #state: EngineState = { phase: 'idle' };
  #worker: EngineWorker | null = null;
  #watchdog: Watchdog | null = null;
  #epoch = 0;
  /** The package that should be loaded; kept through recovery. */
  #target: PackageId | null = null;
  #overrides: LoadOptions = {};
  #waiters = new Set<Waiter>();
  #queue: Job[] = [];
  #running: Job | null = null;
  #failures = 0;
  #failedAt = -Infinity;
  #cancelRespawn: (() => void) | null = null;
  #isDisposed = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
  }

  getState(): EngineState {
    return this.#state;
  }

  subscribe(listener: (state: EngineState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async report(): Promise<DeviceReport> {
    if (this.#isDisposed) return this.#options.reportWithoutWorker();
    const worker = this.#worker ?? this.#spawn();
    let stopWaiting = () => {};
    const noAnswer = new Promise<never>((_, reject) => {
      worker.onDeath(reject);
      stopWaiting = this.#options.clock.after(this.#timing.hangAfterMs, () => {
        reject(new HypnosError('engine-unresponsive'));
      });
    });
    try {
      return await Promise.race([worker.api.report(), noAnswer]);
    } catch {
      return this.#options.reportWithoutWorker();
    } finally {
      stopWaiting();
    }
  }

  load(packageId: PackageId, signal?: AbortSignal, overrides: LoadOptions = {}): Promise<LoadedModel> {
    if (this.#isDisposed || signal?.aborted) return Promise.reject(new HypnosError('cancelled'));
    const state = this.#state;
    const isCurrent = this.#target === packageId;
    if (isCurrent && (state.phase === 'ready' || state.phase === 'generating'))
      return Promise.resolve(state.model);
    if (!isCurrent || (state.phase !== 'loading' && state.phase !== 'recovering')) {
      this.#giveUp(new HypnosError('cancelled'));
      this.#target = packageId;
      this.#overrides = overrides;
      this.#failures = 0;
      void this.#loadTarget(null);
    }
    return new Promise<LoadedModel>((resolve, reject) => {
      const onAbort = () => {
        this.#waiters.delete(waiter);
        reject(new HypnosError('cancelled'));
        if (this.#waiters.size === 0 && this.#target === packageId && this.#state.phase === 'loading') {
          this.#giveUp(new HypnosError('cancelled'));
          this.#setState({ phase: 'idle' });
        }
      };
      const settle =
        <Value>(action: (value: Value) => void) =>
        (value: Value) => {
          signal?.removeEventListener('abort', onAbort);
          action(value);
        };
      const waiter: Waiter = { resolve: settle(resolve), reject: settle(reject) };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  generate(
    request: GenerateRequest,
    handlers: GenerateHandlers,
    signal?: AbortSignal,
  ): Promise<GenerateOutcome> {
    const { phase } = this.#state;
    if (phase === 'failed') return Promise.reject(fromCoded(this.#state.error));
    if (this.#isDisposed || phase === 'idle') return Promise.reject(new HypnosError('model-not-loaded'));
    return new Promise<GenerateOutcome>((resolve, reject) => {
      const onAbort = () => {
        this.#abort(job);
      };
      const end =
        <Value>(action: (value: Value) => void) =>
        (value: Value) => {
          if (job.isOver) return;
          job.isOver = true;
          signal?.removeEventListener('abort', onAbort);
          action(value);
        };
      const job: Job = {
        request,
        handlers,
        resolve: end(resolve),
        reject: end(reject),
        pieces: 0,
        promptTokens: 0,
        droppedTurns: 0,
        isAborted: false,
        isOver: false,
        cancelGrace: null,
      };
      this.#queue.push(job);
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
      this.#drain();
    });
  }

  async measureThreads(): Promise<ThreadMeasurement | null> {
    return (this.#state.phase === 'ready' && (await this.#worker?.api.measureThreads?.())) || null;
  }

  unload(): Promise<void> {
    this.#giveUp(new HypnosError('cancelled'));
    this.#setState({ phase: 'idle' });
    return Promise.resolve();
  }

  dispose(): void {
    this.#isDisposed = true;
    void this.unload();
    this.#listeners.clear();
  }

  async #loadTarget(cause: CodedError | null): Promise<void> {
    const packageId = this.#target;
    if (packageId === null) return;
    const showProgress = (progress: LoadProgress) => {
      this.#setState(
        cause
          ? { phase: 'recovering', packageId, cause, progress }
          : { phase: 'loading', packageId, progress },
      );
    };
    const worker = this.#worker ?? this.#spawn();
    const epoch = this.#epoch;
    showProgress(NO_PROGRESS);
    this.#watchdog?.start(this.#timing.loadHangAfterMs);
    try {
      const location = await this.#options.locate(packageId);
      const options = { ...(await this.#options.loadOptions?.(packageId)), ...this.#overrides };
      if (epoch !== this.#epoch) return;
      const result = await worker.api.load(location, options, (progress) => {
        if (epoch === this.#epoch && this.#state.phase !== 'ready') showProgress(progress);
      });
      if (epoch !== this.#epoch) return;
      this.#watchdog?.stop();
      if (!result.ok) {
        this.#onLoadError(fromCoded(result.error));
        return;
      }
      // The manifest's id, which an engine tells, is not unique: several versions may be installed.
      const model = { ...result.value, id: packageId };
      this.#setState({ phase: 'ready', model });
      for (const waiter of this.#takeWaiters()) waiter.resolve(model);
      this.#drain();
    } catch (error) {
      if (epoch === this.#epoch) this.#onLoadError(HypnosError.from(error, 'engine-load-failed'));
    }
  }

  #onLoadError(error: HypnosError): void {
    // Too little memory for this model will be too little again.
    if (WORKER_FAILURES.has(error.code) && error.code !== 'gpu-out-of-memory') {
      this.#onWorkerFailure(error);
      return;
    }
    const packageId = this.#target;
    this.#giveUp(error);
    this.#setState(
      error.code === 'cancelled' ? { phase: 'idle' } : { phase: 'failed', error: error.toCoded(), packageId },
    );
  }

  #onWorkerFailure(error: HypnosError): void {
    const { clock } = this.#options;
    this.#dropWorker();
    this.#takeRunning()?.reject(error);
    const packageId = this.#target;
    if (packageId === null) return; // nothing was loaded; the next call spawns another
    if (clock.now() - this.#failedAt > this.#timing.failureMemoryMs) this.#failures = 0;
    this.#failedAt = clock.now();
    const delay = this.#timing.respawnDelaysMs[this.#failures];
    this.#failures += 1;
    if (delay === undefined) {
      this.#giveUp(error);
      this.#setState({ phase: 'failed', error: error.toCoded(), packageId });
      return;
    }
    const cause = error.toCoded();
    this.#setState({ phase: 'recovering', packageId, cause, progress: NO_PROGRESS });
    this.#cancelRespawn = clock.after(delay, () => {
      this.#cancelRespawn = null;
      void this.#loadTarget(cause);
    });
  }

  #drain(): void {
    if (this.#state.phase !== 'ready' || this.#running) return;
    const job = this.#queue.shift();
    if (job) void this.#run(job, this.#state.model);
  }

  async #run(job: Job, model: LoadedModel): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const epoch = this.#epoch;
    this.#running = job;
    this.#setState({ phase: 'generating', model, generationId: job.request.id });
    this.#watchdog?.start(this.#timing.hangAfterMs);
    let error: HypnosError | null = null;
    try {
      const result = await worker.api.generate(job.request, (event) => {
        if (epoch !== this.#epoch || job.isOver) return;
        if (event.type === 'text') {
          job.pieces += 1;
          job.handlers.onText(event.delta);
        } else {
          job.promptTokens = event.promptTokens;
          job.droppedTurns = event.droppedTurns;
          job.handlers.onStarted?.(event);
        }
      });
      if (epoch !== this.#epoch) return;
      if (result.ok) {
        this.#failures = 0;
        job.resolve(result.value);
      } else error = fromCoded(result.error);
    } catch (thrown) {
      if (epoch !== this.#epoch) return;
      error = HypnosError.from(thrown, 'generation-failed');
    }
    this.#watchdog?.stop();
    job.cancelGrace?.();
    if (error && WORKER_FAILURES.has(error.code)) {
      this.#onWorkerFailure(error);
      return;
    }
    this.#running = null;
    if (error) job.reject(error);
    this.#setState({ phase: 'ready', model });
    this.#drain();
  }

  #abort(job: Job): void {
    if (job.isOver || job.isAborted) return;
    job.isAborted = true;
    if (this.#running !== job) {
      this.#queue = this.#queue.filter((queued) => queued !== job);
      job.resolve(stoppedOutcome(job));
      return;
    }
    this.#worker?.api.interrupt(job.request.id).catch(() => {});
    const { abortGraceMs, promptGraceMs } = this.#timing;
    const giveUp = () => {
      this.#onWorkerFailure(new HypnosError('engine-unresponsive', { reason: 'did not stop' }));
    };
    job.cancelGrace = this.#options.clock.after(abortGraceMs, () => {
      job.resolve(stoppedOutcome(job));
      if (job.pieces > 0) giveUp();
      else job.cancelGrace = this.#options.clock.after(promptGraceMs - abortGraceMs, giveUp);
    });
  }

  #spawn(): EngineWorker {
    const worker = this.#options.spawn();
    this.#epoch += 1;
    const epoch = this.#epoch;
    this.#worker = worker;
    const fail = (error: HypnosError) => {
      if (epoch === this.#epoch) this.#onWorkerFailure(error);
    };
    worker.onDeath(fail);
    worker.api
      .onDeviceLost?.((error) => {
        fail(fromCoded(error));
      })
      .catch(() => {
        // An engine without a device to lose.
      });
    this.#watchdog = new Watchdog({
      clock: this.#options.clock,
      ping: () => worker.api.ping(),
      onHang: (silentMs) => {
        fail(new HypnosError('engine-unresponsive', { seconds: silentMs / 1000 }));
      },
      intervalMs: this.#timing.pingIntervalMs,
    });
    return worker;
  }

  #dropWorker(): void {
    this.#epoch += 1;
    this.#cancelRespawn?.();
    this.#cancelRespawn = null;
    this.#watchdog?.stop();
    this.#watchdog = null;
    this.#worker?.terminate();
    this.#worker = null;
  }

  /** Ends everything that runs or waits, with this error; the caller sets the state. */
  #giveUp(error: HypnosError): void {
    const isUntouched = this.#target === null && this.#running === null;
    if (!isUntouched) this.#dropWorker();
    this.#target = null;
    for (const waiter of this.#takeWaiters()) waiter.reject(error);
    const jobs = [this.#takeRunning(), ...this.#queue.splice(0)];
    for (const job of jobs) job?.reject(error);
  }

  #takeRunning(): Job | null {
    const job = this.#running;
    this.#running = null;
    job?.cancelGrace?.();
    return job;
  }

  #takeWaiters(): readonly Waiter[] {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    return waiters;
  }

  #setState(state: EngineState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }
}

function stoppedOutcome(job: Job): GenerateOutcome {
  return {
    finishReason: 'stopped',
    stats: {
      promptTokens: job.promptTokens,
      completionTokens: job.pieces,
      timeToFirstTokenSeconds: 0,
      prefillTokensPerSecond: 0,
      decodeTokensPerSecond: 0,
    },
    droppedTurns: job.droppedTurns,
    contextTokens: job.promptTokens + job.pieces,
  };
}

function fromCoded({ code, detail }: CodedError): HypnosError {
  return new HypnosError(code, detail);
}
