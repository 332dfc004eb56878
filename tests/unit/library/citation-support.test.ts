/** The rule by which the bench says whether a cited passage bears out a sentence. */
import { describe, expect, it } from 'vitest';
import { citedSentences, isSupported, longestSharedRun, numbersIn } from '../../bench/citationSupport.ts';

const PASSAGE = '丙泊酚用于全麻诱导，成人静脉注射 1.5～2.5 mg/kg；老年人减量。维持 4～12 mg/(kg·h)。';

describe('a passage bears out a sentence', () => {
  it.each([
    ['its own words', '丙泊酚用于全麻诱导，成人静脉注射 1.5～2.5 mg/kg。'],
    ['one of its numbers with a shared term', '成人静脉注射 2.5 mg/kg。'],
    ['a unit written otherwise', '维持 4–12 mg/kg/h，丙泊酚用于镇静。'],
    ['full width', '成人静脉注射 １.５ｍｇ／ｋｇ'],
    ['no number and a long run', '丙泊酚用于全麻诱导的场合'],
  ])('that has %s', (_what, sentence) => {
    expect(isSupported(sentence, PASSAGE)).toBe(true);
  });
  it.each([
    ['a number ten times off', '成人静脉注射 15 mg/kg。'],
    ['the right number with another unit', '成人静脉注射 2.5 µg/kg。'],
    ['one right number and one wrong', '成人静脉注射 1.5～3.5 mg/kg。'],
    ['right numbers about something else', '咪达唑仑给 2.5 mg/kg'],
    ['a short common run only', '丙泊酚是好药'],
  ])('but not one that has %s', (_what, sentence) => {
    expect(isSupported(sentence, PASSAGE)).toBe(false);
  });
});

it('numbers carry their units, both ends of a range', () => {
  expect(numbersIn('1.5～2.5 mg/kg，10 µg/(kg·min)，20%，3 次')).toEqual([
    '1.5mg/kg',
    '2.5mg/kg',
    '10ug/kg/min',
    '20%',
    '3次',
  ]);
  expect(longestSharedRun('甲，乙 丙', '乙丙丁')).toBe(2);
});

it('a citation belongs to the sentence it ends', () => {
  expect(citedSentences('甲一 [1]。乙二。[2] 丙三，丁四[1][3]；戊。')).toEqual([
    { sentence: '甲一。', numbers: [1] },
    { sentence: '乙二。', numbers: [2] },
    { sentence: '丙三，丁四；', numbers: [1, 3] },
    { sentence: '戊。', numbers: [] },
  ]);
});
