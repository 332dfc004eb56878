import { describe, expect, it } from 'vitest';
import { docxBlocks, htmlBlocks } from '../../../src/library/worker/docx.ts';
import { headingLevel, markdownBlocks, textBlocks } from '../../../src/library/worker/plain.ts';
import { readerFor } from '../../../src/library/worker/readers.ts';
import { parseCards, parseIndex } from '../../../src/library/cards.ts';
import { readLibrary } from '../../../src/library/load.ts';
import { CARDS } from './support.ts';

const shown = (blocks: readonly { kind: string; level: number; text: string }[]) =>
  blocks.map(({ kind, level, text }) => (kind === 'heading' ? `${level} ${text}` : text));

describe('readers', () => {
  it('Markdown: headings outside code', () => {
    expect(shown(markdownBlocks('# 一\n甲\n乙\n\n```\n# 不是标题\n```\n\n### 二 ##\n丙'))).toEqual([
      '1 一',
      '甲\n乙',
      '```\n# 不是标题\n```',
      '3 二',
      '丙',
    ]);
  });
  it('text: Chinese numbering makes headings, sentences do not', () => {
    expect(shown(textBlocks('第一章 总则\n一、范围\n适用于全院。\n\n1.2 备药\n三号柜'))).toEqual([
      '1 第一章 总则',
      '2 一、范围',
      '适用于全院。',
      '3 1.2 备药',
      '三号柜',
    ]);
    expect(headingLevel('一、先停药；再呼救。')).toBeNull();
  });
  // Whole DOCX files: tests/browser/documents.test.ts, mammoth reads them otherwise in Node.
  it('DOCX: headings, tables as lines, entities as their signs', () => {
    expect(
      shown(htmlBlocks('<h1><a id="x"></a>交接班</h1><h2>夜班</h2><p>血压 &lt; 90 &amp; 快</p>')),
    ).toEqual(['1 交接班', '2 夜班', '血压 < 90 & 快']);
    expect(
      shown(
        htmlBlocks('<table><tr><td><p>药</p></td><td><p>量</p></td></tr></table><p>&lt;b&gt;&#x4e2d;</p>'),
      ),
    ).toEqual(['药 ｜ 量', '<b>中']);
  });
  it('DOCX: what is none is refused', async () => {
    await expect(docxBlocks(new Blob(['nothing']), 'a.docx')).rejects.toMatchObject({
      code: 'document-damaged',
    });
    const office = Uint8Array.of(0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1);
    await expect(docxBlocks(new Blob([office]), 'a.docx')).rejects.toMatchObject({
      code: 'document-encrypted',
    });
  });
  it('text of older Chinese programs is read too', async () => {
    const gbk = Uint8Array.of(0xc2, 0xe9, 0xd7, 0xed); // 麻醉 in GBK
    const reader = await readerFor({ kind: 'text', file: new Blob([gbk]), name: 'a.txt' });
    expect(shown(await reader.read(0))).toEqual(['麻醉']);
  });
});

describe('the library', () => {
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  async function serve(change: { index?: object; cards?: unknown } = {}) {
    const file = bytes(change.cards ?? CARDS);
    const digest = await crypto.subtle.digest('SHA-256', bytes(CARDS));
    const sha256 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
    const index = {
      format: 'hypnos-library/1',
      version: '1.0.0',
      language: 'zh-CN',
      reviewed: false,
      notice: { zh: '未审核', en: 'unreviewed' },
      sources: { textbook: { kind: 'textbook', zh: '教科书', en: 'textbook' } },
      files: [{ path: 'drugs.json', kind: 'drug', cards: CARDS.length, sha256 }],
      ...change.index,
    };
    const files = new Map<string, Uint8Array>([
      ['index.json', bytes(index)],
      ['drugs.json', file],
    ]);
    return readLibrary({
      baseUrl: 'https://library.example/',
      fetch: (url) => {
        const found = files.get(new URL(url).pathname.slice(1));
        return Promise.resolve(found ? new Response(found as BodyInit) : new Response('', { status: 404 }));
      },
    });
  }

  it('is read whole, its hashes checked', async () => {
    const { index, cards } = await serve();
    expect(index.reviewed).toBe(false);
    expect([...cards.keys()]).toEqual(CARDS.map(({ id }) => id));
  });
  it('is refused when a file was changed, is missing, or names another format', async () => {
    await expect(serve({ cards: CARDS.slice(1) })).rejects.toMatchObject({
      code: 'library-invalid',
      detail: { file: 'drugs.json', reason: 'SHA-256 differs' },
    });
    await expect(serve({ index: { format: 'hypnos-library/2' } })).rejects.toMatchObject({
      code: 'library-invalid',
    });
    await expect(
      serve({ index: { files: [{ path: 'gone.json', kind: 'drug', cards: 1, sha256: '0'.repeat(64) }] } }),
    ).rejects.toMatchObject({ code: 'library-unavailable', detail: { file: 'gone.json' } });
  });
  it('a card without what screens rely on is refused, one with more is not', () => {
    const [card] = CARDS;
    expect(() => parseCards([{ ...card, title: '' }], 'drugs.json')).toThrow(/library-invalid/);
    expect(() => parseCards([{ ...card, id: '../../x' }], 'drugs.json')).toThrow(/library-invalid/);
    expect(parseCards([{ ...card, colour: 'green' }], 'drugs.json')).toHaveLength(1);
    expect(() => parseIndex({ files: [{ path: '../models/x.json' }] })).toThrow(/library-invalid/);
  });
});
