/**
 * What the page sees of an engine: the EngineApi behind a supervisor that queues, aborts, watches, and respawns
 * a worker that crashed, hung or lost its device, then loads the model again.
 */
import type {
  GenerateOutcome,
  GenerateRequest,
  LoadOptions,
  LoadProgress,
  LoadedModel,
  DeviceReport,
  ThreadMeasurement,
} from '../shared/api.ts';
import type { CodedError } from '../../shared/errors.ts';
import type { PackageId } from '../../shared/types.ts';

export type EngineState =
  | { readonly phase: 'idle' }
  | { readonly phase: 'loading'; readonly packageId: PackageId; readonly progress: LoadProgress }
  | { readonly phase: 'ready'; readonly model: LoadedModel }
  | { readonly phase: 'generating'; readonly model: LoadedModel; readonly generationId: string }
  /** The worker died; it is being respawned and the model loaded again. */
  | {
      readonly phase: 'recovering';
      readonly packageId: PackageId;
      readonly cause: CodedError;
      readonly progress: LoadProgress;
    }
  | { readonly phase: 'failed'; readonly error: CodedError; readonly packageId: PackageId | null };

export interface GenerateHandlers {
  /** Deltas in order. */
  readonly onText: (delta: string) => void;
  readonly onStarted?: (info: { promptTokens: number; droppedTurns: number }) => void;
}

export interface EngineClient {
  getState(): EngineState;
  subscribe(listener: (state: EngineState) => void): () => void;
  report(): Promise<DeviceReport>;
  /**
   * Resolves when the model is ready; rejects with HypnosError ('cancelled' when aborted). Loading another package
   * ends what the current one does: its generations reject with 'cancelled'.
   * @param overrides of the options that loads have otherwise; not looked at where the package is loaded already
   */
  load(packageId: PackageId, signal?: AbortSignal, overrides?: LoadOptions): Promise<LoadedModel>;
  /**
   * Streams one answer; queued while another runs or the model is being loaded. Rejects with HypnosError when the worker
   * crashed, hung or lost its device mid-answer (the client then recovers by itself); what onText delivered is the
   * caller's to keep. Aborting resolves with finishReason 'stopped'.
   */
  generate(
    request: GenerateRequest,
    handlers: GenerateHandlers,
    signal?: AbortSignal,
  ): Promise<GenerateOutcome>;
  /** As EngineApi's, for a quiet moment: null while anything else runs. May never settle if the worker is replaced. */
  measureThreads(): Promise<ThreadMeasurement | null>;
  /** Frees the device at once; what runs or waits rejects with 'cancelled'. */
  unload(): Promise<void>;
  dispose(): void;
}
