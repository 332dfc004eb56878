/** The two engines in the real page with its real worker: what a first visit measures, and the comparison. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { launchBrowser, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { ask, ENGINE_TIMEOUT_MS, waitForPhase } from './support.ts';

let site: Site;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  site = await startSite();
  browser = await launchBrowser(); // software WebGPU: the page takes the processor by itself
  page = await browser.newPage(site.url);
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

const kept = () => page.evaluate(() => localStorage.getItem('hypnos.threads'));

test('a first visit answers first, and measures the threads in the pause behind it', async () => {
  await waitForPhase(page, 'ready');
  expect(await kept()).toBeNull();
  expect(await ask(page, '你是谁？')).not.toBe('');
  await expect.poll(kept, { timeout: ENGINE_TIMEOUT_MS }).not.toBeNull();
  const [measured] = JSON.parse((await kept())!) as { threads: number; cores: number }[];
  expect(measured?.threads).toBeGreaterThan(0);
  expect(measured?.cores).toBe(await page.evaluate(() => navigator.hardwareConcurrency));
});

test('both engines are compared, what ran before runs again, and the choice is remembered', async () => {
  await page.getByRole('link', { name: /^模型/ }).first().click();
  const start = page.getByRole('button', { name: '比较两种运行方式' });

  await start.click();
  await page.getByRole('button', { name: '取消', exact: true }).last().click();
  await page.getByText('已取消，原来的运行方式已恢复。').waitFor({ timeout: ENGINE_TIMEOUT_MS });
  await waitForPhase(page, 'ready');
  await page.getByText('正在处理器上运行').waitFor();

  // The package's own card shows what loads, and the way out of it that it always has.
  await start.click();
  const card = page.getByRole('article').filter({ has: page.getByRole('progressbar') });
  await card.getByRole('button', { name: '取消', exact: true }).click();
  await page.getByText('已取消，原来的运行方式已恢复。').waitFor({ timeout: ENGINE_TIMEOUT_MS });
  await waitForPhase(page, 'ready');
  await page.getByText('正在处理器上运行').waitFor();

  await start.click();
  const table = page.getByRole('table', { name: '两种运行方式的比较' });
  await table.waitFor({ timeout: 2 * ENGINE_TIMEOUT_MS });
  const rows = await table.getByRole('row').allInnerTexts();
  expect(rows).toHaveLength(5);
  for (const row of rows.slice(1)) expect(row).not.toContain('—');
  await page.getByText(/^建议用/).waitFor();
  await waitForPhase(page, 'ready');
  await page.getByText('正在处理器上运行').waitFor();
  expect(await page.evaluate(() => localStorage.getItem('hypnos.settings'))).toBeNull();

  await page.getByRole('button', { name: '用图形处理器' }).click();
  await page.getByText('正在图形处理器上运行').waitFor({ timeout: ENGINE_TIMEOUT_MS });
  expect(await page.evaluate(() => localStorage.getItem('hypnos.settings'))).toContain('"web-llm"');
  await page.getByRole('button', { name: '用处理器' }).click();
  await page.getByText('正在处理器上运行').waitFor({ timeout: ENGINE_TIMEOUT_MS });
});
