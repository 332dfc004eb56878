/** From a branch of messages to what the engine is asked; pure. */
import type { ChatTurn, GenerationStats, Message } from '../shared/types.ts';

/**
 * The turns of a prompt. `path` runs from the root to the question to be answered, or to the partial answer to be
 * continued. An answer that failed before its first token is left out with its question: models are trained on turns
 * that alternate.
 * @param withSources stands in for the last question: itself, with the passages it is to be answered from
 */
export function turnsFor(
  path: readonly Message[],
  systemPrompt: string,
  withSources: string | null = null,
): readonly ChatTurn[] {
  const turns: ChatTurn[] = systemPrompt.trim() === '' ? [] : [{ role: 'system', content: systemPrompt }];
  const last = path.at(-1);
  for (const [index, message] of path.entries()) {
    const next = path[index + 1];
    const isUnanswered =
      message.role === 'user' && next?.role === 'assistant' && next.text === '' && next !== last;
    const isEmpty = message.role === 'assistant' && message.text === '';
    if (!isUnanswered && !isEmpty) turns.push({ role: message.role, content: message.text });
  }
  const question = turns.findLastIndex(({ role }) => role === 'user');
  if (withSources !== null && question >= 0) turns[question] = { role: 'user', content: withSources };
  return turns;
}

/**
 * Figures of an answer written in two goes. Its tokens add up; the prompt is what was not written by the answer
 * itself, so that prompt and completion together are what the context window holds. Speeds are the last go's.
 */
export function mergeStats(earlier: GenerationStats | null, latest: GenerationStats): GenerationStats {
  if (!earlier) return latest;
  return {
    ...latest,
    promptTokens: Math.max(0, latest.promptTokens - earlier.completionTokens),
    completionTokens: earlier.completionTokens + latest.completionTokens,
  };
}

/** Tokens the context window holds after the last answer that has figures; null if none has. */
export function contextTokensOf(path: readonly Message[]): number | null {
  const stats = path.findLast((message) => message.stats !== null)?.stats;
  return stats ? stats.promptTokens + stats.completionTokens : null;
}
