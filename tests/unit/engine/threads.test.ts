import { describe, expect, test } from 'vitest';
import type { Hyperparameters } from '../../../src/engine/worker/gguf/plan.ts';
import {
  findMeasurement,
  guessedThreads,
  measureThreads,
  modelOfZeros,
  shapeOf,
} from '../../../src/engine/worker/wllama/threads.ts';

const circumstances = { cores: 4, engineVersion: 'v1', shape: 's' };
/** @param speeds by threads; of those that are missing, no run ends in time */
const measure = async (speeds: Readonly<Record<number, number>>, cores: number) => {
  const asked: number[] = [];
  const limits: number[] = [];
  const result = await measureThreads(
    (threads, limit) => {
      asked.push(threads);
      limits.push(limit);
      const tokensPerSecond = speeds[threads];
      return Promise.resolve(
        tokensPerSecond ? { tokensPerSecond, milliseconds: 1e5 / tokensPerSecond } : null,
      );
    },
    { ...circumstances, cores },
  );
  return { asked, limits, ...result };
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

  test('that wait for each other are given up soon', async () => {
    expect(await measure({ 1: 100, 2: 180, 8: 900 }, 32)).toMatchObject({
      asked: [1, 2, 4],
      threads: 2,
      limits: [60_000, 3_000, expect.closeTo(2_111, 0)],
    });
    expect(await measure({}, 32)).toMatchObject({ asked: [1], threads: 1, tokensPerSecond: 0 });
  });

  test('that are not measured are guessed, two at most', () => {
    expect([1, 2, 3, 4, 64].map(guessedThreads)).toEqual([1, 1, 1, 2, 2]);
  });

  test('are measured again on another device or engine, or for another shape of package', () => {
    const known = [
      { threads: 4, tokensPerSecond: 9, ...circumstances, shape: 'other' },
      { threads: 2, tokensPerSecond: 9, ...circumstances },
    ];
    expect(findMeasurement(known, circumstances)).toBe(known[1]);
    expect(findMeasurement(known, { ...circumstances, cores: 8 })).toBeUndefined();
    expect(findMeasurement(known, { ...circumstances, engineVersion: 'v2' })).toBeUndefined();
    expect(findMeasurement(known, { ...circumstances, shape: 'third' })).toBeUndefined();
    expect(findMeasurement([], circumstances)).toBeUndefined();
  });
});

describe('the model that is measured', () => {
  const small: Hyperparameters = {
    family: 'qwen2',
    hiddenSize: 256,
    intermediateSize: 768,
    layers: 6,
    heads: 4,
    keyValueHeads: 2,
    headSize: 64,
    vocabularySize: 5003,
    normEpsilon: 1e-6,
    ropeTheta: 10_000,
    ropeScaling: null,
  };
  const large = {
    ...small,
    hiddenSize: 3584,
    intermediateSize: 18_944,
    layers: 28,
    heads: 28,
    headSize: 128,
  };

  test('is as large as a small package, and no larger than tells of a large one', () => {
    // Q4_0: 18 bytes of 32 weights; the table of words is there twice.
    const weights = 6 * (256 * (2 * 256 + 2 * 128) + 3 * 256 * 768) + 2 * 5003 * 256;
    const { size } = modelOfZeros(small, 256).file;
    expect(size).toBeGreaterThan((weights / 32) * 18);
    expect(size).toBeLessThan((weights / 32) * 18 * 1.1);
    const some = modelOfZeros({ ...large, hiddenSize: 1024, intermediateSize: 2816, heads: 8 }, 256);
    expect(some.file.size).toBeGreaterThan(30e6); // more than caches hold
    expect(some.file.size).toBeLessThan(100e6);
    expect(modelOfZeros(large, 256).file.size).toBeLessThan(250e6); // one layer
    expect(modelOfZeros({ ...large, hiddenSize: 40, headSize: 40 }, 256).file.size % 32).toBe(0);
  });

  test('writes more tokens where each is quickly done, within its window', () => {
    const { tokens } = modelOfZeros(small, 256);
    expect(tokens).toBeLessThan(256);
    expect(modelOfZeros(large, 256).tokens).toBeLessThan(tokens / 4);
  });

  test('has a shape of its own', () => {
    expect(shapeOf(small)).toBe('256x768x6x4x2x64x5003');
    expect(shapeOf({ ...small, layers: 7 })).not.toBe(shapeOf(small));
  });
});
