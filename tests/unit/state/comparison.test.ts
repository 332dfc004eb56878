import 'fake-indexeddb/auto'; // before Dexie looks for IndexedDB
import { describe, expect, it } from 'vitest';
import { recommend } from '../../../src/state/comparison.ts';
import type { ComparisonStep, EngineTrial } from '../../../src/state/types.ts';
import { openTab, SUMMARY } from './support.ts';
import type { Tab } from './support.ts';

const other = { ...SUMMARY, id: 'other' };
const engines = (tab: Tab) => tab.engine.overrides.map((overrides) => overrides?.engine);

function compare(tab: Tab) {
  const stop = new AbortController();
  const steps: ComparisonStep[] = [];
  const compared = tab.stores.model.getState().compareEngines((step) => steps.push(step), stop.signal);
  compared.catch(() => {}); // looked at later
  return { stop, steps, compared };
}

describe('comparing the engines', () => {
  it('runs the package that is loaded on both, and then as before', async () => {
    const tab = openTab({ packages: [SUMMARY, other] });
    await tab.stores.model.getState().load('other');
    const { compared, steps } = compare(tab);
    (await tab.generation(0)).end();
    (await tab.generation(1)).end();
    const { trials } = await compared;
    const figures = { prefillTokensPerSecond: 100, decodeTokensPerSecond: 50, loadSeconds: 0 };
    expect(trials).toMatchObject({ 'web-llm': { figures }, wllama: { figures } });
    expect(tab.engine.generations.map(({ request }) => request.turns)).toEqual([
      tab.engine.generations[0]!.request.turns,
      tab.engine.generations[0]!.request.turns,
    ]);
    expect(tab.engine.loads).toEqual(['other', 'other', 'other', 'other']);
    expect(engines(tab)).toEqual([undefined, 'web-llm', 'wllama', undefined]);
    expect(tab.stores.model.getState().engine).toMatchObject({ phase: 'ready', model: { id: 'other' } });
    expect(steps.map(({ engine }) => engine)).toEqual(['web-llm', 'web-llm', 'wllama', 'wllama', null]);
  });

  it('leaves nothing loaded where nothing was', async () => {
    const tab = openTab();
    await expect.poll(() => tab.stores.model.getState().defaultId).toBe('demo');
    const { compared } = compare(tab);
    (await tab.generation(0)).end();
    (await tab.generation(1)).end();
    await compared;
    expect(engines(tab)).toEqual(['web-llm', 'wllama']);
    expect(tab.engine.getState().phase).toBe('idle');
  });

  it('tells why an engine does not run, and recommends the other', async () => {
    const tab = openTab();
    await tab.stores.model.getState().ensureLoaded();
    tab.engine.brokenEngine = 'web-llm';
    const { compared } = compare(tab);
    (await tab.generation(0)).end();
    expect(await compared).toMatchObject({
      trials: { 'web-llm': { error: { code: 'webgpu-too-weak' } }, wllama: { figures: {} } },
      recommended: 'wllama',
    });
    expect(tab.stores.model.getState()).toMatchObject({ error: null, engine: { phase: 'ready' } });
  });

  it('that is cancelled restores what ran', async () => {
    const tab = openTab();
    await tab.stores.model.getState().ensureLoaded();
    const { compared, stop } = compare(tab);
    await tab.generation(0);
    stop.abort();
    await expect(compared).rejects.toMatchObject({ code: 'cancelled' });
    expect(engines(tab)).toEqual([undefined, 'web-llm', undefined]);
    expect(tab.engine.getState()).toMatchObject({ phase: 'ready' });
  });

  it('is ended by whoever cancels its load, and restores what ran', async () => {
    const tab = openTab();
    await tab.stores.model.getState().ensureLoaded();
    const { compared } = compare(tab);
    await tab.generation(0);
    tab.stores.model.getState().cancelLoad();
    await expect(compared).rejects.toMatchObject({ code: 'cancelled' });
    expect(engines(tab)).toEqual([undefined, 'web-llm', undefined]);
    expect(tab.stores.model.getState()).toMatchObject({ wanted: true, engine: { phase: 'ready' } });
  });

  it('that is left for a question lets that be answered before it restores', async () => {
    const tab = openTab();
    await tab.stores.model.getState().ensureLoaded();
    const { compared, stop } = compare(tab);
    await tab.generation(0);
    await tab.stores.chat.getState().send('问题');
    const answer = await tab.generation(1);
    stop.abort();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(engines(tab)).toEqual([undefined, 'web-llm']);
    answer.say('答');
    answer.end();
    await expect(compared).rejects.toMatchObject({ code: 'cancelled' });
    expect(engines(tab)).toEqual([undefined, 'web-llm', undefined]);
  });

  it('ends for a tab that asks for the engine, and loads nothing behind its back', async () => {
    const tab = openTab();
    await tab.stores.model.getState().ensureLoaded();
    const { compared } = compare(tab);
    await tab.generation(0);
    await tab.lease.onHandover();
    tab.lease.set('waiting');
    await expect(compared).rejects.toMatchObject({ code: 'cancelled' });
    expect(engines(tab)).toEqual([undefined, 'web-llm']);
    expect(tab.engine.getState().phase).toBe('idle');
    await expect(compare(tab).compared).rejects.toMatchObject({ code: 'engine-busy' });
  });
});

it('the engine that is recommended answers sooner; of two alike, it is ready sooner', () => {
  const trial = (answerSeconds: number, loadSeconds: number): EngineTrial => ({
    figures: { answerSeconds, loadSeconds, prefillTokensPerSecond: 1, decodeTokensPerSecond: 1 },
  });
  const failed: EngineTrial = { error: { code: 'webgpu-too-weak', detail: {} } };
  expect(recommend({ 'web-llm': trial(3, 20), wllama: trial(9, 1) })).toBe('web-llm');
  expect(recommend({ 'web-llm': trial(80, 1), wllama: trial(9, 2) })).toBe('wllama');
  expect(recommend({ 'web-llm': trial(10, 12), wllama: trial(9.5, 1) })).toBe('wllama');
  expect(recommend({ 'web-llm': trial(10, 1), wllama: trial(9.5, 2) })).toBe('web-llm');
  expect(recommend({ 'web-llm': failed, wllama: trial(1, 1) })).toBe('wllama');
  expect(recommend({ 'web-llm': trial(1, 1), wllama: failed })).toBe('web-llm');
  expect(recommend({ 'web-llm': failed, wllama: failed })).toBeNull();
});
