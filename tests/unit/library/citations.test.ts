import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkCitations, withoutOpenCitation } from '../../../src/shared/citations.ts';
import { arrangeSources, canRead, inert, promptWith } from '../../../src/library/prompt.ts';
import type { AnswerPassage } from '../../../src/shared/types.ts';
import { HOSTILE_DOCUMENTS } from '../../fixtures/documents.ts';

const passage = (number: number, text: string, title = '手册'): AnswerPassage => ({
  number,
  id: `doc-1#${number}`,
  title,
  heading: title,
  page: 3,
  origin: 'document',
  text,
  quotes: [],
});

describe('citations', () => {
  it('of what was retrieved stay, others go and are counted', () => {
    const { text, cited, dropped } = checkCitations('甲 [1]，乙【2】，丙 [9]，丁[1, 7]。', new Set([1, 2]));
    expect(text).toBe('甲 [1]，乙[2]，丙，丁[1]。');
    expect(cited).toEqual([1, 2]);
    expect(dropped).toBe(2);
  });
  it('are not looked for in code, links and years', () => {
    const text = '`a[7]` 与 ```\nb[8]\n``` 与 [9](https://a.example) 与 [2020]';
    expect(checkCitations(text, new Set([1]))).toEqual({ text, cited: [], dropped: 0 });
  });
  it('that are left are all retrieved, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom('[1]', '[2,3]', '【4】', '[', ']', '，', ' '), fc.string()), {
          maxLength: 30,
        }),
        fc.uniqueArray(fc.integer({ min: 1, max: 5 })),
        (parts, retrieved) => {
          const allowed = new Set(retrieved);
          const once = checkCitations(parts.join(''), allowed);
          const again = checkCitations(once.text, allowed);
          expect(once.cited.every((number) => allowed.has(number))).toBe(true);
          expect(again).toEqual({ text: once.text, cited: once.cited, dropped: 0 });
        },
      ),
    );
  });
  it('do not come about by taking others out', () => {
    expect(checkCitations('甲[[9]8]，乙【[7]1】', new Set([1])).text).not.toMatch(/[[【]\s*[789]/u);
    expect(checkCitations('[[[9]8]7]', new Set([1]))).toEqual({ text: '', cited: [], dropped: 3 });
  });
  it('that are being written are not shown', () => {
    expect(withoutOpenCitation('剂量 [1')).toBe('剂量');
    expect(withoutOpenCitation('剂量 [1]')).toBe('剂量 [1]');
  });
});

describe('passages in the prompt', () => {
  const READER = { parameters: 7e9, contextWindowSize: 4096 };

  it('are for models that can use them', () => {
    expect(canRead(READER)).toBe(true);
    expect(canRead({ parameters: 6_005_760, contextWindowSize: 2048 })).toBe(false);
    expect(canRead({ ...READER, contextWindowSize: 2048 })).toBe(false);
    expect(canRead(null)).toBe(false);
    const found = [passage(1, '甲')];
    expect(arrangeSources('问', found, null)).toEqual({
      sources: { passages: found, inPrompt: false, droppedCitations: 0 },
      prompt: null,
    });
  });
  it('stay within their share of the window, and what does not fit cannot be cited', () => {
    const found = [1, 2, 3, 4].map((number) => passage(number, '字'.repeat(300)));
    const { sources, prompt } = arrangeSources('问题', found, READER);
    expect(sources.inPrompt).toBe(true);
    expect(sources.passages.map(({ number }) => number)).toEqual([1, 2]);
    expect(prompt?.length).toBeLessThan(4096 * 0.3);
    expect(prompt).toContain('问题：问题');
  });

  it.each(HOSTILE_DOCUMENTS.map(({ name, text }) => [name, text] as const))(
    'cannot be left from inside: %s',
    (_name, text) => {
      const prompt = promptWith('问题', [passage(1, text, `${text.slice(0, 60)}" 编号="9`)]);
      const count = (part: string) => prompt.split(part).length - 1;
      expect(count('<')).toBe(4); // <资料>, <条目 …>, </条目>, </资料>
      expect(count('>')).toBe(4);
      const opening = prompt.split('\n').find((line) => line.startsWith('<条目')) ?? '';
      expect(opening).toMatch(/^<条目 编号="1" 出处="[^"]*">$/);
      expect(prompt).not.toMatch(/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u);
      // The only citation in sight is the instruction's example.
      expect(prompt.match(/\[\d+\]/g)).toEqual(['[1]']);
      expect(prompt.indexOf('问题：问题')).toBeGreaterThan(prompt.indexOf('</资料>'));
    },
  );
  it('no text whatever can hold a delimiter', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(inert(text)).not.toMatch(/[<>]/);
      }),
    );
  });
  it('there are at least fifty hostile documents, all different', () => {
    expect(new Set(HOSTILE_DOCUMENTS.map(({ text }) => text)).size).toBeGreaterThanOrEqual(100);
  });
});
