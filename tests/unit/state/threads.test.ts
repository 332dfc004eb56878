// @vitest-environment jsdom
import 'fake-indexeddb/auto';
import { beforeEach, expect, test } from 'vitest';
import type { ThreadMeasurement } from '../../../src/engine/shared/api.ts';
import { keepThreads, knownThreads, measureWhenIdle, PAUSE_MS } from '../../../src/state/threads.ts';
import { HandClock, MODEL, ScriptedEngine } from './support.ts';

const found: ThreadMeasurement = {
  threads: 4,
  tokensPerSecond: 9,
  shape: 's',
  cores: 8,
  engineVersion: 'v1',
};
const onCpu = { ...MODEL, engine: 'wllama' as const };

beforeEach(() => {
  localStorage.clear();
});

function open() {
  const engine = new ScriptedEngine();
  const clock = new HandClock();
  const stop = measureWhenIdle(engine, clock);
  const answer = (model = onCpu) => {
    engine.set({ phase: 'generating', model, generationId: 'g' });
    engine.set({ phase: 'ready', model });
  };
  return { engine, clock, stop, answer };
}

test('a model that is ready is not measured; one that has answered is, after a pause, and that is kept', async () => {
  const { engine, clock, answer } = open();
  engine.threads = found;
  engine.set({ phase: 'ready', model: onCpu });
  clock.advance(10 * PAUSE_MS);
  expect(engine.threadMeasurements).toBe(0);
  answer();
  clock.advance(PAUSE_MS - 1);
  expect(engine.threadMeasurements).toBe(0);
  clock.advance(1);
  expect(engine.threadMeasurements).toBe(1);
  await expect.poll(() => knownThreads()).toEqual({ threadMeasurements: [found] });
});

test('a question within the pause puts it off until that is answered', () => {
  const { engine, clock, answer } = open();
  answer();
  clock.advance(PAUSE_MS - 1);
  engine.set({ phase: 'generating', model: onCpu, generationId: 'h' });
  clock.advance(10 * PAUSE_MS);
  expect(engine.threadMeasurements).toBe(0);
  engine.set({ phase: 'ready', model: onCpu });
  clock.advance(PAUSE_MS);
  expect(engine.threadMeasurements).toBe(1);
});

test('nothing is measured for the GPU engine, for threads that were measured, or after its end', () => {
  const { engine, clock, answer, stop } = open();
  answer(MODEL as typeof onCpu);
  clock.advance(PAUSE_MS);
  answer({ ...onCpu, threadMeasurement: found } as typeof onCpu);
  clock.advance(PAUSE_MS);
  answer();
  stop();
  clock.advance(PAUSE_MS);
  expect(engine.threadMeasurements).toBe(0);
});

test('each shape of package is remembered once, the last eight', () => {
  for (let shape = 0; shape < 10; shape += 1) keepThreads({ ...found, shape: String(shape) });
  keepThreads({ ...found, shape: '5', threads: 1 });
  const kept = knownThreads().threadMeasurements ?? [];
  expect(kept.map(({ shape }) => shape)).toEqual(['5', '9', '8', '7', '6', '4', '3', '2']);
  expect(kept[0]?.threads).toBe(1);
});

test('what is not a measurement is not taken for one', () => {
  expect(knownThreads()).toEqual({});
  for (const text of ['{', '{"threads":2}', '[{"threads":0}, 5, null]']) {
    localStorage.setItem('hypnos.threads', text);
    expect(knownThreads()).toEqual({});
  }
});
