/**
 * How many threads llama.cpp runs fastest with on this device. `hardwareConcurrency` counts cores that share an arithmetic
 * unit, that are slow ones, or that a virtual machine does not really have; so it is only where the counting ends:
 *
 *   1, 2, 4, ... threads -> tokens per second of a model of zeros -> doubled while that pays
 *
 * The model of zeros has the package's dimensions, since the gain of a thread depends on how much work lies between two
 * meetings of all threads; of a large package, only as many layers and words as tell. The arithmetic does not depend on
 * the values. Measuring takes seconds, so the first visit answers with a guess and is measured afterwards.
 */
import type { ThreadMeasurement } from '../../shared/api.ts';
import { metadataOf } from '../gguf/plan.ts';
import type { Hyperparameters } from '../gguf/plan.ts';
import { encodeHeader, paddingAfter, Q4_0, tensorBytes } from '../gguf/format.ts';
import type { TensorEntry } from '../gguf/format.ts';

export interface Run {
  readonly tokensPerSecond: number;
  /** Of all of it, the start included. */
  readonly milliseconds: number;
}
/** Starts the engine with so many threads and decodes some tokens. @returns null if it took longer than the limit */
export type DecodeRun = (threads: number, limitMilliseconds: number) => Promise<Run | null>;

/** Bytes: more than a processor's caches hold, so that weights come from memory for every token as a large model's do. */
const WEIGHTS_MAX = 48 * 2 ** 20;
/** Bytes of weights that one measurement reads, so that small models are not measured by a blink. */
const WEIGHTS_READ = 2 ** 29;
/** More are never worth their memory traffic in a browser. */
const THREADS_MAX = 16;
/** Twice the threads must be this much faster, or the fewer are kept: they leave the page more air. */
const WORTH_IT = 1.1;

/** What a measurement holds for. */
export interface Circumstances {
  /** Logical processors. */
  readonly cores: number;
  /** Of llama.cpp. */
  readonly engineVersion: string;
  readonly shape: string;
}

/**
 * What `run` throws ends the measurement. No run gets much longer than the one before it: where a core is busy with
 * something else, threads that wait for each other's every step can be a hundred times slower than one.
 * @param firstLimit milliseconds for one thread; where that is too short, nothing else is worth trying
 */
export async function measureThreads(
  run: DecodeRun,
  circumstances: Circumstances,
  firstLimit = 60_000,
): Promise<ThreadMeasurement> {
  let last = await run(1, firstLimit);
  let best = { threads: 1, tokensPerSecond: last?.tokensPerSecond ?? 0 };
  for (let threads = 2; last && threads <= Math.min(circumstances.cores, THREADS_MAX); threads *= 2) {
    last = await run(threads, 2 * last.milliseconds + 1000);
    if (!last || last.tokensPerSecond < best.tokensPerSecond * WORTH_IT) break;
    best = { threads, tokensPerSecond: last.tokensPerSecond };
  }
  return { ...best, ...circumstances };
}

/** The measurement among those that are known that was made under these circumstances. */
export const findMeasurement = (
  known: readonly ThreadMeasurement[],
  { cores, engineVersion, shape }: Circumstances,
): ThreadMeasurement | undefined =>
  known.find((one) => one.cores === cores && one.engineVersion === engineVersion && one.shape === shape);

/** Until it is measured: a second thread helps nearly everywhere, but two of two cores leave the page none. */
export const guessedThreads = (cores: number): number => (cores >= 4 ? 2 : 1);

export const shapeOf = (model: Hyperparameters): string =>
  [
    model.hiddenSize,
    model.intermediateSize,
    model.layers,
    model.heads,
    model.keyValueHeads,
    model.headSize,
    model.vocabularySize,
  ].join('x');

const matrixBytes = (rows: number, columns: number): number =>
  tensorBytes({ name: '', type: matrixType(columns), shape: [rows, columns] });
const matrixType = (columns: number): 'q4_0' | 'f32' => (columns % Q4_0.values === 0 ? 'q4_0' : 'f32');

export interface ModelOfZeros {
  /** A GGUF file. */
  readonly file: Blob;
  /** Tokens that are enough to tell its speed. */
  readonly tokens: number;
}

/** A model of this one's dimensions, at most about WEIGHTS_MAX bytes or a layer of them, whatever its architecture. */
export function modelOfZeros(like: Hyperparameters, contextWindowSize: number): ModelOfZeros {
  const { hiddenSize: hidden, intermediateSize: inner, headSize } = like;
  const queries = like.heads * headSize;
  const keys = like.keyValueHeads * headSize;
  const layerBytes =
    matrixBytes(queries + 2 * keys + 2 * inner, hidden) +
    matrixBytes(hidden, queries) +
    matrixBytes(hidden, inner);
  // The table of words is there twice, and not read in the first place.
  const vocabularySize = Math.min(
    like.vocabularySize,
    Math.max(256, Math.floor(WEIGHTS_MAX / 4 / matrixBytes(1, hidden))),
  );
  const layers = Math.min(like.layers, Math.max(1, Math.floor(WEIGHTS_MAX / layerBytes)));
  const model = { ...like, family: 'llama', ropeScaling: null, layers, vocabularySize } as const;
  const matrix = (name: string, rows: number, columns: number): TensorEntry => ({
    name: `${name}.weight`,
    type: matrixType(columns),
    shape: [rows, columns],
  });
  const norm = (name: string): TensorEntry => ({ name: `${name}.weight`, type: 'f32', shape: [hidden] });
  const entries = [
    matrix('token_embd', vocabularySize, hidden),
    norm('output_norm'),
    matrix('output', vocabularySize, hidden),
    ...Array.from({ length: layers }, (_, layer) => `blk.${layer}`).flatMap((block) => [
      norm(`${block}.attn_norm`),
      matrix(`${block}.attn_q`, queries, hidden),
      matrix(`${block}.attn_k`, keys, hidden),
      matrix(`${block}.attn_v`, keys, hidden),
      matrix(`${block}.attn_output`, hidden, queries),
      norm(`${block}.ffn_norm`),
      matrix(`${block}.ffn_gate`, inner, hidden),
      matrix(`${block}.ffn_up`, inner, hidden),
      matrix(`${block}.ffn_down`, hidden, inner),
    ]),
  ];
  const header = encodeHeader(
    metadataOf(model, contextWindowSize, 0, () => null),
    entries,
  );
  const total = entries.reduce(
    (sum, entry) => sum + tensorBytes(entry) + paddingAfter(tensorBytes(entry)),
    0,
  );
  const cell = new Blob([new Uint8Array(2 ** 20)]);
  const cells = Array.from({ length: Math.floor(total / cell.size) }, () => cell);
  const read = layers * layerBytes + matrixBytes(vocabularySize, hidden);
  return {
    file: new Blob([header, ...cells, new Uint8Array(total % cell.size)]),
    tokens: Math.min(contextWindowSize - 8, Math.max(16, Math.ceil(WEIGHTS_READ / read))),
  };
}
