/**
 * How many threads llama.cpp runs fastest with on this device. `hardwareConcurrency` counts cores that share an arithmetic
 * unit, that are slow ones, or that a virtual machine does not really have; so it is only where the counting ends:
 *
 *   1, 2, 4, ... threads -> tokens per second of a small model made of zeros -> doubled while that pays
 *
 * Its 43 MB of Q4_0 are more than a processor's caches hold: like a real model's, they come from memory for every token,
 * and the arithmetic does not depend on their values.
 */
import type { ThreadMeasurement } from '../../shared/api.ts';
import { metadataOf } from '../gguf/plan.ts';
import type { Hyperparameters } from '../gguf/plan.ts';
import { encodeHeader, paddingAfter, tensorBytes } from '../gguf/format.ts';
import type { TensorEntry } from '../gguf/format.ts';

/** Decodes `tokens` tokens with so many threads. @returns tokens per second */
export type DecodeSpeed = (threads: number, tokens: number, signal: AbortSignal) => Promise<number>;

const TOKENS = 24;
/** More are never worth their memory traffic in a browser. */
const THREADS_MAX = 16;
/** Twice the threads must be this much faster, or the fewer are kept: they leave the page more air. */
const WORTH_IT = 1.1;

/**
 * @param cores logical processors
 * @param engineVersion of llama.cpp: what was measured with another one is measured again
 */
export async function measureThreads(
  speed: DecodeSpeed,
  cores: number,
  engineVersion: string,
  signal: AbortSignal,
): Promise<ThreadMeasurement> {
  let best = { threads: 1, tokensPerSecond: await speed(1, TOKENS, signal) };
  for (let threads = 2; threads <= Math.min(cores, THREADS_MAX) && !signal.aborted; threads *= 2) {
    const tokensPerSecond = await speed(threads, TOKENS, signal);
    if (tokensPerSecond < best.tokensPerSecond * WORTH_IT) break;
    best = { threads, tokensPerSecond };
  }
  return { ...best, cores, engineVersion };
}

export const isStillValid = (
  measured: ThreadMeasurement | undefined,
  cores: number,
  engineVersion: string,
): measured is ThreadMeasurement => measured?.cores === cores && measured.engineVersion === engineVersion;

const ZEROS: Hyperparameters = {
  family: 'llama',
  hiddenSize: 1024,
  intermediateSize: 2816,
  layers: 6,
  heads: 16,
  keyValueHeads: 16,
  headSize: 64,
  vocabularySize: 256,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  ropeScaling: null,
};

/** The small model as a GGUF file. */
export function modelOfZeros(contextWindowSize: number): Blob {
  const { hiddenSize: hidden, intermediateSize: inner, vocabularySize } = ZEROS;
  const matrix = (name: string, rows: number, columns: number): TensorEntry => ({
    name: `${name}.weight`,
    type: 'q4_0',
    shape: [rows, columns],
  });
  const norm = (name: string): TensorEntry => ({ name: `${name}.weight`, type: 'f32', shape: [hidden] });
  const entries = [
    matrix('token_embd', vocabularySize, hidden),
    norm('output_norm'),
    matrix('output', vocabularySize, hidden),
    ...Array.from({ length: ZEROS.layers }, (_, layer) => `blk.${layer}`).flatMap((block) => [
      norm(`${block}.attn_norm`),
      matrix(`${block}.attn_q`, hidden, hidden),
      matrix(`${block}.attn_k`, hidden, hidden),
      matrix(`${block}.attn_v`, hidden, hidden),
      matrix(`${block}.attn_output`, hidden, hidden),
      norm(`${block}.ffn_norm`),
      matrix(`${block}.ffn_gate`, inner, hidden),
      matrix(`${block}.ffn_up`, inner, hidden),
      matrix(`${block}.ffn_down`, hidden, inner),
    ]),
  ];
  const header = encodeHeader(metadataOf(ZEROS, contextWindowSize, 0), entries);
  const total = entries.reduce(
    (sum, entry) => sum + tensorBytes(entry) + paddingAfter(tensorBytes(entry)),
    0,
  );
  const cell = new Blob([new Uint8Array(2 ** 20)]);
  const cells = Array.from({ length: Math.floor(total / cell.size) }, () => cell);
  return new Blob([header, ...cells, new Uint8Array(total % cell.size)]);
}
