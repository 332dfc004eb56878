import { describe, expect, test } from 'vitest';
import { isStillValid, measureThreads, modelOfZeros } from '../../../src/engine/worker/wllama/threads.ts';

const never = new AbortController().signal;
const measure = async (speeds: Readonly<Record<number, number>>, cores: number) => {
  const asked: number[] = [];
  const result = await measureThreads(
    (threads) => {
      asked.push(threads);
      return Promise.resolve(speeds[threads] ?? 0);
    },
    cores,
    'v1',
    never,
  );
  return { asked, ...result };
};

describe('threads', () => {
  test('are doubled while that pays, and no further', async () => {
    expect(await measure({ 1: 10, 2: 18, 4: 30, 8: 31, 16: 90 }, 32)).toMatchObject({
      asked: [1, 2, 4, 8],
      threads: 4,
      tokensPerSecond: 30,
    });
  });

  test('that are slower together than one alone stay one', async () => {
    expect(await measure({ 1: 177, 2: 120 }, 8)).toMatchObject({ asked: [1, 2], threads: 1, cores: 8 });
  });

  test('are never more than the device has', async () => {
    expect(await measure({ 1: 10, 2: 20, 4: 40 }, 3)).toMatchObject({ asked: [1, 2], threads: 2 });
    expect(await measure({ 1: 10 }, 1)).toMatchObject({ asked: [1], threads: 1 });
  });

  test('are measured again on another device or engine', () => {
    const known = { threads: 2, tokensPerSecond: 9, cores: 4, engineVersion: 'v1' };
    expect(isStillValid(known, 4, 'v1')).toBe(true);
    expect(isStillValid(known, 8, 'v1')).toBe(false);
    expect(isStillValid(known, 4, 'v2')).toBe(false);
    expect(isStillValid(undefined, 4, 'v1')).toBe(false);
  });

  test('the model that is measured is larger than caches are, and whole', () => {
    const { size } = modelOfZeros(256);
    expect(size).toBeGreaterThan(40e6);
    expect(size % 32).toBe(0);
  });
});
