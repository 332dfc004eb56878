import 'fake-indexeddb/auto'; // before Dexie looks for IndexedDB
import { describe, expect, it } from 'vitest';
import { contextTokensOf, mergeStats, turnsFor } from '../../../src/state/prompt.ts';
import type { Message } from '../../../src/shared/types.ts';
import { SUMMARY, openTab } from './support.ts';

/** Waits for it; generous, because the machine may be busy. */
const eventually = <Value>(read: () => Value | Promise<Value>) => expect.poll(read, { timeout: 20_000 });

const other = { ...SUMMARY, id: 'other' };

describe('the model', () => {
  it('is the default one, loaded once, when asked for', async () => {
    const tab = openTab({ packages: [SUMMARY, other] });
    const { ensureLoaded } = tab.stores.model.getState();
    await Promise.all([ensureLoaded(), ensureLoaded()]);
    await ensureLoaded();
    expect(tab.engine.loads).toEqual(['demo']);
    expect(tab.stores.model.getState()).toMatchObject({ lease: 'held', engine: { phase: 'ready' } });
  });

  it('is loaded again as it was: the one that ran, not the default', async () => {
    const tab = openTab({ packages: [SUMMARY, other] });
    const { model } = tab.stores;
    await model.getState().reload();
    await model.getState().load('other');
    await eventually(() => tab.engine.loads).toEqual(['demo', 'other']);
    await eventually(() => model.getState().engine.phase).toBe('ready');
    await model.getState().reload();
    expect(tab.engine.loads).toEqual(['demo', 'other', 'other']);
    expect(model.getState().defaultId).toBe('demo');
  });

  it('may be asked for by whoever hears of a change', async () => {
    const tab = openTab();
    const { model } = tab.stores;
    let heard = 0;
    model.subscribe(() => {
      heard += 1;
      if (heard < 1000) void model.getState().ensureLoaded();
    });
    await model.getState().ensureLoaded();
    await eventually(() => model.getState().engine.phase).toBe('ready');
    expect(heard).toBeLessThan(20);
    expect(tab.engine.loads).toEqual(['demo']);
  });

  it('chosen as the default is remembered, unless it is no longer served', async () => {
    const tab = openTab({ packages: [SUMMARY, other] });
    await eventually(() => tab.stores.model.getState().packagesLoaded).toBe(true);
    tab.stores.model.getState().setDefault('other');
    await tab.stores.model.getState().ensureLoaded();
    expect(tab.engine.loads).toEqual(['other']);
    expect([...tab.storage.values.values()]).toEqual(['other']);
  });

  it('that another tab asks for is unloaded here, and loaded again when the engine comes back', async () => {
    const tab = openTab();
    await tab.stores.model.getState().ensureLoaded();
    await tab.lease.onHandover();
    tab.lease.set('waiting');
    expect(tab.engine.unloads).toBe(1);
    tab.clock.advance(1000);
    expect(tab.stores.model.getState().lease).toBe('waiting');
    await tab.stores.model.getState().ensureLoaded();
    expect(tab.engine.loads).toHaveLength(1);
    tab.lease.set('held');
    await eventually(() => tab.engine.loads).toHaveLength(2);
  });

  it('a wait for the engine that ends at once is not shown', async () => {
    const tab = openTab({ lease: 'waiting' });
    const shown: string[] = [];
    tab.stores.model.subscribe(({ lease }) => shown.push(lease));
    tab.clock.advance(100);
    tab.lease.set('held');
    tab.clock.advance(1000);
    expect(shown).not.toContain('waiting');
    expect(tab.stores.model.getState().lease).toBe('held');
  });

  it('that is unloaded is not loaded again by itself, and a question loads the default one', async () => {
    const tab = openTab();
    const { ensureLoaded, unload } = tab.stores.model.getState();
    await ensureLoaded();
    expect(tab.stores.model.getState()).toMatchObject({ wanted: true, missing: null });
    await unload();
    expect(tab.stores.model.getState()).toMatchObject({ wanted: false, missing: null });
    await ensureLoaded();
    expect(tab.stores.model.getState()).toMatchObject({ wanted: true, engine: { phase: 'ready' } });
  });

  it('that is removed is missed by name until another runs or it comes back', async () => {
    const brought = { ...SUMMARY, id: 'brought@1', title: { zh: '带来的', en: 'Brought' } };
    let packages = [SUMMARY, brought];
    const tab = openTab({ packages: () => packages });
    const { load, unload, refreshPackages, ensureLoaded } = tab.stores.model.getState();
    const missing = () => tab.stores.model.getState().missing?.id ?? null;
    await load(brought.id);
    packages = [SUMMARY];
    await unload();
    await refreshPackages();
    expect(missing()).toBe(brought.id);
    packages = [SUMMARY, brought];
    await refreshPackages();
    expect(missing()).toBeNull();
    packages = [SUMMARY];
    await refreshPackages();
    await ensureLoaded();
    expect(missing()).toBeNull();
    await refreshPackages();
    expect(missing()).toBeNull();
  });

  it('that another tab removed is let go when its answer has ended, and missed by name', async () => {
    const brought = { ...SUMMARY, id: 'brought@1', title: { zh: '带来的', en: 'Brought' } };
    let packages = [SUMMARY, brought];
    const tab = openTab({ packages: () => packages });
    const { model, chat } = tab.stores;
    await model.getState().load(brought.id);
    await chat.getState().send('?');
    await eventually(() => tab.engine.generations.length).toBe(1);
    packages = [SUMMARY];
    const told = model.getState().packagesChanged([brought.id]);
    expect(model.getState()).toMatchObject({ engine: { phase: 'ready' }, packages: [{}, {}] });
    tab.engine.generations[0]?.end();
    await told;
    expect(model.getState()).toMatchObject({
      engine: { phase: 'idle' },
      wanted: false,
      missing: { id: brought.id },
      error: null,
    });
    await model.getState().ensureLoaded();
    expect(tab.engine.loads).toEqual([brought.id, SUMMARY.id]);
  });

  it('that waits for the engine while another tab removes it is not loaded when the engine comes', async () => {
    const brought = { ...SUMMARY, id: 'brought@1' };
    let packages = [SUMMARY, brought];
    const tab = openTab({ packages: () => packages, lease: 'waiting' });
    const { model } = tab.stores;
    await eventually(() => model.getState().packages.length).toBe(2);
    await model.getState().load(brought.id);
    packages = [SUMMARY];
    await model.getState().packagesChanged([brought.id]);
    tab.lease.set('held');
    await eventually(() => model.getState().lease).toBe('held');
    expect(tab.engine.loads).toEqual([]);
    expect(model.getState().missing?.id).toBe(brought.id);
  });

  it('stays where another tab removed it and brought it back, or removed one that is not used here', async () => {
    const brought = { ...SUMMARY, id: 'brought@1' };
    const tab = openTab({ packages: () => [SUMMARY, brought] });
    const { model } = tab.stores;
    await model.getState().load(brought.id);
    await model.getState().packagesChanged([brought.id]);
    await model.getState().packagesChanged(['another@1']);
    await model.getState().packagesChanged([]);
    expect(model.getState()).toMatchObject({ engine: { phase: 'ready' }, missing: null });
  });

  it('that is gone when it is to be loaded leaves the list', async () => {
    const brought = { ...SUMMARY, id: 'brought@1' };
    let packages = [SUMMARY, brought];
    const tab = openTab({ packages: () => packages });
    const { model } = tab.stores;
    await eventually(() => model.getState().packages.length).toBe(2);
    packages = [SUMMARY];
    tab.engine.loadError = 'package-not-found';
    await model.getState().load(brought.id);
    await eventually(() => model.getState().packages.map(({ id }) => id)).toEqual([SUMMARY.id]);
  });

  it('that fails to load says why, and is not tried again by every screen', async () => {
    const tab = openTab();
    tab.engine.loadError = 'package-file-corrupt';
    await tab.stores.model.getState().ensureLoaded();
    expect(tab.stores.model.getState().error).toMatchObject({ code: 'package-file-corrupt' });
    await tab.stores.model.getState().ensureLoaded();
    expect(tab.engine.loads).toHaveLength(1);
    tab.engine.loadError = null;
    await tab.stores.model.getState().load('demo');
    expect(tab.stores.model.getState()).toMatchObject({ error: null, engine: { phase: 'ready' } });
  });
});

