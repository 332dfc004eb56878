/**
 * Model text may hold characters that change how other characters are shown (bidirectional overrides) or that are
 * not shown at all (control characters). They are made visible instead of obeyed, on screen and in copies.
 */

/** Directional marks, embeddings, overrides and isolates; deprecated format controls; line and paragraph separators. */
const DIRECTIONAL = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\u206A-\u206F\u2028\u2029]/g;
// eslint-disable-next-line no-control-regex -- finding control characters is the purpose
const CONTROL = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]/g;
/** Invisible, and with no use in an answer: tag characters (hidden messages), zero-width space, word joiner, BOM. */
const INVISIBLE = /[\u200B\u2060-\u2064\uFEFF\u180E]|\uDB40[\uDC00-\uDC7F]/g;
/** More combining marks on one character than any script needs ("Zalgo") reach into the lines around. */
const STACKED_MARKS = /(\p{M}{4})\p{M}+/gu;

const codePoint = (char: string): string =>
  `⟨U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

/** Line endings become \n; what could mislead the eye becomes visible, what is invisible goes. Idempotent. */
export function neutralise(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(DIRECTIONAL, codePoint)
    .replace(CONTROL, codePoint)
    .replace(INVISIBLE, '')
    .replace(STACKED_MARKS, '$1');
}
