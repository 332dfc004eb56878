/**
 * The one boundary between the page and an inference worker. Free of any engine's own types, so that a
 * second engine can stand behind it.
 *
 *   page  --load(package, options)-->  worker      progress events flow back through a proxied callback
 *   page  --generate(request)------->  worker      text deltas flow back, then one outcome
 *   page  --interrupt(id)----------->  worker      honoured during prefill and between decode steps
 *
 * The worker owns the GPU device, the weights and the KV cache. The page owns every text: a worker that dies
 * takes nothing with it that cannot be recomputed. Failures cross as CodedError values, never as exceptions.
 */
import type { ChatTurn, PackageId, SamplingSettings, GenerationStats } from '../../shared/types.ts';
import type { CodedError, Result } from '../../shared/errors.ts';

export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** A software adapter (SwiftShader, WARP): works, slowly. */
  readonly isFallback: boolean;
  readonly features: readonly string[];
  /** Bytes and counts, by WebGPU limit name. */
  readonly limits: Readonly<Record<string, number>>;
}

export interface DeviceReport {
  readonly userAgent: string;
  readonly hasWebGpu: boolean;
  readonly isSecureContext: boolean;
  readonly adapter: AdapterReport | null;
  /** Logical processors. */
  readonly hardwareConcurrency: number;
  /** GiB as the browser rounds it; null where it does not tell. */
  readonly deviceMemoryGiB: number | null;
}

export interface PackageLocation {
  readonly id: PackageId;
  /** Absolute same-origin URL of the package's folder, ending in '/'. */
  readonly baseUrl: string;
}

export type EngineName = 'web-llm' | 'wllama';
/** Which engine runs: the device decides, or the user has. */
export type EnginePreference = 'auto' | EngineName;

/** Why an engine was taken. */
export type EngineReason =
  | 'gpu-fits' // an adapter that meets what the package asks for
  | 'no-gpu' // no WebGPU, or no adapter
  | 'software-gpu' // the adapter computes on the processor too, only slower
  | 'gpu-too-weak' // an adapter below what the package asks for
  | 'chosen'; // by the user

/** How many threads the CPU engine runs fastest with, and what that was measured on. */
export interface ThreadMeasurement {
  readonly threads: number;
  /** Of a model of zeros like the package: comparable on one device only. */
  readonly tokensPerSecond: number;
  /** The package's dimensions: it holds for every package of the same ones. */
  readonly shape: string;
  /** Logical processors then. */
  readonly cores: number;
  readonly engineVersion: string;
}

export interface LoadOptions {
  /** Absent: 'auto'. */
  readonly engine?: EnginePreference;
  /** Of the CPU engine. Absent: as measured; where nothing of `threadMeasurements` fits, a careful guess. */
  readonly threads?: number;
  /** What `measureThreads` found, at any time. */
  readonly threadMeasurements?: readonly ThreadMeasurement[];
  /** Tokens; at most the package's own. Absent: the package's own. */
  readonly contextWindowSize?: number;
  /** Of the CPU engine: whether the weights that it makes of the package's are kept in this browser for later loads. */
  readonly keepWeights?: boolean;
}

export type LoadStage =
  | 'manifest'
  | 'files'
  | 'weights'
  | 'kept-weights' // of the CPU engine: they are there already, and are verified
  | 'shaders' // of the GPU engine
  | 'starting' // of the CPU engine: it takes the weights in
  | 'ready';

export interface LoadProgress {
  readonly stage: LoadStage;
  /** Of this stage, 0 to 1; null when it cannot be told. */
  readonly fraction: number | null;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Bytes per second over the last seconds; null until known. */
  readonly bytesPerSecond: number | null;
  readonly secondsLeft: number | null;
}

/** What became of the wish to keep the CPU engine's weights. */
export type KeptWeights =
  | 'read' // this load took what was kept
  | 'written' // the next load will
  | 'no-room' // the browser grants no more storage: they are in memory only
  | 'not-kept'; // another tab has them, or this browser cannot

export interface LoadedModel {
  readonly id: PackageId;
  readonly title: { readonly zh: string; readonly en: string };
  readonly contextWindowSize: number;
  /** Which of the manifest's libraries runs. */
  readonly library: string;
  readonly engine: EngineName;
  readonly engineReason: EngineReason;
  /** Of the CPU engine. */
  readonly threads?: number;
  /** Where `threads` comes from; absent: it was given, or guessed. */
  readonly threadMeasurement?: ThreadMeasurement;
  /** Where keeping them was wished for; `seconds`: to get them, without what keeping them took. */
  readonly weights?: { readonly kept: KeptWeights; readonly seconds: number };
}

export interface GenerateRequest {
  readonly id: string;
  /** An optional system turn first, then user and assistant turns in order; the last is the user's, or an
   * assistant's partial answer to be continued. */
  readonly turns: readonly ChatTurn[];
  readonly sampling: SamplingSettings;
  /** JSON Schema the answer must match; 'schema-unsupported' where the CPU engine has no grammar for it. */
  readonly responseSchema?: object;
  /** Nothing of earlier requests is used: what is asked alone gets the same answer. Slower where a beginning is shared. */
  readonly isAlone?: boolean;
}

export type GenerateEvent =
  | {
      readonly type: 'started';
      readonly promptTokens: number;
      /** Of these, already in the KV cache from an earlier turn. */
      readonly reusedTokens?: number;
      readonly droppedTurns: number;
    }
  | { readonly type: 'text'; readonly delta: string };

export interface GenerateOutcome {
  readonly finishReason: 'stop' | 'length' | 'context' | 'stopped';
  readonly stats: GenerationStats;
  /** Oldest turns left out so that the rest fits the context window. */
  readonly droppedTurns: number;
  /** Tokens in the KV cache after this answer. */
  readonly contextTokens: number;
}

export interface EngineApi {
  /** What this device offers; never throws, asks for no device. */
  report(): Promise<DeviceReport>;
  /** Loads and verifies a package; a load while one runs cancels the first. */
  load(
    location: PackageLocation,
    options: LoadOptions,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<Result<LoadedModel>>;
  /** Streams one answer. Only one runs at a time: 'engine-busy' otherwise. */
  generate(
    request: GenerateRequest,
    onEvent: (event: GenerateEvent) => void,
  ): Promise<Result<GenerateOutcome>>;
  /** Ends the generation of that id at the next step, before the first token too; no-op if it is over. */
  interrupt(generationId: string): Promise<void>;
  /** Frees the device; also cancels a load. */
  unload(): Promise<void>;
  /** Answers at once if the worker's event loop turns; the client's watchdog calls it. */
  ping(): Promise<void>;
  /**
   * Of the CPU engine: measures, beside the loaded model, how many threads later loads of its kind should take. It takes
   * seconds and most of the processor; any other call ends it at once.
   * @returns null if it was ended, or there is nothing to find out
   */
  measureThreads?(): Promise<ThreadMeasurement | null>;
  /** `listener` hears, once, that the device was lost while no call ran; absent where there is no device to lose. */
  onDeviceLost?(listener: (error: CodedError) => void): Promise<void>;
}
