/** What is typed while a patient is unwell, on the crisis cards that ship: crisis mode finds what the search finds. */
import { describe, expect, it } from 'vitest';
import type { CrisisCard } from '../../../src/library/crises.ts';
import { finderByName } from '../../../src/library/crises.ts';
import { crisisFinder } from '../../../src/library/crisisFinder.ts';
import { loadShippedCards } from '../../fixtures/retrieval.ts';

const cards = loadShippedCards().filter(
  (card): card is CrisisCard => card.kind === 'crisis' && card.steps !== undefined,
);
const find = crisisFinder(cards);
const idsOf = (query: string) => find(query).map(({ id }) => id);

describe('the first crisis card', () => {
  it.each([
    ['its initials', 'exgr', 'crisis-malignant-hyperthermia'],
    ['initials while they are typed', 'exg', 'crisis-malignant-hyperthermia'],
    ['initials in capitals', 'HJL', 'crisis-laryngospasm'],
    ['initials of an alias', 'xbzt', 'crisis-cardiac-arrest-adult'],
    ['its pinyin', 'guomin', 'crisis-anaphylaxis'],
    ['pinyin with blanks', 'yang shui shuan se', 'crisis-amniotic-fluid-embolism'],
    ['pinyin while it is typed', 'houjing', 'crisis-laryngospasm'],
    ['a homophone', '恶性高惹', 'crisis-malignant-hyperthermia'],
    ['a slip in English', 'anaphilaxis', 'crisis-anaphylaxis'],
    ['its name while it is typed', '羊水', 'crisis-amniotic-fluid-embolism'],
    ['a short name', 'PE', 'crisis-pulmonary-embolism'],
    ['everyday words', '局麻药打多了抽了', 'crisis-local-anaesthetic-toxicity'],
    ['what is seen', '血压掉得厉害', 'crisis-severe-hypotension'],
  ])('by %s: %s', (_how, query, id) => {
    expect(idsOf(query)[0]).toBe(id);
  });
});

it('what is felt leads to all that it may be', () => {
  expect(idsOf('皮囊推不动气').slice(0, 3)).toEqual(
    expect.arrayContaining(['crisis-high-airway-pressure', 'crisis-bronchospasm']),
  );
});

it('all cards stand there while nothing is typed, and none for what is no crisis', () => {
  expect(find('')).toHaveLength(cards.length);
  expect(find('  ')).toHaveLength(cards.length);
  expect(idsOf('红烧肉')).toEqual([]);
});

it('no card stands twice, and a name is no worse found than without the search', () => {
  const byName = finderByName(cards);
  for (const query of ['过敏', 'an', '心', 'PE', '气道', 'laryngospasm', '高']) {
    const found = idsOf(query);
    expect(new Set(found).size).toBe(found.length);
    for (const { id } of byName(query)) expect(found).toContain(id);
  }
});
