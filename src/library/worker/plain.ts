/** Markdown and plain text. */
import type { Block } from '../passages.ts';

const block = (text: string): Block => ({ kind: 'text', level: 0, text, page: null });
const heading = (text: string, level: number): Block => ({ kind: 'heading', level, text, page: null });

/** ATX headings outside code; everything else is text, paragraph by paragraph, its marks left in place. */
export function markdownBlocks(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  let lines: string[] = [];
  let fence: string | null = null;
  const flush = () => {
    const text = lines.join('\n').trim();
    if (text !== '') blocks.push(block(text));
    lines = [];
  };
  for (const line of markdown.replace(/\r\n?/g, '\n').split('\n')) {
    const mark = /^\s{0,3}(```+|~~~+)/.exec(line)?.[1]?.slice(0, 3);
    if (mark !== undefined && (fence === null || fence === mark)) fence = fence === null ? mark : null;
    const found = fence === null ? /^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$/.exec(line) : null;
    if (found) {
      flush();
      blocks.push(heading(found[2] ?? '', found[1]?.length ?? 1));
    } else if (fence === null && line.trim() === '') flush();
    else lines.push(line);
  }
  flush();
  return blocks;
}

/** Paragraphs at blank lines; numbered short lines as Chinese documents head their sections are headings. */
export function textBlocks(text: string): readonly Block[] {
  const blocks: Block[] = [];
  for (const paragraph of text.replace(/\r\n?/g, '\n').split(/\n\s*\n/)) {
    let lines: string[] = [];
    for (const line of paragraph.split('\n')) {
      const level = headingLevel(line);
      if (level === null) {
        lines.push(line);
        continue;
      }
      if (lines.length > 0) blocks.push(block(lines.join('\n')));
      lines = [];
      blocks.push(heading(line.trim(), level));
    }
    if (lines.some((line) => line.trim() !== '')) blocks.push(block(lines.join('\n').trim()));
  }
  return blocks;
}

/** 第三章 …, 一、…, （二）…, 1.2 …: short and without a full stop; null for other lines. */
export function headingLevel(line: string): number | null {
  const text = line.trim();
  if (text.length === 0 || text.length > 40 || /[。；！？，;!?]/u.test(text)) return null;
  if (/^第[一二三四五六七八九十百\d]+[章篇编]/u.test(text)) return 1;
  if (/^第[一二三四五六七八九十百\d]+节/u.test(text)) return 2;
  if (/^[一二三四五六七八九十]+、/u.test(text)) return 2;
  if (/^[（(][一二三四五六七八九十]+[)）]/u.test(text)) return 3;
  const numbered = /^(\d{1,2}(?:\.\d{1,2}){1,3})\s*\p{L}/u.exec(text);
  return numbered ? Math.min(6, (numbered[1]?.split('.').length ?? 1) + 1) : null;
}
