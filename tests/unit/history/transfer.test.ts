import 'fake-indexeddb/auto'; // before Dexie looks for IndexedDB
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseImport } from '../../../src/history/transfer.ts';
import type { HistoryRepository } from '../../../src/history/types.ts';
import { MODEL, exchange, testHistory } from './support.ts';

const A = '00000000-0000-4000-8000-00000000000a';
const B = '00000000-0000-4000-8000-00000000000b';
const C = '00000000-0000-4000-8000-00000000000c';

const question = (change: object = {}) => ({
  id: A,
  parentId: null,
  role: 'user',
  text: '问',
  createdAt: 1,
  finishReason: null,
  droppedTurns: 0,
  stats: null,
  model: null,
  errorCode: null,
  ...change,
});
const answer = (change: object = {}) =>
  question({
    id: B,
    parentId: A,
    role: 'assistant',
    text: '答',
    createdAt: 2,
    finishReason: 'stop',
    ...change,
  });
const conversation = (change: object = {}) => ({
  id: C,
  title: '题',
  createdAt: 1,
  updatedAt: 2,
  pinned: false,
  activeLeafId: B,
  systemPrompt: null,
  sampling: null,
  messages: [question(), answer()],
  ...change,
});
const fileOf = (...conversations: object[]) => ({ format: 'hypnos-history/1', conversations });
const blob = (value: unknown) => new Blob([typeof value === 'string' ? value : JSON.stringify(value)]);

/** Branches, settings, an interrupted answer. */
async function filled(history: HistoryRepository) {
  const first = await exchange(history, '丙泊酚的剂量', '**1.5** mg/kg');
  await exchange(history, '追问', '再答', {
    conversationId: first.conversationId,
    parentId: first.answer.id,
  });
  await exchange(history, '改写的问题', '另一枝', { conversationId: first.conversationId });
  await history.updateConversation(first.conversationId, {
    pinned: true,
    systemPrompt: '简洁',
    draft: '私人草稿',
  });
  const second = await history.ask(
    { conversationId: null, parentId: null, text: '第二个' },
    { model: MODEL },
  );
  await history.finishAnswer(second.answer.id, {
    text: '半句',
    finishReason: 'interrupted',
    droppedTurns: 2,
    stats: {
      promptTokens: 10,
      completionTokens: 2,
      timeToFirstTokenSeconds: 0.5,
      prefillTokensPerSecond: 20,
      decodeTokensPerSecond: 5,
    },
    errorCode: 'engine-crashed',
  });
  return { first: first.conversationId, second: second.question.conversationId };
}

describe('export', () => {
  it('JSON carries every branch, the AI label and the model, and no draft', async () => {
    const { history } = testHistory();
    const { first } = await filled(history);
    const text = await (await history.exportJson()).text();
    const file = JSON.parse(text);
    expect(file).toMatchObject({
      format: 'hypnos-history/1',
      aiLabel: { zh: expect.stringContaining('人工智能') },
    });
    expect(file.conversations).toHaveLength(2);
    const messages = file.conversations.find((one: { id: string }) => one.id === first).messages;
    expect(messages).toHaveLength(6);
    for (const message of messages) {
      expect(message.aiGenerated).toBe(message.role === 'assistant');
      if (message.aiGenerated) expect(message.model).toEqual(MODEL);
    }
    expect(text).not.toContain('私人草稿');
  });

  it('Markdown shows the branch on screen, the label, the model, how answers ended, and what is left out', async () => {
    const { history } = testHistory();
    const { first, second } = await filled(history);
    const text = await (await history.exportMarkdown([first])).text();
    expect(text).toContain('人工智能');
    expect(text).toContain('答（AI 生成，Hypnos）');
    expect(text).toContain('改写的问题');
    expect(text).not.toContain('追问');
    expect(text).toContain('还有 4 条消息');
    const other = await (await history.exportMarkdown([second])).text();
    expect(other).toContain('已中断');
  });

  it('leaves out deleted conversations', async () => {
    const { history } = testHistory();
    const { first } = await filled(history);
    await history.deleteConversation(first);
    expect(JSON.parse(await (await history.exportJson()).text()).conversations).toHaveLength(1);
    expect(await (await history.exportMarkdown([first])).text()).not.toContain('改写的问题');
  });
});

