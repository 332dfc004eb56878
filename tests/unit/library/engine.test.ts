import { describe, expect, it } from 'vitest';
import { bestSentences, marksOf, SearchEngine } from '../../../src/library/engine.ts';
import { isWithin } from '../../../src/library/names.ts';
import { PassageCutter, passagesOfCard, sentencesOf } from '../../../src/library/passages.ts';
import type { Block, Passage } from '../../../src/library/passages.ts';
import { SegmentBuilder } from '../../../src/library/segment.ts';
import { termsOf } from '../../../src/library/tokens.ts';
import { CARDS } from './support.ts';

const engine = new SearchEngine(CARDS);
const first = (query: string) => engine.rankCards(query, 1)[0]?.cardId;
const sourcesOf = (question: string, context: readonly string[] = []) =>
  engine
    .sources(question, 4, context)
    .passages.map(({ segment, place }) => (segment === 'cards' ? engine.cardPassages[place]?.id : segment));

describe('terms', () => {
  it('are bigrams of Chinese, words, hyphenated words whole and in parts, and numbers', () => {
    expect(termsOf('丙泊酚ＰＲＯＰＯＦＯＬ 1.5 STOP-Bang 酚')).toEqual([
      '丙泊',
      '泊酚',
      'propofol',
      '1.5',
      'stop-bang',
      'stop',
      'bang',
      '酚',
    ]);
  });
});

describe('a card is found by', () => {
  it.each([
    ['its name', '丙泊酚', 'drug-propofol'],
    ['an alias', '异丙酚的用法', 'drug-propofol'],
    ['its English name', 'propofol dose', 'drug-propofol'],
    ['initials', 'bbf', 'drug-propofol'],
    ['initials of a crisis', 'exgr', 'crisis-malignant-hyperthermia'],
    ['pinyin', 'bingbofen', 'drug-propofol'],
    ['the beginning of its pinyin', 'luokuxiu', 'drug-rocuronium'],
    ['a homophone', '丙伯酚', 'drug-propofol'],
    ['a wrong character', '罗库溴胺', 'drug-rocuronium'],
    ['a letter left out', 'propofl', 'drug-propofol'],
    ['letters swapped', 'rocuronuim', 'drug-rocuronium'],
    ['what it says', '丹曲林', 'crisis-malignant-hyperthermia'],
    ['its longer name, not the shorter in it', '艾司氯胺酮', 'drug-esketamine'],
    ['its own name, not one that differs in a character', '维库溴铵', 'drug-vecuronium'],
    ['full-width letters', 'ｓｔｏｐ－ｂａｎｇ', 'score-stop-bang'],
  ])('%s', (_how, query, id) => {
    expect(first(query)).toBe(id);
  });

  it('nothing is found for what nothing speaks of', () => {
    expect(first('红烧肉')).toBeUndefined();
    expect(first('')).toBeUndefined();
    expect(first('？！')).toBeUndefined();
  });
});

describe('sources', () => {
  it('speak of the question', () => {
    expect(sourcesOf('丙泊酚诱导剂量是多少？')[0]).toBe('drug-propofol#dose');
  });
  it('are none for what nothing speaks of', () => {
    for (const question of ['你是谁', '红烧肉怎么做', '好的', '今天天气怎么样', '谢谢'])
      expect([question, sourcesOf(question)]).toEqual([question, []]);
  });
  it('of a question without its subject come from the one before, and not once it names its own', () => {
    expect(sourcesOf('那老年人呢？', ['丙泊酚诱导剂量是多少？'])[0]).toBe('drug-propofol#dose');
    expect(sourcesOf('红烧肉怎么做才好吃', ['丙泊酚诱导剂量是多少？'])).toEqual([]);
    expect(sourcesOf('氯胺酮呢？', ['丙泊酚诱导剂量是多少？'])[0]).toMatch(/^drug-ketamine/);
  });
  it('quote whole sentences, at their place', () => {
    const { terms } = engine.sources('老年人丙泊酚诱导', 1);
    const text = '成人诱导 1.5～2.5 mg/kg。\n老年人诱导 0.5～1.5 mg/kg，注射更慢。';
    expect(bestSentences(text, terms).map(([start, end]) => text.slice(start, end))).toEqual([
      '老年人诱导 0.5～1.5 mg/kg，注射更慢。',
    ]);
  });
});

