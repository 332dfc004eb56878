/** Word documents, by mammoth: its HTML is well-formed and of few elements, and is read here as text, never drawn. */
import { BlobReader, ZipReader } from '@zip.js/zip.js';
import mammoth from 'mammoth';
import { HypnosError } from '../../shared/errors.ts';
import { DOCUMENT_LIMITS } from '../api.ts';
import type { Block } from '../passages.ts';

/** Headings by the names that Word gives its styles in Chinese; English ones are mammoth's own. */
const STYLES = [1, 2, 3, 4, 5, 6].flatMap((level) => [
  `p[style-name='标题 ${level}'] => h${level}:fresh`,
  `p[style-name='heading ${level}'] => h${level}:fresh`,
]);

/** @throws HypnosError 'document-damaged', 'document-encrypted', 'document-too-large' */
export async function docxBlocks(file: Blob, name: string): Promise<readonly Block[]> {
  await checkArchive(file, name);
  try {
    const { value } = await mammoth.convertToHtml(
      { arrayBuffer: await file.arrayBuffer() },
      {
        styleMap: [...STYLES, "p[style-name='Title'] => h1:fresh", "p[style-name='标题'] => h1:fresh"],
        // Pictures would come as base64 text.
        convertImage: mammoth.images.imgElement(() => Promise.resolve({ src: '' })),
      },
    );
    return htmlBlocks(value);
  } catch (error) {
    throw new HypnosError('document-damaged', { file: name, message: String(error) }, { cause: error });
  }
}

/** A password makes of a DOCX a container of another kind; a bomb says in its directory how far it unpacks. */
async function checkArchive(file: Blob, name: string): Promise<void> {
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  if (head[0] === 0xd0 && head[1] === 0xcf && head[2] === 0x11 && head[3] === 0xe0)
    throw new HypnosError('document-encrypted', { file: name });
  let unpacked = 0;
  const reader = new ZipReader(new BlobReader(file), { useWebWorkers: false });
  try {
    for (const entry of await reader.getEntries()) unpacked += entry.uncompressedSize;
  } catch (error) {
    throw new HypnosError('document-damaged', { file: name, message: String(error) }, { cause: error });
  } finally {
    await reader.close();
  }
  if (unpacked > DOCUMENT_LIMITS.unpacked)
    throw new HypnosError('document-too-large', {
      file: name,
      bytes: unpacked,
      limit: DOCUMENT_LIMITS.unpacked,
    });
}

const TAG = /<(\/?)([a-z][a-z0-9]*)[^>]*>|([^<]+)/gi;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
};

/** mammoth's HTML as blocks: h1 to h6 are headings, table cells are joined to a line. */
export function htmlBlocks(html: string): readonly Block[] {
  const blocks: Block[] = [];
  let text = '';
  let level = 0;
  let tables = 0;
  const flush = () => {
    const trimmed = text.replace(/[ \t]+/g, ' ').trim();
    if (trimmed !== '')
      blocks.push({ kind: level > 0 ? 'heading' : 'text', level, text: trimmed, page: null });
    text = '';
  };
  for (const [, slash = '', tag = '', content] of html.matchAll(TAG)) {
    if (content !== undefined) {
      text += content.replace(
        /&(#x?[0-9a-f]+|[a-z]+);/gi,
        (whole, entity: string) => decode(entity) ?? whole,
      );
      continue;
    }
    const name = tag.toLowerCase();
    const isEnd = slash === '/';
    if (name === 'table') tables = Math.max(0, tables + (isEnd ? -1 : 1));
    if (/^h[1-6]$/.test(name)) {
      flush();
      level = isEnd ? 0 : Number(name[1]);
    } else if (name === 'br') text += '\n';
    else if ((name === 'td' || name === 'th') && isEnd) text += ' ｜ ';
    else if (name === 'tr' && isEnd) {
      text = text.replace(/\s*｜\s*$/u, '');
      flush();
    } else if ((name === 'p' || name === 'li') && tables === 0) flush();
  }
  flush();
  return blocks;
}

function decode(entity: string): string | undefined {
  if (!entity.startsWith('#')) return ENTITIES[entity.toLowerCase()];
  const code = /^#x/i.test(entity) ? Number.parseInt(entity.slice(2), 16) : Number(entity.slice(1));
  return Number.isInteger(code) && code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}
