/**
 * Citations of the shipped model in the real page, on its processor: how many are shown, how many of those were
 * retrieved, how many are borne out by the rule of citationSupport.ts; and how many sentences of the answers stand
 * beside a passage that bears them out, cited or not.
 */
import type { Page } from 'playwright-core';
import { test } from 'vitest';
import type { AnswerSources } from '../../src/shared/types.ts';
import { citable } from '../../src/shared/citations.ts';
import { launchBrowser, startSite } from '../browser/harness.ts';
import { ask, waitForPhase } from '../browser/support.ts';
import { ASKED } from '../fixtures/retrieval.ts';
import { citedSentences, isSupported } from './citationSupport.ts';
import { print } from './report.ts';

/** Every so many of the retrieval questions. */
const EVERY = 8;

interface StoredAnswer {
  readonly role: string;
  readonly text: string;
  readonly sources: AnswerSources | null;
}

const storedAnswers = (page: Page): Promise<StoredAnswer[]> =>
  page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open('hypnos-history');
        request.onerror = () => reject(request.error ?? new Error('open failed'));
        request.onsuccess = () => {
          const all = request.result.transaction('messages').objectStore('messages').getAll();
          all.onsuccess = () => {
            request.result.close();
            resolve((all.result as StoredAnswer[]).filter(({ role }) => role === 'assistant'));
          };
        };
      }),
  );

const share = (part: number, whole: number) => (100 * part) / Math.max(1, whole);

test('citations of the shipped model', async () => {
  const site = await startSite();
  const browser = await launchBrowser({ webgpu: false });
  const page = await browser.newPage(site.url);
  await waitForPhase(page, 'ready');
  for (const { question } of ASKED().filter((_question, at) => at % EVERY === 0)) {
    // A conversation each: nothing of one question is the next one's context.
    await page.goto(`${site.url}#/`);
    await ask(page, question);
  }
  const answers = await storedAnswers(page);
  await browser.close();
  await site.close();

  const counts = {
    cited: 0,
    retrieved: 0,
    supported: 0,
    sentences: 0,
    beside: 0,
    inPrompt: 0,
    dropped: 0,
    withPassages: 0,
  };
  for (const { text, sources } of answers) {
    if (!sources) continue;
    const allowed = citable(sources);
    counts.inPrompt += sources.inPrompt ? 1 : 0;
    counts.withPassages += sources.passages.length > 0 ? 1 : 0;
    counts.dropped += sources.droppedCitations;
    for (const { sentence, numbers } of citedSentences(text)) {
      counts.sentences += 1;
      if (sources.passages.some((passage) => isSupported(sentence, passage.text))) counts.beside += 1;
      for (const number of numbers) {
        const passage = sources.passages.find((found) => found.number === number);
        counts.cited += 1;
        if (passage && allowed.has(number)) counts.retrieved += 1;
        if (passage && isSupported(sentence, passage.text)) counts.supported += 1;
      }
    }
  }
  print(`Citations of the shipped model, ${answers.length} answers`, [
    { name: 'answers whose model read the passages', value: counts.inPrompt, unit: '' },
    { name: 'answers with passages beside them', value: counts.withPassages, unit: '' },
    { name: 'citations shown', value: counts.cited, unit: '' },
    { name: 'citations written by the model and taken out', value: counts.dropped, unit: '' },
    ...(counts.cited === 0
      ? [] // nothing to have a share of
      : [
          {
            name: 'of those shown: exist and were retrieved',
            value: share(counts.retrieved, counts.cited),
            unit: '%',
            goal: '100',
          },
          {
            name: 'of those shown: bear out their sentence',
            value: share(counts.supported, counts.cited),
            unit: '%',
          },
        ]),
    {
      name: `of ${counts.sentences} sentences: borne out by a passage beside the answer`,
      value: share(counts.beside, counts.sentences),
      unit: '%',
    },
  ]);
});
