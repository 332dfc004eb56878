/** The keyboard alone: what opens over the page or in place keeps the focus, and Escape gives it back to what opened it. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seedHistory } from '../screenshots.seed.mjs';
import { openScriptedPage } from './support.ts';
import type { ScriptedPage } from './support.ts';

const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };
const SEEDED = '恶性高热的首要处理';

let scripted: ScriptedPage;
let page: Page;

beforeAll(async () => {
  scripted = await openScriptedPage('#/settings');
  ({ page } = scripted);
  const file = path.join(scripted.browser.profile, 'seed.json');
  await writeFile(file, seedHistory(Date.now()));
  await page.locator('input[type=file]').setInputFiles(file);
  await page.getByText('已添加').waitFor();
  await page.goto(`${scripted.site.url}#/library`);
  await page.getByRole('button', { name: '导入文档…', disabled: false }).waitFor();
  await page
    .locator('input[type=file]')
    .setInputFiles({ name: '值班.md', mimeType: '', buffer: Buffer.from('# 值班\n\n每班清点急救车。') });
  await page.getByRole('button', { name: '删除 值班.md' }).waitFor();
});
afterAll(() => scripted?.close());

const button = (name: string) => page.getByRole('button', { name, exact: true });

async function openSeeded(): Promise<void> {
  await page.getByRole('link', { name: SEEDED }).click();
  await page.getByRole('article').first().waitFor();
}

interface Surface {
  readonly name: string;
  readonly hash: string;
  readonly viewport?: typeof WIDE;
  /** Presses of Escape until it is closed; 1. */
  readonly escapes?: number;
  readonly before?: () => Promise<unknown>;
  readonly opener: () => Locator;
  /** After the opener's Enter: what leads on to the surface. */
  readonly then?: () => Promise<unknown>;
  readonly surface: () => Locator;
  /** Absent: a field in place, which Tab leaves. */
  readonly traps?: true;
  /** Absent: the opener. */
  readonly back?: () => Locator;
}

const SURFACES: readonly Surface[] = [
  {
    name: 'the shortcut sheet',
    hash: '#/settings',
    opener: () => page.getByRole('button', { name: /^快捷键/ }),
    surface: () => page.getByRole('dialog', { name: '快捷键' }),
    traps: true,
  },
  {
    name: 'the dialog that erases everything',
    hash: '#/settings',
    opener: () => button('清除…'),
    surface: () => page.getByRole('dialog'),
    traps: true,
  },
  {
    name: 'the list of languages',
    hash: '#/settings',
    opener: () => page.getByRole('combobox').first(),
    surface: () => page.getByRole('listbox'),
  },
  {
    name: 'the dialog that deletes a document',
    hash: '#/library',
    opener: () => button('删除 值班.md'),
    surface: () => page.getByRole('dialog'),
    traps: true,
  },
  {
    name: 'the settings of a conversation',
    hash: '#/',
    before: openSeeded,
    opener: () => button('对话设置'),
    surface: () => page.getByRole('dialog', { name: '对话设置' }),
    traps: true,
  },
  {
    name: 'the menu that exports a conversation',
    hash: '#/',
    before: openSeeded,
    opener: () => button('导出对话'),
    surface: () => page.getByRole('menu'),
  },
  {
    name: 'the menu of a conversation in the sidebar',
    hash: '#/',
    opener: () => button(`“${SEEDED}”的操作`),
    surface: () => page.getByRole('menu'),
  },
  {
    name: 'the title of a conversation in the sidebar',
    hash: '#/',
    opener: () => button(`“${SEEDED}”的操作`),
    then: () => page.getByRole('menuitem', { name: '重命名' }).press('Enter'),
    surface: () => page.getByRole('textbox', { name: '新标题' }),
    back: () => page.getByRole('link', { name: SEEDED }),
  },
  {
    name: 'the title of the conversation on screen',
    hash: '#/',
    before: openSeeded,
    opener: () => button('重命名对话'),
    surface: () => page.getByRole('textbox', { name: '对话名称' }),
  },
  {
    name: 'a question that is edited',
    hash: '#/',
    before: openSeeded,
    opener: () => button('编辑并重新提问'),
    surface: () => page.getByRole('textbox', { name: '编辑提问' }),
  },
  {
    name: 'the drawer of a narrow window',
    hash: '#/models',
    viewport: PHONE,
    opener: () => button('打开侧栏'),
    surface: () => page.getByRole('dialog', { name: '侧栏' }),
    traps: true,
    // The first closes the hint of the control that has the focus.
    escapes: 2,
  },
];

const hasFocus = (locator: Locator) => locator.evaluate((element) => element === document.activeElement);
const holdsFocus = (locator: Locator) =>
  locator.evaluate((element) => element.contains(document.activeElement));

describe('the focus', () => {
  test.each(SURFACES)(
    '$name',
    async ({ hash, viewport = WIDE, before, opener, then, surface, traps, back, escapes = 1 }) => {
      await page.setViewportSize(viewport);
      await page.goto(`${scripted.site.url}${hash}`);
      await before?.();
      await opener().focus();
      await page.keyboard.press('Enter');
      await then?.();
      await surface().waitFor();
      await expect.poll(() => holdsFocus(surface())).toBe(true);
      if (traps) {
        const stops = await surface()
          .locator(':is(a[href], button, input, textarea):not([tabindex="-1"])')
          .count();
        for (let step = 0; step <= stops; step += 1) {
          await page.keyboard.press('Tab');
          await expect.poll(() => holdsFocus(surface())).toBe(true);
        }
      }
      for (let press = 0; press < escapes; press += 1) await page.keyboard.press('Escape');
      await surface().waitFor({ state: 'detached' });
      await expect.poll(() => hasFocus((back ?? opener)()), { timeout: 10_000 }).toBe(true);
    },
  );
});
