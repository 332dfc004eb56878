/** The library in the real page: search without a network or a model, sources under answers, what is cited. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ROOT } from '../../src/server/setup.mjs';
import { launchBrowser, scriptedEngine, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { ask, composer, waitForPhase, waitForServiceWorker } from './support.ts';

let site: Site;
let browser: Browser;
/** A test cut the network. */
let isCut = false;

beforeAll(async () => {
  site = await startSite({ override: await scriptedEngine() });
  browser = await launchBrowser();
});
afterEach(async () => {
  if (isCut) await site.resume();
  isCut = false;
  // A page left open by a failure would hold the engine.
  await Promise.all(browser.context.pages().map((page) => page.close()));
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

const hits = (page: Page) => page.locator('[data-library-hit]');
const box = (page: Page) => page.getByRole('textbox', { name: '搜索资料', exact: true });
const sources = (page: Page) => page.getByRole('region', { name: '这个回答的资料' });

/** axe-core injects itself as a script of the page, which its policy forbids: run from outside. */
async function violations(page: Page): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page }).analyze();
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

describe('search', () => {
  test('finds by name, alias, initials and slips of typing, with the network cut', async () => {
    const first = await browser.newPage(`${site.url}#/library`);
    await waitForServiceWorker(first);
    await first.close();
    await site.pause();
    isCut = true;
    const page = await browser.newPage(site.url);
    await composer(page).waitFor();
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.keyboard.press('/');
    await box(page).waitFor();
    await expect.poll(() => box(page).evaluate((element) => element === document.activeElement)).toBe(true);
    for (const query of ['丙泊酚 诱导', '异丙酚', 'propofol', 'bbf', 'propofl', '丙伯酚']) {
      await box(page).fill(query);
      await expect.poll(() => hits(page).first().innerText(), { message: query }).toContain('丙泊酚');
    }
    await box(page).fill('丙泊酚 诱导');
    await expect.poll(() => hits(page).first().locator('mark').allInnerTexts()).toContain('丙泊酚');
    await box(page).press('Enter');
    await page.getByRole('heading', { name: '丙泊酚', exact: true }).waitFor();
    await page.getByText('未经临床审核').first().waitFor();
    expect(new URL(page.url()).hash).toMatch(/^#\/library\/drug-propofol\//);
    expect(await page.getByRole('table').first().innerText()).toContain('mg/kg');
    // Back: the same list.
    await page.getByRole('link', { name: '返回资料库' }).click();
    await expect.poll(() => box(page).inputValue()).toBe('丙泊酚 诱导');
    await box(page).fill('红烧肉的做法');
    await page.getByText('没有找到与“红烧肉的做法”有关的资料').waitFor();
    await page.close();
  });

  test('axe finds nothing, in both themes', async () => {
    const page = await browser.newPage(`${site.url}#/library`);
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      await page.goto(`${site.url}#/library`);
      await page.getByText('危象', { exact: false }).first().waitFor();
      expect(await violations(page)).toEqual([]);
      await box(page).fill('恶性高热');
      await hits(page).first().waitFor();
      expect(await violations(page)).toEqual([]);
      await box(page).fill('');
      for (const card of ['drug-propofol/dose', 'crisis-malignant-hyperthermia', 'score-apfel']) {
        await page.goto(`${site.url}#/library/${card}`);
        await page.getByRole('article').waitFor();
        expect(await violations(page)).toEqual([]);
      }
    }
    await page.close();
  });
});

describe('an answer', () => {
  test('stands beside its sources, which stay with it', async () => {
    const page = await browser.newPage(site.url);
    await waitForPhase(page, 'ready');
    await ask(page, '丙泊酚诱导剂量是多少？');
    const panel = sources(page).first();
    await panel.waitFor();
    expect(await panel.innerText()).toContain('模型没有读过');
    expect(await panel.locator('mark').first().innerText()).toContain('mg/kg');
    await page.reload();
    await sources(page).first().locator('mark').first().waitFor();
    expect(await violations(page)).toEqual([]);
    await sources(page).first().getByRole('link', { name: '查看 丙泊酚 的原文' }).first().click();
    await page.getByRole('heading', { name: '丙泊酚', exact: true }).waitFor();
    await page.goBack();
    // A question that leaves its subject out is understood from the one before.
    await ask(page, '那老年人呢？');
    await expect.poll(() => sources(page).last().innerText()).toContain('丙泊酚');
    await ask(page, '红烧肉怎么做才好吃');
    await expect.poll(() => sources(page).last().innerText()).toContain('资料库中没有找到');
    await page.close();
  });

  test('has none where the conversation does without', async () => {
    const page = await browser.newPage(site.url);
    await waitForPhase(page, 'ready');
    await page.getByRole('button', { name: '对话设置' }).click();
    await page.getByRole('switch', { name: '回答附资料' }).click();
    await page.getByRole('button', { name: '完成' }).click();
    await ask(page, '丙泊酚诱导剂量是多少？');
    expect(await sources(page).count()).toBe(0);
    await page.reload();
    await page
      .getByRole('article', { name: /AI 生成/ })
      .first()
      .waitFor();
    await page.getByRole('button', { name: '对话设置' }).click();
    expect(await page.getByRole('switch', { name: '回答附资料' }).getAttribute('aria-checked')).toBe('false');
    await page.close();
  });

  test('of a model that read them cites what was retrieved and nothing else', async () => {
    const manifest = JSON.parse(
      await readFile(path.join(ROOT, 'dist/models/hypnos-demo/hypnos-package.json'), 'utf8'),
    ) as object;
    const engine = await scriptedEngine();
    const large = await startSite({
      override: (file) =>
        file === '/models/hypnos-demo/hypnos-package.json'
          ? {
              body: JSON.stringify({ ...manifest, parameters: 7e9, context_window_size: 4096 }),
              type: 'application/json',
            }
          : engine(file),
    });
    const fresh = await launchBrowser();
    const page = await fresh.newPage(large.url);
    await waitForPhase(page, 'ready');
    const answer = '诱导用 1.5～2.5 mg/kg [1]，老年人减量【2】。另见 [9] 与 [1,8]。`a[7]` 不是引用。';
    const encoded = Buffer.from(answer).toString('base64');
    await ask(page, `丙泊酚诱导剂量是多少？ #text ${encoded} #piece 3`);
    const article = page.getByRole('article', { name: /AI 生成/ }).first();
    await expect.poll(() => sources(page).first().innerText()).toContain('模型读过以下段落');
    await expect
      .poll(() => article.getByRole('button', { name: /^\[\d+\]$/ }).allInnerTexts())
      .toEqual(['[1]', '[2]', '[1]']);
    expect(await article.innerText()).not.toContain('[9]');
    expect(await article.locator('code').allInnerTexts()).toContain('a[7]');
    expect(await sources(page).first().innerText()).toContain('已去掉 2 处引用');
    await article.getByRole('button', { name: '[2]' }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id ?? '')).toMatch(/^source-.*-2$/);
    await page.reload();
    await expect.poll(() => sources(page).first().innerText()).toContain('已去掉 2 处引用');
    await page.close();
    await fresh.close();
    await large.close();
  });
});
