/**
 * The chat as a user drives it: the real page, stores and database in a real browser; only the engine's worker is
 * scripted, so that what it answers, and when, is known.
 */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launchBrowser, scriptedEngine, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { ask, composer, waitForPhase } from './support.ts';

let site: Site;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  site = await startSite({ override: await scriptedEngine() });
  browser = await launchBrowser();
  await browser.context.grantPermissions(['clipboard-read', 'clipboard-write']);
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});
beforeEach(async () => {
  await page?.close();
  page = await browser.newPage(site.url);
  await waitForPhase(page, 'ready');
});

const answers = () => page.getByRole('article', { name: /AI 生成/ });
const questions = () => page.getByRole('article', { name: '您的提问' });
const send = async (text: string) => {
  await composer(page).fill(text);
  await composer(page).press('Enter');
};
/** A question that makes the scripted engine answer exactly this. */
const answering = (text: string, options = '') =>
  `${options} #text ${Buffer.from(text, 'utf8').toString('base64')}`;
const finished = (index = 0) => answers().nth(index).getByRole('button', { name: '重新生成' }).waitFor();
const button = (name: string) => page.getByRole('button', { name, exact: true });

describe('asking', () => {
  test('an answer streams, is labelled, and has an address', async () => {
    await send('#tokens 60 #rate 40');
    const text = () => answers().first().innerText();
    await expect.poll(text).toContain('第3段');
    const early = await text();
    await expect.poll(async () => (await text()).length).toBeGreaterThan(early.length);
    await finished();
    expect(await text()).toContain('第59段');
    expect(await text()).toContain('AI 生成');
    expect(await text()).toContain('脚本引擎');
    expect(await text()).toMatch(/\d+ 字/);
    expect(page.url()).toMatch(/#\/c\/[0-9a-f-]{36}$/);
    expect(await composer(page).inputValue()).toBe('');
  });

  test('Shift+Enter makes a new line', async () => {
    await composer(page).fill('一');
    await composer(page).press('Shift+Enter');
    await composer(page).pressSequentially('二');
    expect(await composer(page).inputValue()).toBe('一\n二');
    expect(await answers().count()).toBe(0);
  });

  test('an example asks', async () => {
    await page.getByRole('button', { name: /恶性高热/ }).click();
    await finished();
    expect(await questions().first().innerText()).toContain('七氟烷');
  });

  test('a draft survives a reload', async () => {
    await ask(page, '先问一句');
    await composer(page).fill('还没写完的问题');
    await page.waitForTimeout(1000); // drafts are stored a moment after the last key
    await page.reload();
    await expect.poll(() => composer(page).inputValue()).toBe('还没写完的问题');
  });
});

describe('an answer that does not end by itself', () => {
  test('Esc stops it; continuing adds to the same message', async () => {
    await send('#tokens 400 #rate 30');
    await expect.poll(() => answers().first().innerText()).toContain('第5段');
    await page.keyboard.press('Escape');
    await finished();
    const stopped = await answers().first().innerText();
    expect(stopped).toContain('已停止');
    expect(stopped).not.toContain('第399段');
    await button('继续').click();
    await expect.poll(() => answers().first().innerText(), { timeout: 30_000 }).toContain('第100段');
    expect(await answers().count()).toBe(1);
    await button('停止 Esc').click();
    await finished();
  });

  test('a reload in the middle keeps what was written and offers to go on', async () => {
    await send('#tokens 400 #rate 20');
    await expect.poll(() => answers().first().innerText(), { timeout: 30_000 }).toContain('第40段');
    await page.reload();
    const answer = answers().first();
    await expect.poll(() => answer.innerText(), { timeout: 30_000 }).toContain('回答中断');
    // At most a second's worth may be lost.
    expect(await answer.innerText()).toContain('第15段');
    await waitForPhase(page, 'ready');
    expect(await button('继续').isEnabled()).toBe(true);
  });

  test('the length limit is told', async () => {
    await send('#long #tokens 10');
    await finished();
    expect(await answers().first().innerText()).toContain('达到单次回答长度上限');
    expect(await button('继续').isVisible()).toBe(true);
  });
});

test('turns that left the context window are marked with the answer, also after a reload', async () => {
  await send('#dropped 3');
  await finished();
  const mark = answers().first().getByRole('note').filter({ hasText: '更早的 3 轮对话已超出上下文窗口' });
  await mark.waitFor();
  await page.reload();
  await mark.waitFor();
});

describe('branches', () => {
  test('regenerating keeps both answers', async () => {
    await ask(page, '同一个问题');
    await button('重新生成').click();
    const group = answers().first().getByRole('group', { name: '第 2 个，共 2 个' });
    await group.waitFor();
    await finished();
    await group.getByRole('button', { name: '上一个分支' }).click();
    await answers().first().getByRole('group', { name: '第 1 个，共 2 个' }).waitFor();
  });

  test('an edited question starts a branch; the old one is still there', async () => {
    await ask(page, '原来的问题');
    await ask(page, '后来的问题');
    await questions().first().hover();
    await questions().first().getByRole('button', { name: '编辑并重新提问' }).click();
    const editor = page.getByRole('textbox', { name: '编辑提问' });
    await editor.fill('改过的问题');
    await editor.press('Enter');
    await expect.poll(() => answers().first().innerText()).toContain('改过的问题');
    expect(await questions().count()).toBe(1);
    await finished();
    await questions().first().getByRole('button', { name: '上一个分支' }).click();
    await expect.poll(() => questions().count()).toBe(2);
    expect(await questions().first().innerText()).toContain('原来的问题');
  });
});

describe('copying', () => {
  test('carries the AI label and the model', async () => {
    await send(answering('**丹曲林** 2.5 mg/kg\n\n- 静注'));
    await finished();
    await answers().first().getByRole('button', { name: '复制', exact: true }).click();
    await expect
      .poll(() => page.evaluate(() => navigator.clipboard.readText()))
      .toBe('丹曲林 2.5 mg/kg\n\n• 静注\n\n—— AI 生成 · 模型：脚本引擎 · 不能代替临床判断\n');
    await button('更多复制方式').click();
    await page.getByRole('menuitem', { name: '复制为 Markdown' }).click();
    await expect
      .poll(() => page.evaluate(() => navigator.clipboard.readText()))
      .toBe('**丹曲林** 2.5 mg/kg\n\n- 静注\n\n—— AI 生成 · 模型：脚本引擎 · 不能代替临床判断\n');
  });
});

describe('hostile answers', () => {
  const HOSTILE = [
    '<script>window.pwned = 1</script><img src="https://evil.example/a.png" onerror="window.pwned = 1">',
    '![track](https://evil.example/b.png) [x](javascript:window.pwned=1) [y](data:text/html,<script>1</script>)',
    '[guide](https://evil.example/path) <https://evil.example/auto>',
    '<svg onload="window.pwned=1"></svg><style>body{display:none}</style><iframe src="https://evil.example"></iframe>',
    'safe \u202Eesrever\u202C text $\\href{javascript:window.pwned=1}{x}$ $$\\def\\a{\\a\\a}\\a$$',
  ].join('\n\n');

  test('nothing runs, nothing loads, links ask first', async () => {
    const foreign: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(site.url) && !/^(?:blob|data):/.test(request.url()))
        foreign.push(request.url());
    });
    await send(answering(HOSTILE, '#piece 3'));
    await finished();
    const answer = answers().first();
    // The sources below an answer are the page's own, and lead into it.
    const active = 'img, script, style, iframe, a:not([href^="#/library/"]), form, input';
    expect(await answer.locator(active).count()).toBe(0);
    expect(await page.evaluate(() => 'pwned' in window)).toBe(false);
    expect(await answer.innerText()).toContain('⟨U+202E⟩');
    expect(await answer.innerText()).toContain('[图片：track]');
    expect(await page.locator('body').isVisible()).toBe(true);

    await answer.getByRole('button', { name: /guide/ }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.innerText()).toContain('https://evil.example/path');
    const open = dialog.getByRole('link', { name: '打开' });
    expect(await open.getAttribute('rel')).toBe('noopener noreferrer');
    await dialog.getByRole('button', { name: '取消' }).click();
    expect(browser.context.pages()).toHaveLength(browser.context.pages().length);
    expect(foreign).toEqual([]);
  });

  test('a line of 1 MB leaves the page usable', async () => {
    await send(answering('长'.repeat(350_000), '#piece 8192 #rate 1000'));
    await finished();
    const showAll = answers()
      .first()
      .getByRole('button', { name: /显示全部/ });
    expect(await showAll.innerText()).toContain('350,000');
    await showAll.click();
    await composer(page).fill('还能输入');
    expect(await composer(page).inputValue()).toBe('还能输入');
    expect((await answers().first().textContent())?.length).toBeGreaterThan(350_000);
  });
});

