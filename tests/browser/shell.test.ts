/** The frame around the chat, in a real browser under the real policy; the engine is scripted. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { seedHistory } from '../screenshots.seed.mjs';
import { launchBrowser, scriptedEngine, startSite } from './harness.ts';
import type { Browser, Override, Site } from './harness.ts';
import { ask, composer, waitForPhase, waitForServiceWorker } from './support.ts';

/** One text for all tests: imported again it adds nothing. */
const SEED = seedHistory(Date.now());

let site: Site;
let browser: Browser;
/** Set by a test to serve another service worker than the built one. */
let serviceWorker: Override | undefined;

beforeAll(async () => {
  const engine = await scriptedEngine();
  site = await startSite({ override: (file) => (file === '/sw.js' ? serviceWorker : engine(file)) });
  browser = await launchBrowser();
});
// A page that a failed test left open would hold the engine.
afterEach(async () => {
  const pages = browser.context.pages().filter((page) => page.url().startsWith(site.url));
  await Promise.all(pages.map((page) => page.close()));
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

async function importFile(page: Page, text: string): Promise<void> {
  const file = path.join(browser.profile, `import-${Math.random()}.json`);
  await writeFile(file, text);
  await page.goto(`${site.url}#/settings`);
  await page.locator('input[type=file]').setInputFiles(file);
}

async function openSeeded(): Promise<Page> {
  const page = await browser.newPage(`${site.url}#/settings`);
  await importFile(page, SEED);
  await page
    .getByText(/已添加|没有改动/)
    .first()
    .waitFor();
  return page;
}

const sidebar = (page: Page) => page.getByRole('complementary', { name: '侧栏' });
const rows = (page: Page) => sidebar(page).locator('a[data-row]');

describe('screens', () => {
  test('every address opens its screen, an unknown one the start', async () => {
    const page = await browser.newPage(`${site.url}#/models`);
    await page.getByRole('heading', { level: 1, name: '模型' }).waitFor();
    await page.goto(`${site.url}#/settings`);
    await page.getByRole('heading', { level: 1, name: '设置' }).waitFor();
    await page.goto(`${site.url}#/device`);
    await page.getByRole('heading', { level: 1, name: '本机' }).waitFor();
    await page.goto(`${site.url}#/nowhere`);
    await composer(page).waitFor();
    expect(new URL(page.url()).hash).toBe('#/');
    await page.close();
  });

  test('a question on the start gets an address and a row; the address opens it again', async () => {
    const page = await browser.newPage(site.url);
    await ask(page, '罗库溴铵的起效时间？');
    await expect.poll(() => new URL(page.url()).hash).toMatch(/^#\/c\/[0-9a-f-]{36}$/);
    await rows(page).filter({ hasText: '罗库溴铵' }).waitFor();
    const { hash } = new URL(page.url());
    await page.reload();
    expect(new URL(page.url()).hash).toBe(hash);
    await page.getByRole('article').filter({ hasText: '罗库溴铵' }).first().waitFor();
    expect(await page.title()).toContain('罗库溴铵');
    await page.close();
  });

  test('only a screen scrolls, never the frame around it', async () => {
    const page = await browser.newPage(`${site.url}#/models`);
    const last = page.getByRole('heading', { level: 2 }).last();
    await last.waitFor();
    await last.evaluate((heading) => {
      heading.scrollIntoView();
    });
    const title = await page.getByRole('heading', { level: 1, name: '模型' }).boundingBox();
    expect(title?.y).toBeGreaterThanOrEqual(0);
    expect((await sidebar(page).boundingBox())?.y).toBe(0);
    await page.close();
  });

  test('the policy is kept by all of them', async () => {
    const page = await openSeeded();
    const violations: string[] = [];
    await page.exposeFunction('report', (text: string) => violations.push(text));
    await page.evaluate(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        void (window as unknown as { report: (text: string) => void }).report(
          `${event.violatedDirective} ${event.blockedURI} ${event.sample}`,
        );
      });
    });
    for (const address of ['#/', '#/models', '#/settings', '#/device'])
      await page.goto(`${site.url}${address}`);
    await page.getByRole('combobox').first().or(page.getByRole('button').first()).waitFor();
    await page.goto(`${site.url}#/settings`);
    await page.getByRole('combobox', { name: '外观' }).click();
    await page.getByRole('option', { name: '跟随系统' }).click();
    await rows(page).first().hover();
    await page
      .getByRole('button', { name: /的操作/ })
      .first()
      .click();
    await page.keyboard.press('Escape');
    expect(violations).toEqual([]);
    await page.close();
  });
});

