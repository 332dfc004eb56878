import 'fake-indexeddb/auto'; // before Dexie looks for IndexedDB
import { expect, it } from 'vitest';
import { UNDO_MS } from '../../../src/state/types.ts';
import { exchange } from '../history/support.ts';
import { openTab } from './support.ts';
import type { Tab } from './support.ts';

/** Waits for it; generous, because the machine may be busy. */
const eventually = <Value>(read: () => Value | Promise<Value>) => expect.poll(read, { timeout: 20_000 });

const list = ({ stores }: Tab) => stores.history.getState();
const titles = (tab: Tab) => list(tab).conversations.map(({ title }) => title);

it('lists what there is, live, and a deletion can be undone until its time is over', async () => {
  const tab = openTab();
  const { conversationId } = await exchange(tab.history, '甲', '答');
  await exchange(tab.history, '乙', '答');
  await eventually(() => titles(tab)).toEqual(['乙', '甲']);
  await list(tab).setPinned(conversationId, true);
  await eventually(() => titles(tab)).toEqual(['甲', '乙']);
  await list(tab).remove(conversationId);
  expect(list(tab).undo).toEqual({ id: conversationId, title: '甲' });
  await eventually(() => titles(tab)).toEqual(['乙']);
  await list(tab).undoRemove();
  await eventually(() => titles(tab)).toEqual(['甲', '乙']);
  tab.clock.advance(UNDO_MS * 2);
  expect(await tab.history.getMessages(conversationId)).toHaveLength(2);
  await list(tab).remove(conversationId);
  tab.clock.advance(UNDO_MS + 1);
  await eventually(() => tab.history.getMessages(conversationId)).toEqual([]);
  expect(list(tab).undo).toBeNull();
});

it('a second deletion makes the first final, and leaves its own to be undone', async () => {
  const tab = openTab();
  const first = await exchange(tab.history, '甲', '答');
  const second = await exchange(tab.history, '乙', '答');
  await eventually(() => titles(tab)).toHaveLength(2);
  await list(tab).remove(first.conversationId);
  await list(tab).remove(second.conversationId);
  expect(await tab.history.getMessages(first.conversationId)).toEqual([]);
  await list(tab).undoRemove();
  await eventually(() => titles(tab)).toEqual(['乙']);
});

it('erasing stops what is written, empties list, screen and composer, and work can go on', async () => {
  const tab = openTab();
  const chat = () => tab.stores.chat.getState();
  await chat().send('问');
  (await tab.generation(0)).say('写着');
  chat().setDraft('草稿');
  await list(tab).eraseEverything();
  await eventually(() => [titles(tab).length, chat().answering]).toEqual([0, null]);
  expect(chat()).toMatchObject({ conversationId: null, thread: [], draft: '', unsaved: new Set() });
  tab.clock.advance(10_000);
  expect(await tab.history.getNewDraft()).toBe('');
  expect(JSON.parse(await (await list(tab).exportJson()).text()).conversations).toEqual([]);
  expect(await chat().send('新的')).toBe(true);
  await eventually(() => titles(tab)).toEqual(['新的']);
});
