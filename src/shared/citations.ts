/**
 * Citations in an answer: `[2]`, `[1, 3]`, also in full-width brackets. Only what was retrieved may be cited; the rest
 * is taken out. Code is left as it is: `a[1]` there is no citation.
 */
import type { AnswerSources } from './types.ts';

/** Up to two digits: a year in brackets is no citation, and no answer has a hundred sources. */
const CITATION = /\s?[[【［]\s*(\d{1,2}(?:\s*[,，、;；]\s*\d{1,2})*)\s*[\]】］](?![(（]|\s*:)/gu;
const CODE = /(```[\s\S]*?(?:```|$)|~~~[\s\S]*?(?:~~~|$)|`[^`\n]+`)/u;

export type CitedPiece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'citation'; readonly numbers: readonly number[] };

export interface CheckedCitations {
  readonly text: string;
  /** Numbers cited and retrieved, in order of first mention. */
  readonly cited: readonly number[];
  readonly dropped: number;
}

const numbersIn = (list: string): readonly number[] => list.split(/[,，、;；]/u).map(Number);

/** A text without code, cut at its citations. */
export function citationPieces(text: string): readonly CitedPiece[] {
  const pieces: CitedPiece[] = [];
  let at = 0;
  for (const found of text.matchAll(CITATION)) {
    if (found.index > at) pieces.push({ kind: 'text', text: text.slice(at, found.index) });
    pieces.push({ kind: 'citation', numbers: numbersIn(found[1] ?? '') });
    at = found.index + found[0].length;
  }
  if (at < text.length) pieces.push({ kind: 'text', text: text.slice(at) });
  return pieces;
}

/** The Markdown with citations of retrieved passages only, each as `[n]`. */
export function checkCitations(markdown: string, retrieved: ReadonlySet<number>): CheckedCitations {
  const cited = new Set<number>();
  let dropped = 0;
  const checkOnce = (text: string) =>
    text
      .split(CODE)
      .map((part, index) => {
        if (index % 2 === 1) return part;
        return part.replace(CITATION, (whole: string, list: string) => {
          const numbers = numbersIn(list);
          const kept = numbers.filter((number) => retrieved.has(number));
          dropped += numbers.length - kept.length;
          for (const number of kept) cited.add(number);
          const lead = /^\s/u.test(whole) && kept.length > 0 ? whole.slice(0, 1) : '';
          return lead + kept.map((number) => `[${number}]`).join('');
        });
      })
      .join('');
  // Taking one out may bring two halves of another together: [[9]8]. Every round takes something out, or is the last.
  let text = checkOnce(markdown);
  for (let before = markdown; text !== before;) {
    before = text;
    text = checkOnce(text);
  }
  return { text, cited: [...cited], dropped };
}

/** A citation that is just being written: not shown until it is known what it cites. */
export const withoutOpenCitation = (text: string): string => text.replace(/\s?[[【［][\d\s,，、;；]*$/u, '');

/** The numbers that an answer may cite: only what its model was given. */
export const citable = ({ passages, inPrompt }: AnswerSources): ReadonlySet<number> =>
  new Set(inPrompt ? passages.map(({ number }) => number) : []);
