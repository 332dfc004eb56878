/**
 * One answer: turns -> prompt tokens -> prefill in chunks -> sample, decode, emit -> outcome.
 *
 * The session knows which tokens the KV cache holds and reuses the longest common prefix with the new prompt: a next
 * turn, a regenerated answer, an edited question or a continued answer forwards only what differs. It stops between two
 * prefill chunks and between two tokens.
 */
import type { GenerationStats } from '../../shared/types.ts';
import type { GenerateEvent, GenerateOutcome, GenerateRequest } from '../shared/api.ts';
import { commonPrefix, Conversation } from './conversation.ts';
import type { Logits, TokenModel } from './model.ts';
import { StopFilter, StreamDecoder } from './stream.ts';

export interface GenerationContext {
  readonly signal: AbortSignal;
  readonly onEvent: (event: GenerateEvent) => void;
  /** Milliseconds; monotonic. */
  readonly now: () => number;
  /** Throws if the device no longer works. */
  readonly checkDevice: () => void;
}

/** A chunk should take no longer than this, so that stopping is prompt; chunks grow while they are quicker. */
const CHUNK_MILLISECONDS = 500;
const CHUNK_TOKENS_START = 64;
const CHUNK_TOKENS_MIN = 16;

export class GenerationSession {
  readonly #model: TokenModel;
  /** Token ids in the KV cache, in order. */
  readonly #cached: number[] = [];
  readonly #conversation: Conversation;
  #chunkTokens = CHUNK_TOKENS_START;

  constructor(model: TokenModel) {
    this.#model = model;
    this.#conversation = new Conversation(model);
  }

  /** @throws HypnosError 'message-too-long' with `tokens`, `limit`; whatever the model throws */
  async generate(request: GenerateRequest, context: GenerationContext): Promise<GenerateOutcome> {
    try {
      return await this.#generate(request, context);
    } catch (error) {
      // A forward that failed half way leaves the KV cache in doubt: begin from nothing next time.
      this.#emptyCache();
      throw error;
    }
  }

