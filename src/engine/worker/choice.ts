/**
 * Two engines behind one EngineApi. Which one runs is decided at every load:
 *
 *   the user's wish ----------------------------------------------> that engine
 *   an adapter that is no software and meets the package's needs -> web-llm
 *   else ---------------------------------------------------------> wllama, on the CPU
 */
import { describeAdapter, findAdapter } from '../../platform/webgpu.ts';
import { packageFetch } from '../../packages/installed.ts';
import { chooseLibrary } from '../../packages/library.ts';
import type { PackageManifest } from '../../packages/manifest.ts';
import { fetchManifest } from '../../packages/reader.ts';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError, Result } from '../../shared/errors.ts';
import type {
  DeviceReport,
  EngineApi,
  EngineName,
  EnginePreference,
  EngineReason,
  GenerateEvent,
  GenerateOutcome,
  GenerateRequest,
  LoadOptions,
  LoadProgress,
  LoadedModel,
  PackageLocation,
  ThreadMeasurement,
} from '../shared/api.ts';
import type { AdapterReport } from '../shared/api.ts';
import { WebLlmEngine } from './engine.ts';
import { WllamaEngine } from './wllama/engine.ts';

export interface Choice {
  readonly engine: EngineName;
  readonly reason: EngineReason;
}

/** @param adapter null where there is none */
export function chooseEngine(
  preference: EnginePreference,
  manifest: PackageManifest,
  adapter: AdapterReport | null,
): Choice {
  if (preference !== 'auto') return { engine: preference, reason: 'chosen' };
  if (!adapter) return { engine: 'wllama', reason: 'no-gpu' };
  if (adapter.isFallback) return { engine: 'wllama', reason: 'software-gpu' };
  try {
    chooseLibrary(manifest, adapter);
    return { engine: 'web-llm', reason: 'gpu-fits' };
  } catch (error) {
    if (!(error instanceof HypnosError)) throw error;
    return { engine: 'wllama', reason: 'gpu-too-weak' };
  }
}

export class EngineChoice implements Omit<EngineApi, 'ping'> {
  readonly #gpu = new WebLlmEngine();
  readonly #cpu = new WllamaEngine();
  #current: WebLlmEngine | WllamaEngine = this.#gpu;
  #deciding: AbortController | null = null;

  report(): Promise<DeviceReport> {
    return this.#gpu.report();
  }

  onDeviceLost(listener: (error: CodedError) => void): Promise<void> {
    return this.#gpu.onDeviceLost(listener);
  }

  async load(
    location: PackageLocation,
    options: LoadOptions,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<Result<LoadedModel>> {
    await this.unload().catch(() => {
      // A device that is already lost cannot be freed again.
    });
    const deciding = new AbortController();
    this.#deciding = deciding;
    try {
      const { engine, reason } = await this.#decide(location, options, deciding.signal);
      if (deciding.signal.aborted) throw new HypnosError('cancelled');
      this.#current = engine === 'wllama' ? this.#cpu : this.#gpu;
      return engine === 'wllama'
        ? await this.#cpu.load(location, options, onProgress, reason)
        : await this.#gpu.load(location, options, onProgress);
    } catch (error) {
      const coded = deciding.signal.aborted
        ? new HypnosError('cancelled')
        : HypnosError.from(error, 'engine-load-failed');
      return { ok: false, error: coded.toCoded() };
    }
  }

  generate(
    request: GenerateRequest,
    onEvent: (event: GenerateEvent) => void,
  ): Promise<Result<GenerateOutcome>> {
    return this.#current.generate(request, onEvent);
  }

  interrupt(generationId: string): Promise<void> {
    return this.#current.interrupt(generationId);
  }

  measureThreads(): Promise<ThreadMeasurement | null> {
    return this.#current === this.#cpu ? this.#cpu.measureThreads() : Promise.resolve(null);
  }

  async unload(): Promise<void> {
    this.#deciding?.abort();
    await this.#current.unload();
  }

  async #decide(location: PackageLocation, options: LoadOptions, signal: AbortSignal): Promise<Choice> {
    const preference = options.engine ?? 'auto';
    if (preference !== 'auto') return { engine: preference, reason: 'chosen' };
    const adapter = await findAdapter(navigator.gpu as GPU | undefined);
    const report = adapter && describeAdapter(adapter);
    // Without an adapter the package's needs do not matter.
    if (!report || report.isFallback) return { engine: 'wllama', reason: report ? 'software-gpu' : 'no-gpu' };
    return chooseEngine(preference, await fetchManifest(location.baseUrl, packageFetch, signal), report);
  }
}
