import 'fake-indexeddb/auto'; // before Dexie looks for IndexedDB
import { describe, expect, it } from 'vitest';
import type { HistoryRepository } from '../../../src/history/types.ts';
import { HypnosError } from '../../../src/shared/errors.ts';
import { DEFAULT_SAMPLING } from '../../../src/shared/types.ts';
import { FakeLocks, freshName } from '../history/support.ts';
import { openTab, SUMMARY } from './support.ts';
import type { Tab } from './support.ts';

/** Waits for it; generous, because the machine may be busy. */
const eventually = <Value>(read: () => Value | Promise<Value>) => expect.poll(read, { timeout: 20_000 });

const chatOf = ({ stores }: Tab) => stores.chat.getState();
const lastOf = (tab: Tab) => chatOf(tab).thread.at(-1)?.message;

/** Sends and answers; resolves when the answer is on screen as finished. */
async function talk(tab: Tab, question: string, answer: string, index: number) {
  expect(await chatOf(tab).send(question)).toBe(true);
  const generation = await tab.generation(index);
  generation.say(answer);
  generation.end();
  await eventually(() => [lastOf(tab)?.text, lastOf(tab)?.finishReason]).toEqual([answer, 'stop']);
  await eventually(() => chatOf(tab).answering).toBeNull();
  return generation;
}

/** What another tab, or this one after a reload, would find. */
async function stored(tab: Tab) {
  const { conversationId } = chatOf(tab);
  return conversationId === null ? [] : tab.history.getMessages(conversationId);
}

