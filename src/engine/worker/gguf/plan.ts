/**
 * What llama.cpp needs to know of a package, from its own files, before a weight is read.
 *
 *   mlc-chat-config.json -> Hyperparameters -> metadata
 *   tensor-cache.json ----> PackedTensor[]  -> where each lies; fused rows named one by one
 *
 * The vocabulary that is written has ids in its words (see `tokenName`): tokens go in and come out as ids, and the
 * package's own tokenizer, in this worker, is the only one. llama.cpp knows pre-tokenizers by name only, and a package
 * may cut text by an expression of its own.
 */
import { HypnosError } from '../../../shared/errors.ts';
import type { MetadataValue, TensorEntry } from './format.ts';

export type Family = 'llama' | 'mistral' | 'qwen2' | 'qwen3';
const FAMILIES: readonly string[] = ['llama', 'mistral', 'qwen2', 'qwen3'];

export interface Llama3Scaling {
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  /** Tokens. */
  readonly originalContext: number;
}

export interface Hyperparameters {
  readonly family: Family;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly vocabularySize: number;
  readonly normEpsilon: number;
  readonly ropeTheta: number;
  readonly ropeScaling: Llama3Scaling | null;
}

/** @throws HypnosError 'package-unsupported' where a package was made before these figures were written into it */
export function readHyperparameters(config: unknown): Hyperparameters {
  const top = config as Record<string, unknown> | null;
  const model = (top?.model_config ?? {}) as Record<string, unknown>;
  const family = top?.model_type;
  if (typeof family !== 'string' || !FAMILIES.includes(family))
    throw unsupported(`architecture ${String(family)}`, FAMILIES.join(', '));
  const number = (name: string): number => {
    const value = model[name];
    if (typeof value === 'number' && value > 0) return value;
    throw unsupported(`model_config.${name} in mlc-chat-config.json`, 'a package without it');
  };
  const scaling = model.rope_scaling as Record<string, unknown> | null | undefined;
  return {
    family: family as Family,
    hiddenSize: number('hidden_size'),
    intermediateSize: number('intermediate_size'),
    layers: number('num_hidden_layers'),
    heads: number('num_attention_heads'),
    keyValueHeads: number('num_key_value_heads'),
    headSize: number('head_dim'),
    vocabularySize: number('vocab_size'),
    normEpsilon: number('rms_norm_eps'),
    ropeTheta: number('position_embedding_base'),
    ropeScaling: scaling
      ? {
          factor: Number(scaling.factor),
          lowFrequencyFactor: Number(scaling.low_freq_factor),
          highFrequencyFactor: Number(scaling.high_freq_factor),
          originalContext: Number(scaling.original_max_position_embeddings),
        }
      : null,
  };
}

/**
 * llama.cpp's name of the architecture. Mistral is Llama's layout with other numbers. Qwen2 is Llama's with biases: its
 * own name wants heads that fill the hidden size, Llama's does not.
 */
function architectureOf({ family, heads, headSize, hiddenSize }: Hyperparameters): string {
  const isFree = family === 'qwen2' && heads * headSize !== hiddenSize;
  return family === 'mistral' || isFree ? 'llama' : family;
}

/**
 * @param stopToken the id that ends an answer by itself; others are watched for by the caller
 * @param bytesOf as tokenName's, by id
 */
export function metadataOf(
  model: Hyperparameters,
  contextWindowSize: number,
  stopToken: number,
  bytesOf: (id: number) => Uint8Array | null,
): ReadonlyMap<string, MetadataValue> {
  const name = architectureOf(model);
  const u32 = (value: number): MetadataValue => ({ type: 'u32', value });
  return new Map<string, MetadataValue>([
    ['general.architecture', { type: 'string', value: name }],
    [`${name}.context_length`, u32(contextWindowSize)],
    [`${name}.embedding_length`, u32(model.hiddenSize)],
    [`${name}.block_count`, u32(model.layers)],
    [`${name}.feed_forward_length`, u32(model.intermediateSize)],
    [`${name}.attention.head_count`, u32(model.heads)],
    [`${name}.attention.head_count_kv`, u32(model.keyValueHeads)],
    [`${name}.attention.key_length`, u32(model.headSize)],
    [`${name}.attention.value_length`, u32(model.headSize)],
    [`${name}.attention.layer_norm_rms_epsilon`, { type: 'f32', value: model.normEpsilon }],
    [`${name}.rope.dimension_count`, u32(model.headSize)],
    [`${name}.rope.freq_base`, { type: 'f32', value: model.ropeTheta }],
    [`${name}.vocab_size`, u32(model.vocabularySize)],
    // The kind that takes the longest token at every place: it reads a row of names back exactly, in one pass.
    ['tokenizer.ggml.model', { type: 'string', value: 'rwkv' }],
    [
      'tokenizer.ggml.tokens',
      {
        type: 'strings',
        value: Array.from({ length: model.vocabularySize }, (_, id) => tokenName(id, bytesOf(id))),
      },
    ],
    ['tokenizer.ggml.bos_token_id', u32(stopToken)],
    ['tokenizer.ggml.eos_token_id', u32(stopToken)],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: false }],
    ['tokenizer.ggml.add_eos_token', { type: 'bool', value: false }],
  ]);
}

/**
 * A token as llama.cpp writes it: its bytes, each as a letter, for its grammars to read; then its id. So every token is
 * whole by itself, one that ends within a character too.
 * @param bytes null or none: no grammar lets it through
 */
export const tokenName = (id: number, bytes: Uint8Array | null): string =>
  bytes && bytes.length > 0
    ? `${Array.from(bytes, byteLetter).join('')}${id.toString(36)};`
    : `${id.toString(36)}:`;

