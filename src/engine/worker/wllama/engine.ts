/**
 * EngineApi over llama.cpp on the CPU. A load goes manifest -> files -> weights (read, verified and transcoded; or
 * kept-weights, see weights.ts) -> starting (llama.cpp takes the weights in) -> ready.
 */
import { systemClock } from '../../../platform/clock.ts';
import { reportDevice } from '../../../platform/webgpu.ts';
import { packageFetch } from '../../../packages/installed.ts';
import { weightsKey } from '../../../packages/keptWeights.ts';
import { fetchManifest, PackageReader } from '../../../packages/reader.ts';
import { checkId } from '../../../packages/served.ts';
import { HypnosError } from '../../../shared/errors.ts';
import type { Result } from '../../../shared/errors.ts';
import type {
  DeviceReport,
  EngineApi,
  EngineReason,
  GenerateEvent,
  GenerateOutcome,
  GenerateRequest,
  LoadOptions,
  LoadProgress,
  LoadedModel,
  PackageLocation,
  ThreadMeasurement,
} from '../../shared/api.ts';
import { toHypnosError } from '../errors.ts';
import { TRANSCODING_FORMAT } from '../gguf/transcode.ts';
import { ProgressMeter } from '../progress.ts';
import { openPackage, openingBytes } from './package.ts';
import type { LlamaRuntime } from './runtime.ts';
import { CompletionSession } from './session.ts';
import { getWeights } from './weights.ts';

interface Loaded {
  readonly session: CompletionSession;
  readonly runtime: LlamaRuntime;
  /** Absent: there is nothing to find out. */
  measureThreads?: ((signal: AbortSignal) => Promise<ThreadMeasurement>) | undefined;
}

export class WllamaEngine implements Omit<EngineApi, 'ping' | 'onDeviceLost' | 'load'> {
  #loading: AbortController | null = null;
  #loaded: Loaded | null = null;
  #running: { readonly id: string; readonly stop: AbortController } | null = null;
  #measuring: { readonly stop: AbortController; readonly ended: Promise<unknown> } | null = null;

  report(): Promise<DeviceReport> {
    return reportDevice(globalThis);
  }

  interrupt(generationId: string): Promise<void> {
    if (this.#running?.id === generationId) this.#running.stop.abort();
    return Promise.resolve();
  }

  async unload(): Promise<void> {
    this.#loading?.abort();
    this.#running?.stop.abort();
    const loaded = this.#loaded;
    this.#loaded = null;
    this.#measuring?.stop.abort();
    await this.#measuring?.ended; // two starts of llama.cpp must not overlap
    await loaded?.runtime.exit();
  }

  async measureThreads(): Promise<ThreadMeasurement | null> {
    const loaded = this.#loaded;
    if (!loaded?.measureThreads || this.#running || this.#measuring) return null;
    const stop = new AbortController();
    const ended = loaded.measureThreads(stop.signal).catch((error: unknown) => {
      // The guess holds.
      if (!stop.signal.aborted) console.warn('threads could not be measured', error);
      return null;
    });
    this.#measuring = { stop, ended };
    const measured = await ended;
    this.#measuring = null;
    if (!stop.signal.aborted) loaded.measureThreads = undefined; // once is enough, if it fails too
    return measured;
  }

  async load(
    location: PackageLocation,
    options: LoadOptions,
    onProgress: (progress: LoadProgress) => void,
    reason: EngineReason,
  ): Promise<Result<LoadedModel>> {
    await this.unload();
    const loading = new AbortController();
    this.#loading = loading;
    try {
      const meter = new ProgressMeter(onProgress, systemClock);
      return { ok: true, value: await this.#load(location, options, meter, loading.signal, reason) };
    } catch (error) {
      const coded = loading.signal.aborted
        ? new HypnosError('cancelled')
        : toHypnosError(error, 'engine-load-failed');
      return { ok: false, error: coded.toCoded() };
    } finally {
      if (this.#loading === loading) this.#loading = null;
    }
  }

  async generate(
    request: GenerateRequest,
    onEvent: (event: GenerateEvent) => void,
  ): Promise<Result<GenerateOutcome>> {
    const loaded = this.#loaded;
    if (!loaded) return { ok: false, error: new HypnosError('model-not-loaded').toCoded() };
    if (this.#running) return { ok: false, error: new HypnosError('engine-busy').toCoded() };
    this.#measuring?.stop.abort();
    const stop = new AbortController();
    this.#running = { id: request.id, stop };
    try {
      const value = await loaded.session.generate(request, {
        signal: stop.signal,
        onEvent,
        now: () => systemClock.now(),
      });
      return { ok: true, value };
    } catch (error) {
      // A trap inside llama.cpp: its state is unknown, so the worker is replaced.
      const isTrap = error instanceof Error && error.name === 'RuntimeError';
      const code = isTrap ? 'engine-crashed' : 'generation-failed';
      return { ok: false, error: toHypnosError(error, code).toCoded() };
    } finally {
      this.#running = null;
    }
  }

  async #load(
    location: PackageLocation,
    options: LoadOptions,
    meter: ProgressMeter,
    signal: AbortSignal,
    reason: EngineReason,
  ): Promise<LoadedModel> {
    const fetchFile = packageFetch; // served or installed, all the same to the reader
    meter.begin('manifest');
    const code = import('./runtime.ts');
    code.catch(() => {}); // reported where it is awaited
    const manifest = await fetchManifest(location.baseUrl, fetchFile, signal);
    checkId(manifest, location.id);
    const reader = new PackageReader(location.baseUrl, manifest, fetchFile);
    const readOptions = {
      signal,
      onBytes: (count: number) => {
        meter.addBytes(count);
      },
    };
    meter.begin('files', openingBytes(reader));
    const opened = await openPackage(
      reader,
      options.contextWindowSize ?? manifest.context_window_size,
      readOptions,
    );
    const { contextWindowSize, template, tokenizer, model } = opened;

    const key = options.keepWeights ? await weightsKey(location.id, manifest, TRANSCODING_FORMAT) : null;
    const weights = await getWeights(opened, key, meter, readOptions);
    const start = async () => {
      const { LlamaRuntime } = await code;
      if (signal.aborted) throw new HypnosError('cancelled');
      meter.begin('starting');
      const chosen =
        options.threads === undefined
          ? LlamaRuntime.chooseThreads(model, options.threadMeasurements ?? [])
          : { threads: options.threads, isMeasurable: false };
      const runtime = await LlamaRuntime.load(
        { ...chosen, model: weights.files, contextWindowSize },
        opened.tokenName,
      );
      const measure = (stop: AbortSignal) => LlamaRuntime.measure(model, stop);
      return {
        runtime,
        measured: chosen.measured,
        measureThreads: chosen.isMeasurable ? measure : undefined,
      };
    };
    const { runtime, measured, measureThreads } = await start().finally(() => weights.release());
    if (signal.aborted) {
      await runtime.exit();
      throw new HypnosError('cancelled');
    }
    this.#loaded = {
      runtime,
      session: new CompletionSession(runtime, tokenizer, template, contextWindowSize),
      measureThreads,
    };
    meter.begin('ready');
    return {
      id: manifest.id,
      title: manifest.title,
      contextWindowSize,
      library: 'llama.cpp',
      engine: 'wllama',
      engineReason: reason,
      threads: runtime.threads,
      ...(measured ? { threadMeasurement: measured } : {}),
      ...(weights.report ? { weights: weights.report } : {}),
    };
  }
}
