/**
 * llama.cpp in WebAssembly, as @wllama/wllama drives it: the only module that imports it.
 *
 * The library starts its workers from blob: URLs that it puts together from text. The page's policy allows scripts of
 * this origin only, so the same text is built into two files of ours (see src/engine/wllama.plugin.ts) and `Worker` leads
 * there while the library starts: nothing about the policy is loosened.
 */
import { LoggerWithoutDebug, Wllama } from '@wllama/wllama';
import wasmUrl from '@wllama/wllama/esm/wasm/wllama.wasm?url';
import { mainUrl, threadUrl } from 'virtual:wllama-scripts';
import { trustedScriptUrl } from '../../../platform/trustedTypes.ts';
import { HypnosError } from '../../../shared/errors.ts';
import type { SamplingSettings } from '../../../shared/types.ts';
import type { ThreadMeasurement } from '../../shared/api.ts';
import { tokenIds, tokenName } from '../gguf/plan.ts';
import type { Hyperparameters } from '../gguf/plan.ts';
import type { CompletionOptions } from './session.ts';
import { findMeasurement, guessedThreads, measureThreads, modelOfZeros, shapeOf } from './threads.ts';
import type { Circumstances, DecodeRun } from './threads.ts';

export interface RuntimeOptions {
  /** GGUF: the files of one model, in order. */
  readonly model: readonly Blob[];
  /** Tokens. */
  readonly contextWindowSize: number;
  readonly threads: number;
}

/** Tokens that are read between two looks at whether to stop. */
const PREFILL_CHUNK = 128;
/** Tokens. */
const MEASURED_CONTEXT = 256;

export class LlamaRuntime {
  readonly #wllama: Wllama;
  readonly #tokenName: (id: number) => string;

  private constructor(wllama: Wllama, nameOf: (id: number) => string) {
    this.#wllama = wllama;
    this.#tokenName = nameOf;
  }

  /**
   * @param nameOf a token as the model's vocabulary has it
   * Throws what the library throws.
   */
  static async load(options: RuntimeOptions, nameOf: (id: number) => string): Promise<LlamaRuntime> {
    return new LlamaRuntime(await startLlama(options), nameOf);
  }

  /** Threads to load a package with: as measured, else guessed. `isMeasurable`: `measure` would find something out. */
  static chooseThreads(
    model: Hyperparameters,
    known: readonly ThreadMeasurement[],
  ): { readonly threads: number; readonly measured?: ThreadMeasurement; readonly isMeasurable: boolean } {
    if (!self.crossOriginIsolated) return { threads: 1, isMeasurable: false };
    const circumstances = circumstancesOf(model);
    const measured = findMeasurement(known, circumstances);
    if (measured) return { threads: measured.threads, measured, isMeasurable: false };
    return { threads: guessedThreads(circumstances.cores), isMeasurable: true };
  }

  /**
   * Takes seconds.
   * @throws HypnosError 'cancelled' at once when `signal` says so; whatever the library throws
   */
  static measure(model: Hyperparameters, signal: AbortSignal): Promise<ThreadMeasurement> {
    const { file, tokens } = modelOfZeros(model, MEASURED_CONTEXT);
    const request = { prompt: tokenName(1, null), max_tokens: tokens, temperature: 0, ignore_eos: true };
    const decode: DecodeRun = async (threads, limit) => {
      const started = performance.now();
      const slow = AbortSignal.timeout(limit);
      const stop = AbortSignal.any([signal, slow]);
      const work = async () => {
        const wllama = await startLlama(
          { model: [file], contextWindowSize: MEASURED_CONTEXT, threads },
          stop,
        );
        // llama.cpp's own clock, prompt not counted.
        const { timings } = (await wllama
          .createCompletion(request)
          .finally(() => wllama.exit())) as unknown as {
          readonly timings: { readonly predicted_per_second: number };
        };
        return timings.predicted_per_second;
      };
      try {
        const tokensPerSecond = await orCancelled(work(), stop);
        return { tokensPerSecond, milliseconds: performance.now() - started };
      } catch (error) {
        if (slow.aborted && !signal.aborted) return null;
        throw error;
      }
    };
    return measureThreads(decode, circumstancesOf(model));
  }

  get threads(): number {
    return this.#wllama.getNumThreads();
  }

