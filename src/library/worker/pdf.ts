/// <reference types="vite/client" />
/**
 * PDF by pdf.js, page by page. Both of its halves run in this worker: importing the second one tells the first to start
 * no worker of its own. Fonts and pictures are never loaded; character maps of Chinese fonts are served with the page.
 */
import { getDocument, PasswordException, VerbosityLevel } from 'pdfjs-dist';
import type { PDFDocumentProxy } from 'pdfjs-dist';
import 'pdfjs-dist/build/pdf.worker.mjs';
import { HypnosError } from '../../shared/errors.ts';
import type { Block } from '../passages.ts';
import { headingLevel } from './plain.ts';
import type { DocumentReader } from './readers.ts';

const CHARACTER_MAPS = import.meta.glob<string>(
  [
    '../../../node_modules/pdfjs-dist/cmaps/GB*.bcmap',
    '../../../node_modules/pdfjs-dist/cmaps/UniGB*.bcmap',
    '../../../node_modules/pdfjs-dist/cmaps/Adobe-GB1-*.bcmap',
    '../../../node_modules/pdfjs-dist/cmaps/{B5pc,ETen-B5,ETenms-B5,UniCNS-*,Adobe-CNS1-*}*.bcmap',
  ],
  { query: '?url', import: 'default', eager: true },
);
const mapUrls = new Map(
  Object.entries(CHARACTER_MAPS).map(([path, url]) => [path.replace(/^.*\//, ''), url]),
);

/** pdf.js asks it for files by name. */
class ServedMaps {
  async fetch({ filename }: { readonly filename: string }): Promise<Uint8Array> {
    const url = mapUrls.get(filename);
    if (!url) throw new Error(`no character map ${filename}`);
    const response = await fetch(new URL(url, self.location.href));
    if (!response.ok) throw new Error(`character map ${filename}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }
}

/** @throws HypnosError 'document-encrypted', 'document-damaged' */
export async function openPdf(file: Blob, name: string): Promise<DocumentReader> {
  const damaged = (error: unknown) =>
    new HypnosError('document-damaged', { file: name, message: String(error) }, { cause: error });
  const task = getDocument({
    data: new Uint8Array(await file.arrayBuffer()),
    BinaryDataFactory: ServedMaps,
    cMapUrl: 'maps/',
    disableFontFace: true,
    useSystemFonts: false,
    useWorkerFetch: false,
    useWasm: false,
    isImageDecoderSupported: false,
    isOffscreenCanvasSupported: false,
    stopAtErrors: false,
    enableXfa: false,
    verbosity: VerbosityLevel.ERRORS,
  });
  let pdf: PDFDocumentProxy;
  try {
    pdf = await task.promise;
  } catch (error) {
    if (error instanceof PasswordException) throw new HypnosError('document-encrypted', { file: name });
    throw damaged(error);
  }
  return {
    units: pdf.numPages,
    pages: pdf.numPages,
    read: async (unit) => {
      try {
        const page = await pdf.getPage(unit + 1);
        const { items } = await page.getTextContent();
        page.cleanup();
        return pageBlocks(
          items.flatMap((item) => ('str' in item ? [itemOf(item)] : [])),
          unit + 1,
        );
      } catch (error) {
        throw damaged(error);
      }
    },
    close: async () => {
      await task.destroy();
    },
  };
}

/** A piece of text as pdf.js finds it. Points from the page's lower left corner. */
export interface TextItem {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly endsLine: boolean;
}

const itemOf = (item: { str: string; transform: number[]; height: number; hasEOL: boolean }): TextItem => ({
  text: item.str,
  x: item.transform[4] ?? 0,
  y: item.transform[5] ?? 0,
  size: item.height || Math.abs(item.transform[3] ?? 0),
  endsLine: item.hasEOL,
});

interface Line {
  readonly text: string;
  readonly y: number;
  readonly size: number;
}

const HEADING_LENGTH = 60;

/** Lines, then headings by their size or numbering, then paragraphs by the distance between lines. */
export function pageBlocks(items: readonly TextItem[], page: number): readonly Block[] {
  const lines = linesOf(items);
  const body = bodySize(lines);
  const blocks: Block[] = [];
  let paragraph = '';
  let before: Line | null = null;
  const flush = () => {
    if (paragraph.trim() !== '') blocks.push({ kind: 'text', level: 0, text: paragraph.trim(), page });
    paragraph = '';
  };
  for (const line of lines) {
    const ratio = body > 0 ? line.size / body : 1;
    const level =
      ratio >= 1.18 && line.text.length <= HEADING_LENGTH && /\p{L}/u.test(line.text)
        ? ratio >= 1.6
          ? 1
          : ratio >= 1.35
            ? 2
            : 3
        : headingLevel(line.text);
    if (level !== null) {
      flush();
      blocks.push({ kind: 'heading', level, text: line.text, page });
    } else {
      const isApart = before !== null && Math.abs(before.y - line.y) > 1.9 * Math.max(before.size, line.size);
      if (isApart) flush();
      paragraph = joined(paragraph, line.text);
    }
    before = line;
  }
  flush();
  return blocks;
}

function linesOf(items: readonly TextItem[]): readonly Line[] {
  const lines: Line[] = [];
  let text = '';
  let size = 0;
  let y = 0;
  const flush = () => {
    if (text.trim() !== '') lines.push({ text: text.replace(/\s+/gu, ' ').trim(), y, size });
    text = '';
    size = 0;
  };
  for (const item of items) {
    if (item.text.trim() !== '') {
      if (text !== '' && Math.abs(item.y - y) > Math.max(size, item.size) * 0.7) flush();
      if (text === '') y = item.y;
      size = Math.max(size, item.size);
    }
    text += item.text;
    if (item.endsLine) flush();
  }
  flush();
  return lines;
}

/** The size in which most characters are set. */
function bodySize(lines: readonly Line[]): number {
  const characters = new Map<number, number>();
  for (const { size, text } of lines) {
    const rounded = Math.round(size * 2) / 2;
    characters.set(rounded, (characters.get(rounded) ?? 0) + text.length);
  }
  return [...characters].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 0;
}

/** Chinese lines join without a space, a word broken by a hyphen without it. */
function joined(before: string, line: string): string {
  if (before === '') return line;
  if (/[a-z]-$/u.test(before) && /^[a-z]/u.test(line)) return before.slice(0, -1) + line;
  const isWide =
    /[\p{Script=Han}\u3000-\u303f\uff00-\uffef]$/u.test(before) ||
    /^[\p{Script=Han}\u3000-\u303f\uff00-\uffef]/u.test(line);
  return before + (isWide ? '' : ' ') + line;
}
