/**
 * web-llm behind the TokenModel interface; the only module that imports it, loaded on demand (6.8 MB).
 *
 * MLCEngine loads: runtime, library, tokenizer, weights, shaders. Its chat API is not used: it cannot stop during the
 * prefill, cannot go on with a partial answer, throws the KV cache away after every stopped answer, and says 'length'
 * for two different ends. The pipeline underneath has all that is needed, but as private members; `PipelineInternals`
 * names the ones used here, and loading fails at once where a release of web-llm lacks one.
 */
import { MLCEngine } from '@mlc-ai/web-llm';
import { HypnosError } from '../../shared/errors.ts';
import type { SamplingSettings } from '../../shared/types.ts';
import { ARTIFACT_BASE } from './artifacts.ts';
import type { Logits, TokenModel } from './model.ts';
import { readTemplate } from './prompt.ts';
import type { ChatTemplate } from './prompt.ts';

interface Tensor extends Logits {
  readonly shape: readonly number[];
}
type PackedFunction = (...args: unknown[]) => unknown;

interface TvmInstance {
  beginScope(): void;
  endScope(): void;
  detachFromCurrentScope<T>(value: T): T;
  getGlobalFunc(name: string): PackedFunction;
  scalar(value: number, dtype: string): unknown;
}

interface GenerationConfig {
  temperature: number;
  top_p: number;
  frequency_penalty: number;
  presence_penalty: number;
  repetition_penalty: number;
  response_format?: { type: 'json_object'; schema: string };
}

interface GrammarCompiler {
  compileJSONSchema(schema: string, anyWhitespace?: boolean, indent?: number): Promise<unknown>;
}

/** Members of LLMChatPipeline, web-llm 0.2.86. */
interface PipelineInternals {
  readonly tvm: TvmInstance;
  readonly tokenizer: { encode(text: string): Int32Array; decode(tokens: Int32Array): string };
  readonly kvCache: unknown;
  readonly prefillChunkSize: number;
  readonly appearedTokensFreq: Map<number, number>;
  filledKVCacheLength: number;
  /** Made with the first grammar. */
  grammarCompiler?: GrammarCompiler | undefined;
  embedAndForward(input: number[][], length: number): Promise<Tensor>;
  sampleFromRawLogits(logits: Tensor, config: GenerationConfig): Promise<number>;
  prepareGrammarMatcherForSampling(config: GenerationConfig): Promise<void> | undefined;
  commitSamplerState(token: number, config: GenerationConfig): void;
  resetGenerationRoundState(): void;
  resetKVCache(): void;
  setSeed(seed: number): void;
  sync(): Promise<void>;
}
const METHODS = [
  'embedAndForward',
  'sampleFromRawLogits',
  'prepareGrammarMatcherForSampling',
  'commitSamplerState',
  'resetGenerationRoundState',
  'resetKVCache',
  'setSeed',
  'sync',
] as const satisfies readonly (keyof PipelineInternals)[];
const OBJECTS = ['tvm', 'tokenizer', 'kvCache', 'appearedTokensFreq'] as const;

export interface LoadRequest {
  /** File names inside the package. */
  readonly library: string;
  /** Content of mlc-chat-config.json. */
  readonly config: unknown;
  /** Tokens. */
  readonly contextWindowSize: number;
  /** web-llm's report of what it does; the stage of its own wording. */
  readonly onReport: (report: { readonly progress: number; readonly text: string }) => void;
}

export interface LoadedPipeline {
  readonly model: TokenModel;
  /** Frees the device. */
  unload(): Promise<void>;
}

const MODEL_ID = 'package';

/** ArtifactCache must be installed, and the package's files verified as they are read. Throws what web-llm throws. */
export async function loadPipeline(request: LoadRequest): Promise<LoadedPipeline> {
  const template = readTemplate(request.config);
  const engine = new MLCEngine({
    logLevel: 'ERROR',
    initProgressCallback: request.onReport,
    appConfig: {
      cacheBackend: 'cache',
      model_list: [
        {
          model_id: MODEL_ID,
          model: ARTIFACT_BASE,
          model_lib: new URL(request.library, ARTIFACT_BASE).href,
          overrides: windowOverrides(request),
        },
      ],
    },
  });
  await engine.reload(MODEL_ID);
  const { loadedModelIdToPipeline } = engine as unknown as {
    readonly loadedModelIdToPipeline: ReadonlyMap<string, unknown>;
  };
  const pipeline = checkInternals(loadedModelIdToPipeline.get(MODEL_ID));
  return {
    model: new WebLlmModel(pipeline, template, request.contextWindowSize),
    unload: () => engine.unload(),
  };
}

/**
 * A library compiled for a moving window has kernels for nothing else: its configuration stays as it is. The session keeps
 * every prompt inside the window, where a moving one and a fixed one are the same.
 */
function windowOverrides(request: LoadRequest): {
  context_window_size?: number;
  sliding_window_size?: number;
} {
  const window = (request.config as { sliding_window_size?: unknown }).sliding_window_size;
  if (typeof window === 'number' && window > 0) return {};
  return { context_window_size: request.contextWindowSize, sliding_window_size: -1 };
}

