/** With the network cut from the second visit on: the page opens, loads the kept model, answers, and keeps its history. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { ask, ENGINE_TIMEOUT_MS, waitForPhase, waitForServiceWorker } from './support.ts';

let site: Site;
let browser: Browser;

beforeAll(async () => {
  site = await startSite();
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

describe('offline', () => {
  test('opens, loads, answers and remembers without a network', async () => {
    const first = await browser.newPage(`${site.url}#/models`);
    await waitForServiceWorker(first);
    await first.getByRole('switch', { name: /离线/ }).click();
    await first
      .getByText(/可离线使用|已保留/)
      .first()
      .waitFor({ timeout: ENGINE_TIMEOUT_MS });
    await first.close();

    await site.pause();
    const second = await browser.newPage(site.url);
    await waitForPhase(second, 'ready');
    const answer = await ask(second, '你是谁？');
    expect(answer).toContain('AI 生成');
    await second.close();

    const third = await browser.newPage(site.url);
    await third.getByText('你是谁？').first().waitFor();
    await third.close();
    await site.resume();
  });

  test('every response carries the policy, worker scripts included, also without our server', async () => {
    const page = await browser.newPage(site.url);
    await waitForServiceWorker(page);
    await site.pause();
    const scripts = await page.evaluate(async () => {
      const names = (await caches.keys()).filter((name) => name.includes('precache'));
      const requests = (
        await Promise.all(names.map(async (name) => (await caches.open(name)).keys()))
      ).flat();
      const urls = requests
        .map((request) => request.url.split('?')[0] ?? '')
        .filter((url) => /\.(js|html)$/.test(url));
      return Promise.all(
        urls.map(async (url) => ({ url, policy: (await fetch(url)).headers.get('content-security-policy') })),
      );
    });
    await site.resume();
    expect(scripts.some(({ url }) => url.includes('engine.worker'))).toBe(true);
    for (const { policy } of scripts)
      expect(policy).toMatch(/default-src 'none'.*require-trusted-types-for 'script'/);
    await page.close();
  });
});
