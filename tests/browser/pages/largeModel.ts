/** A model's weights of no meaning: 200 MB in the shards and the order that MLC writes, dimensions of a Llama of 1B. */
import type { Hyperparameters } from '../../../src/engine/worker/gguf/plan.ts';
import type { TensorShard } from '../../../src/engine/worker/gguf/transcode.ts';

const SHARD_BYTES_MAX = 32 * 2 ** 20;

const MODEL: Hyperparameters = {
  family: 'llama',
  hiddenSize: 2048,
  intermediateSize: 5632,
  layers: 7,
  heads: 32,
  keyValueHeads: 4,
  headSize: 64,
  vocabularySize: 16_000,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  ropeScaling: null,
};

type Tensor = Omit<TensorShard['records'][number], 'byteOffset'>;

/** @param scales of q4f16_1 or of q4f32_1 */
export function makeLargeModel(scales: 'float16' | 'float32') {
  const size = scales === 'float16' ? 2 : 4;
  const matrix = (name: string, rows: number, columns: number): readonly Tensor[] => {
    const groups = columns / 32;
    return [
      { name: `${name}.q_weight`, shape: [rows, groups * 4], dtype: 'uint32', nbytes: rows * groups * 16 },
      { name: `${name}.q_scale`, shape: [rows, groups], dtype: scales, nbytes: rows * groups * size },
    ];
  };
  const vector = (name: string): Tensor => ({
    name,
    shape: [MODEL.hiddenSize],
    dtype: scales,
    nbytes: MODEL.hiddenSize * size,
  });
  const { hiddenSize: hidden, intermediateSize: inner, heads, keyValueHeads, headSize } = MODEL;
  const layers = Array.from({ length: MODEL.layers }, (_, layer) => `model.layers.${layer}`);
  const tensors = [
    ...matrix('model.embed_tokens', MODEL.vocabularySize, hidden),
    ...layers.flatMap((layer) => [
      vector(`${layer}.input_layernorm.weight`),
      ...matrix(`${layer}.self_attn.qkv_proj`, (heads + 2 * keyValueHeads) * headSize, hidden),
      ...matrix(`${layer}.self_attn.o_proj`, hidden, heads * headSize),
      vector(`${layer}.post_attention_layernorm.weight`),
      ...matrix(`${layer}.mlp.gate_up_proj`, 2 * inner, hidden),
      ...matrix(`${layer}.mlp.down_proj`, hidden, inner),
    ]),
    vector('model.norm.weight'),
  ];
  const shards = new Map<string, Uint8Array<ArrayBuffer>>();
  const records: TensorShard[] = [];
  for (const list of inShards(tensors)) {
    const dataPath = `params_shard_${records.length}.bin`;
    shards.set(dataPath, fill(list));
    records.push({ dataPath, records: list });
  }
  return { model: MODEL, records, shards };
}

function inShards(tensors: readonly Tensor[]): readonly TensorShard['records'][] {
  const shards: TensorShard['records'][number][][] = [[]];
  let byteOffset = 0;
  for (const tensor of tensors) {
    if (byteOffset > 0 && byteOffset + tensor.nbytes > SHARD_BYTES_MAX) {
      shards.push([]);
      byteOffset = 0;
    }
    shards.at(-1)?.push({ ...tensor, byteOffset });
    byteOffset += tensor.nbytes;
  }
  return shards;
}

/** Nibbles from 0 to 14; scales and weights that float16 holds. */
function fill(list: TensorShard['records']): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(list.reduce((sum, { nbytes }) => sum + nbytes, 0));
  let state = 1;
  const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
  for (const { dtype, byteOffset, nbytes } of list) {
    if (dtype === 'uint32') {
      const words = new Uint32Array(bytes.buffer, byteOffset, nbytes / 4);
      for (let at = 0; at < words.length; at += 1) words[at] = random() & 0xeeeeeeee;
    } else if (dtype === 'float16') {
      const halves = new Uint16Array(bytes.buffer, byteOffset, nbytes / 2);
      for (let at = 0; at < halves.length; at += 1) halves[at] = 0x2000 + (random() >>> 20);
    } else {
      const floats = new Float32Array(bytes.buffer, byteOffset, nbytes / 4);
      for (let at = 0; at < floats.length; at += 1) floats[at] = 0.001 + random() / 2 ** 37;
    }
  }
  return bytes;
}
