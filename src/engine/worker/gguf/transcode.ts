/**
 * A package's weights as a GGUF file, shard by shard.
 *
 *   tensor-cache.json --plan--> header
 *   shard --each parameter--> rows of its tensors, repacked --> piece, piece, ...
 *
 * Matrices stay what they are (4-bit groups become Q4_0 blocks, see numbers.ts); vectors become float32. Held at a time:
 * one shard, the words of a matrix whose scales lie in the next one, and one tensor's output.
 */
import { HypnosError } from '../../../shared/errors.ts';
import { encodeHeader, paddingAfter, Q4_0 } from './format.ts';
import type { MetadataValue, TensorEntry } from './format.ts';
import { fromHalf, packQ4, toHalves } from './numbers.ts';
import { ROPE_FACTORS, ropeFactors, rowRanges, sourceRow, unsupported } from './plan.ts';
import type { Hyperparameters, RowRange } from './plan.ts';

interface PackedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'uint32' | 'float16' | 'float32';
  readonly byteOffset: number;
  readonly nbytes: number;
}

export interface TensorShard {
  readonly dataPath: string;
  readonly records: readonly PackedTensor[];
}

/** A parameter of the package and what becomes of it. */
interface Step {
  readonly words: PackedTensor | null;
  readonly values: PackedTensor;
  readonly rows: number;
  /** Bytes of a row of the words (4-bit) or of the values. */
  readonly ranges: readonly RowRange[];
  readonly entries: readonly TensorEntry[];
}

export interface Transcoding {
  /** Of the whole file. */
  readonly header: Uint8Array<ArrayBuffer>;
  /** In order; `read` is called once a shard, in order. */
  pieces(
    read: (path: string) => Promise<Uint8Array<ArrayBuffer>>,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;
}

/**
 * @param shards `records` of tensor-cache.json
 * @throws HypnosError 'package-unsupported' for parameters or shapes that llama.cpp has no place for
 */
export function planTranscoding(
  shards: readonly TensorShard[],
  model: Hyperparameters,
  metadata: ReadonlyMap<string, MetadataValue>,
): Transcoding {
  const steps = planSteps(shards, model);
  const factors = ropeFactors(model);
  const entries = [...steps.values()].flatMap((step) => step.entries);
  if (factors) entries.push({ ...ROPE_FACTORS, shape: [factors.length] });
  return {
    header: encodeHeader(metadata, entries),
    pieces: async function* (read) {
      let heldWords: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> } | null = null;
      for (const shard of shards) {
        const bytes = await read(shard.dataPath);
        const slice = (tensor: PackedTensor) =>
          bytes.subarray(tensor.byteOffset, tensor.byteOffset + tensor.nbytes);
        for (const tensor of shard.records) {
          const step = steps.get(tensor.name);
          if (!step) {
            // Words wait for their scales, which follow.
            heldWords = { name: tensor.name, bytes: slice(tensor) };
            continue;
          }
          for (const [index, range] of step.ranges.entries()) {
            const entry = step.entries[index];
            if (!entry) continue;
            const data = step.words
              ? q4Rows(take(heldWords, step.words.name), slice(tensor), tensor, range)
              : plainRows(slice(tensor), tensor, range, entry);
            yield padded(data);
          }
          heldWords = null;
        }
      }
      if (factors) yield padded(new Uint8Array(factors.buffer));
    },
  };
}

