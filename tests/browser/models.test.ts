/** The manager's own buttons, on the built page with real packages in OPFS; the engine is scripted, the store is not. */
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { BlobWriter, Uint8ArrayReader, ZipWriter } from '@zip.js/zip.js';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../../src/server/setup.mjs';
import { scriptedEngine, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { flipByteInStore, offences, openScriptedPage, storedBlobs, waitForPhase } from './support.ts';
import type { ScriptedPage } from './support.ts';

const DEMO = path.join(ROOT, 'public/models/hypnos-demo');

let scripted: ScriptedPage;
let site: Site;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  scripted = await openScriptedPage('#/models');
  ({ site, browser, page } = scripted);
});
afterAll(() => scripted?.close());

/** What a button must be called, to the letter. */
const button = (name: string | RegExp) => ({ name, exact: true }) as const;
/** The demo's card: of the copy in this browser, or of the one on the server. */
const installed = () => page.getByRole('article').filter({ hasText: /导入 ·|从地址 .* 安装/ });
const served = () => page.getByRole('article').filter({ hasText: '随页面提供 ·' });

async function expectNoSidewaysScroll(): Promise<void> {
  expect(
    await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
  ).toBe(0);
}

interface NamedBytes {
  readonly name: string;
  readonly bytes: Buffer;
}

/** One .hypnos file: a zip, uncompressed. */
async function archiveOf(files: readonly NamedBytes[]): Promise<Buffer> {
  const writer = new ZipWriter(new BlobWriter());
  for (const { name, bytes } of files)
    await writer.add(name, new Uint8ArrayReader(new Uint8Array(bytes)), { level: 0 });
  return Buffer.from(await (await writer.close()).arrayBuffer());
}
async function demoFiles(): Promise<readonly NamedBytes[]> {
  const entries = await readdir(DEMO, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async ({ parentPath, name }) => {
        const file = path.join(parentPath, name);
        return { name: path.relative(DEMO, file), bytes: await readFile(file) };
      }),
  );
}
const flipped = (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at === 10 ? byte ^ 1 : byte)));

describe('bringing a package', () => {
  test('from an address of this site', async () => {
    await page.getByRole('textbox', { name: '本站地址' }).fill('models/hypnos-demo');
    await page.getByRole('button', button('从地址安装')).click();
    await installed().waitFor();
    expect(await storedBlobs(page)).toBeGreaterThan(0);
  });

  test('an address of another origin, or one without a package, is refused; nothing changes', async () => {
    const before = await storedBlobs(page);
    for (const address of ['https://elsewhere.example/model/', 'models/nothing-here/']) {
      await page.getByRole('textbox', { name: '本站地址' }).fill(address);
      await page.getByRole('button', button('从地址安装')).click();
      await page.getByRole('alert').waitFor();
    }
    expect(await storedBlobs(page)).toBe(before);
    expect(await installed().count()).toBe(1);
  });
});

describe('caring for it', () => {
  test('verify again: all is as it was', async () => {
    await installed().getByRole('button', button('重新校验')).click();
    await installed()
      .getByText(/校验通过：\d+ 个文件全部相符/)
      .waitFor();
  });

  test('a flipped bit is found; the repair fetches that file alone from the server', async () => {
    await flipByteInStore(page, 'params_shard_0.bin');
    await installed().getByRole('button', button('重新校验')).click();
    await installed()
      .getByText(/有 1 个文件损坏：params_shard_0\.bin/)
      .waitFor();
    expect(await offences(page)).toEqual([]);
    const fetched: string[] = [];
    const note = (request: { url(): string }) => fetched.push(new URL(request.url()).pathname);
    browser.context.on('request', note);
    await installed().getByRole('button', button('从服务器修复')).click();
    await installed()
      .getByText(/校验通过/)
      .waitFor();
    browser.context.off('request', note);
    const weights = fetched.filter((name) => /\.(bin|wasm)$|tokenizer\.json$/.test(name));
    expect(weights.every((name) => name.endsWith('/params_shard_0.bin'))).toBe(true);
    await installed().getByRole('button', button('重新校验')).click();
    await installed()
      .getByText(/校验通过/)
      .waitFor();
  });

  test('the context is chosen, and remembered', async () => {
    const picker = installed().getByRole('combobox', { name: '上下文长度' });
    const own = await picker.innerText();
    await picker.click();
    await page.getByRole('option').nth(1).click();
    await expect.poll(() => picker.innerText()).not.toBe(own);
    const chosen = await picker.innerText();
    await page.reload();
    await installed().waitFor();
    expect(await installed().getByRole('combobox', { name: '上下文长度' }).innerText()).toBe(chosen);
  });

  test('made the default, loaded, measured; the default stays after a reload', async () => {
    await installed().getByRole('button', button('设为默认')).click();
    await installed().getByText('默认', { exact: true }).waitFor();
    await page.reload();
    await installed().getByText('运行中', { exact: true }).waitFor(); // the default is what loads
    await installed().getByRole('button', button('测速')).click();
    await installed()
      .getByText(/本机实测：生成 [\d.,]+ 词元\/秒/)
      .waitFor();
    expect(await served().getByText('默认', { exact: true }).count()).toBe(0);
  });

  test('at 360 px everything is in reach, and axe finds nothing', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await installed().getByText('来源与许可').click();
    await expectNoSidewaysScroll();
    expect(await offences(page)).toEqual([]);
    for (const name of ['重新校验', '移除']) {
      const box = await installed().getByRole('button', button(name)).boundingBox();
      expect(box && box.x >= 0 && box.x + box.width <= 360, name).toBe(true);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  });
});