  /**
   * Reads the prompt (what it shares with the last one is kept, if not told otherwise) and hands over token by token.
   * @returns why it ended by itself; 'aborted' if `signal` ended it
   */
  async generate(
    prompt: readonly number[],
    sampling: SamplingSettings,
    tokensMax: number,
    onToken: (token: number) => void,
    signal: AbortSignal,
    { grammar, readsWhole = false }: CompletionOptions,
  ): Promise<'stop' | 'length' | 'aborted'> {
    let reason: 'stop' | 'length' = 'length';
    const failed = new AbortController();
    const stop = AbortSignal.any([signal, failed.signal]);
    const pending: number[] = [];
    const handOver = () => {
      for (const token of pending.splice(0)) if (!stop.aborted) onToken(token);
    };
    const handOverLater = () => {
      try {
        handOver();
      } catch (error) {
        failed.abort(error);
      }
    };
    try {
      const request = {
        prompt: prompt.map(this.#tokenName).join(''),
        max_tokens: tokensMax,
        cache_prompt: !readsWhole,
        ...(grammar === undefined ? {} : { grammar }),
        ...samplingParameters(sampling),
        stream: true as const,
        abortSignal: stop,
        onData: (chunk: { readonly choices: readonly { text: string; finish_reason: string | null }[] }) => {
          const [choice] = chunk.choices;
          // Not here: the library asks for the next token when this returns, and llama.cpp waits until it does.
          if (pending.length === 0) setTimeout(handOverLater);
          pending.push(...tokenIds(choice?.text ?? ''));
          if (choice?.finish_reason === 'stop') reason = 'stop';
        },
      };
      await this.#wllama.createCompletion(request as Parameters<Wllama['createCompletion']>[0]);
      handOver();
      failed.signal.throwIfAborted();
    } catch (error) {
      failed.signal.throwIfAborted();
      if (signal.aborted && error instanceof Error && error.name === 'AbortError') return 'aborted';
      throw error;
    }
    return reason;
  }

  async exit(): Promise<void> {
    await this.#wllama.exit();
  }
}

const circumstancesOf = (model: Hyperparameters): Circumstances => ({
  cores: navigator.hardwareConcurrency,
  engineVersion: Wllama.getLibllamaVersion(),
  shape: shapeOf(model),
});

/**
 * llama.cpp with a model, as the library hands it over.
 * @param signal ends its worker at once, whatever that does: calls to it then never settle
 * @throws HypnosError 'cancelled'; what the library throws
 */
export async function startLlama(
  { model, contextWindowSize, threads }: RuntimeOptions,
  signal?: AbortSignal,
): Promise<Wllama> {
  const wllama = new Wllama(
    { default: new URL(wasmUrl, self.location.href).href },
    { suppressNativeLog: true, logger: LoggerWithoutDebug },
  );
  wllama.setCompat(null); // its default is another origin
  const load = () =>
    wllama.loadModel([...model], {
      n_ctx: contextWindowSize,
      n_threads: threads,
      n_gpu_layers: 0,
      n_parallel: 1,
      n_batch: PREFILL_CHUNK,
      n_ubatch: PREFILL_CHUNK,
      warmup: false,
    });
  await withOwnWorkers(threads, load, signal);
  // The library does not look at whether llama.cpp took the model.
  if (wllama.getModelMetadata().hparams.nVocab === 0) {
    await wllama.exit();
    throw new HypnosError('engine-load-failed', { message: 'llama.cpp refused the model' });
  }
  return wllama;
}

/** Penalties, then temperature, then top-p, as web-llm samples; llama.cpp's own order and extras are left out. */
export function samplingParameters(sampling: SamplingSettings): Readonly<Record<string, unknown>> {
  return {
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: 0,
    min_p: 0,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    repeat_penalty: sampling.repetitionPenalty,
    repeat_last_n: 256,
    samplers: ['penalties', 'temperature', 'top_p'],
    seed: sampling.seed ?? crypto.getRandomValues(new Uint32Array(1))[0],
  };
}

async function orCancelled<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = () => {};
  const cancelled = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(new HypnosError('cancelled'));
    };
  });
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  return Promise.race([work, cancelled]).finally(() => {
    signal.removeEventListener('abort', onAbort);
  });
}

async function withOwnWorkers<T>(
  threads: number,
  action: () => Promise<T>,
  signal = new AbortController().signal,
): Promise<T> {
  if (signal.aborted) throw new HypnosError('cancelled');
  const Original = self.Worker;
  const options = {
    pathConfig: { 'wllama.wasm': new URL(wasmUrl, self.location.href).href },
    nbThread: threads > 1 ? threads : 0,
    compat: false,
    threadUrl: new URL(threadUrl, self.location.href).href,
  };
  let onDeath: (error: HypnosError) => void = () => {};
  const died = new Promise<never>((_, reject) => {
    onDeath = reject;
  });
  self.Worker = class extends Original {
    constructor() {
      super(trustedScriptUrl(new URL(mainUrl, self.location.href)), { name: JSON.stringify(options) });
      this.addEventListener('error', (event) => {
        onDeath(new HypnosError('engine-crashed', { message: event.message || 'llama.cpp did not start' }));
      });
      signal.addEventListener('abort', () => {
        this.terminate();
      });
    }
  };
  try {
    return await orCancelled(Promise.race([action(), died]), signal);
  } finally {
    self.Worker = Original;
  }
}
