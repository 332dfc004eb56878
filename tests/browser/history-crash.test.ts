/**
 * The browser killed (SIGKILL) in the middle of an answer, twenty times on one profile: what was acknowledged is there,
 * at most the newest text of the open answer is missing, and the history opens.
 */
import { expect, it } from 'vitest';
import { createProfile, launchBrowser } from './harness.ts';
import type {} from './pages/history.ts';
import { startHistorySite } from './pages/historySite.ts';

const KILLS = 20;
/** Spread over asking and writing; the same every run. */
const pauseBeforeKill = (round: number) => 60 + ((round * 97) % 500);

it(`twenty kills lose no acknowledged message`, { timeout: 600_000 }, async () => {
  const site = await startHistorySite();
  const profile = await createProfile();
  /** By message: the text that was acknowledged last. */
  const acknowledged = new Map<string, string>();
  try {
    for (let round = 0; round <= KILLS; round += 1) {
      const browser = await launchBrowser({ profile: profile.path, webgpu: false });
      const page = await browser.newPage();
      let writes = 0;
      await page.exposeFunction('acknowledged', (_kind: string, id: string, text: string) => {
        acknowledged.set(id, text);
        writes += 1;
      });
      await page.goto(site.page);
      const found = await page.evaluate(async () => {
        window.test.open();
        const { history } = window.test;
        const closed = await history.closeInterruptedAnswers();
        const file = JSON.parse(await (await history.exportJson()).text()) as {
          conversations: { messages: { id: string; text: string; finishReason: string | null }[] }[];
        };
        return { closed, messages: file.conversations.flatMap(({ messages }) => messages) };
      });
      const stored = new Map(found.messages.map((message) => [message.id, message]));
      const lost = [...acknowledged].filter(([id, text]) => !stored.get(id)?.text.startsWith(text));
      expect(
        lost,
        `of ${acknowledged.size} acknowledged, ${stored.size} stored, after kill ${round}`,
      ).toEqual([]);
      if (round > 0)
        expect(found.messages.filter(({ finishReason }) => finishReason === 'interrupted')).not.toEqual([]);
      if (round === KILLS) {
        expect(found.messages.length).toBeGreaterThanOrEqual(2 * KILLS);
        await browser.close();
        break;
      }
      // Not awaited: it writes until the browser is gone.
      void page
        .evaluate(async (number) => {
          const { history } = window.test;
          for (;;) {
            const text = `第${number}轮的问题`;
            const { question, answer } = await history.ask(
              { conversationId: null, parentId: null, text },
              { model: null },
            );
            await window.acknowledged?.('question', question.id, text);
            let written = '';
            for (let step = 0; step < 400; step += 1) {
              written += `第${step}段，`;
              await history.writeAnswerText(answer.id, written);
              await window.acknowledged?.('text', answer.id, written);
            }
          }
        }, round)
        .catch(() => undefined);
      await expect.poll(() => writes).toBeGreaterThan(2);
      await new Promise((resolve) => setTimeout(resolve, pauseBeforeKill(round)));
      await browser.kill();
    }
  } finally {
    await profile.remove();
    await site.close();
  }
});
