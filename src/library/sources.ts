/** Sources of an answer: found before it is written, checked when it has been. */
import { checkCitations, citable } from '../shared/citations.ts';
import type { AnswerSources } from '../shared/types.ts';
import { arrangeSources } from './prompt.ts';
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
  return arrangeSources(question, found, reader, kept);
}

/** An answer's text with citations of its own sources only. */
export function checkAnswer(
  text: string,
  sources: AnswerSources,
): { readonly text: string; readonly dropped: number } {
  return checkCitations(text, citable(sources));
}