/** Nothing else in a token's name is of this range. */
export const byteLetter = (byte: number): string => String.fromCharCode(0x100 + byte);

/** Ids in what llama.cpp wrote. @throws HypnosError 'generation-failed' */
export function tokenIds(text: string): readonly number[] {
  if (!/^(?:[\u0100-\u01ff]*[\da-z]+[;:])*$/.test(text))
    throw new HypnosError('generation-failed', { message: 'not token ids' });
  return Array.from(text.matchAll(/[\da-z]+/g), ([id]) => parseInt(id, 36));
}

/** A piece of a fused parameter: these rows become that tensor. */
export interface RowRange {
  readonly name: string;
  readonly from: number;
  readonly rows: number;
  /** Heads whose rows are put in pairs (2i, 2i+1) where Hugging Face has halves (i, i + d/2); 0: as they are. */
  readonly pairedHeads: number;
}

const LAYER = /^model\.layers\.(\d+)\.(.+)$/;
const LAYER_NAMES: Readonly<Record<string, string>> = {
  'input_layernorm.weight': 'attn_norm.weight',
  'post_attention_layernorm.weight': 'ffn_norm.weight',
  'self_attn.q_norm.weight': 'attn_q_norm.weight',
  'self_attn.k_norm.weight': 'attn_k_norm.weight',
  'self_attn.o_proj.weight': 'attn_output.weight',
  'self_attn.o_proj.bias': 'attn_output.bias',
  'mlp.down_proj.weight': 'ffn_down.weight',
};
const TOP_NAMES: Readonly<Record<string, string>> = {
  'model.embed_tokens.weight': 'token_embd.weight',
  'model.norm.weight': 'output_norm.weight',
  'lm_head.weight': 'output.weight',
};

/**
 * Which tensors a parameter of the package becomes, in the order of its rows.
 * @param parameter its name with '.weight' in place of '.q_weight'
 * @throws HypnosError 'package-unsupported'
 */
export function rowRanges(parameter: string, rows: number, model: Hyperparameters): readonly RowRange[] {
  const whole = (name: string): readonly RowRange[] => [{ name, from: 0, rows, pairedHeads: 0 }];
  const top = TOP_NAMES[parameter];
  if (top) return whole(top);
  const [, layer, rest = ''] = LAYER.exec(parameter) ?? [];
  const simple = LAYER_NAMES[rest];
  if (layer !== undefined && simple) return whole(`blk.${layer}.${simple}`);
  const fused = /^(self_attn\.qkv_proj|mlp\.gate_up_proj)\.(weight|bias)$/.exec(rest);
  if (layer === undefined || !fused) throw unsupported(`parameter ${parameter}`, 'others');
  const [, block, kind] = fused;
  const isPaired = architectureOf(model) === 'llama';
  const { heads, keyValueHeads, headSize, intermediateSize } = model;
  const parts =
    block === 'mlp.gate_up_proj'
      ? [
          ['ffn_gate', intermediateSize, 0],
          ['ffn_up', intermediateSize, 0],
        ]
      : [
          ['attn_q', heads * headSize, isPaired ? heads : 0],
          ['attn_k', keyValueHeads * headSize, isPaired ? keyValueHeads : 0],
          ['attn_v', keyValueHeads * headSize, 0],
        ];
  let from = 0;
  const ranges = (parts as [string, number, number][]).map(([name, count, pairedHeads]) => {
    const range = { name: `blk.${layer}.${name}.${kind}`, from, rows: count, pairedHeads };
    from += count;
    return range;
  });
  if (from !== rows) throw unsupported(`${parameter} of ${rows} rows`, `${from} rows`);
  return ranges;
}

/** Rows of the source, one after the other, and where they go: each `stride` rows behind the one before it. */
export interface RowRun {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly stride: 1 | 2;
}

/** Rows that stay together: what lies in pairs is put there head by head. */
export const rowsTogether = (range: RowRange): number =>
  range.pairedHeads === 0 ? 1 : range.rows / range.pairedHeads;

/**
 * What becomes rows `first` to `first + rows` of a range, `to` counted from `first`.
 * @param first and `rows`: multiples of `rowsTogether`
 */
export function rowRuns(range: RowRange, first: number, rows: number): readonly RowRun[] {
  if (range.pairedHeads === 0) return [{ from: range.from + first, to: 0, rows, stride: 1 }];
  const headSize = rowsTogether(range);
  const half = headSize / 2;
  return Array.from({ length: rows / headSize }, (_, head) => head * headSize).flatMap((at) =>
    [0, 1].map((part): RowRun => {
      return { from: range.from + first + at + part * half, to: at + part, rows: half, stride: 2 };
    }),
  );
}

export function unsupported(needs: string, has: string): HypnosError {
  return new HypnosError('package-unsupported', { needs, has });
}

/**
 * What each rotation's frequency is divided by under Llama 3.1's scaling, headSize / 2 values.
 * Source: transformers, modeling_rope_utils, _compute_llama3_parameters.
 */
export function ropeFactors(model: Hyperparameters): Float32Array<ArrayBuffer> | null {
  const scaling = model.ropeScaling;
  if (!scaling) return null;
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } = scaling;
  return Float32Array.from({ length: model.headSize / 2 }, (_, index) => {
    const wavelength = 2 * Math.PI * model.ropeTheta ** ((2 * index) / model.headSize);
    if (wavelength < originalContext / high) return 1;
    if (wavelength > originalContext / low) return factor;
    const smooth = (originalContext / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

export const ROPE_FACTORS: Pick<TensorEntry, 'name' | 'type'> = { name: 'rope_freqs.weight', type: 'f32' };
