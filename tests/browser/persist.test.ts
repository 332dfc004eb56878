/** When the browser is asked to keep what is stored, and that the page tells what it said. The engine is scripted. */
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ROOT } from '../../src/server/setup.mjs';
import { launchBrowser, scriptedEngine, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { ask, waitForPhase } from './support.ts';

let site: Site;
let browser: Browser;

beforeAll(async () => {
  site = await startSite({ override: await scriptedEngine() });
});
afterAll(() => site?.close());
beforeEach(async () => {
  browser = await launchBrowser();
  // Counts, and asks the browser all the same.
  await browser.context.addInitScript(() => {
    const answers: boolean[] = [];
    const persist = StorageManager.prototype.persist;
    StorageManager.prototype.persist = async function (this: StorageManager) {
      const answer = await persist.call(this);
      answers.push(answer);
      return answer;
    };
    Object.assign(globalThis, { persistAnswers: answers });
  });
});
afterEach(() => browser?.close());

const answersOf = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as { persistAnswers: boolean[] }).persistAnswers);

async function open(hash: string): Promise<Page> {
  const page = await browser.newPage(`${site.url}${hash}`);
  await waitForPhase(page, 'ready');
  return page;
}

test('not on a visit, not for one answer, but after the second; the models screen tells the answer', async () => {
  const page = await open('');
  expect(await page.evaluate(() => navigator.storage.persisted())).toBe(false);
  await ask(page, '#text 5LiA'); // 一
  expect(await answersOf(page)).toEqual([]);
  await ask(page, '#text 5LqM');
  await expect.poll(() => answersOf(page)).toHaveLength(1);
  await ask(page, '#text 5LiJ');
  const answers = await answersOf(page);
  expect(answers).toHaveLength(1);
  await page.getByRole('link', { name: /^模型/ }).first().click();
  await page.getByText(answers[0] ? '受保护' : '未获准', { exact: true }).waitFor();
});

test('with a model that is brought, whose bytes are then counted', async () => {
  const page = await open('#/models');
  const used = page.getByText(/^已用 /);
  const before = await used.innerText();
  await page.getByTestId('import-folder').setInputFiles(path.join(ROOT, 'public/models/hypnos-demo'));
  await page.getByRole('article').filter({ hasText: '从文件夹“hypnos-demo”导入' }).waitFor();
  expect(await answersOf(page)).toHaveLength(1);
  await expect.poll(() => used.innerText()).not.toBe(before);
});

test('with a document of the hospital', async () => {
  const page = await open('#/library');
  expect(await answersOf(page)).toEqual([]);
  await page
    .locator('input[type=file]')
    .setInputFiles({ name: '科室规范.md', mimeType: '', buffer: Buffer.from('# 规范\n\n术前禁食八小时。') });
  await page.getByRole('link', { name: '科室规范.md' }).waitFor();
  expect(await answersOf(page)).toHaveLength(1);
});
