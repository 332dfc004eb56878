/**
 * Retrieval on the questions of tests/fixtures/retrieval, ours against plain bigram BM25 and MiniSearch, and the speed of
 * a search over 10,000 passages. Ours is the page's own engine, as the search worker runs it, here in Node.
 */
import MiniSearch from 'minisearch';
import { test } from 'vitest';
import { SearchEngine } from '../../src/library/engine.ts';
import { passagesOfCard } from '../../src/library/passages.ts';
import { SegmentBuilder } from '../../src/library/segment.ts';
import { termsOf } from '../../src/library/tokens.ts';
import { ASKED, COLLOQUIAL, loadShippedCards, rankOf, UNSEEN } from '../fixtures/retrieval.ts';
import { median, print } from './report.ts';

type Ranker = (question: string) => readonly string[];
const DEPTH = 10;

function measure(name: string, rank: Ranker, questions = ASKED(), what = 'questions') {
  const ranks = questions.map(({ question, cards }) => rankOf(rank(question), cards));
  const share = (within: number) =>
    (100 * ranks.filter((at) => at !== null && at <= within).length) / questions.length;
  const mrr = ranks.reduce((sum: number, at) => sum + (at === null ? 0 : 1 / at), 0) / questions.length;
  print(`Retrieval, ${questions.length} ${what}: ${name}`, [
    { name: 'recall@1', value: share(1), unit: '%' },
    {
      name: 'recall@3',
      value: share(3),
      unit: '%',
      ...(name === 'ours' && what === 'questions' ? { goal: 'at least 90' } : {}),
    },
    { name: 'MRR (of ten), times 100', value: 100 * mrr, unit: '' },
  ]);
}

const firstCards = (ids: readonly string[]) => [...new Set(ids)].slice(0, DEPTH);

test('retrieval quality', () => {
  const cards = loadShippedCards();
  const engine = new SearchEngine(cards);
  const ours = (question: string) => engine.rankCards(question, DEPTH).map(({ cardId }) => cardId);
  measure('ours', ours);
  for (const part of ['tune', 'held-out', 'later'] as const)
    measure(
      'ours',
      ours,
      COLLOQUIAL().filter((question) => question.part === part),
      `everyday wordings (${part})`,
    );
  measure('ours', ours, UNSEEN(), 'everyday wordings (unseen)');

  const passages = cards.flatMap((card) =>
    passagesOfCard(card).map(({ id, text, heading }) => ({
      id,
      cardId: card.id,
      title: [card.title, card.title_en, ...card.aliases].join(' '),
      heading,
      text,
    })),
  );
  const plain = plainBm25(passages);
  measure('plain bigram BM25', plain);
  measure('plain bigram BM25', plain, COLLOQUIAL(), 'everyday wordings (all)');
  measure('plain bigram BM25', plain, UNSEEN(), 'everyday wordings (unseen)');
  const build = (options: { tokenize?: (text: string) => string[] }) => {
    const index = new MiniSearch<(typeof passages)[number]>({
      fields: ['title', 'heading', 'text'],
      storeFields: ['cardId'],
      ...options,
    });
    index.addAll(passages);
    return (question: string) => firstCards(index.search(question).map((found) => String(found['cardId'])));
  };
  measure('MiniSearch, defaults', build({}));
  measure('MiniSearch, bigrams', build({ tokenize: termsOf }));
});

/** Okapi BM25 over title, heading and text as one field, k1 1.2, b 0.75. */
function plainBm25(
  passages: readonly { cardId: string; title: string; heading: string; text: string }[],
): Ranker {
  const documents = passages.map(({ title, heading, text }) => {
    const terms = termsOf(`${title} ${heading} ${text}`);
    const counts = new Map<string, number>();
    for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
    return { counts, length: terms.length };
  });
  const frequency = new Map<string, number>();
  for (const { counts } of documents)
    for (const term of counts.keys()) frequency.set(term, (frequency.get(term) ?? 0) + 1);
  const average = documents.reduce((sum, { length }) => sum + length, 0) / documents.length;
  return (question) => {
    const terms = new Set(termsOf(question));
    const scored = documents.map(({ counts, length }, index) => {
      let score = 0;
      for (const term of terms) {
        const count = counts.get(term) ?? 0;
        const df = frequency.get(term) ?? 0;
        const idf = Math.log(1 + (documents.length - df + 0.5) / (df + 0.5));
        score += (idf * count * 2.2) / (count + 1.2 * (0.25 + (0.75 * length) / average));
      }
      return { cardId: passages[index]?.cardId ?? '', score };
    });
    return firstCards(
      scored
        .filter(({ score }) => score > 0)
        .sort((a, b) => b.score - a.score)
        .map(({ cardId }) => cardId),
    );
  };
}

test('search over 10,000 passages', () => {
  const engine = new SearchEngine(loadShippedCards());
  const sentences = loadShippedCards().flatMap((card) => passagesOfCard(card).map(({ text }) => text));
  const builder = new SegmentBuilder();
  const wanted = 10_000 - engine.size;
  for (let at = 0; at < wanted; at += 1) {
    const text = `${sentences[at % sentences.length] ?? ''}${sentences[(at * 7 + 3) % sentences.length] ?? ''}`;
    builder.add({ title: '手册', heading: `第${at}节`, text: text.slice(0, 500) });
  }
  engine.put('doc-bench', builder.build());
  const questions = ASKED().map(({ question }) => question);
  for (const question of questions.slice(0, 40)) engine.rank(question, 30); // compiled
  const times = questions.map((question) => {
    const start = performance.now();
    engine.rank(question, 30);
    return performance.now() - start;
  });
  const sorted = [...times].sort((a, b) => a - b);
  print(`Search over ${engine.size.toLocaleString('en')} passages`, [
    { name: 'median', value: median(times), unit: 'ms', goal: 'under 20' },
    { name: '95th percentile', value: sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN, unit: 'ms' },
  ]);
});
