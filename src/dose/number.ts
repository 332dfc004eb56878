/**
 * Reads a number that somebody typed: full-width digits, a decimal point or a decimal comma. What could be read as two
 * numbers is refused, not guessed: a guess that is wrong is wrong by ten or by a thousand.
 */
export type NumberProblem =
  | 'empty'
  /** Letters, signs, exponents, blanks between digits, more than one separator. */
  | 'not-a-number'
  /** `1,234`: one and a bit, or more than a thousand? */
  | 'ambiguous-comma'
  /** `05`: a decimal point may be missing. */
  | 'leading-zero'
  /** `5.` or `.5`: a digit may be missing, and a lone point is overlooked. */
  | 'bare-point'
  | 'negative'
  | 'too-long';

export type NumberReading =
  { readonly ok: true; readonly value: number } | { readonly ok: false; readonly problem: NumberProblem };

/** More digits than a double holds, or than anybody means. */
const MAX_DIGITS = 9;

const refuse = (problem: NumberProblem): NumberReading => ({ ok: false, problem });

export function readNumber(typed: string): NumberReading {
  // NFKC makes ０-９ ． ， － half-width; Chinese input methods put 。 where a point was meant.
  const text = typed
    .normalize('NFKC')
    .trim()
    .replace(/(?<=\d)[。｡]/gu, '.');
  if (text === '') return refuse('empty');
  if (/^[-−‐–—]\s*[\d.,]/u.test(text)) return refuse('negative');
  if (/^(?:[.,]\d+|\d+[.,])$/u.test(text)) return refuse('bare-point');
  const match = /^(\d+)(?:([.,])(\d+))?$/u.exec(text);
  if (!match) return refuse(/^\d+(?:,\d+)+(?:\.\d+)?$/u.test(text) ? 'ambiguous-comma' : 'not-a-number');
  const [, whole = '', separator, fraction = ''] = match;
  if (whole.length > 1 && whole.startsWith('0')) return refuse('leading-zero');
  // `0,125` is no group of thousands, `1,25` neither; `1,250` may be one.
  if (separator === ',' && fraction.length === 3 && whole !== '0' && whole.length <= 3)
    return refuse('ambiguous-comma');
  if (whole.length + fraction.length > MAX_DIGITS) return refuse('too-long');
  return { ok: true, value: Number(`${whole}.${fraction || '0'}`) };
}