describe('import', () => {
  it('brings everything back into an empty history, and is idempotent', async () => {
    const source = testHistory().history;
    const { first, second } = await filled(source);
    const file = await source.exportJson();
    const target = testHistory().history;
    expect(await target.importJson(file)).toEqual({
      conversationsAdded: 2,
      conversationsUnchanged: 0,
      conversationsCopied: 0,
      messagesAdded: 8,
    });
    for (const id of [first, second]) {
      expect(await target.getMessages(id)).toEqual(await source.getMessages(id));
      const { draft: _draft, ...expected } = (await source.getConversation(id))!;
      expect(await target.getConversation(id)).toEqual({ ...expected, draft: '' });
    }
    const before = await (await target.exportJson()).text();
    expect(await target.importJson(file)).toMatchObject({ conversationsUnchanged: 2, messagesAdded: 0 });
    const strip = (text: string) => text.replace(/"exportedAt":"[^"]*"/, '');
    expect(strip(await (await target.exportJson()).text())).toBe(strip(before));
  });

  it('an older copy of a conversation that has gone on changes nothing', async () => {
    const { history } = testHistory();
    const { conversationId, answer: last } = await exchange(history, '一', '答');
    const file = await history.exportJson();
    await exchange(history, '二', '答', { conversationId, parentId: last.id });
    await history.updateConversation(conversationId, { title: '改名' });
    expect(await history.importJson(file)).toMatchObject({ conversationsUnchanged: 1, messagesAdded: 0 });
    expect(await history.getMessages(conversationId)).toHaveLength(4);
    expect((await history.getConversation(conversationId))?.title).toBe('改名');
  });

  it('other content under the same id comes in beside it, once', async () => {
    const { history } = testHistory();
    await history.importJson(blob(fileOf(conversation())));
    const changed = blob(fileOf(conversation({ messages: [question(), answer({ text: '被改过的回答' })] })));
    expect(await history.importJson(changed)).toMatchObject({ conversationsCopied: 1, messagesAdded: 2 });
    expect(await history.importJson(changed)).toMatchObject({ conversationsUnchanged: 1, messagesAdded: 0 });
    expect((await history.getMessages(C)).map(({ text }) => text)).toEqual(['问', '答']);
    const [hit] = await history.search('被改过的回答');
    expect(hit?.conversationId).not.toBe(C);
    const copy = await history.getMessages(hit!.conversationId);
    expect(copy.map(({ text }) => text)).toEqual(['问', '被改过的回答']);
    expect(copy[1]?.parentId).toBe(copy[0]?.id);
    expect((await history.getConversation(hit!.conversationId))?.activeLeafId).toBe(copy[1]?.id);
  });

  it('a message id that belongs to another conversation here is not taken from it', async () => {
    const { history } = testHistory();
    await history.importJson(blob(fileOf(conversation())));
    const thief = '00000000-0000-4000-8000-0000000000ff';
    const report = await history.importJson(blob(fileOf(conversation({ id: thief, title: '贼' }))));
    expect(report).toMatchObject({ conversationsCopied: 1 });
    expect((await history.getMessages(C)).map(({ id }) => id)).toEqual([A, B]);
  });

  it('brings back what was deleted but not yet purged', async () => {
    const { history } = testHistory();
    const { conversationId } = await exchange(history, '一', '答');
    const file = await history.exportJson();
    await history.deleteConversation(conversationId);
    expect(await history.importJson(file)).toMatchObject({ conversationsAdded: 1, messagesAdded: 0 });
    expect(await history.getConversation(conversationId)).toBeDefined();
  });

  it('an answer that was being written when exported is not open here, and no sampling is out of range', async () => {
    const { history } = testHistory();
    await history.importJson(
      blob(
        fileOf(
          conversation({
            activeLeafId: A,
            messages: [question(), answer({ finishReason: null })],
            sampling: {
              temperature: 1e9,
              topP: -1,
              frequencyPenalty: 0,
              presencePenalty: 0,
              repetitionPenalty: 1,
              maxTokens: 1e12,
            },
          }),
        ),
      ),
    );
    expect((await history.getMessages(C))[1]?.finishReason).toBe('interrupted');
    expect(await history.closeInterruptedAnswers()).toBe(0);
    const imported = await history.getConversation(C);
    expect(imported?.sampling).toMatchObject({ temperature: 2, topP: 0.05, maxTokens: 4096 });
    expect(imported?.activeLeafId).toBe(B);
  });
});