describe('documents', () => {
  const cut = (blocks: readonly Block[], id = 'doc-1') => {
    const cutter = new PassageCutter(id, '手册');
    const passages: Passage[] = [];
    for (const block of blocks) passages.push(...cutter.push(block));
    passages.push(...cutter.end());
    return passages;
  };
  const text = (content: string, page: number | null = null): Block => ({
    kind: 'text',
    level: 0,
    text: content,
    page,
  });
  const heading = (content: string, level: number): Block => ({
    kind: 'heading',
    level,
    text: content,
    page: null,
  });

  it('come and go, each by itself', () => {
    const mine = new SearchEngine(CARDS);
    const builder = new SegmentBuilder();
    builder.add({ title: '手册', heading: '', text: '绿色通道电话六六三八' });
    mine.put('doc-1', builder.build());
    expect(mine.rank('绿色通道电话', 3).passages[0]).toMatchObject({ segment: 'doc-1', place: 0 });
    mine.delete('doc-1');
    expect(mine.rank('绿色通道电话', 3).passages).toEqual([]);
    expect(mine.documents).toEqual([]);
  });
  it('are cut at headings and pages, keep their path, and lose nothing', () => {
    const long = '每次用药前核对。'.repeat(200);
    const passages = cut([
      heading('一', 1),
      text('甲。'),
      heading('二', 2),
      text('乙。', 1),
      text('丙。', 2),
      heading('三', 1),
      text(long),
    ]);
    expect(passages.slice(0, 3).map(({ heading: path, text: content }) => [path, content])).toEqual([
      ['一', '甲。'],
      ['一 › 二', '乙。'],
      ['一 › 二', '丙。'],
    ]);
    const rest = passages.slice(3);
    expect(
      rest
        .map((passage) => passage.text)
        .join('')
        .replace(/\s/g, ''),
    ).toBe(long);
    expect(Math.max(...rest.map((passage) => passage.text.length))).toBeLessThanOrEqual(700);
    expect(passages.map(({ id }) => id)).toEqual(passages.map((_passage, index) => `doc-1#${index}`));
  });
  it('go on from where an import stopped', () => {
    const cutter = new PassageCutter('doc-1', '手册');
    const before = [...cutter.push(heading('一', 1)), ...cutter.push(text('甲。', 1)), ...cutter.end()];
    const resumed = new PassageCutter('doc-1', '手册', cutter.state);
    const after = [...resumed.push(text('乙。', 2)), ...resumed.end()];
    expect([...before, ...after].map(({ id, heading: path }) => [id, path])).toEqual([
      ['doc-1#0', '一'],
      ['doc-1#1', '一'],
    ]);
  });
});

describe('texts', () => {
  it('marks stand where the words are, and a word is not a part of another', () => {
    const content = 'tci 与丙泊酚，octcity';
    const terms = new Map([
      ['丙泊', 1],
      ['泊酚', 1],
      ['tci', 1],
    ]);
    expect(marksOf(content, terms).map(([start, end]) => content.slice(start, end))).toEqual([
      'tci',
      '丙泊酚',
    ]);
  });
  it('sentences join to the text; decimals are not ends', () => {
    const content = '甲 1.5 mg。乙！\n丙；丁';
    expect(sentencesOf(content).join('')).toBe(content);
    expect(sentencesOf(content)).toHaveLength(4);
  });
  it('edit distance counts a swap as one', () => {
    expect(isWithin('propofol', 'propfool', 1)).toBe(true);
    expect(isWithin('propofol', 'propfl', 1)).toBe(false);
  });
  it('every card has a passage for each section, with ids that lead back', () => {
    for (const card of CARDS)
      for (const passage of passagesOfCard(card))
        expect(passage.id).toMatch(new RegExp(`^${card.id}#[a-z0-9-]+$`));
  });
});
