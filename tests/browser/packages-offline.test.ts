/** Bringing a model without a network: install from a folder, verify, answer offline; a damaged store is noticed and repaired. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../../src/server/setup.mjs';
import { listenAsForeignWorld } from './foreignListener.ts';
import type { ForeignListener } from './foreignListener.ts';
import { launchBrowser, startSite } from './harness.ts';
import type { Browser, Override, Site } from './harness.ts';
import { ask, flipByteInStore, waitForPhase, waitForServiceWorker } from './support.ts';

const DEMO = path.join(ROOT, 'public/models/hypnos-demo');

/** A page that serves no model at all. */
const withoutModels = (file: string): Override | undefined =>
  file === '/models/index.json'
    ? {
        body: JSON.stringify({ format: 'hypnos-index/1', default: null, packages: [] }),
        type: 'application/json',
      }
    : undefined;

/** Every host name but localhost leads to it. */
let world: ForeignListener;
let site: Site;
let browser: Browser;
beforeAll(async () => {
  world = await listenAsForeignWorld();
  site = await startSite({ override: withoutModels });
  browser = await launchBrowser({ args: world.chromiumArguments });
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
  await world?.close();
});

describe('a folder from a stick', () => {
  test('is verified, installed, and answers with the network cut, also after a reload and after a repair; nothing leaves the origin', async () => {
    const page = await browser.newPage(`${site.url}#/models`);
    await waitForServiceWorker(page);
    await site.pause();
    const before = world.contacts.length;
    const requested: string[] = [];
    browser.context.on('request', (request) => requested.push(request.url()));
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

    await flipByteInStore(page, 'params_shard_0.bin');
    await page.goto(`${site.url}#/models`);
    await page.reload();
    await waitForPhase(page, 'failed');
    await card.getByRole('alert').filter({ hasText: 'params_shard_0.bin' }).waitFor();
    await page.getByTestId('repair-folder').setInputFiles(DEMO);
    await waitForPhase(page, 'ready'); // loads what it repaired
    await page.goto(site.url);
    expect(await ask(page, '你是谁？')).toContain('AI 生成');

    expect(world.contacts.slice(before)).toEqual([]);
    const foreign = requested.filter((url) => /^https?:/.test(url) && !url.startsWith(site.url));
    expect(foreign).toEqual([]);
    await page.close();
    await site.resume();
  });
});
