/**
 * What the evaluation's page does with a package on the processor: the page's own engine client, worker and transcoder,
 * so that what is scored is what users run. Called by name from browser.mjs, like page.mjs.
 */
import { createEngineClient } from '../../../../src/engine/client/index.ts';
import { HypnosError } from '../../../../src/shared/errors.ts';
import type { ChatTurn } from '../../../../src/shared/types.ts';

/** As page.mjs asks web-llm. */
const GREEDY = { temperature: 0, topP: 1, frequencyPenalty: 0, presencePenalty: 0, repetitionPenalty: 1, seed: 0 };

const client = createEngineClient({
  locate: (id) => Promise.resolve({ id, baseUrl: new URL('package/', location.href).href }),
  // One thread: sums do not depend on how many take part.
  loadOptions: () => ({ engine: 'wllama', threads: 1 }),
});

const evaluation = {
  load: async ({ id }: { id: string }): Promise<void> => {
    await client.load(id).catch(rethrow);
  },

  /** The greedy answer to a conversation. */
  answer: async ({ messages, maxTokens }: { messages: readonly ChatTurn[]; maxTokens: number }) => {
    let text = '';
    try {
      const { finishReason } = await client.generate(
        { id: crypto.randomUUID(), turns: messages, sampling: { ...GREEDY, maxTokens }, isAlone: true },
        { onStarted: () => undefined, onText: (delta) => (text += delta) },
        new AbortController().signal,
      );
      // The end of the context window cuts an answer off as the limit of tokens does.
      return { text, finishReason: finishReason === 'context' ? 'length' : finishReason };
    } catch (error) {
      if (HypnosError.from(error).code === 'message-too-long') return { text: '', finishReason: 'too_long' };
      return rethrow(error);
    }
  },
};

/** Playwright passes on the message alone: code and detail go into it. */
function rethrow(error: unknown): never {
  const { code, detail } = HypnosError.from(error).toCoded();
  throw new Error(`${code} ${JSON.stringify(detail)}`);
}

export type Evaluation = typeof evaluation;
declare global {
  interface Window {
    evaluation: Evaluation;
  }
}
window.evaluation = evaluation;
