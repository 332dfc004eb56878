/**
 * A package's weights as a GGUF file, or several where they are large, shard by shard.
 *
 *   tensor-cache.json --plan--> headers
 *   shard --each parameter--> rows of its tensors, repacked --> piece, piece, ...
 *
 * Matrices stay what they are (4-bit groups become Q4_0 blocks, see numbers.ts); vectors become float32, and so do 4-bit
 * matrices whose rows end within a group, which Q4_0 has no place for. Held at a time: one shard, the shard before it
 * where a matrix's words are there and its scales here, and one piece. A shard is 32 MiB or one larger tensor, so this
 * is less than the largest tensor and 64 MiB.
 */
import { HypnosError } from '../../../shared/errors.ts';
import { encodeHeader, paddingAfter, Q4_0, splitMetadata, tensorBytes } from './format.ts';
import type { MetadataValue, TensorEntry, TensorType } from './format.ts';
import { fromHalf, packQ4, toHalves, unpackQ4 } from './numbers.ts';
import { ROPE_FACTORS, ropeFactors, rowRanges, rowRuns, rowsTogether, unsupported } from './plan.ts';
import type { Hyperparameters, RowRange, RowRun } from './plan.ts';

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
  readonly ranges: readonly RowRange[];
  readonly entries: readonly TensorEntry[];
}

/** Bytes of a file; what lies behind its header. */
export interface Piece {
  readonly file: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface Transcoding {
  /** Of each file. */
  readonly headers: readonly Uint8Array<ArrayBuffer>[];
  /** In order, file by file; `read` is called once a shard, in order. */
  pieces(read: (path: string) => Promise<Uint8Array<ArrayBuffer>>): AsyncGenerator<Piece, void, undefined>;
}

/** Raise it with every change of what `pieces` gives for the same package: weights that were kept are then made anew. */
export const TRANSCODING_FORMAT = 1;

/** Bytes of tensors in one file: with its header, less than 2 GiB. */
const FILE_BYTES_MAX = 2 ** 31 - 2 ** 26;

/**
 * @param shards `records` of tensor-cache.json
 * @param fileBytesMax bytes of tensors in one file; a larger tensor has a file of its own
 * @throws HypnosError 'package-unsupported' for parameters or shapes that llama.cpp has no place for
 */
export function planTranscoding(
  shards: readonly TensorShard[],
  model: Hyperparameters,
  metadata: ReadonlyMap<string, MetadataValue>,
  fileBytesMax = FILE_BYTES_MAX,
): Transcoding {
  const steps = planSteps(shards, model);
  const factors = ropeFactors(model);
  const entries = [...steps.values()].flatMap((step) => step.entries);
  if (factors) entries.push({ ...ROPE_FACTORS, shape: [factors.length] });
  const files = splitEntries(entries, fileBytesMax);
  const fileOf = new Map(files.flatMap((list, file) => list.map(({ name }) => [name, file])));
  function* inFile(name: string, all: Iterable<Uint8Array<ArrayBuffer>>): Generator<Piece, void, undefined> {
    for (const bytes of all) yield { file: fileOf.get(name) ?? 0, bytes };
  }
  return {
    headers: files.map((list, file) => {
      if (files.length === 1) return encodeHeader(metadata, list);
      const split = splitMetadata(file, files.length, entries.length);
      return encodeHeader(file === 0 ? new Map([...metadata, ...split]) : split, list);
    }),
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
            const source = {
              ...tensor,
              words: step.words && take(heldWords, step.words.name),
              values: slice(tensor),
            };
            yield* inFile(entry.name, pieces(source, range, entry));
          }
          heldWords = null;
        }
      }
      if (factors) {
        const bytes = new Uint8Array(factors.buffer);
        yield* inFile(ROPE_FACTORS.name, withPadding(bytes, bytes.length));
      }
    },
  };
}

/** Each file's tensors, in order. */
function splitEntries(entries: readonly TensorEntry[], fileBytesMax: number): readonly TensorEntry[][] {
  const files: TensorEntry[][] = [[]];
  let bytes = 0;
  for (const entry of entries) {
    const length = tensorBytes(entry) + paddingAfter(tensorBytes(entry));
    if (bytes > 0 && bytes + length > fileBytesMax) {
      files.push([]);
      bytes = 0;
    }
    files.at(-1)?.push(entry);
    bytes += length;
  }
  return files;
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
        const columns = columnsOf(range.name, model);
        const expected = isQuantized ? Math.ceil(columns / Q4_0.values) : columns;
        if (tensor.shape[1] !== expected)
          throw unsupported(`${tensor.name} of ${tensor.shape.join(' x ')}`, `${expected} columns`);
        return { name: range.name, type: matrixType(tensor, columns), shape: [range.rows, columns] };
      });
      steps.set(tensor.name, { words, ranges, entries });
      words = null;
    }
  }
  return steps;
}