test('a GPU that is lost twice: the CPU is offered, taken with one button and remembered', async () => {
  const page = await browser.newPage(site.url);
  const offer = page.getByRole('button', { name: '改用处理器' });
  const banner = page.getByRole('alert').filter({ hasText: '图形处理器又中断了' });
  await waitForPhase(page, 'ready');
  const engineOf = () =>
    page.evaluate(
      () => (JSON.parse(localStorage.getItem('hypnos.settings') ?? '{}') as { engine?: string }).engine,
    );
  const lose = async (times: number) => {
    await composer(page).fill('#tokens 20 #lost 2');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.getByText('#tokens 20 #lost 2').count()).toBeGreaterThanOrEqual(times);
    await expect.poll(() => page.getByText('回答中断').count(), { timeout: 30_000 }).toBe(times);
    await waitForPhase(page, 'ready');
  };
  await lose(1);
  expect(await banner.count()).toBe(0);
  await lose(2);
  await banner.waitFor();
  await offer.click();
  await banner.waitFor({ state: 'detached' });
  expect(await engineOf()).toBe('wllama');
  await waitForPhase(page, 'ready');
  await page.getByText('CPU', { exact: true }).first().waitFor();
  await page.reload();
  await waitForPhase(page, 'ready');
  expect(await banner.count()).toBe(0);
  await page.evaluate(() => localStorage.removeItem('hypnos.settings'));
  await page.close();
});

describe('the list', () => {
  test('renames, pins, deletes and takes back', async () => {
    const page = await openSeeded();
    const menu = async (title: string, entry: string) => {
      await rows(page).filter({ hasText: title }).hover();
      await page.getByRole('button', { name: `“${title}”的操作` }).click();
      await page.getByRole('menuitem', { name: entry }).click();
    };
    await menu('剖宫产腰麻后低血压', '重命名');
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('INPUT');
    await page.keyboard.type('腰麻后低血压的处理');
    await page.keyboard.press('Enter');
    await rows(page).filter({ hasText: '腰麻后低血压的处理' }).waitFor();

    await menu('OSA 患儿扁桃体术后', '置顶');
    await expect
      .poll(async () => (await sidebar(page).getByRole('listitem').allInnerTexts()).slice(0, 3).join())
      .toMatch(/^置顶,.*OSA 患儿扁桃体术后/);

    await rows(page).filter({ hasText: '困难气道' }).click();
    await page.getByRole('article').first().waitFor();
    await page.keyboard.press('Control+Alt+Backspace');
    await page.getByText('已删除“困难气道：评估与备案”').waitFor();
    await expect.poll(() => new URL(page.url()).hash).toBe('#/');
    expect(await rows(page).filter({ hasText: '困难气道' }).count()).toBe(0);
    await page.getByRole('button', { name: '撤销' }).click();
    await rows(page).filter({ hasText: '困难气道' }).waitFor();
    await expect.poll(() => new URL(page.url()).hash).toMatch(/^#\/c\//);
    await page.close();
  });

  test('search shows hits with their words marked and leads to the message', async () => {
    const page = await openSeeded();
    await page.goto(site.url);
    await composer(page).waitFor();
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.keyboard.press('Control+Alt+f');
    await page.keyboard.type('丹曲林');
    const hits = sidebar(page).locator('[data-hit]');
    await hits.first().waitFor();
    expect(await hits.first().locator('mark').allInnerTexts()).toContain('丹曲林');
    await page.keyboard.press('Enter');
    await page.getByRole('article').filter({ hasText: '丹曲林' }).first().waitFor();
    await page.keyboard.press('Control+Alt+f');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('没有这样的词');
    await sidebar(page).getByText('没有找到').waitFor();
    await page.close();
  });

  test('a thousand conversations put a screenful of rows into the page; the arrow keys reach them', async () => {
    const page = await browser.newPage(`${site.url}#/settings`);
    const uuid = (n: number) => `11111111-0000-4000-8000-${String(n).padStart(12, '0')}`;
    const conversations = Array.from({ length: 1000 }, (_, n) => ({
      id: uuid(n),
      title: `病例 ${n}`,
      createdAt: 1.7e12 - n * 3_600_000,
      updatedAt: 1.7e12 - n * 3_600_000,
      pinned: false,
      activeLeafId: null,
      systemPrompt: null,
      sampling: null,
      messages: [],
    }));
    await importFile(page, JSON.stringify({ format: 'hypnos-history/1', conversations }));
    await page.getByText('已添加 1000 个对话').waitFor({ timeout: 60_000 });
    await rows(page).first().focus();
    expect(await rows(page).count()).toBeLessThan(60);
    await page.keyboard.press('End');
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.textContent), { timeout: 10_000 })
      .toBe('病例 999');
    await page.keyboard.press('ArrowUp');
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('病例 998');
    await page.close();
  });
});

