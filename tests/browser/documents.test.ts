/** The hospital's documents in the real page: imported, found with their page, replaced, deleted; killed half-way. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HOSTILE_DOCUMENTS, makeDocx, makeHandbook, makePdf } from '../fixtures/documents.ts';
import { createProfile, launchBrowser, scriptedEngine, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { ask, waitForPhase, waitForServiceWorker, watchLongTasks } from './support.ts';

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
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

interface File {
  readonly name: string;
  readonly body: string | Uint8Array;
}

async function choose(page: Page, files: readonly File[]): Promise<void> {
  await page.getByRole('button', { name: '导入文档…' }).waitFor();
  await expect.poll(() => page.getByRole('button', { name: '导入文档…' }).isEnabled()).toBe(true);
  await page
    .locator('input[type=file]')
    .setInputFiles(files.map(({ name, body }) => ({ name, mimeType: '', buffer: Buffer.from(body) })));
}

const listed = (page: Page) => page.getByRole('list', { name: '已导入的文档' }).getByRole('link');
const hits = (page: Page) => page.locator('[data-library-hit]');
const search = (page: Page, query: string) =>
  page.getByRole('textbox', { name: '搜索资料', exact: true }).fill(query);

describe('documents', () => {
  test('of every kind are imported, found and opened with the network cut', async () => {
    const page = await browser.newPage(`${site.url}#/library`);
    await waitForServiceWorker(page);
    await site.pause();
    isCut = true;
    const pdf = makePdf([
      {
        lines: [
          { size: 20, text: '急救车管理' },
          { size: 11, text: '急救车每班清点，封条编号登记在册。' },
        ],
      },
      { lines: [{ size: 11, text: '蓝色抽屉存放肾上腺素三十支，近效期先用。' }] },
    ]);
    const docx = await makeDocx([
      { style: '1', text: '麻醉科交接班' },
      { style: '2', text: '夜班' },
      { text: '夜班住院总负责绿色通道电话六六三八。' },
    ]);
    await choose(page, [
      { name: '本院规范.md', body: '# 备药\n\n## 罕用药\n\n紫杉烷类过敏备药放在三号柜上层。\n' },
      { name: '通知.txt', body: Buffer.from('一、安排\n周三下午两点在示教室做困难气道演练。') },
      { name: '交接班.docx', body: docx },
      { name: '急救车.pdf', body: pdf },
    ]);
    await expect.poll(() => listed(page).allInnerTexts()).toHaveLength(4);
    const expected = [
      { query: '紫杉烷 备药', title: '本院规范', heading: '备药 › 罕用药', place: '文档' },
      { query: '困难气道演练 示教室', title: '通知', heading: '一、安排', place: '文档' },
      { query: '绿色通道电话', title: '交接班', heading: '麻醉科交接班 › 夜班', place: '文档' },
      { query: '蓝色抽屉 肾上腺素三十支', title: '急救车', heading: '急救车管理', place: '第 2 页' },
    ];
    for (const { query, title, heading, place } of expected) {
      await search(page, query);
      await expect.poll(() => hits(page).first().innerText(), { message: query }).toContain(title);
      const text = await hits(page).first().innerText();
      expect(text).toContain(heading);
      expect(text).toContain(place);
    }
    await hits(page).first().click();
    await page.getByRole('heading', { name: '急救车.pdf' }).waitFor();
    await page.getByText('蓝色抽屉存放肾上腺素三十支').waitFor();
    await page.goto(`${site.url}#/library`);

    // The same name again replaces it; deleting takes it out of the search.
    await search(page, '');
    await choose(page, [{ name: '通知.txt', body: '演练改到周五上午。' }]);
    await search(page, '演练 周五');
    await expect.poll(() => hits(page).first().innerText()).toContain('周五上午');
    await search(page, '演练 示教室');
    await expect
      .poll(() =>
        hits(page)
          .allInnerTexts()
          .then((all) => all.join()),
      )
      .not.toContain('周三下午');
    await search(page, '');
    await expect.poll(() => listed(page).count()).toBe(4);
    await page.getByRole('button', { name: '删除 通知.txt' }).click();
    await page.getByRole('button', { name: '删除', exact: true }).click();
    await expect.poll(() => listed(page).count()).toBe(3);
    await search(page, '演练 周五');
    await expect
      .poll(() =>
        hits(page)
          .allInnerTexts()
          .then((all) => all.join()),
      )
      .not.toContain('周五上午');
    await page.close();
  });

  test('that cannot be read say why, and nothing is kept of them', async () => {
    const page = await browser.newPage(`${site.url}#/library`);
    await page.getByRole('button', { name: '导入文档…' }).waitFor();
    const before = 3; // As the tests before this one leave them; the list is read after the button is drawn.
    await expect.poll(() => listed(page).count()).toBe(before);
    await choose(page, [
      { name: '扫描.pdf', body: makePdf([{ lines: [] }, { lines: [] }]) },
      { name: '加密.pdf', body: makePdf([{ lines: [{ size: 11, text: '密' }] }], { encrypted: true }) },
      { name: '坏.pdf', body: '这不是 PDF' },
      { name: '坏.docx', body: '这不是 DOCX' },
      { name: '空.md', body: '\n\n' },
      { name: '程序.exe', body: 'MZ' },
    ]);
    const alerts = page.getByRole('alert');
    await expect.poll(() => alerts.count()).toBe(6);
    const texts = (await alerts.allInnerTexts()).join('\n');
    expect(texts).toContain('“扫描.pdf”是扫描件，2 页都是图片');
    expect(texts).toContain('“加密.pdf”有密码保护');
    expect(texts).toContain('“坏.pdf”已损坏');
    expect(texts).toContain('“坏.docx”已损坏');
    expect(texts).toContain('“空.md”里没有文字');
    expect(texts).toContain('不支持“程序.exe”这种文件');
    expect(await listed(page).count()).toBe(before);
    const left = await page.evaluate(async () => {
      const request = indexedDB.open('hypnos-library');
      const database = await new Promise<IDBDatabase>((resolve) => {
        request.onsuccess = () => {
          resolve(request.result);
        };
      });
      const count = database.transaction('imports').objectStore('imports').count();
      const rows = await new Promise<number>((resolve) => {
        count.onsuccess = () => {
          resolve(count.result);
        };
      });
      database.close();
      return rows;
    });
    expect(left).toBe(0);
    await page.close();
  });

  test('of a thousand pages neither freeze the page nor are lost to a kill', async () => {
    const profile = await createProfile();
    const sentence = '备用喉镜片放在七号柜最下层，编号丁丑。';
    const handbook = makeHandbook(1000, { page: 987, sentence });
    const first = await launchBrowser({ profile: profile.path, webgpu: false });
    const page = await first.newPage(`${site.url}#/library`);
    await page.getByRole('button', { name: '导入文档…' }).waitFor();
    const longTasks = await watchLongTasks(page);
    // By its path: handing over bytes would itself be a long task of the page.
    const folder = await mkdtemp(path.join(os.tmpdir(), 'hypnos-handbook-'));
    const file = path.join(folder, '手册.pdf');
    await writeFile(file, handbook);
    await expect.poll(() => page.getByRole('button', { name: '导入文档…' }).isEnabled()).toBe(true);
    await page.locator('input[type=file]').setInputFiles(file);
    const done = async (at: Page) =>
      Number(
        /正在读取 (\d+) \/ 1000/.exec(await at.getByRole('list', { name: '正在导入' }).innerText())?.[1],
      );
    await expect.poll(() => done(page).catch(() => 0)).toBeGreaterThan(100);
    console.log('longest tasks, ms', await longTasks());
    await first.kill();

    const second = await launchBrowser({ profile: profile.path, webgpu: false });
    const again = await second.newPage(`${site.url}#/library`);
    // It goes on by itself, from where it was.
    await expect.poll(() => done(again).catch(() => 0)).toBeGreaterThan(90);
    await expect.poll(() => listed(again).allInnerTexts(), { timeout: 180_000 }).toEqual(['手册.pdf']);
    await search(again, '备用喉镜片 七号柜');
    await expect.poll(() => hits(again).first().innerText()).toContain('第 987 页');
    await second.close();
    await profile.remove();
    await rm(folder, { recursive: true, force: true });
  });
});

describe('hostile documents', () => {
  test('change neither label nor sources nor another conversation, and nothing of them is drawn', async () => {
    const fresh = await launchBrowser();
    const page = await fresh.newPage(site.url);
    await waitForPhase(page, 'ready');
    await ask(page, '别的对话');
    const other = page.url();
    const before = await page.getByRole('article', { name: /AI 生成/ }).innerText();

    await page.goto(`${site.url}#/library`);
    await choose(
      page,
      HOSTILE_DOCUMENTS.map(({ name, text }) => ({ name, body: text })),
    );
    await expect.poll(() => listed(page).count(), { timeout: 180_000 }).toBe(HOSTILE_DOCUMENTS.length);
    await page.goto(`${site.url}#/`);
    await ask(page, '甲硝西泮氟烷的诱导剂量是多少？');
    const answer = page.getByRole('article', { name: /AI 生成/ }).last();
    const panel = page.getByRole('region', { name: '这个回答的资料' }).last();
    await panel.getByText('甲硝西泮氟烷').first().waitFor();
    expect(await answer.innerText()).toContain('AI 生成');
    expect(await panel.locator('script, img, iframe, a[href^="http"], a[href^="javascript"]').count()).toBe(
      0,
    );
    expect(await panel.innerText()).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
    await page.goto(other);
    await expect.poll(() => page.getByRole('article', { name: /AI 生成/ }).innerText()).toBe(before);

    // Erasing everything takes the documents too.
    await page.goto(`${site.url}#/settings`);
    await page.getByRole('button', { name: '清除…' }).click();
    await page.getByRole('textbox', { name: /输入/ }).fill('清除');
    const reloaded = page.waitForEvent('load');
    await page.getByRole('button', { name: '全部清除' }).click();
    await reloaded;
    await page.goto(`${site.url}#/library`);
    await page.getByText('还没有导入文档').waitFor();
    await page.close();
    await fresh.close();
  });
});
