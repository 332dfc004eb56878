// @vitest-environment jsdom
import { beforeEach, expect, test } from 'vitest';
import { chooseWeights, noteWeights, weightsChoice, weightsSeconds } from '../../../src/state/keptWeights.ts';

beforeEach(() => {
  localStorage.clear();
});

test('nothing is kept unless it is chosen, package by package', async () => {
  expect(weightsChoice('one')).toEqual({});
  await chooseWeights('one', true);
  expect(weightsChoice('one')).toEqual({ keepWeights: true });
  expect(weightsChoice('two')).toEqual({});
  await chooseWeights('one', false);
  expect(weightsChoice('one')).toEqual({});
});

test('what loads measured is remembered, and goes with the choice', async () => {
  noteWeights({ id: 'one', weights: { kept: 'written', seconds: 2 } });
  expect(weightsSeconds('one')).toBeNull();
  await chooseWeights('one', true);
  noteWeights({ id: 'one', weights: { kept: 'written', seconds: 2 } });
  noteWeights({ id: 'one', weights: { kept: 'read', seconds: 1 } });
  noteWeights({ id: 'one' });
  expect(weightsSeconds('one')).toEqual({ made: 2, read: 1 });
  await chooseWeights('one', false);
  await chooseWeights('one', true);
  expect(weightsSeconds('one')).toEqual({});
});

test('what else lies under the key counts as chosen only where it is what this page writes', () => {
  for (const value of ['null', '1', 'no JSON', '"yes"']) {
    localStorage.setItem('hypnos.keep-weights.one', value);
    expect(weightsSeconds('one'), value).toBeNull();
  }
  localStorage.setItem('hypnos.keep-weights.one', '{"made":"2","read":3,"else":1}');
  expect(weightsSeconds('one')).toEqual({ read: 3 });
});
