/** Readers of documents, one a kind of file. A unit is what can be read by itself: a page, or the whole file. */
import { HypnosError } from '../../shared/errors.ts';
import type { ImportRow } from '../db.ts';
import type { Block } from '../passages.ts';

export interface DocumentReader {
  readonly units: number;
  /** null where the file has no pages. */
  readonly pages: number | null;
  read(unit: number): Promise<readonly Block[]>;
  close(): Promise<void>;
}

/** @throws HypnosError 'document-damaged', 'document-encrypted', 'document-too-large' */
export async function readerFor({
  kind,
  file,
  name,
}: Pick<ImportRow, 'kind' | 'file' | 'name'>): Promise<DocumentReader> {
  switch (kind) {
    case 'markdown':
      return wholeFile(async () => (await import('./plain.ts')).markdownBlocks(await textOf(file)));
    case 'text':
      return wholeFile(async () => (await import('./plain.ts')).textBlocks(await textOf(file)));
    case 'docx':
      return wholeFile(async () => (await import('./docx.ts')).docxBlocks(file, name));
    case 'pdf':
      return (await import('./pdf.ts')).openPdf(file, name);
  }
}

function wholeFile(read: () => Promise<readonly Block[]>): DocumentReader {
  return { units: 1, pages: null, read, close: () => Promise.resolve() };
}

/** UTF-8 or UTF-16 by their marks; what is no valid UTF-8 was written by an older Chinese program. */
async function textOf(file: Blob): Promise<string> {
  const bytes = await file.arrayBuffer();
  const [first, second] = new Uint8Array(bytes, 0, Math.min(2, bytes.byteLength));
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const text = new TextDecoder('gb18030').decode(bytes);
    // Neither: pictures or programs under a text's name.
    if (text.includes('\u0000')) throw new HypnosError('document-damaged', { file: '', message: 'no text' });
    return text;
  }
}