describe('a file that is refused', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  it.each<[string, unknown, object]>([
    ['no JSON', '{"format":', { code: 'import-not-json' }],
    ['binary', '\u0000\u0001\ufffd', { code: 'import-not-json' }],
    ['empty', '', { code: 'import-not-json' }],
    ['an array', '[]', { code: 'import-invalid', detail: { path: 'format' } }],
    ['null', 'null', { code: 'import-invalid' }],
    [
      'another format',
      { format: 'openai', conversations: [] },
      { code: 'import-invalid', detail: { path: 'format' } },
    ],
    [
      'a newer format',
      { format: 'hypnos-history/2' },
      { code: 'import-newer-version', detail: { found: 2 } },
    ],
    [
      'no conversations',
      { format: 'hypnos-history/1' },
      { code: 'import-invalid', detail: { path: 'conversations' } },
    ],
    [
      'an id that is no UUID',
      fileOf(conversation({ id: '../../x' })),
      { detail: { path: 'conversations.0.id' } },
    ],
    ['a wrong type', fileOf(conversation({ pinned: 'yes' })), { detail: { path: 'conversations.0.pinned' } }],
    [
      'a wrong role',
      fileOf(conversation({ messages: [question({ role: 'system' })] })),
      { detail: { path: 'conversations.0.messages.0.role' } },
    ],
    [
      'a time no Date can hold',
      fileOf(conversation({ createdAt: 1e300 })),
      { detail: { path: 'conversations.0.createdAt' } },
    ],
    [
      'negative figures',
      fileOf(conversation({ messages: [question({ droppedTurns: -1 })] })),
      { detail: { path: 'conversations.0.messages.0.droppedTurns' } },
    ],
    [
      'a huge title',
      fileOf(conversation({ title: 'x'.repeat(100_000) })),
      { detail: { path: 'conversations.0.title' } },
    ],
    [
      'a duplicate message',
      fileOf(conversation({ messages: [question(), question()] })),
      { detail: { path: 'conversations.0.messages.1.id', reason: 'duplicate id' } },
    ],
    [
      'a duplicate conversation',
      fileOf(
        conversation({ messages: [], activeLeafId: null }),
        conversation({ messages: [], activeLeafId: null }),
      ),
      { detail: { path: 'conversations.1.id', reason: 'duplicate id' } },
    ],
    [
      'a parent that is not there',
      fileOf(conversation({ messages: [question({ parentId: C })], activeLeafId: null })),
      { detail: { path: 'conversations.0.messages.0.parentId' } },
    ],
    [
      'a circle of parents',
      fileOf(conversation({ messages: [question({ parentId: B }), answer()] })),
      { detail: { path: 'conversations.0.messages', reason: 'parents form a cycle' } },
    ],
    [
      'a question below a question',
      fileOf(conversation({ messages: [question(), question({ id: B, parentId: A })] })),
      { detail: { path: 'conversations.0.messages.1.parentId' } },
    ],
    [
      'an answer without a question',
      fileOf(conversation({ messages: [answer({ parentId: null })] })),
      { detail: { path: 'conversations.0.messages.0.parentId' } },
    ],
    [
      'a leaf that is not there',
      fileOf(conversation({ activeLeafId: C })),
      { detail: { path: 'conversations.0.activeLeafId' } },
    ],
    ['deep nesting', `{"format":"hypnos-history/1","conversations":${deep}}`, { code: 'import-invalid' }],
  ])('%s', async (_name, content, expected) => {
    const { history } = testHistory();
    await exchange(history, '已有的', '回答');
    await expect(history.importJson(blob(content))).rejects.toMatchObject(expected);
    expect(JSON.parse(await (await history.exportJson()).text()).conversations).toHaveLength(1);
  });

  it('a file over the limit is not even read', async () => {
    const file = new Blob(['x'.repeat(100)]);
    file.text = () => Promise.reject(new Error('was read'));
    await expect(parseImport(file, 99)).rejects.toMatchObject({
      code: 'import-too-large',
      detail: { bytes: 100, limit: 99 },
    });
  });

  it('one bad conversation among good ones: nothing is written', async () => {
    const { history } = testHistory();
    const bad = conversation({ id: A, messages: [answer()] });
    await expect(history.importJson(blob(fileOf(conversation(), bad)))).rejects.toMatchObject({
      code: 'import-invalid',
    });
    expect(await history.getConversation(C)).toBeUndefined();
  });

  it('__proto__ and strange keys do nothing, at any depth', async () => {
    const { history } = testHistory();
    const text = JSON.stringify(fileOf(conversation())).replaceAll(
      '"createdAt"',
      '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"rev":99,"open":1,"createdAt"',
    );
    await history.importJson(new Blob([text]));
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    const [message] = await history.getMessages(C);
    expect(Object.keys(message!)).not.toContain('constructor');
    expect((message as { polluted?: number }).polluted).toBeUndefined();
    expect(await history.closeInterruptedAnswers()).toBe(0);
  });

  it('any JSON at all either imports or is refused by a code, and never changes what is here', async () => {
    const { history } = testHistory();
    const { conversationId } = await exchange(history, '已有的', '回答');
    const kept = await history.getMessages(conversationId);
    const keys = fc.constantFrom(
      'format',
      'conversations',
      'messages',
      'id',
      'parentId',
      'role',
      'text',
      '__proto__',
    );
    const mutated = fc.tuple(fc.jsonValue(), keys).map(([value, key]) => {
      const one = JSON.parse(JSON.stringify(conversation()));
      if (key === 'format' || key === 'conversations') return { ...fileOf(one), [key]: value };
      const target = key === 'messages' ? one : one.messages[1];
      Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
      return fileOf(one);
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.jsonValue(), mutated), async (value) => {
        try {
          await history.importJson(blob(value));
        } catch (error) {
          expect((error as { code: string }).code).toMatch(/^import-/);
        }
        expect(await history.getMessages(conversationId)).toEqual(kept);
      }),
      { numRuns: 150 },
    );
  });
});
