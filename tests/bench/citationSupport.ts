/**
 * Whether a passage bears out a sentence, by exact overlap: a rule that can be checked by eye and computed anywhere.
 *
 *   supported = every number of the sentence (with its unit, where it has one) stands in the passage
 *               and both share a run of at least RUN letters besides; RUN_WITH_NUMBER where numbers agree
 *
 * It counts letters, not meaning: it misses a paraphrase, and does not see a "not". It is a measure for the bench, and
 * nothing that is shown to a reader rests on it.
 */
import { citationPieces } from '../../src/shared/citations.ts';

/** Letters without blanks and punctuation: about three Chinese words, or one of Latin script. */
export const RUN = 8;
export const RUN_WITH_NUMBER = 4;

/** Same letters, same signs: half width, lower case, one micro sign, one range sign. */
const even = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/μ|µ/gu, 'u')
    .replace(/mcg/gu, 'ug')
    .replace(/[~～〜–—-]/gu, '~')
    .replace(/·/gu, '*');

const NUMBER =
  /(\d+(?:\.\d+)?)(?:\s*~\s*(\d+(?:\.\d+)?))?\s*((?:%|℃|°c|[a-z]{1,5}|次|分钟|小时|天|岁|分)?(?:\s*\/\s*\(?[a-z分时天]{1,4}(?:\s*[*/]\s*[a-z分时天]{1,4})*\)?)?)/gu;

const BREAK = '|';

/** Numbers with their units, as written: "1.5~2.5 mg/kg" are 1.5mg/kg and 2.5mg/kg. */
export function numbersIn(text: string): readonly string[] {
  return [...even(text).matchAll(NUMBER)].flatMap(([, low = '', high, unit = '']) => {
    const kept = unit.replace(/[\s()]/gu, '').replaceAll('*', '/');
    return [low, ...(high === undefined ? [] : [high])].map((value) => `${Number(value)}${kept}`);
  });
}

/** Letters without blanks and punctuation; a number, whose agreement is asked for by itself, breaks a run. */
const lettersOf = (text: string): string =>
  even(text)
    .replace(NUMBER, BREAK)
    .replace(new RegExp(`[^\\p{L}\\p{N}${BREAK}]+`, 'gu'), '');

/** Length of the longest run of letters that both hold. */
export function longestSharedRun(one: string, other: string): number {
  const [a, b] = [lettersOf(one), lettersOf(other)];
  let longest = 0;
  let last = new Uint16Array(b.length + 1);
  for (const character of a) {
    const row = new Uint16Array(b.length + 1);
    for (let at = 0; at < b.length; at += 1) {
      if (character === BREAK || b[at] !== character) continue;
      const run = (last[at] ?? 0) + 1;
      row[at + 1] = run;
      if (run > longest) longest = run;
    }
    last = row;
  }
  return longest;
}

/** The rule. @param sentence without citations */
export function isSupported(sentence: string, passage: string): boolean {
  const numbers = numbersIn(sentence);
  const there = new Set(numbersIn(passage));
  if (!numbers.every((number) => there.has(number))) return false;
  return longestSharedRun(sentence, passage) >= (numbers.length > 0 ? RUN_WITH_NUMBER : RUN);
}

export interface CitedSentence {
  readonly sentence: string;
  readonly numbers: readonly number[];
}

/** Sentences of an answer with what each cites; a citation after the full stop belongs to the sentence before it. */
export function citedSentences(text: string): readonly CitedSentence[] {
  const sentences: { sentence: string; numbers: number[] }[] = [];
  let open: { sentence: string; numbers: number[] } | null = null;
  for (const piece of citationPieces(text)) {
    if (piece.kind === 'citation') {
      (open ?? sentences.at(-1))?.numbers.push(...piece.numbers);
      continue;
    }
    for (const part of piece.text.match(/[^。！？!?；;\n]*[。！？!?；;\n]+|[^。！？!?；;\n]+/gu) ?? []) {
      if (open) open.sentence += part;
      else sentences.push((open = { sentence: part, numbers: [] }));
      if (/[。！？!?；;\n]$/u.test(part)) open = null;
    }
  }
  return sentences
    .map(({ sentence, numbers }) => ({ sentence: sentence.trim(), numbers }))
    .filter(({ sentence }) => /[\p{L}\p{N}]/u.test(sentence));
}