describe('the prompt', () => {
  const message = (role: Message['role'], text: string, tokens?: number): Message => ({
    id: text,
    conversationId: 'c',
    parentId: null,
    role: role as 'user',
    text,
    createdAt: 0,
    finishReason: null,
    droppedTurns: 0,
    stats:
      tokens === undefined
        ? null
        : {
            promptTokens: tokens,
            completionTokens: 5,
            timeToFirstTokenSeconds: 0,
            prefillTokensPerSecond: 0,
            decodeTokensPerSecond: 0,
          },
    model: null,
    errorCode: null,
    sources: null,
  });

  it('alternates: unanswered questions in between are left out, the open answer is not a turn', () => {
    const path = [
      message('user', '一'),
      message('assistant', ''),
      message('user', '二'),
      message('assistant', '答二'),
      message('user', '三'),
      message('assistant', ''),
    ];
    expect(turnsFor(path, ' ')).toEqual([
      { role: 'user', content: '二' },
      { role: 'assistant', content: '答二' },
      { role: 'user', content: '三' },
    ]);
  });

  it('counts what the context holds from the last answer with figures', () => {
    expect(contextTokensOf([message('user', '一')])).toBeNull();
    expect(
      contextTokensOf([message('user', '一'), message('assistant', '二', 20), message('user', '三')]),
    ).toBe(25);
  });

  it('figures of two goes keep their sum', () => {
    const first = message('assistant', 'a', 20).stats;
    const second = { ...message('assistant', 'b', 25).stats!, completionTokens: 7 };
    const merged = mergeStats(first, second);
    expect(merged.promptTokens + merged.completionTokens).toBe(25 + 7);
    expect(merged.completionTokens).toBe(12);
    expect(mergeStats(null, second)).toBe(second);
  });
});
