/**
 * What the models screen does to answers and what the chat says of it, and what the page asks its server for. The real
 * page, stores, database and package store; only the engine's worker is scripted.
 */
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ROOT } from '../../src/server/setup.mjs';
import { launchBrowser, scriptedEngine, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { composer, waitForPhase } from './support.ts';

const DEMO = path.join(ROOT, 'public/models/hypnos-demo');

let site: Site;
let browser: Browser;
let page: Page;
/** Paths that the server was asked for. */
let asked: string[];

beforeAll(async () => {
  const engine = await scriptedEngine();
  site = await startSite({
    override: (file) => {
      asked.push(file);
      return engine(file);
    },
  });
});
afterAll(() => site?.close());
beforeEach(async () => {
  asked = [];
  browser = await launchBrowser();
  page = await browser.newPage(site.url);
  await waitForPhase(page, 'ready');
});
afterEach(() => browser?.close());

const answer = () => page.getByRole('article', { name: /AI 生成/ }).first();
/** The row of the models says also which one runs. */
const goTo = (name: string) =>
  page
    .getByRole('link', { name: new RegExp(`^${name}`) })
    .first()
    .click();
const dialog = () => page.getByRole('dialog', { name: '正在写一个回答' });
const imported = () => page.getByRole('article').filter({ hasText: '从文件夹“hypnos-demo”导入' });

async function startLong(): Promise<void> {
  await composer(page).fill('#tokens 5000 #rate 30');
  await composer(page).press('Enter');
  await expect.poll(() => answer().innerText()).toContain('第20段');
}
async function backToAnswer(): Promise<void> {
  await page.getByRole('link', { name: /tokens 5000/ }).click();
  await answer().waitFor();
}
/** Cut by something else than the person: said so, and offered to be continued. */
async function expectInterrupted(): Promise<void> {
  await answer().getByText('回答中断').waitFor();
  expect(await answer().innerText()).not.toContain('已停止');
  await answer().getByRole('button', { name: '继续', exact: true }).waitFor();
}
async function importDemo(): Promise<void> {
  await goTo('模型');
  await page.getByTestId('import-folder').setInputFiles(DEMO);
  await imported().waitFor();
}

test('the running model is removed in the middle of an answer: asked first, then interrupted, and the chat says which is missing', async () => {
  const missing: string[] = [];
  page.on('response', (response) => {
    if (response.status() === 404) missing.push(response.url());
  });
  await importDemo();
  expect(missing).toEqual([]);
  expect(asked).toContain('/models/trusted-keys.json');
  await page.getByText('随页面提供 · 版本').waitFor();
  await imported().getByRole('button', { name: '载入', exact: true }).click();
  await imported().getByText('运行中').waitFor();
  await page.getByRole('button', { name: /^新对话/ }).click();
  await page
    .getByText(/日导入/)
    .first()
    .waitFor(); // which of two of the same title answers
  await startLong();
  await goTo('模型');
  await imported().getByRole('button', { name: '移除', exact: true }).click();
  await dialog().getByRole('button', { name: '取消', exact: true }).click();
  await waitForPhase(page, 'generating');
  await imported().getByRole('button', { name: '移除', exact: true }).click();
  await dialog().getByRole('button', { name: '中断并移除' }).click();
  const removed = page.getByRole('listitem').filter({ hasText: '已移除：' });
  await removed.getByText('从文件夹“hypnos-demo”导入').waitFor();

  await backToAnswer();
  await expectInterrupted();
  await page.getByText(/日导入”已被移除。没有载入模型/).waitFor();
  await page.getByRole('button', { name: '载入', exact: true }).click();
  await waitForPhase(page, 'ready');
  await answer().getByRole('button', { name: '继续', exact: true }).click();
  await expect.poll(async () => (await answer().innerText()).split('第0段').length).toBe(3);
});

test('another engine is chosen in the middle of an answer: asked first, then interrupted, and the model loads again', async () => {
  await startLong();
  await goTo('模型');
  const choose = async () => {
    await page.getByRole('combobox', { name: '运行方式' }).click();
    await page.getByRole('option', { name: '处理器（CPU）' }).click();
  };
  await choose();
  await dialog().getByRole('button', { name: '取消', exact: true }).click();
  await waitForPhase(page, 'generating');
  await choose();
  await dialog().getByRole('button', { name: '中断并更换' }).click();
  await waitForPhase(page, 'ready');
  await backToAnswer();
  await expectInterrupted();
});

test('the page is loaded again in the middle of an answer: interrupted', async () => {
  await startLong();
  await page.reload();
  await expectInterrupted();
});

test('the model is unloaded by hand: the chat says that none is loaded and loads it again', async () => {
  await goTo('模型');
  await page.getByRole('button', { name: '卸载', exact: true }).click();
  await page.getByRole('button', { name: /^新对话/ }).click();
  await page.getByText('没有载入模型').waitFor();
  await page.getByRole('button', { name: '载入', exact: true }).click();
  await waitForPhase(page, 'ready');
  await expect.poll(() => page.getByText('没有载入模型').count()).toBe(0);
});

test('the list of models is read once for a start', () => {
  expect(asked.filter((file) => file === '/models/index.json')).toHaveLength(1);
});
