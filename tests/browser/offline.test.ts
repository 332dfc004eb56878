/** With the network cut from the second visit on: the page opens, loads the kept model, answers, and keeps its history. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser, scriptedEngine, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { ask, ENGINE_TIMEOUT_MS, waitForPhase, waitForServiceWorker } from './support.ts';

const isCpuEngine = (path: string) => /\/wllama-[\w-]+\.wasm$/.test(path);

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

  test('the engine of the processor is kept with the first visit, and left out by choice', async () => {
    const asked: string[] = [];
    const scripted = await scriptedEngine();
    const own = await startSite({
      override: (path) => {
        if (isCpuEngine(path)) asked.push(path);
        return scripted(path);
      },
    });
    const fresh = await launchBrowser();
    const page = await fresh.newPage(`${own.url}#/models`);
    await waitForPhase(page, 'ready');
    await waitForServiceWorker(page);
    expect(asked).toHaveLength(1);
    const choice = page.getByRole('switch', { name: '断网时也能用处理器运行' });
    const keptLine = page.getByText(/已保留 [\d.]+\sMB，所有模型共用/);
    await keptLine.waitFor();
    expect(await choice.isChecked()).toBe(true);

    await choice.click();
    await page.getByText(/打开后下载约/).waitFor();
    // A new version of the page does not bring it back.
    await page.evaluate(async () => {
      await (await navigator.serviceWorker.getRegistration())?.unregister();
    });
    await page.reload();
    await waitForServiceWorker(page);
    await page.getByText(/打开后下载约/).waitFor();
    expect(await choice.isChecked()).toBe(false);

    await choice.click();
    await keptLine.waitFor();
    await own.pause();
    const size = await page.evaluate(
      async (url) => (await (await fetch(url, { cache: 'reload' })).blob()).size,
      asked[0]!,
    );
    expect(size).toBeGreaterThan(5e6);
    await choice.click();
    await page.getByText(/打开后下载约/).waitFor();
    expect(await page.evaluate(() => caches.has('hypnos-cpu-engine-precache-v1'))).toBe(false);
    const devtools = await fresh.context.newCDPSession(page);
    await devtools.send('Network.clearBrowserCache');
    await choice.click();
    await page.getByText(/没有下载成功/).waitFor();
    await fresh.close();
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
