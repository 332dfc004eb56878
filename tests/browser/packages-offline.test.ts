/** Bringing a model without a network: install from a folder, verify, answer offline. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../../src/server/setup.mjs';
import { launchBrowser, startSite } from './harness.ts';
import type { Browser, Override, Site } from './harness.ts';
import { ask, waitForPhase, waitForServiceWorker } from './support.ts';

const DEMO = path.join(ROOT, 'public/models/hypnos-demo');

/** A page that serves no model at all. */
const withoutModels = (file: string): Override | undefined =>
  file === '/models/index.json'
    ? {
        body: JSON.stringify({ format: 'hypnos-index/1', default: null, packages: [] }),
        type: 'application/json',
      }
    : undefined;

let site: Site;
let browser: Browser;
beforeAll(async () => {
  site = await startSite({ override: withoutModels });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

describe('a folder from a stick', () => {
  test('is verified, installed, and answers with the network cut, also after a reload', async () => {
    const page = await browser.newPage(`${site.url}#/models`);
    await waitForServiceWorker(page);
    await site.pause();
    await page.getByTestId('import-folder').setInputFiles(DEMO);
    const card = page.getByRole('article', { name: /演示模型/ });
    await card.waitFor();
    await card.getByRole('button', { name: '载入', exact: true }).click();
    await waitForPhase(page, 'ready');
    await page.goto(site.url);
    expect(await ask(page, '你是谁？')).toContain('AI 生成');
    await page.reload();
    await waitForPhase(page, 'ready');
    expect(await ask(page, '丙泊酚是什么？')).toContain('AI 生成');
    await page.close();
    await site.resume();
  });
});
