/**
 * The real page, the browser killed (SIGKILL) in the middle of an answer, twenty times on one profile: every question
 * is there, every answer but for the newest of its text, and the history opens. The engine is scripted.
 */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { createProfile, launchBrowser, scriptedEngine, startSite } from './harness.ts';
import { composer, waitForPhase } from './support.ts';

const KILLS = 20;
const RATE = 50;
/** Pieces on screen when the kill comes; the same every run. */
const piecesBeforeKill = (round: number) => 2 * RATE + ((round * 37) % RATE);
/** Text of this long ago must be stored; the page promises one second, a busy machine may be late. */
const GRACE_PIECES = 2 * RATE;

interface StoredMessage {
  readonly id: string;
  readonly role: string;
  readonly text: string;
  readonly finishReason: string | null;
}

/** The rows themselves, read without the page's code. */
const rows = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<StoredMessage[]>((resolve, reject) => {
        const request = indexedDB.open('hypnos-history');
        request.onerror = () => {
          reject(request.error ?? new Error('open failed'));
        };
        request.onsuccess = () => {
          const all = request.result.transaction('messages').objectStore('messages').getAll();
          all.onsuccess = () => {
            request.result.close();
            resolve(all.result as StoredMessage[]);
          };
        };
      }),
  );

test('twenty kills lose no question and no answer', { timeout: 1_200_000 }, async () => {
  const site = await startSite({ override: await scriptedEngine() });
  const profile = await createProfile();
  /** By question: how many pieces of its answer must be stored. */
  const owed = new Map<string, number>();
  try {
    for (let round = 0; round <= KILLS; round += 1) {
      // Tall: the list draws no more conversations than fit.
      const browser = await launchBrowser({ profile: profile.path, viewport: { width: 1280, height: 1600 } });
      const page = await browser.newPage(site.url);
      await waitForPhase(page, 'ready');
      const list = page.getByRole('navigation', { name: '对话' }).getByRole('link');
      await expect.poll(() => list.count()).toBe(owed.size);
      await expect
        .poll(
          async () => (await rows(page)).filter(({ finishReason }) => finishReason === 'interrupted').length,
        )
        .toBe(owed.size);
      const stored = await rows(page);
      for (const [question, pieces] of owed) {
        const at = stored.findIndex(({ text }) => text === question);
        expect(at, `${question} after kill ${round}`).not.toBe(-1);
        const answer = stored.find(
          (message) =>
            message.role === 'assistant' && (message as { parentId?: string }).parentId === stored[at]?.id,
        );
        expect(answer?.text.match(/第\d+段/g)?.length ?? 0, `answer to ${question}`).toBeGreaterThanOrEqual(
          pieces,
        );
      }
      if (round === KILLS) {
        await browser.close();
        break;
      }
      const question = `第${round}轮 #tokens 100000 #rate ${RATE}`;
      await composer(page).fill(question);
      await composer(page).press('Enter');
      const shown = async () => {
        const text = await page
          .getByRole('article', { name: /AI 生成/ })
          .first()
          .innerText();
        return text.match(/第\d+段/g)?.length ?? 0;
      };
      await expect.poll(shown).toBeGreaterThan(piecesBeforeKill(round));
      const seen = await shown();
      await browser.kill();
      owed.set(question, Math.max(0, seen - GRACE_PIECES));
    }
  } finally {
    await profile.remove();
    await site.close();
  }
});