describe('keys', () => {
  test('the sheet lists them, Escape closes it and gives the focus back', async () => {
    const page = await browser.newPage(`${site.url}#/settings`);
    await page.getByRole('heading', { level: 1, name: '设置' }).waitFor();
    await page.keyboard.press('?');
    const sheet = page.getByRole('dialog', { name: '快捷键' });
    await sheet.waitFor();
    expect(await sheet.getByText('Ctrl Alt N').count()).toBe(1);
    await page.keyboard.press('Control+Alt+m');
    expect(new URL(page.url()).hash).toBe('#/settings');
    await page.keyboard.press('Escape');
    await sheet.waitFor({ state: 'detached' });
    await page.keyboard.press('Control+Alt+m');
    await page.getByRole('heading', { level: 1, name: '模型' }).waitFor();
    await page.keyboard.press('Control+Alt+n');
    await composer(page).waitFor();
    await expect.poll(() => composer(page).evaluate((field) => field === document.activeElement)).toBe(true);
    await composer(page).fill('');
    await page.keyboard.type('/?i');
    expect(await composer(page).inputValue()).toBe('/?i');
    await composer(page).fill('');
    await page.close();
  });

  test('fold the sidebar; its choice outlives the page', async () => {
    const page = await browser.newPage(site.url);
    await sidebar(page).waitFor();
    await page.keyboard.press('Control+Alt+b');
    await sidebar(page).waitFor({ state: 'detached' });
    await page.reload();
    await page.getByRole('button', { name: '打开侧栏' }).click();
    await sidebar(page).waitFor();
    await page.close();
  });
});

describe('a narrow window', () => {
  test('has the sidebar in a drawer that closes with a choice', async () => {
    const page = await openSeeded();
    await page.setViewportSize({ width: 360, height: 740 });
    await page.getByRole('button', { name: '打开侧栏' }).click();
    const drawer = page.getByRole('dialog', { name: '侧栏' });
    await drawer.getByRole('link', { name: '恶性高热的首要处理' }).click();
    await drawer.waitFor({ state: 'detached' });
    await page.getByRole('article').first().waitFor();
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
    await page.close();
  });
});

