import 'fake-indexeddb/auto'; // before Dexie looks for IndexedDB
import { describe, expect, it } from 'vitest';
import { Dexie } from 'dexie';
import { DATABASE_VERSION, HistoryDatabase } from '../../../src/history/db.ts';
import { growTree, threadOf } from '../../../src/history/thread.ts';
import v1 from '../../fixtures/history/v1.json' with { type: 'json' };
import v2 from '../../fixtures/history/v2.json' with { type: 'json' };
import v3 from '../../fixtures/history/v3.json' with { type: 'json' };
import { buildDatabase } from '../../browser/pages/fixtureDatabase.ts';
import { exchange, freshName, testHistory } from './support.ts';

const id = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

async function openFixture(fixture: Parameters<typeof buildDatabase>[1]) {
  const name = freshName();
  await buildDatabase(name, fixture);
  return testHistory(name);
}

it('there is a fixture of every version that came before', () => {
  expect([v1.version, v2.version, v3.version]).toEqual(
    Array.from({ length: DATABASE_VERSION - 1 }, (_, index) => index + 1),
  );
});

describe('version 1', () => {
  it('flat lists become threads, in order, complete', async () => {
    const { history } = await openFixture(v1);
    const conversation = await history.getConversation(id(1));
    expect(conversation).toMatchObject({
      title: '丙泊酚的诱导剂量',
      pinned: false,
      draft: '',
      activeLeafId: id(14),
      updatedAt: 1735689605000,
    });
    const messages = await history.getMessages(id(1));
    const thread = threadOf(growTree(messages), conversation?.activeLeafId ?? null);
    expect(thread.map(({ message }) => message.id)).toEqual([11, 12, 13, 14].map(id));
    expect(thread[1]?.message).toMatchObject({
      finishReason: 'stop',
      text: '成人 1.5–2.5 mg/kg，静脉注射。',
      model: { id: 'hypnos-7b', title: 'Hypnos 7B' },
    });
    const times = messages.map(({ createdAt }) => createdAt);
    expect(new Set(times).size).toBe(times.length);
  });

  it('rows that lack fields are kept', async () => {
    const { history } = await openFixture(v1);
    expect(await history.getConversation(id(3))).toMatchObject({ title: '', updatedAt: 1735689600020 });
    expect(await history.getMessages(id(3))).toHaveLength(2);
    expect(await history.getConversation(id(2))).toMatchObject({ activeLeafId: null });
    expect(await history.getMessages(id(4))).toMatchObject([{ text: '没有回答的问题' }]);
  });

  it('is found by search and can be written on', async () => {
    const { history } = await openFixture(v1);
    expect(await history.search('静脉注射')).toMatchObject([{ messageId: id(12) }]);
    const { question } = await exchange(history, '接着问', '接着答', {
      conversationId: id(1),
      parentId: id(14),
    });
    expect(await history.getMessages(id(1))).toHaveLength(6);
    expect(await history.search('接着问')).toMatchObject([{ messageId: question.id }]);
  });
});

describe('version 2', () => {
  it('keeps branches, drafts, pins, deletion and figures', async () => {
    const { history } = await openFixture(v2);
    expect(await history.getConversation(id(1))).toMatchObject({
      pinned: true,
      draft: '还没发出的话',
      systemPrompt: '简洁回答',
      activeLeafId: id(14),
    });
    expect(await history.getConversation(id(2))).toBeUndefined();
    await history.restoreConversation(id(2));
    expect(await history.getMessages(id(2))).toHaveLength(2);
    const messages = await history.getMessages(id(1));
    expect(messages.find((message) => message.id === id(12))?.stats?.completionTokens).toBe(9);
    expect(messages.filter(({ parentId }) => parentId === id(11))).toHaveLength(2);
  });

  it('an answer that was open when the old page died is closed', async () => {
    const { history } = await openFixture(v2);
    expect(await history.closeInterruptedAnswers()).toBe(1);
    const messages = await history.getMessages(id(1));
    expect(messages.find((message) => message.id === id(14))).toMatchObject({
      finishReason: 'interrupted',
      text: '标签页被杀死时正在写',
    });
  });
});

describe('version 3', () => {
  it('answers get no sources, conversations go on with them', async () => {
    const { history } = await openFixture(v3);
    expect(await history.getConversation(id(1))).toMatchObject({ sources: true, pinned: true });
    const messages = await history.getMessages(id(1));
    expect(messages).toHaveLength(5);
    expect(messages.map(({ sources }) => sources)).toEqual(messages.map(() => null));
    expect(await history.getNewDraft()).toBe('新对话的草稿');
    // Nothing else of a row has changed.
    const [before] = v3.stores.messages.rows;
    const { rev: _rev, ...row } = before as (typeof v3.stores.messages.rows)[number];
    expect(messages.find((message) => message.id === row.id)).toEqual({ ...row, sources: null });
  });

  it('sources are kept with the answer', async () => {
    const { history } = await openFixture(v3);
    const sources = {
      passages: [
        {
          number: 1,
          id: 'drug-propofol#dose',
          title: '丙泊酚',
          heading: '剂量',
          page: null,
          origin: 'card' as const,
          text: '成人诱导 1.5～2.5 mg/kg。',
          quotes: [[0, 17]] as [number, number][],
        },
      ],
      inPrompt: true,
      droppedCitations: 2,
    };
    expect(await history.writeAnswerSources(id(14), sources)).toBe(true);
    expect(await history.writeAnswerSources(id(99), sources)).toBe(false);
    const messages = await history.getMessages(id(1));
    expect(messages.find((message) => message.id === id(14))?.sources).toEqual(sources);

    const target = testHistory().history;
    await target.importJson(await history.exportJson());
    const imported = await target.getMessages(id(1));
    expect(imported.find((message) => message.id === id(14))?.sources).toEqual(sources);
    const markdown = await (await history.exportMarkdown([id(1)])).text();
    expect(markdown).toContain('[1] 丙泊酚 · 剂量：成人诱导 1.5～2.5 mg/kg。');
  });
});

it('an upgrade that fails leaves the old database as it was', async () => {
  const name = freshName();
  await buildDatabase(name, v2);
  class Failing extends HistoryDatabase {
    constructor() {
      super(name);
      this.version(DATABASE_VERSION + 1)
        .stores({})
        .upgrade(async (transaction) => {
          await transaction.table('messages').clear();
          throw new Error('the upgrade breaks down');
        });
    }
  }
  await expect(new Failing().open()).rejects.toThrow('the upgrade breaks down');
  const raw = await new Dexie(name).open();
  expect(raw.verno).toBe(2);
  expect(await raw.table('messages').count()).toBe(v2.stores.messages.rows.length);
  raw.close();
  const { history } = testHistory(name);
  expect(await history.getMessages(id(1))).toHaveLength(5);
});