function planSteps(shards: readonly TensorShard[], model: Hyperparameters): ReadonlyMap<string, Step> {
  const steps = new Map<string, Step>();
  let words: PackedTensor | null = null;
  for (const { records } of shards) {
    for (const tensor of records) {
      if (tensor.dtype === 'uint32') {
        words = tensor;
        continue;
      }
      const isQuantized = tensor.name.endsWith('.q_scale');
      if (isQuantized !== (words !== null))
        throw unsupported(`order of ${tensor.name}`, 'words, then scales');
      const parameter = isQuantized ? tensor.name.replace(/q_scale$/, 'weight') : tensor.name;
      const rows = tensor.shape[0] ?? 0;
      const ranges = rowRanges(parameter, rows, model);
      const entries = ranges.map((range): TensorEntry => {
        if (tensor.shape.length === 1) return { name: range.name, type: 'f32', shape: [range.rows] };
        const columns = (tensor.shape[1] ?? 0) * (isQuantized ? Q4_0.values : 1);
        const expected = columnsOf(range.name, model);
        if (columns !== expected)
          throw unsupported(`${parameter} of ${expected} columns`, 'multiples of 32 columns');
        const plain = tensor.dtype === 'float16' ? 'f16' : 'f32';
        return { name: range.name, type: isQuantized ? 'q4_0' : plain, shape: [range.rows, columns] };
      });
      steps.set(tensor.name, { words, values: tensor, rows, ranges, entries });
      words = null;
    }
  }
  return steps;
}

/** Columns are padded in the 4-bit formats; llama.cpp wants the model's own. */
function columnsOf(name: string, model: Hyperparameters): number {
  if (name.includes('ffn_down')) return model.intermediateSize;
  if (name.includes('attn_output')) return model.heads * model.headSize;
  return model.hiddenSize;
}

function take(held: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> } | null, name: string) {
  if (held?.name === name) return held.bytes;
  throw new HypnosError('package-manifest-invalid', {
    file: 'tensor-cache.json',
    path: '#/records',
    reason: `${name} is not where its scales are`,
  });
}

function q4Rows(
  words: Uint8Array<ArrayBuffer>,
  scales: Uint8Array<ArrayBuffer>,
  { name, shape, dtype }: PackedTensor,
  range: RowRange,
): Uint8Array<ArrayBuffer> {
  const groups = shape[1] ?? 0;
  const allWords = new Uint32Array(words.buffer, words.byteOffset, words.length / 4);
  const from = range.from * groups;
  const count = range.rows * groups;
  const halves =
    dtype === 'float16'
      ? new Uint16Array(scales.buffer, scales.byteOffset + from * 2, count)
      : toHalves(new Float32Array(scales.buffer, scales.byteOffset + from * 4, count));
  if (halves.includes(0x7c00)) throw unsupported(`a scale of ${name}`, 'scales below 65,520');
  const out = new Uint16Array((range.rows * groups * Q4_0.bytes) / 2);
  const outRow = (groups * Q4_0.bytes) / 2;
  if (range.pairedHeads === 0) {
    packQ4(allWords.subarray(from * 4, (from + count) * 4), halves, out);
  } else {
    for (let row = 0; row < range.rows; row += 1) {
      const source = sourceRow(range, row) * groups;
      packQ4(
        allWords.subarray(source * 4, (source + groups) * 4),
        halves.subarray(source - from, source - from + groups),
        out.subarray(row * outRow, (row + 1) * outRow),
      );
    }
  }
  return new Uint8Array(out.buffer);
}

function plainRows(
  bytes: Uint8Array<ArrayBuffer>,
  { shape, dtype }: PackedTensor,
  range: RowRange,
  entry: TensorEntry,
): Uint8Array<ArrayBuffer> {
  const columns = shape[1] ?? 1;
  const rowBytes = columns * (dtype === 'float16' ? 2 : 4);
  const rows = new Uint8Array(range.rows * rowBytes);
  for (let row = 0; row < range.rows; row += 1) {
    const from = sourceRow(range, row) * rowBytes;
    rows.set(bytes.subarray(from, from + rowBytes), row * rowBytes);
  }
  if (dtype === 'float32' || entry.type === 'f16') return rows;
  return new Uint8Array(Float32Array.from(new Uint16Array(rows.buffer), fromHalf).buffer);
}

function padded(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const padding = paddingAfter(data.length);
  if (padding === 0) return data;
  const longer = new Uint8Array(data.length + padding);
  longer.set(data);
  return longer;
}
