/** The CPU engine in the real page with its real worker: what a first visit measures. */
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
