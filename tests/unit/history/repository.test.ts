import 'fake-indexeddb/auto'; // before Dexie looks for IndexedDB
import { describe, expect, it } from 'vitest';
import type { Conversation, Message } from '../../../src/shared/types.ts';
import { HypnosError } from '../../../src/shared/errors.ts';
import { explainStorageError } from '../../../src/history/connection.ts';
import { FakeLocks, MODEL, exchange, firstMatching, freshName, testHistory } from './support.ts';

/** Waits for it; generous, because the machine may be busy. */
const eventually = <Value>(read: () => Value | Promise<Value>) => expect.poll(read, { timeout: 20_000 });

const fail = (error: unknown) => {
  throw error;
};
const FINAL = { text: '答', finishReason: 'stop', droppedTurns: 0, stats: null, errorCode: null } as const;

describe('asking', () => {
  it('stores question, open answer and a named conversation in one write', async () => {
    const { history } = testHistory();
    await history.setNewDraft('丙泊酚');
    const { question, answer } = await history.ask(
      {
        conversationId: null,
        conversation: { systemPrompt: '简洁' },
        parentId: null,
        text: '# 丙泊酚的**诱导**剂量？\n细节',
      },
      { model: MODEL },
    );
    const conversation = await history.getConversation(question.conversationId);
    expect(conversation).toMatchObject({
      title: '丙泊酚的诱导剂量？',
      activeLeafId: answer.id,
      systemPrompt: '简洁',
      draft: '',
    });
    expect(await history.getMessages(question.conversationId)).toEqual([question, answer]);
    expect(answer).toMatchObject({
      parentId: question.id,
      role: 'assistant',
      text: '',
      finishReason: null,
      model: MODEL,
    });
    expect(await history.getNewDraft()).toBe('');
  });

  it('keeps a name the user gave, and clears the draft of an existing conversation', async () => {
    const { history } = testHistory();
    const { id } = await history.createConversation({ title: '我的', draft: '未发送' });
    await history.ask({ conversationId: id, parentId: null, text: '问题' }, { model: MODEL });
    expect(await history.getConversation(id)).toMatchObject({ title: '我的', draft: '' });
  });

  it('refuses a parent of another conversation and writes nothing', async () => {
    const { history } = testHistory();
    const first = await exchange(history, '一', '答');
    const second = await exchange(history, '二', '答');
    await expect(
      history.ask(
        { conversationId: first.conversationId, parentId: second.answer.id, text: '三' },
        { model: MODEL },
      ),
    ).rejects.toBeInstanceOf(HypnosError);
    expect(await history.getMessages(first.conversationId)).toHaveLength(2);
  });

  it('orders children after parents even when the clock was set back', async () => {
    const { history, time } = testHistory();
    const first = await exchange(history, '一', '答');
    time.now -= 3_600_000;
    const second = await exchange(history, '二', '答', {
      conversationId: first.conversationId,
      parentId: first.answer.id,
    });
    const ids = (await history.getMessages(first.conversationId)).map(({ id }) => id);
    expect(ids).toEqual([first.question.id, first.answer.id, second.question.id, second.answer.id]);
  });

  it('replaces lone surrogates, which no export could carry', async () => {
    const { history } = testHistory();
    const { question } = await exchange(history, 'a\ud800b😀', 'x');
    expect((await history.getMessages(question.conversationId))[0]?.text).toBe('a\ufffdb😀');
  });
});

describe('answers', () => {
  it('are written, finished, and opened again to be continued', async () => {
    const { history } = testHistory();
    const { answer } = await history.ask(
      { conversationId: null, parentId: null, text: '问' },
      { model: MODEL },
    );
    expect(await history.writeAnswerText(answer.id, '部分')).toBe(true);
    const read = async () => (await history.getMessages(answer.conversationId)).at(-1);
    expect(await read()).toMatchObject({ text: '部分', finishReason: null });
    await history.finishAnswer(answer.id, {
      ...FINAL,
      finishReason: 'interrupted',
      errorCode: 'engine-crashed',
    });
    expect(await read()).toMatchObject({ finishReason: 'interrupted', errorCode: 'engine-crashed' });
    expect(await history.resumeAnswer(answer.id, { model: MODEL })).toMatchObject({
      finishReason: null,
      text: '答',
      errorCode: null,
      model: MODEL,
    });
    await history.finishAnswer(answer.id, { ...FINAL, text: '答完' });
    expect(await read()).toMatchObject({ text: '答完', finishReason: 'stop' });
  });

  it('a second answer is a sibling and becomes the active leaf', async () => {
    const { history } = testHistory();
    const { question, answer, conversationId } = await exchange(history, '问', '甲');
    const other = await history.startAnswer(question.id, { model: MODEL });
    expect(other.parentId).toBe(answer.parentId);
    expect((await history.getConversation(conversationId))?.activeLeafId).toBe(other.id);
  });

  it('of purged conversations are reported gone, not written back', async () => {
    const { history } = testHistory();
    const { answer } = await history.ask(
      { conversationId: null, parentId: null, text: '问' },
      { model: MODEL },
    );
    await history.deleteConversation(answer.conversationId);
    await history.purgeDeleted(Number.MAX_SAFE_INTEGER);
    expect(await history.writeAnswerText(answer.id, '晚')).toBe(false);
    expect(await history.finishAnswer(answer.id, FINAL)).toBe(false);
    expect(await history.getMessages(answer.conversationId)).toEqual([]);
  });
});

