/** Answers with sources through the real stores, history, search and prompt; only the model's words are the test's. */
import 'fake-indexeddb/auto'; // before Dexie looks for IndexedDB
import { describe, expect, it } from 'vitest';
import { answerPassages, SearchEngine } from '../../../src/library/engine.ts';
import { arrangeSources } from '../../../src/library/prompt.ts';
import { checkCitations, citable } from '../../../src/shared/citations.ts';
import type { SourcePort } from '../../../src/state/ports.ts';
import { CARDS } from '../library/support.ts';
import { openTab, SUMMARY } from './support.ts';
import type { Tab } from './support.ts';

const engine = new SearchEngine(CARDS);
const port: SourcePort = {
  find: (question, earlier, reader, kept) => {
    const ranking = engine.sources(question, 4, earlier);
    const passages = ranking.passages.flatMap(({ place }) => engine.cardPassages[place] ?? []);
    return Promise.resolve(
      arrangeSources(question, kept?.passages ?? answerPassages(passages, ranking.terms), reader, kept),
    );
  },
  checkCitations: (text, sources) => Promise.resolve(checkCitations(text, citable(sources))),
};
const READER = { ...SUMMARY, parameters: 7e9, contextWindowSize: 4096 };

const eventually = <Value>(read: () => Value | Promise<Value>) => expect.poll(read, { timeout: 20_000 });
const chatOf = ({ stores }: Tab) => stores.chat.getState();
const lastOf = (tab: Tab) => chatOf(tab).thread.at(-1)?.message;

async function talk(tab: Tab, question: string, answer: string, index: number) {
  expect(await chatOf(tab).send(question)).toBe(true);
  const generation = await tab.generation(index);
  generation.say(answer);
  generation.end();
  await eventually(() => [lastOf(tab)?.finishReason, chatOf(tab).answering]).toEqual(['stop', null]);
  return generation;
}

describe('sources', () => {
  it('of a model that cannot read them stand beside its answer and are stored with it', async () => {
    const tab = openTab({ sources: port });
    await chatOf(tab).open(null);
    const generation = await talk(tab, '丙泊酚诱导剂量是多少？', '2 mg/kg [1] [5]', 0);
    expect(generation.request.turns).toEqual([{ role: 'user', content: '丙泊酚诱导剂量是多少？' }]);
    const sources = lastOf(tab)?.sources;
    expect(sources).toMatchObject({ inPrompt: false, droppedCitations: 2 });
    expect(sources?.passages[0]?.id).toBe('drug-propofol#dose');
    // It cited what it never saw.
    expect(lastOf(tab)?.text).toBe('2 mg/kg');
    const stored = await tab.history.getMessages(chatOf(tab).conversationId ?? '');
    expect(stored.at(-1)?.sources).toEqual(sources);
  });

  it('of a model that can read them are in its prompt, for the last question only', async () => {
    const tab = openTab({ sources: port, packages: [READER] });
    await chatOf(tab).open(null);
    await talk(tab, '丙泊酚诱导剂量是多少？', '1.5～2.5 mg/kg [1]，另见[9]', 0);
    expect(lastOf(tab)).toMatchObject({
      text: '1.5～2.5 mg/kg [1]，另见',
      sources: { inPrompt: true, droppedCitations: 1 },
    });
    const second = await talk(tab, '那老年人呢？', '减量 [1]', 1);
    const [asked, , last] = second.request.turns;
    expect(asked?.content).toBe('丙泊酚诱导剂量是多少？');
    expect(last?.content).toContain('<条目 编号="1" 出处="丙泊酚');
    expect(last?.content).toContain('问题：那老年人呢？');
    // What the person asked is what is stored.
    const stored = await tab.history.getMessages(chatOf(tab).conversationId ?? '');
    expect(stored.map(({ text }) => text)).toContain('那老年人呢？');
  });

  it('are none, and said to be none, where nothing speaks of the question', async () => {
    const tab = openTab({ sources: port, packages: [READER] });
    await chatOf(tab).open(null);
    const generation = await talk(tab, '红烧肉怎么做？', '不知道', 0);
    expect(generation.request.turns).toEqual([{ role: 'user', content: '红烧肉怎么做？' }]);
    expect(lastOf(tab)?.sources).toEqual({ passages: [], inPrompt: false, droppedCitations: 0 });
  });

  it('are not looked for where the conversation does without', async () => {
    const tab = openTab({ sources: port, packages: [READER] });
    await chatOf(tab).open(null);
    await chatOf(tab).setSources(false);
    await talk(tab, '丙泊酚诱导剂量是多少？', '看 [3]', 0);
    expect(lastOf(tab)).toMatchObject({ sources: null, text: '看 [3]' });
    expect(chatOf(tab).conversation?.sources).toBe(false);
    await chatOf(tab).setSources(true);
    await talk(tab, '丙泊酚诱导剂量是多少？', '好', 1);
    expect(lastOf(tab)?.sources?.passages.length).toBeGreaterThan(0);
  });

  it('that cannot be searched do not keep the answer from being written', async () => {
    const broken: SourcePort = { ...port, find: () => Promise.reject(new Error('no library')) };
    const tab = openTab({ sources: broken });
    await chatOf(tab).open(null);
    await talk(tab, '丙泊酚', '答', 0);
    expect(lastOf(tab)).toMatchObject({ text: '答', sources: null });
  });

  it('of an answer that is continued stay the same', async () => {
    const tab = openTab({ sources: port, packages: [READER] });
    await chatOf(tab).open(null);
    expect(await chatOf(tab).send('丙泊酚诱导剂量是多少？')).toBe(true);
    const first = await tab.generation(0);
    first.say('缓慢 [1]');
    first.end('length');
    await eventually(() => lastOf(tab)?.finishReason).toBe('length');
    const before = lastOf(tab)?.sources;
    await chatOf(tab).continueAnswer(lastOf(tab)?.id ?? '');
    const second = await tab.generation(1);
    second.say(' 滴定 [8]');
    second.end();
    await eventually(() => lastOf(tab)?.finishReason).toBe('stop');
    expect(lastOf(tab)).toMatchObject({ text: '缓慢 [1] 滴定', sources: { droppedCitations: 1 } });
    expect(lastOf(tab)?.sources?.passages).toEqual(before?.passages);
  });
});