function checkInternals(value: unknown): PipelineInternals {
  // reload() swallows an abort: then there is no pipeline.
  if (typeof value !== 'object' || value === null) throw new HypnosError('cancelled');
  const members = value as Record<string, unknown>;
  const missing = [
    ...METHODS.filter((name) => typeof members[name] !== 'function'),
    ...OBJECTS.filter((name) => typeof members[name] !== 'object' || members[name] === null),
  ];
  if (missing.length > 0) {
    throw new HypnosError('engine-load-failed', {
      message: `web-llm's pipeline lacks ${missing.join(', ')}`,
    });
  }
  const pipeline = value as PipelineInternals;
  writeJsonOnOneLine(pipeline);
  return pipeline;
}

/**
 * web-llm compiles schemas with xgrammar's default, any amount of white space between two JSON tokens; a small model
 * then likes to fill the context window with blanks. One line, `", "` and `": "`, leaves it no such choice.
 */
function writeJsonOnOneLine(pipeline: PipelineInternals): void {
  let compiler: GrammarCompiler | undefined;
  Object.defineProperty(pipeline, 'grammarCompiler', {
    get: () => compiler,
    set: (made: GrammarCompiler | undefined) => {
      compiler = made;
      if (!made) return;
      const compile = made.compileJSONSchema.bind(made);
      made.compileJSONSchema = (schema) => compile(schema, false, -1);
    },
  });
}

class WebLlmModel implements TokenModel {
  readonly contextWindowSize: number;
  readonly template: ChatTemplate;
  readonly #pipeline: PipelineInternals;
  readonly #popTokens: PackedFunction;
  #config: GenerationConfig = toConfig(undefined, undefined);

  constructor(pipeline: PipelineInternals, template: ChatTemplate, contextWindowSize: number) {
    this.#pipeline = pipeline;
    this.template = template;
    this.contextWindowSize = contextWindowSize;
    this.#popTokens = this.#scoped(() =>
      pipeline.tvm.detachFromCurrentScope(pipeline.tvm.getGlobalFunc('vm.builtin.kv_state_popn')),
    );
  }

  get prefillChunkSize(): number {
    return this.#pipeline.prefillChunkSize;
  }

  encode(text: string): readonly number[] {
    return text === '' ? [] : Array.from(this.#pipeline.tokenizer.encode(text));
  }

  decode(tokens: readonly number[]): string {
    return tokens.length === 0 ? '' : this.#pipeline.tokenizer.decode(Int32Array.from(tokens));
  }

  async forward(tokens: readonly number[]): Promise<Logits> {
    const { tvm } = this.#pipeline;
    tvm.beginScope();
    let logits: Tensor;
    try {
      logits = tvm.detachFromCurrentScope(await this.#pipeline.embedAndForward([[...tokens]], tokens.length));
    } finally {
      tvm.endScope();
    }
    // A single token is followed by sampling, which waits for the device anyway.
    if (tokens.length > 1) await this.#pipeline.sync();
    return logits;
  }

  truncate(length: number): void {
    const pipeline = this.#pipeline;
    const surplus = pipeline.filledKVCacheLength - length;
    if (length === 0) this.#scoped(() => pipeline.resetKVCache());
    else if (surplus > 0) {
      const { tvm, kvCache } = pipeline;
      this.#scoped(() => this.#popTokens(kvCache, tvm.scalar(0, 'int64'), tvm.scalar(surplus, 'int32')));
    }
    pipeline.filledKVCacheLength = length;
  }

  async beginAnswer(sampling: SamplingSettings, responseSchema: object | undefined): Promise<void> {
    this.#config = toConfig(sampling, responseSchema);
    this.#pipeline.resetGenerationRoundState();
    this.#pipeline.setSeed(sampling.seed ?? randomSeed());
    await this.#pipeline.prepareGrammarMatcherForSampling(this.#config);
  }

  async sample(logits: Logits): Promise<number> {
    try {
      return await this.#pipeline.sampleFromRawLogits(logits as Tensor, this.#config);
    } finally {
      logits.dispose();
    }
  }

  accept(token: number, isStop: boolean): void {
    this.#pipeline.commitSamplerState(token, this.#config);
    if (isStop) return;
    const counts = this.#pipeline.appearedTokensFreq;
    counts.set(token, (counts.get(token) ?? 0) + 1);
  }

  #scoped<T>(action: () => T): T {
    const { tvm } = this.#pipeline;
    tvm.beginScope();
    try {
      return action();
    } finally {
      tvm.endScope();
    }
  }
}

function toConfig(
  sampling: SamplingSettings | undefined,
  responseSchema: object | undefined,
): GenerationConfig {
  return {
    temperature: sampling?.temperature ?? 0,
    top_p: sampling?.topP ?? 1,
    frequency_penalty: sampling?.frequencyPenalty ?? 0,
    presence_penalty: sampling?.presencePenalty ?? 0,
    repetition_penalty: sampling?.repetitionPenalty ?? 1,
    ...(responseSchema
      ? { response_format: { type: 'json_object' as const, schema: JSON.stringify(responseSchema) } }
      : {}),
  };
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 1;
}