  #emptyCache(): void {
    this.#cached.length = 0;
    this.#model.truncate(0);
  }

  #forget(): void {
    this.#emptyCache();
    this.#conversation.forget();
    this.#chunkTokens = CHUNK_TOKENS_START;
  }

  async #generate(request: GenerateRequest, context: GenerationContext): Promise<GenerateOutcome> {
    const { signal, now, onEvent } = context;
    const model = this.#model;
    const started = now();
    if (request.isAlone) this.#forget();
    const prompt = this.#conversation.build(request);
    if (prompt === 'full') return this.#outcome('context', emptyStats(0), 0);

    const reused = this.#reusableLength(prompt.tokens);
    onEvent({
      type: 'started',
      promptTokens: prompt.tokens.length,
      reusedTokens: reused,
      droppedTurns: prompt.droppedTurns,
    });
    await model.beginAnswer(request.sampling, request.responseSchema);
    for (const token of prompt.partialAnswer) model.accept(token, false);

    let logits = await this.#prefill(prompt.tokens, reused, context);
    const prefilled = now();
    const text: string[] = [];
    const produced: number[] = [];
    const emit = (delta: string) => {
      if (delta === '') return;
      text.push(delta);
      onEvent({ type: 'text', delta });
    };
    const decoder = new StreamDecoder((tokens) => model.decode(tokens), prompt.partialAnswer);
    const stops = new StopFilter(model.template.stopStrings);
    const stopTokens = new Set(model.template.stopTokens);
    let finish: GenerateOutcome['finishReason'] | null = logits ? null : 'stopped';
    let stoppedByText = false;
    let firstTokenAt: number | null = null;

    try {
      while (logits && !finish) {
        const token: number = await model.sample(logits);
        logits = null;
        context.checkDevice();
        firstTokenAt ??= now();
        const isStop = stopTokens.has(token);
        model.accept(token, isStop);
        if (isStop) {
          finish = 'stop';
          break;
        }
        produced.push(token);
        const passed = stops.push(decoder.push(token));
        emit(passed.text);
        if (passed.stopped) {
          stoppedByText = true;
          finish = 'stop';
        } else if (signal.aborted) finish = 'stopped';
        else if (produced.length >= request.sampling.maxTokens) finish = 'length';
        else if (this.#cached.length >= model.contextWindowSize) finish = 'context';
        else logits = await this.#forward([token], context);
      }
    } finally {
      logits?.dispose();
    }
    if (!stoppedByText) {
      emit(stops.flush());
      // Tokens of a character that was never completed are not part of the answer's text.
      const whole = produced.slice(0, produced.length - decoder.pending);
      this.#conversation.remember(prompt.partialText + text.join(''), [...prompt.partialAnswer, ...whole]);
    }

    const decodeSeconds = firstTokenAt === null ? 0 : (now() - firstTokenAt) / 1000;
    const prefillSeconds = (prefilled - started) / 1000;
    const stats: GenerationStats = {
      promptTokens: prompt.tokens.length,
      completionTokens: produced.length,
      timeToFirstTokenSeconds: firstTokenAt === null ? 0 : (firstTokenAt - started) / 1000,
      prefillTokensPerSecond: rate(prompt.tokens.length - reused, prefillSeconds),
      decodeTokensPerSecond: rate(produced.length - 1, decodeSeconds),
    };
    return this.#outcome(finish ?? 'stopped', stats, prompt.droppedTurns);
  }

  /** At least one token is always forwarded: only a forward gives logits. */
  #reusableLength(prompt: readonly number[]): number {
    return commonPrefix(this.#cached, prompt, prompt.length - 1);
  }

  /** @returns logits after the last token; null if stopped before */
  async #prefill(
    tokens: readonly number[],
    reused: number,
    context: GenerationContext,
  ): Promise<Logits | null> {
    if (reused < this.#cached.length) {
      this.#model.truncate(reused);
      this.#cached.length = reused;
    }
    let logits: Logits | null = null;
    for (let at = reused; at < tokens.length;) {
      logits?.dispose();
      if (context.signal.aborted) return null;
      const chunk = tokens.slice(at, at + Math.min(this.#chunkTokens, this.#model.prefillChunkSize));
      const started = context.now();
      logits = await this.#forward(chunk, context);
      this.#adaptChunk(chunk.length, context.now() - started);
      at += chunk.length;
    }
    if (!context.signal.aborted) return logits;
    logits?.dispose();
    return null;
  }

  async #forward(tokens: readonly number[], context: GenerationContext): Promise<Logits> {
    const logits = await this.#model.forward(tokens);
    this.#cached.push(...tokens);
    context.checkDevice();
    return logits;
  }

  #adaptChunk(tokens: number, milliseconds: number): void {
    if (tokens < this.#chunkTokens) return; // the last, shorter chunk says little
    if (milliseconds < CHUNK_MILLISECONDS / 2) this.#chunkTokens *= 2;
    else if (milliseconds > CHUNK_MILLISECONDS * 2) this.#chunkTokens /= 2;
    this.#chunkTokens = Math.max(CHUNK_TOKENS_MIN, Math.min(this.#chunkTokens, this.#model.prefillChunkSize));
  }

  #outcome(
    finishReason: GenerateOutcome['finishReason'],
    stats: GenerationStats,
    droppedTurns: number,
  ): GenerateOutcome {
    return { finishReason, stats, droppedTurns, contextTokens: this.#cached.length };
  }
}

export function emptyStats(promptTokens: number): GenerationStats {
  return {
    promptTokens,
    completionTokens: 0,
    timeToFirstTokenSeconds: 0,
    prefillTokensPerSecond: 0,
    decodeTokensPerSecond: 0,
  };
}

export function rate(count: number, seconds: number): number {
  return count > 0 && seconds > 0 ? count / seconds : 0;
}
