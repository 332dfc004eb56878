/** Sources of an answer: found before it is written, checked when it has been. */
import { checkCitations } from '../shared/citations.ts';
import type { AnswerSources } from '../shared/types.ts';
import { canRead, promptWith, withinBudget } from './prompt.ts';
import type { Reader } from './prompt.ts';
import { retrieve } from './searcher.ts';

/** Passages beside an answer: what fits on a screen without being read past. */
const PASSAGES = 4;

/** @throws HypnosError as `searchLibrary` */
export async function findSources(
  question: string,
  earlier: readonly string[],
  reader: Reader | null,
  kept: AnswerSources | null,
): Promise<{ readonly sources: AnswerSources; readonly prompt: string | null }> {
  const found = kept?.passages ?? (await retrieve(question, earlier, PASSAGES));
  const read = reader !== null && canRead(reader) ? withinBudget(found, reader.contextWindowSize) : [];
  // All or what fits: a passage that the model did not see is not one it can cite.
  const passages = read.length > 0 ? read : found;
  return {
    sources: { passages, inPrompt: read.length > 0, droppedCitations: kept?.droppedCitations ?? 0 },
    prompt: read.length > 0 ? promptWith(question, read) : null,
  };
}

/** An answer's text with citations of its own sources only. */
export function checkAnswer(
  text: string,
  sources: AnswerSources,
): Promise<{ readonly text: string; readonly dropped: number }> {
  const retrieved = sources.inPrompt ? sources.passages.map(({ number }) => number) : [];
  const checked = checkCitations(text, new Set(retrieved));
  return Promise.resolve({ text: checked.text, dropped: checked.dropped });
}