describe('reading along', () => {
  test('follows at the end, stays where the reader scrolled, and offers the way back', async () => {
    await page.setViewportSize({ width: 800, height: 500 });
    const lines = Array.from({ length: 1200 }, (_, index) => `第 ${index} 行\n`).join('\n');
    await send(answering(lines, '#piece 8 #rate 20'));
    const region = page.getByRole('region', { name: '对话内容' });
    const left = () => region.evaluate((node) => node.scrollHeight - node.clientHeight - node.scrollTop);
    const scrolled = () => region.evaluate((node) => node.scrollTop);
    await expect.poll(scrolled).toBeGreaterThan(500);
    await expect.poll(left).toBeLessThan(10); // between a new line and the scroll to it lies a frame

    await region.hover();
    await page.mouse.wheel(0, -400);
    await expect.poll(left).toBeGreaterThan(300);
    let top = Number.NaN;
    const hasSettled = async () => {
      const before = top;
      top = await scrolled();
      return top === before;
    };
    await expect.poll(hasSettled, { interval: 300 }).toBe(true); // the wheel scrolls smoothly
    const below = await left();
    await expect.poll(left).toBeGreaterThan(below + 100); // it went on growing below
    expect(await scrolled()).toBe(top);
    await button('回到最新').click();
    await expect.poll(left).toBeLessThan(10);
  });
});