describe('answers left open', () => {
  it('become interrupted when their tab is gone, and only those', async () => {
    const name = freshName();
    const locks = new FakeLocks();
    const [dead, alive, mine] = [locks.tab(), locks.tab(), locks.tab()];
    const first = testHistory(name, dead.locks).history;
    const second = testHistory(name, alive.locks).history;
    const third = testHistory(name, mine.locks).history;
    const ask = (history: typeof first) =>
      history.ask({ conversationId: null, parentId: null, text: '问' }, { model: MODEL });
    const lost = await ask(first);
    await first.writeAnswerText(lost.answer.id, '已写的部分');
    const written = await ask(second);
    const own = await ask(third);
    expect(await third.closeInterruptedAnswers()).toBe(0);
    dead.die();
    expect(await third.closeInterruptedAnswers()).toBe(1);
    const state = async (id: string) => (await third.getMessages(id)).at(-1);
    expect(await state(lost.answer.conversationId)).toMatchObject({
      finishReason: 'interrupted',
      text: '已写的部分',
    });
    expect(await state(written.answer.conversationId)).toMatchObject({ finishReason: null });
    expect(await state(own.answer.conversationId)).toMatchObject({ finishReason: null });
    await second.finishAnswer(written.answer.id, FINAL);
    await third.finishAnswer(own.answer.id, FINAL);
    expect(await third.closeInterruptedAnswers()).toBe(0);
  });
});

describe('the list', () => {
  it('has pinned conversations first, then the newest, and no deleted ones', async () => {
    const { history } = testHistory();
    const a = await exchange(history, '甲', '答');
    const b = await exchange(history, '乙', '答');
    const c = await exchange(history, '丙', '答');
    await history.updateConversation(a.conversationId, { pinned: true });
    await history.deleteConversation(b.conversationId);
    const list = await firstMatching<readonly Conversation[]>(
      (listener) => history.watchConversations(listener, fail),
      (rows) => rows.length === 2,
    );
    expect(list.map(({ title }) => title)).toEqual(['甲', '丙']);
    await history.restoreConversation(b.conversationId);
    const restored = await firstMatching<readonly Conversation[]>(
      (listener) => history.watchConversations(listener, fail),
      (rows) => rows.length === 3,
    );
    expect(restored.map(({ id }) => id)).toEqual([a.conversationId, c.conversationId, b.conversationId]);
  });

  it('tells the watcher of every write, and stops when told to', async () => {
    const { history } = testHistory();
    const { conversationId, answer } = await exchange(history, '问', '答');
    const seen: string[] = [];
    const stop = history.watchMessages(
      conversationId,
      (messages) => seen.push(messages.at(-1)?.text ?? ''),
      fail,
    );
    await eventually(() => seen).toEqual(['答']);
    await history.writeAnswerText(answer.id, '更多');
    await eventually(() => seen.at(-1)).toBe('更多');
    stop();
    await history.writeAnswerText(answer.id, '无人看');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen.at(-1)).toBe('更多');
  });

  it('purges only what was deleted before the given time', async () => {
    const { history, time } = testHistory();
    const old = await exchange(history, '旧', '答');
    const recent = await exchange(history, '新', '答');
    await history.deleteConversation(old.conversationId);
    const between = (time.now += 1000);
    await history.deleteConversation(recent.conversationId);
    await history.purgeDeleted(between);
    expect(await history.getMessages(old.conversationId)).toEqual([]);
    expect(await history.getMessages(recent.conversationId)).toHaveLength(2);
  });
});

