/** Two tabs of the real page and one package store: what one tab removes or brings back, the other hears. The engine is scripted. */
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ROOT } from '../../src/server/setup.mjs';
import { launchBrowser, scriptedEngine, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { ask, storedBlobs, waitForPhase } from './support.ts';

const DEMO = path.join(ROOT, 'public/models/hypnos-demo');

let site: Site;
let browser: Browser;
beforeAll(async () => {
  site = await startSite({ override: await scriptedEngine() });
});
afterAll(() => site?.close());
beforeEach(async () => {
  browser = await launchBrowser();
});
afterEach(() => browser?.close());

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const installed = (page: Page) => page.getByRole('article').filter({ hasText: '导入 ·' });
test('a model that another tab removes is let go here, plainly, and comes back when that tab brings it back', async () => {
  const holder = await browser.newPage(`${site.url}#/models`);
  await waitForPhase(holder, 'ready');
  await holder.getByTestId('import-folder').setInputFiles(DEMO);
  await installed(holder).getByRole('button', { name: '载入', exact: true }).click();
  await installed(holder).getByText('运行中', { exact: true }).waitFor();

  const other = await browser.newPage(`${site.url}#/models`);
  await installed(other).waitFor();
  await holder.evaluate(() => {
    location.hash = '';
  });
  await ask(holder, '移除之前');

  await installed(other).getByRole('button', { name: '移除', exact: true }).click();
  await holder.getByText(/“.*”已被移除。/).waitFor();
  expect(await holder.getByRole('alert').count()).toBe(0);
  await button(holder, '载入').click(); // the one that is served with the page
  await waitForPhase(holder, 'ready');
  expect(await ask(holder, '移除之后')).toContain('移除之后');

  await holder.goto(`${site.url}#/models`);
  await holder.getByText(/^已移除：/).waitFor();
  expect(await installed(holder).count()).toBe(0);
  await button(other, '恢复').click();
  await installed(holder).waitFor();
  await expect.poll(() => holder.getByText(/^已移除：/).count()).toBe(0);
});

test('what was removed goes at the next start, also where the page before is only just closing', async () => {
  const first = await browser.newPage(`${site.url}#/models`);
  await first.getByTestId('import-folder').setInputFiles(DEMO);
  await installed(first).getByRole('button', { name: '移除', exact: true }).click();
  await first.getByText(/^已移除：/).waitFor();

  const next = await browser.context.newPage();
  // Closes the first page once the next one has asked whether it is alone.
  await next.exposeFunction('closeFirst', () => first.close());
  await next.addInitScript(() => {
    const { locks } = navigator;
    const request = locks.request.bind(locks) as (name: string, ...rest: unknown[]) => Promise<unknown>;
    Object.assign(locks, {
      request: (name: string, ...rest: unknown[]) => {
        const answer = request(name, ...rest);
        if (name === 'hypnos-packages-pages')
          void (window as unknown as { closeFirst(): Promise<void> }).closeFirst();
        return answer;
      },
    });
  });
  await next.goto(`${site.url}#/models`);
  await expect.poll(() => storedBlobs(next)).toBe(0);
  await expect.poll(() => next.getByText(/^已移除：/).count()).toBe(0);
});
