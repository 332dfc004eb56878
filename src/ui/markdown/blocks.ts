/**
 * Cuts an answer into blocks that are parsed and drawn one by one, so that a growing answer costs only its last
 * block. A cut is made only where the dialect (`dialect.ts`) ends a top-level block whatever follows, hence
 *
 *   the blocks joined are the text;
 *   a longer text starts with all but the last block of the shorter one;
 *   each block drawn alone gives what the whole drawn at once gives.
 *
 * Where the lines alone cannot tell, no cut is made: the block is only longer.
 */

/** Fenced code or a fenced formula. */
export interface Fence {
  readonly char: string;
  readonly length: number;
}

const FENCE = /^[ \t]*(?:(`{3,})[^`]*|(~{3,}).*|(\${2,})[^$]*)$/;
const HEADING = /^#{1,6}(?:[ \t]|$)/;
const LIST_ITEM = /^([ \t]*)([-*+]|\d{1,9}[.)])([ \t]+|$)/;
const THEMATIC_BREAK = /^[ \t]*([-*_])[ \t]*(?:\1[ \t]*){2,}$/;
const BLANK = /^[ \t]*$/;

export function openFence(line: string): Fence | null {
  const match = FENCE.exec(line);
  const run = match?.[1] ?? match?.[2] ?? match?.[3];
  return run ? { char: run.charAt(0), length: run.length } : null;
}

export function closesFence(fence: Fence, line: string): boolean {
  const run = line.trim();
  return run.length >= fence.length && run === fence.char.repeat(run.length);
}

export function splitBlocks(text: string): string[] {
  const blocks: string[] = [];
  let start = 0;
  let lineStart = 0;
  /** Open at top level. */
  let fence: Fence | null = null;
  let afterBlank = true;
  /** The line before ended its top-level block by itself: a heading or a closing fence. */
  let afterEnd = false;
  /** Columns that keep a line inside the open list item; 0: no list is open; null: the lines cannot tell. */
  let item: number | null = 0;

  // The last line may still become something else as it grows: it is never judged.
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', lineStart)) {
    const line = text.slice(lineStart, end);
    const here = lineStart;
    lineStart = end + 1;

    if (fence) {
      if (closesFence(fence, line)) {
        fence = null;
        afterEnd = true;
        afterBlank = false;
      }
      continue;
    }
    if (BLANK.test(line)) {
      afterBlank = true;
      continue;
    }

    const indent = line.search(/[^ \t]/);
    const opened = openFence(line);
    const heading = HEADING.test(line);
    const listItem = THEMATIC_BREAK.test(line) ? null : LIST_ITEM.exec(line);
    const fresh = afterBlank || afterEnd;

    if (indent === 0 && (opened || heading || afterEnd || (afterBlank && !(listItem && item !== 0)))) {
      if (here > start) blocks.push(text.slice(start, here));
      start = here;
      item = 0;
    }

    if (opened) {
      // Inside the item: its end, a line at column 0, is a safe place anyway.
      const inside = item !== null && item > 0 && indent >= item;
      if (item === null) break; // code or not: no safe place after this
      if (!inside) {
        fence = opened;
        item = 0;
      }
    } else if (item !== null) {
      if (listItem && (item === 0 || indent < item)) {
        const sure: boolean = (fresh || item > 0) && listItem[3] !== '' && !listItem[0].includes('\t');
        item = sure ? listItem[0].length : null;
      } else if (item > 0 && indent < item) {
        item = null; // goes on with the item's paragraph, or ends the list
      } else if (/^ *\t/.test(line)) {
        item = null;
      }
    }
    afterBlank = false;
    afterEnd = heading && indent === 0;
  }
  if (start < text.length) blocks.push(text.slice(start));
  return blocks;
}
