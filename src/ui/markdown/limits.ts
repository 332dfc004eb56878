/**
 * What is read as Markdown. Parsing is not linear in hostile text: eleven list markers on each of 360 lines take a
 * second, three thousand on one line half a minute. Beyond the limits text is shown as it is.
 */

/** Characters of an answer that are drawn before the reader asks for the rest. */
export const MAX_DRAWN = 30_000;
/** Characters of one block. */
const MAX_BLOCK = 6_000;

/** A line that opens more lists and quotes than any honest answer. */
const OPENS_TOO_MUCH = /^(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])[ \t])){8}/m;

export const isDrawable = (block: string): boolean =>
  block.length <= MAX_BLOCK && !OPENS_TOO_MUCH.test(block);
