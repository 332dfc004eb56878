/**
 * EngineApi over web-llm. A load goes manifest -> files -> weights -> shaders -> ready; nothing of the package reaches
 * web-llm unverified. Every failure leaves as a CodedError.
 */
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError, Result } from '../../shared/errors.ts';
import { systemClock } from '../../platform/clock.ts';
import { describeAdapter, findAdapter, reportDevice } from '../../platform/webgpu.ts';
import { packageFetch } from '../../packages/installed.ts';
import { chooseLibrary } from '../../packages/library.ts';
import { PackageReader, fetchManifest } from '../../packages/reader.ts';
import { checkId } from '../../packages/served.ts';
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
} from '../shared/api.ts';
import { ArtifactCache, listShards, smallFiles } from './artifacts.ts';
import { parseJson, toHypnosError } from './errors.ts';
import { GenerationSession } from './generation.ts';
import { DeviceWatch } from './gpu.ts';
import { ProgressMeter } from './progress.ts';

interface Loaded {
  readonly session: GenerationSession;
  readonly unload: () => Promise<void>;
  readonly watch: DeviceWatch;
}

/** How long the browser may take to tell that a device is lost, once calls on it fail. */
const LOSS_REPORT_MS = 1000;

export class WebLlmEngine implements Omit<EngineApi, 'ping'> {
  #loading: AbortController | null = null;
  #loaded: Loaded | null = null;
  #running: { readonly id: string; readonly stop: AbortController } | null = null;
  /** Rejects what runs when the device fails: web-llm's own promises may then never settle. */
  #abandon: ((error: HypnosError) => void) | null = null;
  #lossListener: ((error: CodedError) => void) | null = null;

  report(): Promise<DeviceReport> {
    return reportDevice(globalThis);
  }

  onDeviceLost(listener: (error: CodedError) => void): Promise<void> {
    this.#lossListener = listener;
    return Promise.resolve();
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
    if (!loaded) return;
    loaded.watch.release();
    await loaded.unload();
  }

  async load(
    location: PackageLocation,
    options: LoadOptions,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<Result<LoadedModel>> {
    await this.unload().catch(() => {
      // A device that is already lost cannot be freed again.
    });
    const loading = new AbortController();
    this.#loading = loading;
    try {
      const value = await this.#untilFailure((watchEvents) =>
        this.#load(
          location,
          options,
          new ProgressMeter(onProgress, systemClock),
          loading.signal,
          watchEvents,
        ),
      );
      return { ok: true, value };
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
    const stop = new AbortController();
    this.#running = { id: request.id, stop };
    try {
      const value = await this.#untilFailure(() =>
        loaded.session.generate(request, {
          signal: stop.signal,
          onEvent,
          now: () => systemClock.now(),
          checkDevice: () => {
            if (loaded.watch.failure) throw loaded.watch.failure;
          },
        }),
      );
      return { ok: true, value };
    } catch (error) {
      const isOwn = error instanceof HypnosError;
      const failure = isOwn ? null : await loaded.watch.failureWithin(LOSS_REPORT_MS);
      return { ok: false, error: (failure ?? toHypnosError(error, 'generation-failed')).toCoded() };
    } finally {
      this.#running = null;
    }
  }

  async #load(
    location: PackageLocation,
    options: LoadOptions,
    meter: ProgressMeter,
    signal: AbortSignal,
    onFailure: (error: HypnosError) => void,
  ): Promise<LoadedModel> {
    const gpu = navigator.gpu as GPU | undefined;
    const fetchFile = packageFetch; // served or installed, all the same to the reader

    meter.begin('manifest');
    const code = import('./webllm.ts'); // 6.8 MB: on its way while the manifest is read
    code.catch(() => {}); // reported where it is awaited
    const [manifest, adapter] = await Promise.all([
      fetchManifest(location.baseUrl, fetchFile, signal),
      findAdapter(gpu),
    ]);
    checkId(manifest, location.id);
    if (!gpu || !adapter)
      throw new HypnosError('webgpu-unavailable', { reason: gpu ? 'no adapter' : 'no WebGPU' });
    const library = chooseLibrary(manifest, describeAdapter(adapter));
    const reader = new PackageReader(location.baseUrl, manifest, fetchFile);
    const readOptions = {
      signal,
      onBytes: (count: number) => {
        meter.addBytes(count);
      },
    };

    const names = smallFiles(library.path);
    meter.begin(
      'files',
      names.reduce((sum, name) => sum + reader.file(name).bytes, 0),
    );
    const [{ loadPipeline }, ...contents] = await Promise.all([
      code,
      ...names.map(async (name) => [name, await reader.read(name, readOptions)] as const),
    ]);
    const small = new Map(contents);
    const config = parseJson(small, 'mlc-chat-config.json');
    const shards = listShards(parseJson(small, 'tensor-cache.json'), reader);

    let isWeightsDone = false;
    const watch = new DeviceWatch(gpu, {
      onFailure,
      onPipelines: (done, total) => {
        if (isWeightsDone) meter.setFraction(done / total);
      },
    });
    new ArtifactCache(reader, shards, small, readOptions).install();
    const contextWindowSize = Math.min(
      options.contextWindowSize ?? manifest.context_window_size,
      manifest.context_window_size,
    );
    meter.begin(
      'weights',
      shards.reduce((sum, shard) => sum + shard.bytes, 0),
    );
    let shardsTaken = 0;
    try {
      const pipeline = await loadPipeline({
        library: library.path,
        config,
        contextWindowSize,
        onReport: () => {
          // web-llm reports once before the first shard, once after each, then its shaders.
          shardsTaken += 1;
          if (shardsTaken !== shards.length + 1) return;
          isWeightsDone = true;
          meter.begin('shaders');
        },
      });
      if (watch.failure) throw watch.failure;
      if (signal.aborted) {
        await pipeline.unload();
        throw new HypnosError('cancelled');
      }
      this.#loaded = { session: new GenerationSession(pipeline.model), unload: pipeline.unload, watch };
    } catch (error) {
      const isOwn = error instanceof HypnosError;
      const failure = isOwn ? null : await watch.failureWithin(LOSS_REPORT_MS);
      watch.release();
      throw failure ?? error;
    }
    meter.begin('ready');
    return {
      id: manifest.id,
      title: manifest.title,
      contextWindowSize,
      library: library.path,
      engine: 'web-llm',
      engineReason: options.engine === 'web-llm' ? 'chosen' : 'gpu-fits',
    };
  }

  /** Runs an action until it settles or the device fails, whichever is first. */
  #untilFailure<T>(action: (onFailure: (error: HypnosError) => void) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#abandon = reject;
      const onFailure = (error: HypnosError) => {
        if (this.#abandon) this.#abandon(error);
        else this.#lossListener?.(error.toCoded());
      };
      action(onFailure)
        .then(resolve, reject)
        .finally(() => {
          if (this.#abandon === reject) this.#abandon = null;
        });
    });
  }
}