describe('settings of a conversation', () => {
  test('are stored with it and can be reset', async () => {
    await ask(page, '一个问题');
    await button('对话设置').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: '系统提示' }).fill('请分点作答');
    const slider = dialog.getByRole('slider', { name: /temperature/ });
    await slider.focus();
    await slider.press('ArrowRight');
    await dialog.getByText('0.35').waitFor();
    await dialog.getByRole('button', { name: '完成' }).click();
    await dialog.waitFor({ state: 'hidden' }); // stored, then
    await page.reload();
    await button('对话设置').click();
    const prompt = () => dialog.getByRole('textbox', { name: '系统提示' }).inputValue();
    await expect.poll(prompt).toBe('请分点作答');
    await dialog.getByText('0.35').waitFor();
    await dialog.getByRole('button', { name: '恢复默认' }).click();
    await expect.poll(prompt).toBe('');
    await dialog.getByText('0.30').waitFor();
  });
});

describe('accessible', () => {
  for (const theme of ['light', 'dark'] as const) {
    test(`axe finds nothing (${theme})`, async () => {
      await page.emulateMedia({ colorScheme: theme });
      const violations = async () =>
        (await new AxeBuilder({ page }).analyze()).violations.map(({ id, nodes }) => [id, nodes[0]?.html]);
      expect(await violations()).toEqual([]);
      await send(
        answering(
          '## 标题\n\n| 指标 | 值 |\n|---|---|\n| 血钾 | 6.0 |\n\n`code` $x$\n\n```\ncode\n```\n\n[a](https://a.example)',
        ),
      );
      await finished();
      expect(await violations()).toEqual([]);
      await button('对话设置').click();
      await page.getByRole('dialog').waitFor();
      await page.waitForTimeout(500); // colours are judged after the fade
      expect(await violations()).toEqual([]);
    });
  }
});
