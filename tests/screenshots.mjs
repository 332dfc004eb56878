// npm run screenshots: draws the main states of the built page into public/screenshots/, and the icons from their SVGs.
//
//   built page -> a real Chromium -> example conversations imported through the settings screen -> one PNG per state
//
// The page's date is fixed, so that a picture changes only when the page does.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { createPageServer, listen } from '../src/server/serve.mjs';
import { buildPage, ROOT } from '../src/server/setup.mjs';
import { CHROMIUM_ARGUMENTS, requireChromium } from './chromium.mjs';
import { seedHistory } from './screenshots.seed.mjs';

const NOW = new Date(2026, 0, 16, 21, 40).getTime();
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

/** Asked while the pictures are taken: the answer they show is the shipped model's own. */
const LIVE = '罗库溴铵 50 mg 后 70 分钟手术结束，TOF 比值 0.6。能拔管吗？如何拮抗？';

/** Each opens an address, waits until it is drawn, and may do something first. */
const PICTURES = [
  { name: 'chat', viewport: WIDE, open: LIVE },
  { name: 'chat-dark', viewport: WIDE, theme: 'dark', open: LIVE },
  { name: 'new', viewport: WIDE, hash: '#/' },
  { name: 'models', viewport: WIDE, hash: '#/models' },
  { name: 'phone', viewport: PHONE, open: LIVE },
  {
    name: 'library',
    viewport: WIDE,
    hash: '#/library',
    steps: async (page) => {
      await page.locator('main input').first().fill('丙泊酚诱导剂量');
      await page.locator('mark').first().waitFor();
    },
  },
  {
    name: 'crisis',
    viewport: WIDE,
    hash: '#/crisis/crisis-malignant-hyperthermia',
    steps: (page) => page.getByText('丹曲林').first().waitFor(),
  },
  {
    name: 'dose-dark',
    viewport: WIDE,
    theme: 'dark',
    hash: '#/dose',
    steps: (page) => page.getByRole('button', { name: '计算并记录' }).waitFor(),
  },
];

/**
 * @param {object} options
 * @param {string} options.directory the built page
 * @param {string} options.output where the PNGs go
 * @param {readonly object[]} [options.pictures]
 */
export async function takeScreenshots({ directory, output, pictures = PICTURES }) {
  await mkdir(output, { recursive: true });
  const server = createPageServer({ directory });
  const url = await listen(server, 0);
  const profile = await mkdtemp(path.join(os.tmpdir(), 'hypnos-screenshots-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: requireChromium(),
    args: [...CHROMIUM_ARGUMENTS, '--font-render-hinting=none', '--hide-scrollbars'],
    viewport: WIDE,
    locale: 'zh-CN',
    reducedMotion: 'reduce',
  });
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    await page.clock.setSystemTime(NOW);
    await page.goto(`${url}#/settings`);
    const seed = path.join(profile, 'seed.json');
    await writeFile(seed, seedHistory(NOW));
    await page.locator('input[type=file]').setInputFiles(seed);
    await page.getByText('已添加').waitFor();
    await page.goto(`${url}#/models`);
    await page.locator('html[data-engine-phase=ready]').waitFor({ state: 'attached', timeout: 180_000 });
    // Kept, as it is on a machine that is used: the pill says so on every picture.
    await page.getByRole('switch').first().click();
    await page.getByText('已保留').first().waitFor({ timeout: 180_000 });

    await page.goto(`${url}#/`);
    await page.getByRole('textbox', { name: '提问', exact: true }).fill(LIVE);
    await page.keyboard.press('Enter');
    await page
      .getByRole('article', { name: /AI 生成/ })
      .getByRole('button', { name: '复制', exact: true })
      .waitFor({ timeout: 180_000 });

    for (const { name, viewport, theme = 'light', hash, open, steps } of pictures) {
      await page.setViewportSize(WIDE);
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      await page.goto(`${url}${hash ?? '#/'}`);
      if (open) {
        await page
          .getByRole('link', { name: open.slice(0, 10) })
          .first()
          .click();
        await page.getByRole('article').last().waitFor();
        await page.mouse.move(700, 5);
      }
      await page.setViewportSize(viewport);
      await steps?.(page);
      await page.evaluate(() => {
        document.activeElement?.blur();
        return document.fonts.ready;
      });
      await page.waitForTimeout(700);
      await page.screenshot({ path: path.join(output, `${name}.png`), scale: 'css', animations: 'disabled' });
      console.log(`${name}.png`);
    }
  } finally {
    await context.close();
    server.close();
    server.closeAllConnections();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The sizes that the web manifest names. */
const ICONS = [
  { name: 'icon-192', from: 'icon.svg', size: 192 },
  { name: 'icon-512', from: 'icon.svg', size: 512 },
  { name: 'maskable-512', from: 'maskable.svg', size: 512 },
];

/** @param {string} folder holds the SVGs and gets the PNGs */
export async function drawIcons(folder) {
  const browser = await chromium.launch({ executablePath: requireChromium(), args: CHROMIUM_ARGUMENTS });
  try {
    for (const { name, from, size } of ICONS) {
      const svg = await readFile(path.join(folder, from), 'utf8');
      const page = await browser.newPage({ viewport: { width: size, height: size } });
      await page.setContent(`<style>body{margin:0}svg{display:block;width:100vw;height:100vh}</style>${svg}`);
      await page.screenshot({ path: path.join(folder, `${name}.png`), omitBackground: true });
      await page.close();
    }
  } finally {
    await browser.close();
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await drawIcons(path.join(ROOT, 'public/icons'));
  buildPage();
  await takeScreenshots({
    directory: path.join(ROOT, 'dist'),
    output: path.join(ROOT, 'public/screenshots'),
  });
}