describe('settings', () => {
  test('language and theme change at once and are there before the first paint of the next visit', async () => {
    const page = await browser.newPage(`${site.url}#/settings`);
    const choose = async (label: string, option: string) => {
      await page.getByRole('combobox', { name: label }).click();
      await page.getByRole('option', { name: option }).click();
    };
    await choose('外观', '深色');
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    expect(await theme()).toBe('dark');
    await choose('语言', 'English');
    await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('en');

    // Only theme.js runs: what it sets is what the first paint shows.
    const other = await browser.context.newPage();
    await other.route('**/assets/*.js', (route) => route.abort());
    await other.goto(site.url, { waitUntil: 'commit' });
    await expect.poll(() => other.evaluate(() => document.documentElement.dataset.theme)).toBe('dark');
    await other.close();

    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
    await choose('Language', '简体中文');
    await choose('外观', '跟随系统');
    expect(await theme()).toBe('light');
    await page.close();
  });

  test('what is exported is imported again without a copy; a broken file changes nothing', async () => {
    const page = await openSeeded();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'JSON', exact: true }).click();
    const file = await (await download).path();
    const exported = await readFile(file, 'utf8');
    expect((await download).suggestedFilename()).toMatch(/^Hypnos 对话 \d{4}-\d\d-\d\d\.json$/);
    await importFile(page, exported);
    await page.getByText(/没有改动/).waitFor();
    await importFile(page, '{"format": "hypnos-history/1", "conversations": [{}]}');
    await page.getByText('什么都没有导入').waitFor();
    await importFile(page, 'not json');
    await page.getByText('这不是 JSON 文件').waitFor();
    await page.close();
  });
});

describe('updates', () => {
  test('wait for the answer to end and for the word of the user', async () => {
    const page = await browser.newPage(site.url);
    await waitForServiceWorker(page);
    await waitForPhase(page, 'ready');
    await composer(page).fill('#tokens 500 #rate 5');
    await composer(page).press('Enter');
    await page.getByRole('article').filter({ hasText: '第3段' }).waitFor();

    const built = await (await fetch(`${site.url}sw.js`)).text();
    serviceWorker = { body: `${built}\n// another version`, type: 'text/javascript' };
    const waits = page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration();
      await registration?.update();
      while (!registration?.waiting) await new Promise((resolve) => setTimeout(resolve, 100));
    });
    await waits;
    await page.waitForTimeout(500);
    const banner = page.getByText('新版本已备好');
    expect(await page.locator('html').getAttribute('data-engine-phase')).toBe('generating');
    expect(await banner.count()).toBe(0);
    await page.keyboard.press('Escape');
    await banner.waitFor();

    const reloaded = page.waitForEvent('load');
    await page.getByRole('button', { name: '现在更新' }).click();
    await reloaded;
    await page.getByRole('article').filter({ hasText: '第3段' }).waitFor();
    expect(await banner.count()).toBe(0);
    await page.close();
  });
});

describe('erasing', () => {
  test('asks for a word and leaves nothing', async () => {
    const page = await openSeeded();
    await page.getByRole('button', { name: '清除…' }).click();
    const confirm = page.getByRole('button', { name: '全部清除' });
    expect(await confirm.isDisabled()).toBe(true);
    await page.getByRole('textbox', { name: '输入“清除”以确认' }).fill('清除');
    const reloaded = page.waitForEvent('load');
    await confirm.click();
    await reloaded;
    await page.getByText('还没有对话').waitFor();
    const left = await page.evaluate(async () => ({
      settings: localStorage.getItem('hypnos.settings'),
      packageFiles: (await (await caches.open('hypnos-packages-v1')).keys()).length,
    }));
    expect(left).toEqual({ settings: null, packageFiles: 0 });
    await page.close();
  });
});

describe('without WebGPU', () => {
  test('the model answers on the processor; what is missing for the graphics processor is told where it is asked for', async () => {
    const weak = await launchBrowser({ webgpu: false, args: ['--disable-gpu'] });
    const plain = await startSite();
    const page = await weak.newPage(`${plain.url}#/settings`);
    const file = path.join(weak.profile, 'seed.json');
    await writeFile(file, SEED);
    await page.locator('input[type=file]').setInputFiles(file);
    await page.getByText('已添加').waitFor();
    await page.goto(plain.url);
    expect(await ask(page, '你是谁？')).toContain('AI 生成');
    await page.goto(`${plain.url}#/models`);
    await page.getByText('正在处理器上运行').waitFor();
    await page.goto(`${plain.url}#/device`);
    await page.getByRole('heading', { name: /没有 WebGPU|没有给出可用的图形处理器/ }).waitFor();
    await page.getByRole('button', { name: '复制设备报告' }).waitFor();
    await page.getByRole('link', { name: '恶性高热的首要处理' }).click();
    await page.getByRole('article').filter({ hasText: '丹曲林' }).first().waitFor();
    await weak.close();
    await plain.close();
  });
});
