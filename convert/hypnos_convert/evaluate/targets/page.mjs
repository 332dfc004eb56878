// What the evaluation's page does with a package, through web-llm's public interface. Called by name from browser.mjs.
import { CreateMLCEngine } from '/web-llm.js';

const MODEL = 'package';
let engine;
/** Logits (vocabulary,) of the next step, if somebody waits for them. */
let waiting;

const reader = {
  processLogits(logits) {
    waiting?.(logits.slice());
    waiting = undefined;
    return logits;
  },
  processSampledToken() {},
  resetState() {},
};

export async function load({ model, library }) {
  engine = await CreateMLCEngine(MODEL, {
    logLevel: 'WARN',
    logitProcessorRegistry: new Map([[MODEL, reader]]),
    appConfig: { model_list: [{ model, model_id: MODEL, model_lib: library }] },
  });
}

/** The greedy answer to a conversation, in an empty KV cache. */
export async function answer({ messages, maxTokens }) {
  await engine.resetChat();
  try {
    const { choices } = await engine.chat.completions.create({
      messages,
      max_tokens: maxTokens,
      temperature: 0,
      seed: 0,
    });
    return { text: choices[0].message.content ?? '', finishReason: choices[0].finish_reason };
  } catch (error) {
    // The engine has nothing better than the wording to tell a prompt that does not fit.
    if (/context window/i.test(String(error))) return { text: '', finishReason: 'too_long' };
    throw error;
  }
}

/** Natural logarithm of the probability of each of `tokens` as the one after `ids`. */
export async function likelihoods({ ids, tokens }) {
  await engine.resetChat();
  const seen = new Promise((resolve) => (waiting = resolve));
  await engine.forwardTokensAndSample(ids, true);
  const logits = await seen;
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0);
  return tokens.map((token) => logits[token] - most - Math.log(sum));
}
