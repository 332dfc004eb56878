// @vitest-environment jsdom
/**
 * Hostile documents on their whole way: reader, passages, search, prompt, the model's answer, history, the sources'
 * panel. The model of this test obeys: it answers with the document's orders and citations.
 */
import 'fake-indexeddb/auto'; // before Dexie looks for IndexedDB
import { cleanup, render } from '@testing-library/react';
import type { ComponentType } from 'react';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startI18n } from '../../../src/i18n/index.ts';
import { answerPassages, SearchEngine } from '../../../src/library/engine.ts';
import { PassageCutter } from '../../../src/library/passages.ts';
import type { Passage } from '../../../src/library/passages.ts';
import { arrangeSources } from '../../../src/library/prompt.ts';
import { SegmentBuilder } from '../../../src/library/segment.ts';
import { markdownBlocks } from '../../../src/library/worker/plain.ts';
import { checkCitations, citable } from '../../../src/shared/citations.ts';
import type { AnswerSources as Sources } from '../../../src/shared/types.ts';
import type { SourcePort } from '../../../src/state/ports.ts';
import type { AnswerSourcesProps } from '../../../src/ui/library/AnswerSources.tsx';
import { HOSTILE_DOCUMENTS } from '../../fixtures/documents.ts';
import type { HostileDocument } from '../../fixtures/documents.ts';
import { openTab, SUMMARY } from '../state/support.ts';
import type { Tab } from '../state/support.ts';
import { CARDS } from './support.ts';

const QUESTION = '甲硝西泮氟烷的诱导剂量是多少？';
const READER = { ...SUMMARY, parameters: 7e9, contextWindowSize: 4096 };
const UNSEEN = /[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u;

/** The document as an import would leave it, in an engine of its own; its name is hostile as well. */
function imported({ name, text }: HostileDocument) {
  const cutter = new PassageCutter(name, text.split('\n').at(2) ?? '');
  const passages: Passage[] = [];
  for (const block of markdownBlocks(text)) passages.push(...cutter.push(block));
  passages.push(...cutter.end());
  const builder = new SegmentBuilder();
  for (const passage of passages) builder.add(passage);
  const engine = new SearchEngine(CARDS);
  engine.put(name, builder.build());
  const port: SourcePort = {
    find: (question, earlier, reader, kept) => {
      const ranking = engine.sources(question, 4, earlier);
      const found = ranking.passages.flatMap(
        ({ segment, place }) => (segment === name ? passages : engine.cardPassages)[place] ?? [],
      );
      return Promise.resolve(
        arrangeSources(question, kept?.passages ?? answerPassages(found, ranking.terms), reader, kept),
      );
    },
    checkCitations: (answer, sources) => Promise.resolve(checkCitations(answer, citable(sources))),
  };
  return { port, passages };
}

const chatOf = ({ stores }: Tab) => stores.chat.getState();
const eventually = <Value,>(read: () => Value | Promise<Value>) => expect.poll(read, { timeout: 20_000 });

async function talk(tab: Tab, question: string, answer: string, index: number): Promise<void> {
  expect(await chatOf(tab).send(question)).toBe(true);
  const generation = await tab.generation(index);
  generation.say(answer);
  generation.end();
  await eventually(() => chatOf(tab).answering).toBeNull();
}

let AnswerSources: ComponentType<AnswerSourcesProps>;

function panel(sources: Sources, text: string): HTMLElement {
  return render(<AnswerSources messageId="m" sources={sources} text={text} />).container;
}

beforeAll(async () => {
  await startI18n('zh-CN');
  // Its sentences come with it, into i18n that is there already.
  ({ AnswerSources } = await import('../../../src/ui/library/AnswerSources.tsx'));
});
afterEach(cleanup);

describe.each(HOSTILE_DOCUMENTS.map((document) => [document.name, document] as const))(
  '%s',
  (_name, document) => {
    it('hides no source, cites nothing that was not retrieved, changes no other conversation', async () => {
      const { port, passages } = imported(document);
      const tab = openTab({ sources: port, packages: [READER] });
      await chatOf(tab).open(null);
      await talk(tab, '丙泊酚诱导剂量是多少？', '1.5～2.5 mg/kg [1]', 0);
      const other = chatOf(tab).conversationId ?? '';
      const before = await tab.history.getMessages(other);

      await chatOf(tab).open(null);
      const obeying = `${document.text} [7] [8]【9】`;
      await talk(tab, QUESTION, obeying, 1);

      const answer = chatOf(tab).thread.at(-1)?.message;
      const sources = answer?.sources;
      if (!sources) throw new Error('the sources are gone');
      // The document is among its own answer's sources, under its own name, word for word.
      expect(sources.inPrompt).toBe(true);
      const ofDocument = sources.passages.filter(({ origin }) => origin === 'document');
      expect(ofDocument.length).toBeGreaterThan(0);
      for (const { text } of ofDocument) expect(passages.map((passage) => passage.text)).toContain(text);
      // What the model cites besides is gone, and counted.
      const allowed = new Set(sources.passages.map(({ number }) => number));
      expect(sources.droppedCitations).toBeGreaterThanOrEqual(3);
      expect(checkCitations(answer.text, allowed)).toMatchObject({ text: answer.text, dropped: 0 });
      expect(answer.text).not.toMatch(/[[【［]\s*[789]\s*[\]】］]/u);
      // History: the other conversation is as it was, this one holds the question as it was asked.
      expect(await tab.history.getMessages(other)).toEqual(before);
      const stored = await tab.history.getMessages(chatOf(tab).conversationId ?? '');
      expect(stored.map(({ role }) => role)).toEqual(['user', 'assistant']);
      expect(stored[0]?.text).toBe(QUESTION);
      expect(stored[1]?.sources).toEqual(sources);

      const shown = panel(sources, answer.text);
      expect(shown.querySelectorAll('li')).toHaveLength(sources.passages.length);
      expect(shown.querySelector('details')?.open).toBe(true);
      for (const element of shown.querySelectorAll('*')) {
        expect([
          'SECTION',
          'DETAILS',
          'SUMMARY',
          'SMALL',
          'P',
          'OL',
          'LI',
          'SPAN',
          'DIV',
          'B',
          'A',
          'MARK',
        ]).toContain(element.tagName);
        for (const { name: attribute, value } of element.attributes) {
          expect(attribute).not.toMatch(/^on|^(?:src|style|srcdoc|action)/);
          if (attribute === 'href') expect(value).toMatch(/^\/library\//);
        }
      }
      expect(shown.textContent).not.toMatch(UNSEEN);
      expect(shown.textContent).toContain(`已去掉 ${sources.droppedCitations} 处引用`);
    });
  },
);