describe('a question', () => {
  it('is durable before it is acknowledged, makes a conversation, and is answered by the loaded model', async () => {
    const tab = openTab();
    await chatOf(tab).open(null);
    chatOf(tab).setDraft('丙泊酚的剂量？');
    expect(await chatOf(tab).send('丙泊酚的剂量？')).toBe(true);
    expect(await stored(tab)).toMatchObject([{ text: '丙泊酚的剂量？' }, { text: '', finishReason: null }]);
    expect(chatOf(tab)).toMatchObject({ draft: '', conversation: { title: '丙泊酚的剂量？' } });
    expect(chatOf(tab).streaming).toMatchObject({ text: '', waitingForFirstToken: true });
    const generation = await tab.generation(0);
    expect(tab.engine.loads).toEqual(['demo']);
    expect(generation.request).toMatchObject({
      turns: [{ role: 'user', content: '丙泊酚的剂量？' }],
      sampling: DEFAULT_SAMPLING,
    });
    generation.say('1.5', ' mg/kg');
    generation.end('length', 3);
    await eventually(() => lastOf(tab)).toMatchObject({
      text: '1.5 mg/kg',
      finishReason: 'length',
      droppedTurns: 3,
      model: { id: 'demo', title: '演示' },
      stats: { completionTokens: 10 },
    });
    expect(chatOf(tab)).toMatchObject({ streaming: null, answering: null, contextTokens: 30, error: null });
  });

  it('that is blank is not sent', async () => {
    const tab = openTab();
    await chatOf(tab).open(null);
    expect(await chatOf(tab).send(' \n　')).toBe(false);
    expect(chatOf(tab).conversationId).toBeNull();
  });

  it('goes with the system prompt and sampling of its conversation, clamped, chosen before it existed', async () => {
    const tab = openTab();
    tab.stores.settings.getState().update({ systemPrompt: '默认' });
    await chatOf(tab).open(null);
    await chatOf(tab).setAnswering({
      systemPrompt: '只答数字',
      sampling: { ...DEFAULT_SAMPLING, temperature: 7, maxTokens: 5 },
    });
    expect(chatOf(tab)).toMatchObject({
      systemPrompt: '只答数字',
      sampling: { temperature: 2, maxTokens: 16 },
    });
    const first = await talk(tab, '一', '答一', 0);
    expect(first.request).toMatchObject({
      turns: [
        { role: 'system', content: '只答数字' },
        { role: 'user', content: '一' },
      ],
      sampling: { temperature: 2, maxTokens: 16 },
    });
    await chatOf(tab).setAnswering({ systemPrompt: null, sampling: null });
    const second = await talk(tab, '二', '答二', 1);
    expect(second.request.turns).toEqual([
      { role: 'system', content: '默认' },
      { role: 'user', content: '一' },
      { role: 'assistant', content: '答一' },
      { role: 'user', content: '二' },
    ]);
  });

  it('is refused while this conversation is being answered, and the draft stays', async () => {
    const tab = openTab();
    await chatOf(tab).send('一');
    chatOf(tab).setDraft('二');
    expect(await chatOf(tab).send('二')).toBe(false);
    expect(chatOf(tab)).toMatchObject({
      draft: '二',
      error: { code: 'engine-busy', detail: { holder: 'this-tab' } },
    });
    expect(await stored(tab)).toHaveLength(2);
    chatOf(tab).dismissError();
    expect(chatOf(tab).error).toBeNull();
  });

  it('sent twice by a double click is asked once, and so is a second answer', async () => {
    const tab = openTab();
    await chatOf(tab).open(null);
    expect(await Promise.all([chatOf(tab).send('问'), chatOf(tab).send('问')])).toEqual([true, false]);
    (await tab.generation(0)).end();
    await eventually(() => chatOf(tab).answering).toBeNull();
    await eventually(() => tab.stores.history.getState().conversations).toHaveLength(1);
    const { id } = lastOf(tab)!;
    await Promise.all([chatOf(tab).regenerate(id), chatOf(tab).regenerate(id)]);
    expect(await stored(tab)).toHaveLength(3);
  });

  it('without any package is refused, and nothing is stored', async () => {
    const tab = openTab({ packages: [] });
    await chatOf(tab).open(null);
    expect(await chatOf(tab).send('问')).toBe(false);
    expect(chatOf(tab)).toMatchObject({ error: { code: 'model-not-loaded' }, conversationId: null });
  });

  it('whose model does not load keeps its question; the answer says why and can be asked for again', async () => {
    const tab = openTab();
    tab.engine.loadError = 'webgpu-unavailable';
    await chatOf(tab).send('问');
    await eventually(() => lastOf(tab)).toMatchObject({
      finishReason: 'failed',
      errorCode: 'webgpu-unavailable',
      text: '',
    });
    tab.engine.loadError = null;
    await chatOf(tab).regenerate(lastOf(tab)!.id);
    (await tab.generation(0)).say('好');
    tab.engine.generations[0]!.end();
    await eventually(() => lastOf(tab)).toMatchObject({ finishReason: 'stop', text: '好' });
    expect(chatOf(tab).thread.at(-1)?.siblings).toHaveLength(2);
  });
});

