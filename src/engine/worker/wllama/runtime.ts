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
import type { LoadOptions, ThreadMeasurement } from '../../shared/api.ts';
import { tokenIds, tokenName } from '../gguf/plan.ts';
import { isStillValid, measureThreads, modelOfZeros } from './threads.ts';
import type { DecodeSpeed } from './threads.ts';

export interface RuntimeOptions {
  readonly model: Blob;
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

  private constructor(wllama: Wllama) {
    this.#wllama = wllama;
  }

  /** Throws what the library throws. */
  static async load(options: RuntimeOptions): Promise<LlamaRuntime> {
    return new LlamaRuntime(await startLlama(options));
  }

  /**
   * The measurement at hand if it is of this device and engine, else a new one, which takes a second or two.
   * @returns null where threads are not to be had (the page is not isolated) or could not be measured
   * @throws HypnosError 'cancelled'
   */
  static async measure(
    { threadMeasurement: known }: Pick<LoadOptions, 'threadMeasurement'>,
    signal: AbortSignal,
  ): Promise<ThreadMeasurement | null> {
    if (!self.crossOriginIsolated) return null;
    const cores = navigator.hardwareConcurrency;
    const version = Wllama.getLibllamaVersion();
    if (isStillValid(known, cores, version)) return known;
    const model = modelOfZeros(MEASURED_CONTEXT);
    const speed: DecodeSpeed = async (threads, tokens, stop) => {
      const runtime = await LlamaRuntime.load({ model, contextWindowSize: MEASURED_CONTEXT, threads });
      const tokensPerSecond = await runtime.#decodeSpeed(tokens).finally(() => runtime.exit());
      if (stop.aborted) throw new HypnosError('cancelled');
      return tokensPerSecond;
    };
    try {
      return await measureThreads(speed, cores, version, signal);
    } catch (error) {
      // A model that answers on one thread is better than none.
      if (signal.aborted) throw error;
      console.warn('threads could not be measured', error);
      return null;
    }
  }

  /** llama.cpp's own clock, prompt not counted. @returns tokens per second */
  async #decodeSpeed(tokens: number): Promise<number> {
    const request = { prompt: tokenName(1), max_tokens: tokens, temperature: 0, ignore_eos: true };
    const { timings } = (await this.#wllama.createCompletion(request)) as unknown as {
      readonly timings: { readonly predicted_per_second: number };
    };
    return timings.predicted_per_second;
  }

  get threads(): number {
    return this.#wllama.getNumThreads();
  }

  /**
   * Reads the prompt (what it shares with the last one is kept) and hands over token by token.
   * @returns why it ended by itself; 'aborted' if `signal` ended it
   */
  async generate(
    prompt: readonly number[],
    sampling: SamplingSettings,
    tokensMax: number,
    onToken: (token: number) => void,
    signal: AbortSignal,
  ): Promise<'stop' | 'length' | 'aborted'> {
    let reason: 'stop' | 'length' = 'length';
    try {
      const request = {
        prompt: prompt.map(tokenName).join(''),
        max_tokens: tokensMax,
        ...samplingParameters(sampling),
        stream: true as const,
        abortSignal: signal,
        onData: (chunk: { readonly choices: readonly { text: string; finish_reason: string | null }[] }) => {
          const [choice] = chunk.choices;
          for (const token of tokenIds(choice?.text ?? '')) if (!signal.aborted) onToken(token);
          if (choice?.finish_reason === 'stop') reason = 'stop';
        },
      };
      await this.#wllama.createCompletion(request as Parameters<Wllama['createCompletion']>[0]);
    } catch (error) {
      if (signal.aborted && error instanceof Error && error.name === 'AbortError') return 'aborted';
      throw error;
    }
    return reason;
  }

  async exit(): Promise<void> {
    await this.#wllama.exit();
  }
}

/** llama.cpp with a model, as the library hands it over. Throws what the library throws. */
export async function startLlama({ model, contextWindowSize, threads }: RuntimeOptions): Promise<Wllama> {
  const wllama = new Wllama(
    { default: new URL(wasmUrl, self.location.href).href },
    { suppressNativeLog: true, logger: LoggerWithoutDebug },
  );
  wllama.setCompat(null); // its default is another origin
  await withOwnWorkers(threads, () =>
    wllama.loadModel([model], {
      n_ctx: contextWindowSize,
      n_threads: threads,
      n_gpu_layers: 0,
      n_parallel: 1,
      n_batch: PREFILL_CHUNK,
      n_ubatch: PREFILL_CHUNK,
      warmup: false,
    }),
  );
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

async function withOwnWorkers<T>(threads: number, action: () => Promise<T>): Promise<T> {
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
    }
  };
  try {
    return await Promise.race([action(), died]);
  } finally {
    self.Worker = Original;
  }
}