function matrixType({ name, dtype }: PackedTensor, columns: number): TensorType {
  if (name.endsWith('.q_scale')) return columns % Q4_0.values === 0 ? 'q4_0' : 'f32';
  return dtype === 'float16' ? 'f16' : 'f32';
}

/** The model's own; the 4-bit formats fill the last group up. */
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

interface Source extends PackedTensor {
  readonly words: Uint8Array<ArrayBuffer> | null;
  /** The scales of words, or the weights themselves. */
  readonly values: Uint8Array<ArrayBuffer>;
}

/** Bytes of a piece, a row or a head at least. */
const PIECE_BYTES = 4 * 2 ** 20;

function* pieces(
  source: Source,
  range: RowRange,
  entry: TensorEntry,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const total = tensorBytes(entry);
  const rowBytes = total / range.rows;
  const together = rowsTogether(range);
  const rowsMax = together * Math.max(1, Math.floor(PIECE_BYTES / (rowBytes * together)));
  const write = writerOf(source, entry);
  for (let first = 0; first < range.rows; first += rowsMax) {
    const rows = Math.min(rowsMax, range.rows - first);
    const piece = new Uint8Array(rowBytes * rows);
    for (const run of rowRuns(range, first, rows)) write(run, piece);
    yield* withPadding(piece, first + rows === range.rows ? total : 0);
  }
}

type RunWriter = (run: RowRun, piece: Uint8Array<ArrayBuffer>) => void;

function writerOf({ name, words, values, shape, dtype }: Source, entry: TensorEntry): RunWriter {
  /** Of the source: values of a row, or groups. */
  const columns = shape[1] ?? 1;
  if (!words && (dtype === 'float32' || entry.type === 'f16')) {
    const rowBytes = columns * (dtype === 'float16' ? 2 : 4);
    return ({ from, to, rows, stride }, piece) => {
      const step = stride === 1 ? rows : 1; // all at once where they stay neighbours
      for (let row = 0; row < rows; row += step) {
        const copied = values.subarray((from + row) * rowBytes, (from + row + step) * rowBytes);
        piece.set(copied, (to + row * stride) * rowBytes);
      }
    };
  }
  if (!words) {
    const halves = new Uint16Array(values.buffer, values.byteOffset, values.length / 2);
    return ({ from, to, rows, stride }, piece) => {
      const into = new Float32Array(piece.buffer);
      for (let row = 0; row < rows; row += 1) {
        const at = (to + row * stride) * columns;
        for (let column = 0; column < columns; column += 1)
          into[at + column] = fromHalf(halves[(from + row) * columns + column] ?? 0);
      }
    };
  }
  const allWords = new Uint32Array(words.buffer, words.byteOffset, words.length / 4);
  if (entry.type === 'f32') {
    const scales =
      dtype === 'float32'
        ? new Float32Array(values.buffer, values.byteOffset, values.length / 4)
        : Float32Array.from(new Uint16Array(values.buffer, values.byteOffset, values.length / 2), fromHalf);
    const size = entry.shape.at(-1) ?? 0;
    return ({ from, to, rows, stride }, piece) => {
      for (let row = 0; row < rows; row += 1) {
        const first = (from + row) * columns;
        const wordsOfRow = allWords.subarray(first * 4, (first + columns) * 4);
        const into = new Float32Array(piece.buffer, (to + row * stride) * size * 4, size);
        unpackQ4(wordsOfRow, scales.subarray(first, first + columns), into);
      }
    };
  }
  return ({ from, to, rows, stride }, piece) => {
    const at = from * columns;
    const groups = rows * columns;
    const halves =
      dtype === 'float16'
        ? new Uint16Array(values.buffer, values.byteOffset + at * 2, groups)
        : toHalves(new Float32Array(values.buffer, values.byteOffset + at * 4, groups));
    if (halves.includes(0x7c00)) throw unsupported(`a scale of ${name}`, 'scales below 65,520');
    const into = new Uint16Array(piece.buffer, to * columns * Q4_0.bytes);
    packQ4(allWords.subarray(at * 4, (at + groups) * 4), halves, into, { columns, stride });
  };
}

/** @param total bytes of the whole tensor where this is its end, else 0 */
function* withPadding(
  data: Uint8Array<ArrayBuffer>,
  total: number,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  yield data;
  const padding = paddingAfter(total);
  if (padding > 0) yield new Uint8Array(padding);
}
