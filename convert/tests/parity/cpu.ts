// What a parity page can do with the CPU engine: the page's own reader, transcoder and runtime, bundled by cpu-page.mjs,
// and the library's completion call, which tells log-probabilities. Called by name from browser.mjs.
//
// Float arrays travel as base64 of little-endian float32.
import type { Wllama } from '@wllama/wllama';
import { tokenIds } from '../../../src/engine/worker/gguf/plan.ts';
import { openPackage } from '../../../src/engine/worker/wllama/package.ts';
import type { OpenPackage } from '../../../src/engine/worker/wllama/package.ts';
import { samplingParameters, startLlama } from '../../../src/engine/worker/wllama/runtime.ts';
import { fetchManifest, PackageReader } from '../../../src/packages/reader.ts';
import { DEFAULT_SAMPLING } from '../../../src/shared/types.ts';

interface Completion {
  readonly choices: readonly {
    readonly text: string;
    readonly logprobs: {
      readonly content: readonly {
        readonly top_logprobs: readonly { readonly id: number; readonly logprob: number }[];
      }[];
    };
  }[];
}

const GREEDY = { ...DEFAULT_SAMPLING, temperature: 0, repetitionPenalty: 1, seed: 0 };
let llama: Wllama;
let nameOf: OpenPackage['tokenName'];

const fetchFile = (url: string, init: RequestInit) => fetch(url, init);

/** Loads the package at `model`, a folder's URL. */
export async function load({ model, threads = 1 }: { model: string; threads?: number }) {
  const manifest = await fetchManifest(model, fetchFile);
  const reader = new PackageReader(model, manifest, fetchFile);
  const start = performance.now();
  const opened = await openPackage(reader, Infinity, {});
  const { contextWindowSize } = opened;
  nameOf = opened.tokenName;
  llama = await startLlama({ model: await opened.weights({}), contextWindowSize, threads });
  return { loadMs: performance.now() - start, contextWindowSize };
}

/** `count` greedy tokens behind `ids`, and of each step the log-probability of every token. */
export async function greedy({ ids, count }: { ids: readonly number[]; count: number }) {
  const vocabulary = llama.getModelMetadata().hparams.nVocab;
  const request = {
    prompt: ids.map(nameOf).join(''),
    max_tokens: count,
    logprobs: vocabulary,
    ignore_eos: true,
    ...samplingParameters(GREEDY),
  };
  const { choices } = (await llama.createCompletion(
    request as Parameters<Wllama['createCompletion']>[0] & { stream?: false },
  )) as unknown as Completion;
  const [{ text, logprobs }] = choices as [Completion['choices'][number]];
  const rows = logprobs.content.map(({ top_logprobs }) => {
    const row = new Float32Array(vocabulary).fill(NaN);
    for (const { id, logprob } of top_logprobs) row[id] = logprob;
    return row;
  });
  return { tokens: tokenIds(text), logprobs: rows.map(pack).join(' ') };
}

function pack(values: Float32Array): string {
  return btoa(String.fromCharCode(...new Uint8Array(values.buffer)));
}