describe('settings of a conversation', () => {
  it('are stored in range', async () => {
    const { history } = testHistory();
    const { id } = await history.createConversation();
    await history.updateConversation(id, {
      sampling: {
        temperature: 99,
        topP: 0,
        frequencyPenalty: Number.NaN,
        presencePenalty: 0,
        repetitionPenalty: 1,
        maxTokens: 100.4,
      },
    });
    expect((await history.getConversation(id))?.sampling).toEqual({
      temperature: 2,
      topP: 0.05,
      frequencyPenalty: 0,
      presencePenalty: 0,
      repetitionPenalty: 1,
      maxTokens: 100,
    });
  });
});

describe('erasing', () => {
  it('leaves nothing, here and in another tab, and both can go on', async () => {
    const name = freshName();
    const { history } = testHistory(name);
    const other = testHistory(name).history;
    const { conversationId } = await exchange(history, '问', '答');
    await history.setNewDraft('草稿');
    const lists: number[] = [];
    const stop = other.watchConversations((list) => lists.push(list.length), fail);
    await eventually(() => lists.at(-1)).toBe(1);
    await history.eraseEverything();
    await eventually(() => lists.at(-1)).toBe(0);
    expect(await history.getMessages(conversationId)).toEqual([]);
    expect(await history.getNewDraft()).toBe('');
    expect(await history.search('问')).toEqual([]);
    await exchange(other, '新的', '答');
    await eventually(() => lists.at(-1)).toBe(1);
    expect(await history.search('新的')).not.toEqual([]);
    stop();
  });
});

describe('a database from a newer build', () => {
  it('is not opened and not changed', async () => {
    const name = freshName();
    await new Promise<void>((resolve) => {
      const request = indexedDB.open(name, 990);
      request.onupgradeneeded = () => request.result.createObjectStore('future');
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
    });
    const { history } = testHistory(name);
    await expect(history.createConversation()).rejects.toMatchObject({ code: 'history-newer-version' });
    const [found] = (await indexedDB.databases()).filter((database) => database.name === name);
    expect(found?.version).toBe(990);
  });

  it('takes the connection away from this tab, which writes no more and says so', async () => {
    const name = freshName();
    const { history } = testHistory(name);
    const { conversationId, answer } = await exchange(history, '问', '答');
    const statuses: string[] = [];
    history.watchStatus((status) => statuses.push(status));
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.open(name, 990);
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
      request.onblocked = () => reject(new Error('the older tab did not let go'));
    });
    expect(statuses.at(-1)).toBe('newer-version');
    await expect(history.writeAnswerText(answer.id, 'x')).rejects.toMatchObject({
      code: 'history-newer-version',
    });
    await expect(history.getMessages(conversationId)).rejects.toMatchObject({
      code: 'history-newer-version',
    });
  });
});

describe('failures of the storage', () => {
  it.each([
    [new DOMException('full', 'QuotaExceededError'), 'storage-quota-exceeded'],
    [
      Object.assign(new Error('aborted'), { name: 'AbortError', inner: { name: 'QuotaExceededError' } }),
      'storage-quota-exceeded',
    ],
    [
      Object.assign(new Error('bulk'), { name: 'BulkError', failures: [{ name: 'QuotaExceededError' }] }),
      'storage-quota-exceeded',
    ],
    [new DOMException('newer', 'VersionError'), 'history-newer-version'],
    [Object.assign(new Error('no'), { name: 'OpenFailedError' }), 'storage-unavailable'],
    [new Error('?'), 'unknown'],
  ])('%s is told as %s', (error, code) => {
    expect(explainStorageError(error).code).toBe(code);
  });

  it('without IndexedDB everything rejects as unavailable, and recovers when it is back', async () => {
    const { history } = testHistory();
    const { open } = indexedDB;
    indexedDB.open = () => {
      throw new DOMException('blocked', 'SecurityError');
    };
    try {
      await expect(history.createConversation()).rejects.toMatchObject({ code: 'storage-unavailable' });
    } finally {
      indexedDB.open = open;
    }
    await expect(history.createConversation()).resolves.toMatchObject({
      title: '',
    } satisfies Partial<Conversation>);
  });
});

it('messages carry no internal fields', async () => {
  const { history } = testHistory();
  const { conversationId } = await exchange(history, '问', '答');
  const [message] = await history.getMessages(conversationId);
  expect(Object.keys(message as Message).sort()).toEqual(
    [
      'conversationId',
      'createdAt',
      'droppedTurns',
      'errorCode',
      'finishReason',
      'id',
      'model',
      'parentId',
      'role',
      'sources',
      'stats',
      'text',
    ].sort(),
  );
});
