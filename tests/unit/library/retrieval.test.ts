/** The library that ships, asked the questions of tests/fixtures/retrieval: every third answer or better must be right. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ASKED, COLLOQUIAL, loadShippedCards, rankOf, UNSEEN } from '../../fixtures/retrieval.ts';
import { SearchEngine } from '../../../src/library/engine.ts';
import { parseIndex } from '../../../src/library/cards.ts';

const engine = new SearchEngine(loadShippedCards());

const missedOf = (questions: ReturnType<typeof ASKED>) =>
  questions.filter(
    ({ question, cards }) =>
      rankOf(
        engine.rankCards(question, 3).map(({ cardId }) => cardId),
        cards,
      ) === null,
  );

it('one of the first three cards is a right one for at least nine of ten questions', () => {
  const questions = ASKED();
  expect(questions.length).toBeGreaterThanOrEqual(150);
  const missed = missedOf(questions);
  expect(
    missed.length / questions.length,
    missed.map(({ question }) => question).join('\n'),
  ).toBeLessThanOrEqual(0.1);
});

it('everyday wordings lead to a right card too, also those that the everyday words were not tried on', () => {
  const questions = COLLOQUIAL();
  expect(new Set(questions.map(({ question }) => question)).size).toBeGreaterThanOrEqual(150);
  for (const [part, share] of [
    ['tune', 0.1],
    ['held-out', 0.15],
    ['later', 0.25],
    ['unseen', 0.15],
  ] as const) {
    const asked = part === 'unseen' ? UNSEEN() : questions.filter((question) => question.part === part);
    const missed = missedOf(asked);
    expect(
      missed.length / asked.length,
      `${part}:\n${missed.map(({ question }) => question).join('\n')}`,
    ).toBeLessThanOrEqual(share);
  }
});

it('everyday wordings get sources as well, and few wrong ones', () => {
  const got = COLLOQUIAL().map(({ question, cards }) => {
    const found = engine
      .sources(question, 4)
      .passages.map(({ place }) => engine.cardPassages[place]?.id ?? '');
    return { some: found.length > 0, right: found.some((id) => cards.includes(id.split('#')[0] ?? '')) };
  });
  const answered = got.filter(({ some }) => some);
  expect(answered.length / got.length).toBeGreaterThanOrEqual(0.8);
  expect(answered.filter(({ right }) => right).length / answered.length).toBeGreaterThanOrEqual(0.85);
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
    '手机没电了怎么办',
    '厨房着火了怎么办',
    '电脑黑屏了',
    '我家孩子哭闹不写作业',
    '心慌得不行要考试了',
    '奶奶过生日送什么',
    '胖子穿什么衣服',
    '回家的高铁',
    '房子漏气',
    '手机一支多少钱',
  ];
  expect(others.filter((question) => engine.sources(question, 4).passages.length > 0)).toEqual([]);
});

it('every statement source of a card is one that the index names', () => {
  const index = parseIndex(JSON.parse(readFileSync('public/library/index.json', 'utf8')));
  for (const card of loadShippedCards())
    for (const { statements } of card.sections)
      for (const { source } of statements) expect(Object.keys(index.sources)).toContain(source);
});
