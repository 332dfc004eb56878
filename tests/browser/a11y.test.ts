/** axe finds nothing on any screen, in either theme, wide and narrow. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { seedHistory } from '../screenshots.seed.mjs';
import type { Site } from './harness.ts';
import { offences, openScriptedPage } from './support.ts';
import type { ScriptedPage } from './support.ts';

let scripted: ScriptedPage;
let site: Site;
let page: Page;

beforeAll(async () => {
  scripted = await openScriptedPage('#/settings');
  ({ site, page } = scripted);
  const file = path.join(scripted.browser.profile, 'seed.json');
  await writeFile(file, seedHistory(Date.now()));
  await page.locator('input[type=file]').setInputFiles(file);
  await page.getByText('已添加').waitFor();
});
afterAll(() => scripted?.close());

/** Opens a screen of its own chunk, and waits for it. */
const screen = (route: string, title: string) => async (): Promise<void> => {
  await page.goto(`${site.url}#/${route}`);
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
};

const STATES: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['the start', () => page.goto(`${site.url}#/`)],
  [
    'a conversation',
    async () => {
      await page.goto(`${site.url}#/`);
      await page.keyboard.press('Alt+ArrowDown');
      await page.getByRole('article').first().waitFor();
    },
  ],
  ['models', screen('models', '模型')],
  ['settings', screen('settings', '设置')],
  ['this device', screen('device', '本机')],
  [
    'the shortcut sheet',
    async () => {
      await page.goto(`${site.url}#/device`);
      await page.getByRole('heading', { level: 1, name: '本机' }).waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
    },
  ],
  [
    'erasing',
    async () => {
      await page.goto(`${site.url}#/settings`);
      await page.getByRole('button', { name: '清除…' }).click();
      await page.getByRole('dialog').waitFor();
    },
  ],
  [
    'search results',
    async () => {
      await page.goto(`${site.url}#/settings`);
      await page.getByRole('textbox', { name: '搜索对话' }).fill('血');
      await page.locator('[data-hit]').first().waitFor();
    },
  ],
];

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  test.each(STATES)('%s', async (_name, open) => {
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await open();
    await settled(page); // opening, and the change of colours, end
    expect(await offences(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    const search = page.getByRole('textbox', { name: '搜索对话' });
    await search.fill('');
    await search.blur(); // keys are commands again
  });

  test('the drawer of a narrow window', async () => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.goto(`${site.url}#/models`);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await offences(page)).toEqual([]);
    await page.getByRole('button', { name: '打开侧栏' }).click();
    await page.getByRole('dialog', { name: '侧栏' }).waitFor();
    await settled(page);
    expect(await offences(page)).toEqual([]);
    await page.keyboard.press('Escape');
  });
});

/** Resolves when what moves has come to rest, but for what moves forever. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const frame = () => new Promise(requestAnimationFrame);
    await frame();
    await frame(); // changed styles have begun their transitions
    const ending = document
      .getAnimations()
      .filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map(({ finished }) => finished));
  });
}