describe('streaming', () => {
  it('draws at most once a frame, whatever the rate of tokens', async () => {
    const tab = openTab();
    await chatOf(tab).send('问');
    const generation = await tab.generation(0);
    const drawn: string[] = [];
    tab.stores.chat.subscribe((now, before) => {
      if (now.streaming !== before.streaming && now.streaming) drawn.push(now.streaming.text);
    });
    for (let index = 0; index < 500; index += 1) generation.say('字');
    expect(drawn).toEqual([]);
    tab.frame();
    expect(drawn).toEqual(['字'.repeat(500)]);
    generation.say('完');
    tab.frame();
    tab.frame();
    expect(drawn).toHaveLength(2);
    expect(chatOf(tab).streaming?.waitingForFirstToken).toBe(false);
  });

  it('is written to the history at least once a second, and when the page is hidden', async () => {
    const tab = openTab();
    await chatOf(tab).send('问');
    const generation = await tab.generation(0);
    const onDisk = async () => (await stored(tab)).at(-1)?.text;
    generation.say('一');
    expect(await onDisk()).toBe('');
    tab.clock.advance(1000);
    await eventually(onDisk).toBe('一');
    // Timers of a hidden tab may not run: arriving text is enough.
    tab.clock.time += 1000;
    generation.say('二');
    await eventually(onDisk).toBe('一二');
    generation.say('三');
    tab.hide();
    await eventually(onDisk).toBe('一二三');
  });

  it('keeps the objects of messages that did not change', async () => {
    const tab = openTab();
    await talk(tab, '一', '答一', 0);
    const [first, second] = chatOf(tab).thread;
    await chatOf(tab).send('二');
    (await tab.generation(1)).say('答');
    tab.hide();
    await eventually(async () => (await stored(tab)).at(-1)?.text).toBe('答');
    await eventually(() => lastOf(tab)?.text).toBe('答');
    expect(chatOf(tab).thread[0]).toBe(first);
    expect(chatOf(tab).thread[1]).toBe(second);
  });

  it('never shows less than was shown, from the first token to the stored answer', async () => {
    const tab = openTab();
    await chatOf(tab).send('问');
    const generation = await tab.generation(0);
    const lengths: number[] = [];
    const stop = tab.stores.chat.subscribe(({ streaming, thread }) => {
      const message = thread.at(-1)?.message;
      if (message?.role !== 'assistant') return;
      lengths.push(streaming?.messageId === message.id ? streaming.text.length : message.text.length);
    });
    for (let index = 0; index < 20; index += 1) {
      generation.say('字字');
      tab.clock.advance(300);
      tab.frame();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    generation.say('尾');
    generation.end();
    await eventually(() => lastOf(tab)?.finishReason).toBe('stop');
    await new Promise((resolve) => setTimeout(resolve, 20));
    stop();
    expect(lengths.at(-1)).toBe(41);
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
  });

  it('goes on in its own conversation while another is on screen, and the next answer waits its turn', async () => {
    const tab = openTab();
    await chatOf(tab).send('甲问');
    const first = chatOf(tab).conversationId;
    const generation = await tab.generation(0);
    generation.say('甲答');
    await chatOf(tab).open(null);
    expect(chatOf(tab)).toMatchObject({ streaming: null, answering: first, thread: [] });
    expect(await chatOf(tab).send('乙问')).toBe(true);
    const second = chatOf(tab).conversationId;
    expect(chatOf(tab).streaming).toMatchObject({ waitingForFirstToken: true });
    expect(tab.engine.generations).toHaveLength(1);
    generation.say('完');
    generation.end();
    const next = await tab.generation(1);
    expect(next.request.turns).toEqual([{ role: 'user', content: '乙问' }]);
    next.say('乙答');
    next.end();
    await eventually(() => lastOf(tab)?.text).toBe('乙答');
    expect((await tab.history.getMessages(first!)).at(-1)).toMatchObject({
      text: '甲答完',
      finishReason: 'stop',
    });
    await chatOf(tab).open(first);
    expect(lastOf(tab)?.text).toBe('甲答完');
    await chatOf(tab).open(second);
    expect(lastOf(tab)?.text).toBe('乙答');
  });

  it('is laid over again when its conversation comes back on screen', async () => {
    const tab = openTab();
    await chatOf(tab).send('问');
    const id = chatOf(tab).conversationId;
    (await tab.generation(0)).say('正在写');
    await chatOf(tab).open(null);
    await chatOf(tab).open(id);
    expect(chatOf(tab).streaming).toMatchObject({ text: '正在写' });
  });
});

describe('an answer', () => {
  it('that is stopped keeps its text; stopped before the first token it is stopped too', async () => {
    const tab = openTab();
    await chatOf(tab).send('问');
    const generation = await tab.generation(0);
    generation.say('半');
    chatOf(tab).stop();
    await eventually(() => lastOf(tab)).toMatchObject({
      text: '半',
      finishReason: 'stopped',
      errorCode: null,
    });
    await chatOf(tab).send('再问');
    await tab.generation(1);
    chatOf(tab).stop();
    await eventually(() => lastOf(tab)).toMatchObject({ text: '', finishReason: 'stopped' });
  });

  it('whose engine died keeps its text as interrupted and goes on where it ended, in the same message', async () => {
    const tab = openTab();
    await chatOf(tab).send('问');
    const generation = await tab.generation(0);
    generation.onStarted({ promptTokens: 9, droppedTurns: 2 });
    generation.say('前半');
    generation.fail('gpu-device-lost');
    await eventually(() => lastOf(tab)).toMatchObject({
      text: '前半',
      finishReason: 'interrupted',
      errorCode: 'gpu-device-lost',
      droppedTurns: 2,
    });
    const { id } = lastOf(tab)!;
    await chatOf(tab).continueAnswer(id);
    const second = await tab.generation(1);
    expect(second.request.turns).toEqual([
      { role: 'user', content: '问' },
      { role: 'assistant', content: '前半' },
    ]);
    second.say('后半');
    second.end();
    await eventually(() => lastOf(tab)).toMatchObject({
      id,
      text: '前半后半',
      finishReason: 'stop',
      errorCode: null,
    });
  });

  it.each([
    [
      'the model is unloaded, removed or run by another engine',
      (tab: Tab) => tab.stores.model.getState().unload(),
    ],
    ['the engine is taken from it', (tab: Tab) => tab.engine.unload()],
    [
      'its conversation is removed',
      (tab: Tab) => tab.stores.history.getState().remove(lastOf(tab)!.conversationId),
    ],
    [
      'its engine says that it was stopped, and nobody had asked for it',
      (tab: Tab) => {
        tab.engine.generations[0]!.end('stopped');
      },
    ],
    [
      'the page is closed in order',
      (tab: Tab) => {
        tab.stores.dispose();
      },
    ],
  ])('that is cut because %s is interrupted, not stopped', async (_why, cut) => {
    const database = freshName();
    const tab = openTab({ database });
    await chatOf(tab).send('问');
    (await tab.generation(0)).say('前半');
    const { id, conversationId } = lastOf(tab)!;
    const read = openTab({ database, lease: 'waiting' });
    await cut(tab);
    await eventually(async () =>
      (await read.history.getMessages(conversationId)).find((message) => message.id === id),
    ).toMatchObject({ text: '前半', finishReason: 'interrupted', errorCode: 'cancelled' });
  });

  it('that waits its turn when the model is taken away is interrupted too, and can be begun', async () => {
    const tab = openTab();
    await chatOf(tab).send('甲');
    (await tab.generation(0)).say('答甲');
    await chatOf(tab).open(null);
    await chatOf(tab).send('乙');
    await tab.stores.model.getState().unload();
    await eventually(() => lastOf(tab)).toMatchObject({ text: '', finishReason: 'interrupted' });
    await chatOf(tab).continueAnswer(lastOf(tab)!.id);
    const begun = await tab.generation(1);
    expect(begun.request.turns).toEqual([{ role: 'user', content: '乙' }]);
    begun.say('答乙');
    begun.end();
    await eventually(() => lastOf(tab)).toMatchObject({ text: '答乙', finishReason: 'stop' });
  });

  it('that another model goes on with names both', async () => {
    const other = { ...SUMMARY, id: 'other', title: { zh: '另一个', en: 'Other' } };
    const tab = openTab({ packages: [SUMMARY, other] });
    await chatOf(tab).send('问');
    (await tab.generation(0)).say('前半');
    await tab.stores.model.getState().unload();
    await eventually(() => lastOf(tab)?.finishReason).toBe('interrupted');
    tab.stores.model.getState().setDefault('other');
    await chatOf(tab).continueAnswer(lastOf(tab)!.id);
    (await tab.generation(1)).end();
    await eventually(() => lastOf(tab)).toMatchObject({
      finishReason: 'stop',
      model: { id: 'other', title: '演示 → 另一个' },
    });
  });

  it('is not cut by choosing another model: that one loads when the answer has ended', async () => {
    const tab = openTab({ packages: [SUMMARY, { ...SUMMARY, id: 'other' }] });
    await chatOf(tab).send('问');
    const generation = await tab.generation(0);
    generation.say('全');
    const loaded = tab.stores.model.getState().load('other');
    generation.end();
    await loaded;
    expect(tab.engine.loads).toEqual(['demo', 'other']);
    await eventually(() => lastOf(tab)).toMatchObject({ text: '全', finishReason: 'stop' });
  });

  it('in two goes counts its tokens once: prompt and completion are what the context holds', async () => {
    const tab = openTab();
    await chatOf(tab).send('问');
    (await tab.generation(0)).say('前');
    tab.engine.generations[0]!.end('length');
    await eventually(() => lastOf(tab)?.finishReason).toBe('length');
    await chatOf(tab).continueAnswer(lastOf(tab)!.id);
    (await tab.generation(1)).say('后');
    tab.engine.generations[1]!.end();
    // The second prompt of 20 tokens held the first 10 of the answer.
    await eventually(() => lastOf(tab)?.stats).toMatchObject({ promptTokens: 10, completionTokens: 20 });
    expect(chatOf(tab).contextTokens).toBe(30);
  });

  it('that failed before its first token is left out of the next prompt, with its question', async () => {
    const tab = openTab();
    await chatOf(tab).send('太长的问题');
    (await tab.generation(0)).fail('message-too-long');
    await eventually(() => lastOf(tab)).toMatchObject({
      finishReason: 'failed',
      errorCode: 'message-too-long',
    });
    await chatOf(tab).send('短的问题');
    expect((await tab.generation(1)).request.turns).toEqual([{ role: 'user', content: '短的问题' }]);
  });

  it('of a conversation deleted meanwhile stops the engine and is not written back', async () => {
    const tab = openTab();
    await chatOf(tab).send('问');
    const id = chatOf(tab).conversationId!;
    (await tab.generation(0)).say('写着');
    await tab.stores.history.getState().remove(id);
    await eventually(() => chatOf(tab).answering).toBeNull();
    expect(chatOf(tab)).toMatchObject({ conversationId: null, thread: [] });
    await tab.stores.history.getState().dismissUndo();
    expect(await tab.history.getMessages(id)).toEqual([]);
  });

  it('purged by another tab while it is written: the engine stops, and nothing is written back', async () => {
    const tab = openTab();
    await chatOf(tab).send('问');
    const id = chatOf(tab).conversationId!;
    const generation = await tab.generation(0);
    await tab.history.deleteConversation(id);
    await tab.history.purgeConversation(id);
    generation.say('晚到');
    tab.hide();
    await eventually(() => chatOf(tab)).toMatchObject({ answering: null, missing: true });
    expect(await tab.history.getMessages(id)).toEqual([]);
  });
});

describe('branches', () => {
  it('regenerate and edit make siblings; the switcher shows each down to its newest leaf', async () => {
    const tab = openTab();
    await talk(tab, '一', '答一', 0);
    await talk(tab, '二', '答二', 1);
    const [firstQuestion, firstAnswer] = chatOf(tab).thread.map(({ message }) => message);
    await chatOf(tab).regenerate(firstAnswer!.id);
    (await tab.generation(2)).say('答一改');
    tab.engine.generations[2]!.end();
    await eventually(() => lastOf(tab)).toMatchObject({ text: '答一改', finishReason: 'stop' });
    expect(chatOf(tab).thread).toHaveLength(2);
    expect(tab.engine.generations[2]!.request.turns).toEqual([{ role: 'user', content: '一' }]);
    chatOf(tab).setDraft('还没写完');
    await eventually(() => chatOf(tab).answering).toBeNull();
    await chatOf(tab).editAndResend(firstQuestion!.id, '一改');
    (await tab.generation(3)).say('答改');
    tab.engine.generations[3]!.end();
    await eventually(() => lastOf(tab)).toMatchObject({ text: '答改', finishReason: 'stop' });
    expect(chatOf(tab).draft).toBe('还没写完');
    expect(chatOf(tab).thread[0]?.siblings).toHaveLength(2);
    await chatOf(tab).selectBranch(firstQuestion!.id);
    expect(chatOf(tab).thread.map(({ message }) => message.text)).toEqual(['一', '答一改']);
    await chatOf(tab).selectBranch(firstAnswer!.id);
    expect(chatOf(tab).thread.map(({ message }) => message.text)).toEqual(['一', '答一', '二', '答二']);
    const { conversationId } = chatOf(tab);
    await chatOf(tab).open(null);
    await chatOf(tab).open(conversationId);
    expect(chatOf(tab).thread.map(({ message }) => message.text)).toEqual(['一', '答一', '二', '答二']);
  });
});

describe('drafts', () => {
  it('survive a reload: of a conversation, and of one that does not exist yet', async () => {
    const database = freshName();
    const tab = openTab({ database });
    await chatOf(tab).open(null);
    chatOf(tab).setDraft('新的草稿');
    tab.clock.advance(1000);
    await eventually(() => tab.history.getNewDraft()).toBe('新的草稿');
    await talk(tab, '问', '答', 0);
    const { conversationId } = chatOf(tab);
    chatOf(tab).setDraft('旧的草稿');
    tab.hide();
    await eventually(async () => (await tab.history.getConversation(conversationId!))?.draft).toBe(
      '旧的草稿',
    );
    const reloaded = openTab({ database });
    await chatOf(reloaded).open(conversationId);
    expect(chatOf(reloaded).draft).toBe('旧的草稿');
  });

  it('belong to their conversation', async () => {
    const tab = openTab();
    await talk(tab, '问', '答', 0);
    const { conversationId } = chatOf(tab);
    chatOf(tab).setDraft('甲的');
    await chatOf(tab).open(null);
    expect(chatOf(tab).draft).toBe('');
    chatOf(tab).setDraft('乙的');
    await chatOf(tab).open(conversationId);
    expect(chatOf(tab).draft).toBe('甲的');
    await chatOf(tab).open(null);
    expect(chatOf(tab).draft).toBe('乙的');
  });
});

describe('a full disk', () => {
  /** Refuses writes while told to. */
  function fragile(history: HistoryRepository, quota: { full: boolean }): HistoryRepository {
    const guarded =
      <Arguments extends unknown[], Value>(work: (...given: Arguments) => Promise<Value>) =>
      (...given: Arguments): Promise<Value> =>
        quota.full ? Promise.reject(new HypnosError('storage-quota-exceeded')) : work.apply(history, given);
    return new Proxy(history, {
      get: (target, key: keyof HistoryRepository) => {
        if (key === 'ask') return guarded(target.ask.bind(target));
        if (key === 'writeAnswerText') return guarded(target.writeAnswerText.bind(target));
        if (key === 'finishAnswer') return guarded(target.finishAnswer.bind(target));
        return (target[key] as (...given: unknown[]) => unknown).bind(target);
      },
    });
  }

  it('refuses a question and keeps it in the composer', async () => {
    const quota = { full: true };
    const tab = openTab({ wrap: (history) => fragile(history, quota) });
    await chatOf(tab).open(null);
    chatOf(tab).setDraft('问');
    expect(await chatOf(tab).send('问')).toBe(false);
    expect(chatOf(tab)).toMatchObject({ draft: '问', error: { code: 'storage-quota-exceeded' } });
    quota.full = false;
    expect(await chatOf(tab).send('问')).toBe(true);
  });

  it('in the middle of an answer loses nothing: shown, kept in memory, stored once there is room', async () => {
    const quota = { full: false };
    const tab = openTab({ wrap: (history) => fragile(history, quota) });
    await chatOf(tab).send('问');
    const generation = await tab.generation(0);
    quota.full = true;
    generation.say('很长的回答');
    tab.clock.advance(1000);
    await eventually(() => chatOf(tab).error?.code).toBe('storage-quota-exceeded');
    generation.end();
    await eventually(() => chatOf(tab).unsaved.size).toBe(1);
    expect(lastOf(tab)).toMatchObject({ text: '很长的回答', finishReason: 'stop' });
    expect((await stored(tab)).at(-1)).toMatchObject({ text: '', finishReason: null });
    quota.full = false;
    tab.clock.advance(6000);
    await eventually(() => chatOf(tab).unsaved.size).toBe(0);
    expect((await stored(tab)).at(-1)).toMatchObject({ text: '很长的回答', finishReason: 'stop' });
  });
});

describe('several tabs', () => {
  it('a tab without the engine follows live, refuses to answer and asks for the engine', async () => {
    const database = freshName();
    const locks = new FakeLocks();
    const holder = openTab({ database, locks });
    const other = openTab({ database, locks, lease: 'waiting' });
    other.clock.advance(1000);
    expect(other.stores.model.getState().lease).toBe('waiting');
    await talk(holder, '问', '答', 0);
    await chatOf(other).open(chatOf(holder).conversationId);
    expect(lastOf(other)?.text).toBe('答');
    chatOf(other).setDraft('接着问');
    expect(await chatOf(other).send('接着问')).toBe(false);
    expect(chatOf(other)).toMatchObject({
      draft: '接着问',
      error: { code: 'engine-busy', detail: { holder: 'another-tab' } },
    });
    expect(other.lease.requests).toBe(1);
    await chatOf(holder).send('再问');
    (await holder.generation(1)).say('写到一半');
    holder.hide();
    await eventually(() => lastOf(other)).toMatchObject({ text: '写到一半', finishReason: null });
    expect(chatOf(other).streaming).toBeNull();
  });

  it('the engine is handed over only when the answer has ended', async () => {
    const tab = openTab();
    await chatOf(tab).send('问');
    const generation = await tab.generation(0);
    let isHandedOver = false;
    const handover = tab.lease.onHandover().then(() => (isHandedOver = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isHandedOver).toBe(false);
    await chatOf(tab).open(null);
    expect(await chatOf(tab).send('新的')).toBe(false);
    generation.end();
    await handover;
    expect(tab.engine.unloads).toBe(1);
  });

  it('takes over: closes what the dead tab left open, loads the model, and answers', async () => {
    const database = freshName();
    const locks = new FakeLocks();
    const dead = locks.tab();
    const { openHistory } = await import('../../../src/history/repository.ts');
    const lost = openHistory({ locks: dead.locks, databaseName: database });
    const { question, answer } = await lost.ask(
      { conversationId: null, parentId: null, text: '问' },
      { model: null },
    );
    await lost.writeAnswerText(answer.id, '死前写的');
    const tab = openTab({ database, locks, lease: 'waiting' });
    await tab.stores.model.getState().ensureLoaded();
    await chatOf(tab).open(question.conversationId);
    expect(lastOf(tab)).toMatchObject({ finishReason: null });
    expect(tab.engine.loads).toEqual([]);
    dead.die();
    tab.lease.set('held');
    await eventually(() => lastOf(tab)).toMatchObject({
      text: '死前写的',
      finishReason: 'interrupted',
      errorCode: null,
    });
    await eventually(() => tab.engine.loads).toEqual(['demo']);
    await chatOf(tab).continueAnswer(answer.id);
    (await tab.generation(0)).say('，续写');
    tab.engine.generations[0]!.end();
    await eventually(() => lastOf(tab)).toMatchObject({ text: '死前写的，续写', finishReason: 'stop' });
  });
});

describe('opening', () => {
  it('of an id that is not there says so; the last of several opens wins', async () => {
    const tab = openTab();
    await talk(tab, '问', '答', 0);
    const { conversationId } = chatOf(tab);
    await chatOf(tab).open('gone');
    expect(chatOf(tab)).toMatchObject({ missing: true, loaded: true, thread: [] });
    const opens = [chatOf(tab).open('gone'), chatOf(tab).open(null), chatOf(tab).open(conversationId)];
    await Promise.all(opens);
    expect(chatOf(tab)).toMatchObject({ conversationId, missing: false });
    expect(lastOf(tab)?.text).toBe('答');
  });

  it('a rename, a pin and a deletion elsewhere are seen here', async () => {
    const database = freshName();
    const tab = openTab({ database });
    await talk(tab, '问', '答', 0);
    const id = chatOf(tab).conversationId!;
    const elsewhere = openTab({ database });
    await elsewhere.stores.history.getState().rename(id, ' 新名字 ');
    await eventually(() => chatOf(tab).conversation?.title).toBe('新名字');
    await elsewhere.history.deleteConversation(id);
    await eventually(() => chatOf(tab).missing).toBe(true);
    await elsewhere.history.restoreConversation(id);
    await eventually(() => chatOf(tab).thread.length).toBe(2);
    expect(chatOf(tab).missing).toBe(false);
  });
});
