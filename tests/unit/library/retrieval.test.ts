/** The library that ships, asked the questions of tests/fixtures/retrieval: every third answer or better must be right. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ASKED, loadShippedCards, rankOf } from '../../fixtures/retrieval.ts';
import { SearchEngine } from '../../../src/library/engine.ts';
import { parseIndex } from '../../../src/library/cards.ts';

const engine = new SearchEngine(loadShippedCards());

it('one of the first three cards is a right one for at least nine of ten questions', () => {
  const questions = ASKED();
  expect(questions.length).toBeGreaterThanOrEqual(150);
  const missed = questions.filter(({ question, cards }) => {
    const rank = rankOf(
      engine.rankCards(question, 3).map(({ cardId }) => cardId),
      cards,
    );
    return rank === null;
  });
  expect(
    missed.length / questions.length,
    missed.map(({ question }) => question).join('\n'),
  ).toBeLessThanOrEqual(0.1);
});

it('questions of other matters get no sources', () => {
  const others = [
    '你是谁',
    '今天天气怎么样',
    '帮我写一首诗',
    '红烧肉怎么做才好吃',
    '股票涨跌',
    '量子力学',
    '请介绍一下你自己',
    '如何申请年假',
    '北京到上海的高铁几点',
    '怎么学英语',
    '推荐一部电影',
    '世界杯冠军是谁',
    'Python 怎么排序',
    '房价会跌吗',
    '谢谢',
    '好的',
    '春天的花有哪些',
    '护照怎么办理',
    '手机屏幕碎了去哪里修',
    '明天会下雨吗',
    'how to cook pasta',
    'what is the capital of France',
  ];
  expect(others.filter((question) => engine.sources(question, 4).passages.length > 0)).toEqual([]);
});

it('every statement source of a card is one that the index names', () => {
  const index = parseIndex(JSON.parse(readFileSync('public/library/index.json', 'utf8')));
  for (const card of loadShippedCards())
    for (const { statements } of card.sections)
      for (const { source } of statements) expect(Object.keys(index.sources)).toContain(source);
});
