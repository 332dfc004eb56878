/// <reference types="vite/client" />
/** The page's side of the search worker. Started by the first query; one that dies is started again by the next. */
import * as Comlink from 'comlink';
import { trustedScriptUrl } from '../platform/trustedTypes.ts';
import { HypnosError } from '../shared/errors.ts';
import type { Result } from '../shared/errors.ts';
import type { AnswerPassage } from '../shared/types.ts';
import type { SearchAnswer, SearchApi } from './api.ts';
// The URL of the worker's script, none of its code.
import workerUrl from './worker/search.worker.ts?worker&url';

/** Building the index of a full library on a slow machine takes seconds, not this. */
const ANSWER_WITHIN_MS = 30_000;

interface Running {
  readonly remote: Comlink.Remote<SearchApi>;
  readonly died: Promise<never>;
  stop(): void;
}

let running: Running | null = null;

function start(): Running {
  // Its name tells the worker where the cards are: relative URLs in it would be relative to its script.
  const name = new URL('library/', document.baseURI).href;
  const worker = new Worker(trustedScriptUrl(workerUrl), { type: 'module', name });
  const stop = () => {
    worker.terminate();
    if (running?.stop === stop) running = null;
  };
  const died = new Promise<never>((_resolve, reject) => {
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      stop();
      reject(new HypnosError('unknown', { message: event.message || 'the search worker ended' }));
    });
  });
  died.catch(() => undefined);
  return { remote: Comlink.wrap<SearchApi>(worker), died, stop };
}

async function ask<Value>(call: (api: Comlink.Remote<SearchApi>) => Promise<Result<Value>>): Promise<Value> {
  running ??= start();
  const { remote, died, stop } = running;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      stop();
      reject(new HypnosError('unknown', { message: 'the search worker does not answer' }));
    }, ANSWER_WITHIN_MS);
  });
  try {
    const result = await Promise.race([call(remote), died, late]);
    if (!result.ok) throw new HypnosError(result.error.code, result.error.detail);
    return result.value;
  } finally {
    clearTimeout(timer);
  }
}

/** @throws HypnosError 'library-unavailable', 'library-invalid', 'unknown' */
export const searchLibrary = (query: string, limit: number): Promise<SearchAnswer> =>
  ask((api) => api.search(query, limit));

/** @throws HypnosError as `searchLibrary` */
export const retrieve = (
  question: string,
  context: readonly string[],
  limit: number,
): Promise<readonly AnswerPassage[]> => ask((api) => api.retrieve(question, context, limit));
