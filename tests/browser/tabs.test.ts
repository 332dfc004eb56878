/** Several tabs of the real page, one engine: who answers, who follows, who takes over. The engine is scripted. */
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchBrowser, scriptedEngine, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { ask, composer, waitForPhase } from './support.ts';

let site: Site;
let browser: Browser;
let holder: Page;
let other: Page;

beforeAll(async () => {
  site = await startSite({ override: await scriptedEngine() });
});
afterAll(() => site?.close());
beforeEach(async () => {
  browser = await launchBrowser();
  holder = await browser.newPage(site.url);
  await waitForPhase(holder, 'ready');
  other = await browser.newPage(site.url);
  await other.getByText('模型正在另一个标签页中使用').waitFor();
});
afterEach(() => browser?.close());

const answers = (page: Page) => page.getByRole('article', { name: /AI 生成/ });
const startLong = async (page: Page, text = '#tokens 5000 #rate 30') => {
  await composer(page).fill(text);
  await composer(page).press('Enter');
  await expect.poll(() => answers(page).first().innerText()).toContain('第20段');
};

test('one tab answers, the other reads along in its list and in the conversation', async () => {
  await startLong(holder);
  await other.getByRole('link', { name: /tokens 5000/ }).click();
  await expect.poll(() => answers(other).first().innerText()).toContain('第20段');
  const early = (await answers(other).first().innerText()).length;
  await expect.poll(async () => (await answers(other).first().innerText()).length).toBeGreaterThan(early);
});

test('asked for, the engine moves when the answer has ended, and the other tab answers', async () => {
  await ask(holder, '先在这里问');
  await other.getByRole('button', { name: '在此标签页使用' }).click();
  await waitForPhase(other, 'ready');
  await ask(other, '再在那里问');
  await expect.poll(() => answers(other).first().innerText()).toContain('再在那里问');
  await holder.getByText('模型正在另一个标签页中使用').waitFor();
});

test('asked for in the middle of an answer: it is written to its own end first, and nothing calls it cut', async () => {
  await startLong(holder, '#tokens 90 #rate 30');
  await other.getByRole('button', { name: '在此标签页使用' }).click();
  await waitForPhase(other, 'ready');
  const answer = await answers(holder).first().innerText();
  expect(answer).toContain('第89段');
  expect(answer).not.toMatch(/已停止|回答中断/);
});

test('the holder closes: the other takes over by itself', async () => {
  await holder.close();
  await waitForPhase(other, 'ready');
  await ask(other, '接手之后');
  await expect.poll(() => answers(other).first().innerText()).toContain('接手之后');
});

test('the holder dies in the middle of an answer: the other takes over, the answer is kept and can go on', async () => {
  await startLong(holder);
  const url = holder.url();
  await other.goto(url);
  await expect.poll(() => answers(other).first().innerText()).toContain('第20段');
  const session = await browser.context.newCDPSession(holder);
  void session.send('Page.crash').catch(() => undefined);
  await other.getByText('回答中断').waitFor();
  expect(await answers(other).first().innerText()).toContain('第20段');
  await waitForPhase(other, 'ready');
  await other.getByRole('button', { name: '继续', exact: true }).click();
  await waitForPhase(other, 'generating');
  await expect.poll(async () => (await answers(other).first().innerText()).split('第0段').length).toBe(3);
});
