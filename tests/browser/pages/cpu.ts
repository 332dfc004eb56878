/// <reference types="vite/client" />
/**
 * The CPU engine's own parts, one by one: cpu-engine.test.ts splits models with them, cpu.bench.ts measures them.
 * The library's own interface stands beside ours, on the same GGUF files.
 */
import type { Wllama } from '@wllama/wllama';
import { metadataOf, readHyperparameters, tokenIds } from '../../../src/engine/worker/gguf/plan.ts';
import type { Hyperparameters } from '../../../src/engine/worker/gguf/plan.ts';
import { planTranscoding } from '../../../src/engine/worker/gguf/transcode.ts';
import type { TensorShard } from '../../../src/engine/worker/gguf/transcode.ts';
import { openPackage } from '../../../src/engine/worker/wllama/package.ts';
import { samplingParameters, startLlama } from '../../../src/engine/worker/wllama/runtime.ts';
import { collectWeights, keptWeightsBytes, removeWeights } from '../../../src/packages/keptWeights.ts';
import { PackageReader, fetchManifest } from '../../../src/packages/reader.ts';
import { fetchIndex } from '../../../src/packages/served.ts';
import { DEFAULT_SAMPLING } from '../../../src/shared/types.ts';
import { trustedScriptUrl } from '../../../src/platform/trustedTypes.ts';
import { makeLargeModel } from './largeModel.ts';
import weightsWorkerUrl from './weights.worker.ts?worker&url';

const modelsUrl = new URL('models/', location.href).href;
const fetchFile = (url: string, init: RequestInit) => fetch(url, init);
const GREEDY = samplingParameters({ ...DEFAULT_SAMPLING, temperature: 0, repetitionPenalty: 1, seed: 0 });

async function readerOfDefault() {
  const { defaultId } = await fetchIndex(modelsUrl, fetchFile);
  const baseUrl = new URL(`${defaultId ?? ''}/`, modelsUrl).href;
  return new PackageReader(baseUrl, await fetchManifest(baseUrl, fetchFile), fetchFile);
}

const openDefault = async (fileBytesMax?: number) =>
  openPackage(await readerOfDefault(), Infinity, {}, fileBytesMax);

async function complete(llama: Wllama, prompt: string, tokens: number, options: object = {}) {
  const request = { prompt, max_tokens: tokens, ignore_eos: true, ...GREEDY, ...options };
  const { choices, timings } = (await llama.createCompletion(
    request as Parameters<Wllama['createCompletion']>[0] & { stream?: false },
  )) as unknown as {
    readonly choices: readonly { readonly text: string }[];
    readonly timings: {
      readonly prompt_n: number;
      readonly prompt_per_second: number;
      readonly predicted_per_second: number;
    };
  };
  return { tokens: tokenIds(choices[0]?.text ?? ''), timings };
}

async function timeTranscoding(
  model: Hyperparameters,
  records: readonly TensorShard[],
  shards: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
) {
  const started = performance.now();
  const { pieces } = planTranscoding(
    records,
    model,
    metadataOf(model, 256, 0, () => null),
  );
  for await (const piece of pieces((path) => Promise.resolve(shards.get(path)!))) void piece;
  const bytes = [...shards.values()].reduce((sum, shard) => sum + shard.length, 0);
  return { bytes, seconds: (performance.now() - started) / 1000 };
}

const cpu = {
  /** Greedy tokens behind a prompt, of the default package in files of at most so many bytes of tensors. */
  greedy: async (fileBytesMax: number | undefined, text: string, count: number) => {
    const opened = await openDefault(fileBytesMax);
    const files = await opened.weights({});
    const llama = await startLlama({ model: files, contextWindowSize: 256, threads: 1 });
    const { tokens } = await complete(
      llama,
      opened.tokenizer.encode(text).map(opened.tokenName).join(''),
      count,
    );
    await llama.exit();
    return { files: files.map(({ size }) => size), tokens };
  },

  /** How many tokens of a prompt llama.cpp reads: at first, when asked again, and when asked again to read it whole. */
  tokensRead: async (text: string) => {
    const opened = await openDefault();
    const llama = await startLlama({ model: await opened.weights({}), contextWindowSize: 256, threads: 1 });
    const prompt = opened.tokenizer.encode(text).map(opened.tokenName).join('');
    const read: number[] = [];
    for (const options of [{}, {}, { cache_prompt: false }])
      read.push((await complete(llama, prompt, 1, options)).timings.prompt_n);
    await llama.exit();
    return read;
  },

  /** Bytes of the default package's shards, and seconds that transcoding them takes once they are read. */
  transcode: async () => {
    const reader = await readerOfDefault();
    const json = async (path: string) =>
      JSON.parse(new TextDecoder().decode(await reader.read(path, {}))) as unknown;
    const { records } = (await json('tensor-cache.json')) as { readonly records: readonly TensorShard[] };
    const shards = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const { dataPath } of records) shards.set(dataPath, await reader.read(dataPath, {}));
    return timeTranscoding(readHyperparameters(await json('mlc-chat-config.json')), records, shards);
  },

  /** The same of a made-up model of 200 MB: a small package's time is mostly that of code that runs for the first time. */
  transcodeLarge: (scales: 'float16' | 'float32') => {
    const { model, records, shards } = makeLargeModel(scales);
    return timeTranscoding(model, records, shards);
  },

  kept: {
    bytes: async () => keptWeightsBytes((await readerOfDefault()).manifest.id),
    remove: async () => removeWeights((await readerOfDefault()).manifest.id),
    /** As a start of the page does, with these packages wanted. */
    collect: (wanted: readonly string[]) => collectWeights((id) => wanted.includes(id)),
    /** Everything of a load but the commit; resolves with how far it came. */
    writeUncommitted: async () => {
      const { defaultId } = await fetchIndex(modelsUrl, fetchFile);
      const worker = new Worker(trustedScriptUrl(weightsWorkerUrl), { type: 'module' });
      return new Promise<unknown>((resolve, reject) => {
        worker.onmessage = ({ data }) => {
          resolve(data);
        };
        worker.onerror = reject;
        worker.postMessage(new URL(`${defaultId ?? ''}/`, modelsUrl).href);
      });
    },
  },

  /** The library by itself on the default package's GGUF, by llama.cpp's own clock; loading is from files at hand. */
  library: async (text: string, count: number, threads: number) => {
    const opened = await openDefault();
    const files = await opened.weights({});
    const started = performance.now();
    const llama = await startLlama({ model: files, contextWindowSize: opened.contextWindowSize, threads });
    const loadSeconds = (performance.now() - started) / 1000;
    const { timings } = await complete(
      llama,
      opened.tokenizer.encode(text).map(opened.tokenName).join(''),
      count,
    );
    await llama.exit();
    return { loadSeconds, prefill: timings.prompt_per_second, decode: timings.predicted_per_second };
  },
};

declare global {
  interface Window {
    cpu: typeof cpu;
  }
}
window.cpu = cpu;
