import 'fake-indexeddb/auto'; // before Dexie looks for IndexedDB
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excerptOf, matchRanges, normalise, queryTerms, SearchIndex } from '../../../src/history/search.ts';
import { exchange, freshName, testHistory } from './support.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({
    unit: fc.constantFrom('丙', '泊', '酚', 'Ａ', 'a', 'ﬁ', 'é', 'e\u0301', '½', 'ｶ', 'ﾞ', ' ', '\n', '😀'),
    maxLength: 60,
  }),
);

describe('terms', () => {
  it.each([
    ['  丙泊酚　剂量 ', ['丙泊酚', '剂量']],
    ['ＰＲＯＰＯＦＯＬ', ['propofol']],
    ['ﬁnd ½', ['find', '1⁄2']],
    ['a a A', ['a']],
    ['   ', []],
  ])('of %j are %j', (query, terms) => {
    expect(queryTerms(query)).toEqual(terms);
  });
});

describe('ranges of matches', () => {
  it('hold the term in the original text, ascending and apart', () => {
    fc.assert(
      fc.property(text, text, text, (before, word, after) => {
        const terms = queryTerms(word);
        const whole = before + word + after;
        const ranges = matchRanges(whole, terms);
        let last = -1;
        for (const [start, end] of ranges) {
          expect(start).toBeGreaterThanOrEqual(last);
          expect(end).toBeGreaterThan(start);
          last = end;
          const found = normalise(whole.slice(start, end));
          expect(terms.some((term) => found.includes(term))).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['使用Ｐｒｏｐｏｆｏｌ诱导', 'propofol', 'Ｐｒｏｐｏｆｏｌ'],
    ['ﬁrst', 'fi', 'ﬁ'],
    ['cafe\u0301 au lait', 'café', 'cafe\u0301'],
    ['ｶﾞｽ麻酔', 'ガス', 'ｶﾞｽ'],
    ['😀丙泊酚😀', '泊酚', '泊酚'],
  ])('in %j for %j is %j', (whole, query, expected) => {
    const [range] = matchRanges(whole, queryTerms(query));
    expect(whole.slice(range?.[0], range?.[1])).toBe(expected);
  });
});

describe('an excerpt', () => {
  it('is one line around the first match, with ranges into itself', () => {
    const long = `${'前'.repeat(300)}\n丙泊酚\t诱导${'后'.repeat(300)}丙泊酚`;
    const { excerpt, matches } = excerptOf(long, ['丙泊酚']);
    expect(excerpt.startsWith('…')).toBe(true);
    expect(excerpt.endsWith('…')).toBe(true);
    expect(excerpt).not.toMatch(/[\n\t]/);
    expect(excerpt.length).toBeLessThan(130);
    expect(matches.map(([start, end]) => excerpt.slice(start, end))).toEqual(['丙泊酚']);
  });

  it('never cuts a character in two and keeps its ranges inside, for any text', () => {
    fc.assert(
      fc.property(text, text, text, fc.nat({ max: 30 }), (before, word, after, times) => {
        const whole = before.repeat(times) + word + after.repeat(times);
        const { excerpt, matches } = excerptOf(whole, queryTerms(word));
        expect(excerpt).not.toMatch(/\p{Surrogate}/u);
        for (const [start, end] of matches) {
          expect(start).toBeGreaterThanOrEqual(0);
          expect(end).toBeLessThanOrEqual(excerpt.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});

it('the index finds exactly what a scan of every text finds, newest first, through changes and removals', () => {
  const step = fc.record({ id: fc.integer({ min: 0, max: 8 }), body: text, gone: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), text, (steps, query) => {
      const index = new SearchIndex();
      const model = new Map<string, { body: string; createdAt: number }>();
      for (const [time, { id, body, gone }] of steps.entries()) {
        const key = `m${id}`;
        if (gone) {
          index.delete(key);
          model.delete(key);
        } else {
          const createdAt = model.get(key)?.createdAt ?? time;
          index.put({ id: key, conversationId: 'c', createdAt, text: body });
          model.set(key, { body, createdAt });
        }
      }
      const terms = queryTerms(query);
      const expected = [...model]
        .filter(([, { body }]) => terms.length > 0 && terms.every((term) => normalise(body).includes(term)))
        .sort(([, a], [, b]) => b.createdAt - a.createdAt)
        .map(([id]) => id);
      expect([...index.find(terms)].map(({ id }) => id)).toEqual(expected);
    }),
  );
});

describe('searching the history', () => {
  it('finds questions, answers and titles, newest first, with excerpts', async () => {
    const { history } = testHistory();
    const first = await exchange(history, '丙泊酚怎么用', '诱导 1.5–2.5 mg/kg，Propofol 静脉注射');
    const second = await exchange(history, '另一个问题', '与丙泊酚无关');
    await history.updateConversation(first.conversationId, { title: '静脉麻醉' });
    const hits = await history.search('丙泊酚');
    expect(hits.map(({ messageId, role }) => [messageId, role])).toEqual([
      [second.answer.id, 'assistant'],
      [first.question.id, 'user'],
    ]);
    expect(hits[0]?.title).toBe('另一个问题');
    expect(hits.map(({ excerpt, matches }) => matches.map(([from, to]) => excerpt.slice(from, to)))).toEqual([
      ['丙泊酚'],
      ['丙泊酚'],
    ]);
    expect(await history.search('ＰＲＯＰＯＦＯＬ 静脉')).toMatchObject([{ messageId: first.answer.id }]);
    expect(await history.search('静脉麻醉')).toMatchObject([{ messageId: null, title: '静脉麻醉' }]);
    expect(await history.search('不存在')).toEqual([]);
    expect(await history.search('  ')).toEqual([]);
    expect(await history.search('丙泊酚', { limit: 1 })).toHaveLength(1);
  });

  it('follows what is written, by this tab and another, deleted, restored, purged and imported', async () => {
    const name = freshName();
    const { history } = testHistory(name);
    const other = testHistory(name).history;
    const { conversationId, answer } = await exchange(history, '问', '瑞芬太尼');
    const count = async (query: string) => (await history.search(query)).length;
    expect(await count('瑞芬太尼')).toBe(1);
    await other.writeAnswerText(answer.id, '舒芬太尼');
    expect(await count('瑞芬太尼')).toBe(0);
    expect(await count('舒芬太尼')).toBe(1);
    const file = await history.exportJson();
    await other.deleteConversation(conversationId);
    expect(await count('舒芬太尼')).toBe(0);
    await other.restoreConversation(conversationId);
    expect(await count('舒芬太尼')).toBe(1);
    await other.deleteConversation(conversationId);
    await other.purgeConversation(conversationId);
    expect(await count('舒芬太尼')).toBe(0);
    await other.importJson(file);
    expect(await count('舒芬太尼')).toBe(1);
  });

  it('reads more than a page, even of one revision, and what is written while it reads', async () => {
    const { history } = testHistory();
    const id = (number: number) => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
    const messages = Array.from({ length: 1_001 }, (_, index) => ({
      id: id(index),
      parentId: index === 0 ? null : id(index - 1),
      role: index % 2 === 0 ? 'user' : 'assistant',
      text: `第${index}句`,
      createdAt: index,
      finishReason: index % 2 === 0 ? null : 'stop',
      droppedTurns: 0,
      stats: null,
      model: null,
      errorCode: null,
    }));
    const conversation = { id: id(5_000), title: '长', createdAt: 0, updatedAt: 0, pinned: false };
    const rest = { activeLeafId: null, systemPrompt: null, sampling: null };
    const file = { format: 'hypnos-history/1', conversations: [{ ...conversation, ...rest, messages }] };
    await history.importJson(new Blob([JSON.stringify(file)]));
    const reading = history.prepareSearch();
    await history.writeAnswerText(id(1), '改写了');
    await reading;
    expect(await history.search('改写了')).toHaveLength(1);
    expect(await history.search('第1句')).toHaveLength(0);
    expect(await history.search('第1000句')).toHaveLength(1);
    expect(await history.search('句', { limit: 2_000 })).toHaveLength(1_000);
  });
});