describe('letting it go', () => {
  test('removed, brought back, removed again, gone for good at the next start', async () => {
    const count = await storedBlobs(page);
    await installed().getByRole('button', button('移除')).click();
    await page.getByText(/^已移除：/).waitFor();
    expect(await installed().count()).toBe(0);
    expect(await storedBlobs(page)).toBe(count); // until the next start
    expect(await offences(page)).toEqual([]);
    await page.getByRole('button', button('恢复')).click();
    await installed().waitFor();
    await installed().getByRole('button', button('移除')).click();
    await page.getByText(/^已移除：/).waitFor();
    await page.close();
    page = await browser.newPage(`${site.url}#/models`);
    await served().waitFor();
    await expect.poll(() => storedBlobs(page)).toBe(0);
    await expect.poll(() => page.getByText(/^已移除：/).count()).toBe(0);
  });

  test('an import that broke off is shown and can be dropped', async () => {
    const files = await demoFiles();
    const broken = await archiveOf(
      files.map(({ name, bytes }) => ({ name, bytes: name === 'tokenizer.json' ? flipped(bytes) : bytes })),
    );
    await page
      .getByTestId('import-archive')
      .setInputFiles({ name: 'damaged.hypnos', mimeType: 'application/zip', buffer: broken });
    await page.getByRole('alert').filter({ hasText: 'tokenizer.json' }).waitFor();
    await page.getByText(/^未完成的导入：/).waitFor();
    expect(await storedBlobs(page)).toBeGreaterThan(0);
    await page.getByRole('button', button('放弃并删除')).click();
    await expect.poll(() => storedBlobs(page)).toBe(0);
    expect(await installed().count()).toBe(0);
  });

  test('an archive is installed, damaged, and repaired from the archive', async () => {
    const archive = {
      name: 'demo.hypnos',
      mimeType: 'application/zip',
      buffer: await archiveOf(await demoFiles()),
    };
    await page.getByTestId('import-archive').setInputFiles(archive);
    await installed().waitFor();
    await flipByteInStore(page, 'params_shard_0.bin');
    await installed().getByRole('button', button('重新校验')).click();
    await installed()
      .getByText(/有 1 个文件损坏/)
      .waitFor();
    await page.getByTestId('repair-archive').setInputFiles(archive);
    await installed()
      .getByText(/校验通过/)
      .waitFor();
    expect(await page.getByTestId('repair-archive').count()).toBe(0);
  });
});

test('erasing everything takes the installed models too', async () => {
  expect(await installed().count()).toBe(1);
  await page.goto(`${site.url}#/settings`);
  await page.getByRole('button', button('清除…')).click();
  await page.getByRole('textbox', { name: /输入/ }).fill('清除');
  const reloaded = page.waitForEvent('load');
  await page.getByRole('button', button('全部清除')).click();
  await reloaded;
  await page.goto(`${site.url}#/models`);
  await served().waitFor();
  expect(await installed().count()).toBe(0);
  expect(await storedBlobs(page)).toBe(0);
});

describe('what a graphics processor cannot do', () => {
  /** A page whose engine cannot load this way. Its port is an origin of its own: the choices made there stay there. */
  async function withFailingLoad(
    load: NonNullable<Parameters<typeof scriptedEngine>[0]>,
    action: (card: Locator, failing: Page) => Promise<void>,
  ): Promise<void> {
    const failingSite = await startSite({ override: await scriptedEngine(load) });
    const failing = await browser.newPage(`${failingSite.url}#/models`);
    try {
      await waitForPhase(failing, 'failed');
      await action(failing.getByRole('article').first(), failing);
    } finally {
      await failing.close();
      await failingSite.close();
    }
  }

  test('out of memory: half the context loads, because the user chose it, and is remembered', () =>
    withFailingLoad({ code: 'gpu-out-of-memory', roomForTokens: 1024 }, async (card, failing) => {
      await card.getByRole('alert').filter({ hasText: '显存不够' }).filter({ hasText: '上下文' }).waitFor();
      await card.getByRole('button', button(/^用 1,024 词元的上下文重试$/)).click();
      await waitForPhase(failing, 'ready');
      await failing.reload();
      await waitForPhase(failing, 'ready');
    }));

  test.each([
    ['gpu-out-of-memory', '显存不够'],
    ['shader-f16-missing', '请改用 q4f32 量化的模型'],
    ['gpu-device-lost', '图形处理器中断了连接'],
    ['webgpu-too-weak', '请换一个较小的模型'],
  ])('%s is told by its own words, and the processor takes over where the user says so', (code, words) =>
    withFailingLoad({ code }, async (card, failing) => {
      await card.getByRole('alert').filter({ hasText: words }).waitFor();
      await card.getByRole('button', button('改用处理器')).click();
      await waitForPhase(failing, 'ready');
      await failing
        .getByText(/正在处理器上运行/)
        .first()
        .waitFor();
    }),
  );
});
