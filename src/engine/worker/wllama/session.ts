/**
 * One answer on the CPU: turns -> prompt ids -> llama.cpp -> ids -> text.
 * The same template, tokenizer, decoder and stop rules as on the GPU; only the loop itself is llama.cpp's.
 */
import { HypnosError } from '../../../shared/errors.ts';
import type { SamplingSettings } from '../../../shared/types.ts';
import type { GenerateOutcome, GenerateRequest } from '../../shared/api.ts';
import { commonPrefix, Conversation } from '../conversation.ts';
import { emptyStats, rate } from '../generation.ts';
import type { GenerationContext } from '../generation.ts';
import type { ChatTemplate } from '../prompt.ts';
import { StopFilter, StreamDecoder } from '../stream.ts';
import type { Tokenizer } from '../tokenizer.ts';

export interface CompletionOptions {
  /** GBNF over token names: the answer is of it. */
  readonly grammar?: string | undefined;
  /** The whole prompt is read, also what it shares with the last one. */
  readonly readsWhole?: boolean;
}

/** What a session needs of LlamaRuntime. */
export interface Completer {
  generate(
    prompt: readonly number[],
    sampling: SamplingSettings,
    tokensMax: number,
    onToken: (token: number) => void,
    signal: AbortSignal,
    options: CompletionOptions,
  ): Promise<'stop' | 'length' | 'aborted'>;
}

export class CompletionSession {
  readonly #runtime: Completer;
  readonly #tokenizer: Tokenizer;
  readonly #template: ChatTemplate;
  readonly #contextWindowSize: number;
  readonly #conversation: Conversation;
  /** Tokens in llama.cpp's cache, as far as is known. */
  #cached: readonly number[] = [];

  constructor(runtime: Completer, tokenizer: Tokenizer, template: ChatTemplate, contextWindowSize: number) {
    this.#runtime = runtime;
    this.#tokenizer = tokenizer;
    this.#template = template;
    this.#contextWindowSize = contextWindowSize;
    this.#conversation = new Conversation({
      contextWindowSize,
      template,
      encode: (text) => tokenizer.encode(text),
    });
  }

  /**
   * @throws HypnosError 'message-too-long' with `tokens`, `limit`; 'schema-unsupported' with `keyword`, `path`; whatever
   *   the runtime throws
   */
  async generate(
    request: GenerateRequest,
    context: Omit<GenerationContext, 'checkDevice'>,
  ): Promise<GenerateOutcome> {
    const { signal, now, onEvent } = context;
    const started = now();
    const readsWhole = request.isAlone ?? false;
    if (readsWhole) {
      this.#cached = [];
      this.#conversation.forget();
    }
    const prompt = this.#conversation.build(request);
    if (prompt === 'full')
      return {
        finishReason: 'context',
        stats: emptyStats(0),
        droppedTurns: 0,
        contextTokens: this.#cached.length,
      };
    const { tokens, partialAnswer, partialText, droppedTurns } = prompt;
    const grammar = request.responseSchema && (await grammarAfter(request.responseSchema, partialText));
    const reused = commonPrefix(this.#cached, tokens, tokens.length - 1);
    onEvent({ type: 'started', promptTokens: tokens.length, reusedTokens: reused, droppedTurns });

    const text: string[] = [];
    const emit = (delta: string) => {
      if (delta === '') return;
      text.push(delta);
      onEvent({ type: 'text', delta });
    };
    const decoder = new StreamDecoder((ids) => this.#tokenizer.decode(ids), partialAnswer);
    const stops = new StopFilter(this.#template.stopStrings);
    const stopTokens = new Set(this.#template.stopTokens);
    const produced: number[] = [];
    const end = new AbortController();
    let isStop = false;
    let stoppedByText = false;
    let firstTokenAt: number | null = null;
    const room = this.#contextWindowSize - tokens.length;
    const tokensMax = Math.max(1, Math.min(request.sampling.maxTokens, room));

    const reason = await this.#runtime
      .generate(
        tokens,
        request.sampling,
        tokensMax,
        (token) => {
          firstTokenAt ??= now();
          if (stopTokens.has(token)) {
            isStop = true;
            end.abort();
            return;
          }
          produced.push(token);
          const passed = stops.push(decoder.push(token));
          emit(passed.text);
          if (!passed.stopped) return;
          stoppedByText = true;
          end.abort();
        },
        AbortSignal.any([signal, end.signal]),
        { grammar, readsWhole },
      )
      .catch((error: unknown) => {
        this.#cached = [];
        throw error;
      });
    this.#cached = [...tokens, ...produced];

    if (!stoppedByText) {
      emit(stops.flush());
      const whole = produced.slice(0, produced.length - decoder.pending);
      this.#conversation.remember(partialText + text.join(''), [...partialAnswer, ...whole]);
    }
    const ended = now();
    return {
      finishReason: finishReason(),
      stats: {
        promptTokens: tokens.length,
        completionTokens: produced.length,
        timeToFirstTokenSeconds: firstTokenAt === null ? 0 : (firstTokenAt - started) / 1000,
        prefillTokensPerSecond: rate(tokens.length - reused, ((firstTokenAt ?? ended) - started) / 1000),
        decodeTokensPerSecond: rate(
          produced.length - 1,
          firstTokenAt === null ? 0 : (ended - firstTokenAt) / 1000,
        ),
      },
      droppedTurns,
      contextTokens: this.#cached.length,
    };

    function finishReason(): GenerateOutcome['finishReason'] {
      if (isStop || stoppedByText || reason === 'stop') return 'stop';
      if (reason === 'aborted') return 'stopped';
      return produced.length >= request.sampling.maxTokens ? 'length' : 'context';
    }
  }
}

/** GBNF of what may follow the part of an answer. Its code is loaded with the first schema. */
async function grammarAfter(schema: object, partialText: string): Promise<string> {
  const [{ after }, { jsonSchemaGrammar }, { toGbnf }] = await Promise.all([
    import('../grammar/grammar.ts'),
    import('../grammar/jsonSchema.ts'),
    import('./gbnf.ts'),
  ]);
  const rest = after(jsonSchemaGrammar(schema), partialText);
  if (!rest)
    throw new HypnosError('generation-failed', { message: 'the answer so far is not of the schema' });
  return toGbnf(rest);
}
