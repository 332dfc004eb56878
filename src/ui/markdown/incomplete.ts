/**
 * Completes the last block of an answer that is still being written, for drawing only: what has been opened is closed
 * and what cannot be told yet is held back, so that nothing is drawn as raw syntax first and as something else a
 * moment later. Finished text never comes here.
 */
import { closesFence, openFence, type Fence } from './blocks.ts';

/** Info string of a formula whose end has not arrived. */
export const PENDING_FORMULA = 'pending-formula';

export function completeBlock(block: string): string {
  const lines = block.split('\n');
  const open = findOpenFence(lines);
  if (open) return completeFence(lines, open);

  if (isBareMarker(lines.at(-1) ?? '')) lines.pop();
  completeTable(lines);
  const line = lines.findLastIndex((text) => text.trim() === '' || STARTS_BLOCK.test(text));
  const from = STARTS_BLOCK.test(lines[line] ?? '') ? line : line + 1;
  const tail = lines.splice(from).join('\n');
  return [...lines, completeInline(tail)].join('\n');
}

interface OpenFence {
  readonly fence: Fence;
  readonly line: number;
}

function findOpenFence(lines: readonly string[]): OpenFence | null {
  let open: OpenFence | null = null;
  for (const [index, line] of lines.entries()) {
    if (open) {
      if (closesFence(open.fence, line)) open = null;
    } else {
      const fence = openFence(line);
      if (fence) open = { fence, line: index };
    }
  }
  return open;
}

function completeFence(lines: string[], { fence, line }: OpenFence): string {
  const last = lines.at(-1)?.trim() ?? '';
  const closingBegun = last !== '' && last.length < fence.length && last === fence.char.repeat(last.length);
  if (closingBegun && lines.length - 1 > line) lines.pop();
  if (fence.char === '$') lines[line] = (lines[line] ?? '').replace(/\${2,}.*/, `~~~${PENDING_FORMULA}`);
  return lines.join('\n');
}

/** A marker with nothing after it yet, or the first characters of a rule or fence. */
const BARE_MARKER = /^[ \t>]*(?:[-*+]|\d{1,9}[.)]|#{1,6}|--|\*\*|`{1,2}|~{1,2}|\||>)[ \t]*$/;
const isBareMarker = (line: string): boolean => BARE_MARKER.test(line);

/** Lines whose inline text has nothing to do with the line before. */
const STARTS_BLOCK = /^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)]|#{1,6})[ \t]|\|)/;

const cellsOf = (row: string): number =>
  row
    .trim()
    .replace(/^\||(?<!\\)\|$/g, '')
    .split(/(?<!\\)\|/).length;

/** A header row becomes a table at once, before its delimiter row is there. */
function completeTable(lines: string[]): void {
  const header = lines.findLastIndex((line) => !/^[ \t]*\|/.test(line)) + 1;
  const rows = lines.length - header;
  const first = lines[header] ?? '';
  if (rows < 1 || rows > 2) return;
  if (rows === 2 && !/^[ \t]*\|[ \t:|-]*$/.test(lines[header + 1] ?? '')) return;
  const indent = /^[ \t]*/.exec(first)?.[0] ?? '';
  const delimiter = `${indent}|${'---|'.repeat(cellsOf(first))}`;
  if (rows === 1) lines.push(delimiter);
  else if (
    cellsOf(lines[header + 1] ?? '') < cellsOf(first) ||
    !/-[ \t:]*\|?[ \t]*$/.test(lines[header + 1] ?? '')
  )
    lines[header + 1] = delimiter;
}

function completeInline(text: string): string {
  const open: string[] = [];
  let index = 0;
  while (index < text.length) {
    const char = text.charAt(index);
    if (char === '\\') {
      index += 2;
      continue;
    }
    if (char !== '`' && char !== '*' && char !== '~') {
      index += 1;
      continue;
    }
    const run = runOf(text, index);
    const after = index + run.length;
    if (char === '`') {
      const close = findRun(text, after, run);
      if (close === -1) return after >= text.length ? closeAll(text.slice(0, index), open) : text + run;
      index = close + run.length;
      continue;
    }
    const marker = char.repeat(2);
    if (run.length >= 2) {
      const at = open.lastIndexOf(marker);
      if (at !== -1 && !/\s/.test(text.charAt(index - 1))) open.splice(at);
      else if (after >= text.length) return closeAll(text.slice(0, index), open);
      else if (!/\s/.test(text.charAt(after))) open.push(marker);
    } else if (after >= text.length) {
      return closeAll(text.slice(0, index), open); // the first half of a marker
    }
    index = after;
  }
  return closeAll(holdBackLink(text), open);
}

const closeAll = (text: string, open: readonly string[]): string => {
  if (open.length === 0) return text;
  const trimmed = text.trimEnd();
  return trimmed + open.toReversed().join('');
};

/** A link whose address has not arrived is its label; a picture's is nothing yet. */
const holdBackLink = (text: string): string =>
  text.replace(/!\[[^\]\n]*(?:\]\([^)\n]*)?$/, '').replace(/\[([^\]\n]*)\]\([^)\n]*$/, '$1');

function runOf(text: string, start: number): string {
  let end = start;
  while (text.charAt(end) === text.charAt(start)) end += 1;
  return text.slice(start, end);
}

/** Where a run of exactly this length stands. */
function findRun(text: string, from: number, run: string): number {
  for (let at = text.indexOf(run, from); at !== -1;) {
    const found = runOf(text, at);
    if (found.length === run.length) return at;
    at = text.indexOf(run, at + found.length);
  }
  return -1;
}
