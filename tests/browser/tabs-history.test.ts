/** Two tabs on one history, in a real Chromium. */
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { launchBrowser } from './harness.ts';
import type { Browser } from './harness.ts';
import type {} from './pages/history.ts';
import { startHistorySite } from './pages/historySite.ts';

let site: Awaited<ReturnType<typeof startHistorySite>>;
let browser: Browser;
let first: Page;
let second: Page;
beforeAll(async () => {
  site = await startHistorySite();
});
afterAll(() => site.close());
beforeEach(async () => {
  browser = await launchBrowser({ webgpu: false });
  const open = async () => {
    const page = await browser.newPage(site.page);
    await page.evaluate(() => {
      window.test.open();
    });
    return page;
  };
  first = await open();
  second = await open();
});
afterEach(() => browser.close());

const ask = (page: Page, text: string) =>
  page.evaluate(async (asked) => {
    const { question, answer } = await window.test.history.ask(
      { conversationId: null, parentId: null, text: asked },
      { model: null },
    );
    return { conversationId: question.conversationId, answerId: answer.id };
  }, text);
const seen = (page: Page) => page.evaluate(() => window.test.seen);
const closeInterrupted = (page: Page) => page.evaluate(() => window.test.history.closeInterruptedAnswers());

it('what one writes the other sees, while it is written', async () => {
  const { conversationId, answerId } = await ask(first, '问');
  await expect.poll(async () => (await seen(second)).conversations.map(({ title }) => title)).toEqual(['问']);
  await second.evaluate((id) => {
    window.test.watchMessages(id);
  }, conversationId);
  await first.evaluate((id) => window.test.history.writeAnswerText(id, '正在写的'), answerId);
  await expect.poll(async () => (await seen(second)).messages.at(-1)?.text).toBe('正在写的');
  expect(await second.evaluate(() => window.test.history.search('正在写'))).toHaveLength(1);
  await second.evaluate((id) => window.test.history.deleteConversation(id), conversationId);
  await expect.poll(async () => (await seen(first)).conversations.length).toBe(0);
});

it('an answer is interrupted only when the tab that writes it is gone: closed, reloaded or crashed', async () => {
  const closed = await ask(first, '关闭');
  expect(await closeInterrupted(second)).toBe(0);
  await first.close();
  await expect.poll(() => closeInterrupted(second)).toBe(1);
  const finish = (page: Page, id: string) =>
    page.evaluate(async (conversation) => (await window.test.history.getMessages(conversation)).at(-1), id);
  expect(await finish(second, closed.conversationId)).toMatchObject({
    finishReason: 'interrupted',
    text: '',
  });

  const third = await browser.newPage(site.page);
  await third.evaluate(() => {
    window.test.open();
  });
  await ask(third, '刷新');
  expect(await closeInterrupted(second)).toBe(0);
  await third.reload();
  await expect.poll(() => closeInterrupted(second)).toBe(1);

  await third.evaluate(() => {
    window.test.open();
  });
  await ask(third, '崩溃');
  expect(await closeInterrupted(second)).toBe(0);
  const session = await browser.context.newCDPSession(third);
  void session.send('Page.crash').catch(() => undefined);
  await expect.poll(() => closeInterrupted(second)).toBe(1);
});

it('erasing in one empties the other, and both go on', async () => {
  const { answerId } = await ask(first, '写到一半');
  await expect.poll(async () => (await seen(second)).conversations.length).toBe(1);
  await second.evaluate(() => window.test.history.eraseEverything());
  await expect.poll(async () => (await seen(first)).conversations.length).toBe(0);
  expect(await first.evaluate((id) => window.test.history.writeAnswerText(id, '晚到'), answerId)).toBe(false);
  await ask(first, '新的');
  await expect.poll(async () => (await seen(second)).conversations.length).toBe(1);
  expect(await second.evaluate(() => window.test.history.search('写到一半'))).toEqual([]);
});

it('when a newer version of Hypnos takes the database, the older tab writes no more and says so', async () => {
  const { answerId } = await ask(first, '问');
  const upgraded = await second.evaluate(async () => {
    window.test.history.close();
    return new Promise<string>((resolve) => {
      const request = indexedDB.open('hypnos-history', 990);
      request.onsuccess = () => {
        request.result.close();
        resolve('upgraded');
      };
      // It may be blocked for a moment, while a tab ends the reading it is at.
    });
  });
  expect(upgraded).toBe('upgraded');
  await expect.poll(async () => (await seen(first)).status).toBe('newer-version');
  const code = await first.evaluate(
    (id) => window.test.codeOf(window.test.history.writeAnswerText(id, '不该写')),
    answerId,
  );
  expect(code).toBe('history-newer-version');
  const third = await browser.newPage(site.page);
  await third.evaluate(() => {
    window.test.open();
  });
  await expect.poll(async () => (await seen(third)).status).toBe('newer-version');
  const version = await third.evaluate(async () => (await indexedDB.databases())[0]?.version);
  expect(version).toBe(990);
});
