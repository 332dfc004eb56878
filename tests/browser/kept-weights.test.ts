/**
 * Weights that the CPU engine keeps in this browser: really written, read, torn, damaged, out of room and removed, in a
 * real Chromium's own file system. Whether a load read what was kept shows in its stages and in what it asked the server.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEngineSite } from './enginePage.ts';
import type { EngineSite } from './enginePage.ts';
import { createProfile, launchBrowser, startSite } from './harness.ts';
import type { Browser } from './harness.ts';
import type {} from './pages/cpu.ts';
import type {} from './pages/engine.ts';
import { ENGINE_TIMEOUT_MS, storedBlobs, waitForPhase } from './support.ts';

let site: EngineSite;
beforeAll(async () => {
  site = await startEngineSite();
});
afterAll(() => site?.close());

async function withBrowser(action: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await launchBrowser({ webgpu: false });
  try {
    await action(browser);
  } finally {
    await browser.close();
  }
}

const MADE = ['manifest', 'files', 'weights', 'starting', 'ready'];
const READ = ['manifest', 'files', 'kept-weights', 'starting', 'ready'];

/** A load in a tab of its own, with a greedy answer that must always be the same one. */
async function load(browser: Browser, keepWeights = true) {
  const page = await browser.newPage(site.url);
  const asked = site.requests.length;
  await page.evaluate(
    (keep) => window.startEngine({}, { engine: 'wllama', threads: 1, keepWeights: keep }),
    keepWeights,
  );
  const result = await page.evaluate(async () => {
    const { model, error } = await window.engine.load();
    const answer = await window.engine.ask({
      turns: [{ role: 'user', content: '丙泊酚是什么？' }],
      sampling: { repetitionPenalty: 1, maxTokens: 12 },
    });
    const stages = window.engine.progress.map(({ stage }) => stage as string);
    return { error, kept: model?.weights?.kept ?? null, answer: answer.text, stages };
  });
  await page.close();
  expect(result.error).toBeNull();
  answers.add(result.answer);
  expect([...answers]).toHaveLength(1);
  const stages = result.stages.filter((stage, at) => result.stages.indexOf(stage) === at);
  // Looking for what is kept shows for a moment, where it turns out to be of no use.
  return {
    kept: result.kept,
    stages: stages.includes('weights') ? stages.filter((stage) => stage !== 'kept-weights') : stages,
    shards: site.requests.slice(asked).filter((path) => path.endsWith('.bin')).length,
  };
}
const answers = new Set<string>();

const parts = async (browser: Browser) => browser.newPage(site.cpuUrl);

/** Names below the folder of kept weights, sorted. */
const keptNames = (page: Page): Promise<readonly string[]> =>
  page.evaluate(async () => {
    const names: string[] = [];
    const root = await navigator.storage.getDirectory();
    const all = await root.getDirectoryHandle('hypnos-weights').catch(() => null);
    for await (const folder of all?.values() ?? [])
      if (folder.kind === 'directory')
        for await (const name of (folder as FileSystemDirectoryHandle).keys()) names.push(name);
    return names.sort();
  });

/** Changes one file of the kept weights as a failing disk, or another version of the page, does. */
const damage = (page: Page, name: string, kind: 'flip' | 'cut' | 'format' | 'version' | 'content') =>
  page.evaluate(
    async ([file, how]) => {
      const root = await navigator.storage.getDirectory();
      const all = await root.getDirectoryHandle('hypnos-weights');
      for await (const folder of all.values()) {
        const handle = await (folder as FileSystemDirectoryHandle).getFileHandle(file);
        let bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
        const middle = bytes.length >> 1;
        if (how === 'flip') bytes[middle] = (bytes[middle] ?? 0) ^ 1;
        else if (how === 'cut') bytes = bytes.slice(0, middle);
        else {
          const record = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
          record[how] = how === 'format' ? 0 : 'another';
          bytes = new TextEncoder().encode(JSON.stringify(record));
        }
        const writable = await handle.createWritable();
        await writable.write(bytes);
        await writable.close();
      }
    },
    [name, kind] as const,
  );

test('nothing is kept unasked; asked, one load keeps and the next one reads; the choice gone, so are they', () =>
  withBrowser(async (browser) => {
    const page = await parts(browser);
    expect(await load(browser, false)).toEqual({ kept: null, stages: MADE, shards: 1 });
    expect(await keptNames(page)).toEqual([]);

    expect(await load(browser)).toEqual({ kept: 'written', stages: MADE, shards: 1 });
    expect(await keptNames(page)).toEqual(['0', 'record.json']);
    expect(await page.evaluate(() => window.cpu.kept.bytes())).toBeGreaterThan(5e6);
    expect(await load(browser)).toEqual({ kept: 'read', stages: READ, shards: 0 });
    expect(await load(browser, false)).toEqual({ kept: null, stages: MADE, shards: 1 });

    await page.evaluate(() => window.cpu.kept.remove());
    expect(await keptNames(page)).toEqual([]);
    expect(await page.evaluate(() => window.cpu.kept.bytes())).toBeNull();
  }));

test('killed between writing and commit: made anew, with no error', async () => {
  const profile = await createProfile();
  let browser = await launchBrowser({ profile: profile.path, webgpu: false });
  try {
    const first = await parts(browser);
    expect(await first.evaluate(() => window.cpu.kept.writeUncommitted())).toBe('written');
    expect(await keptNames(first)).toEqual(['0']);
    // While another tab writes, a load neither waits for it nor disturbs it.
    expect(await load(browser)).toMatchObject({ kept: 'not-kept', stages: MADE });
    await browser.kill();

    browser = await launchBrowser({ profile: profile.path, webgpu: false });
    const page = await parts(browser);
    expect(await keptNames(page)).toEqual(['0']);
    expect(await page.evaluate(() => window.cpu.kept.bytes())).toBeNull();
    expect(await load(browser)).toMatchObject({ kept: 'written', stages: MADE });
    expect(await load(browser)).toMatchObject({ kept: 'read', stages: READ });
  } finally {
    await browser.close();
    await profile.remove();
  }
});

test('what is damaged, or of another package or format, is thrown away and made anew', () =>
  withBrowser(async (browser) => {
    const page = await parts(browser);
    await load(browser);
    const damages = [
      ['0', 'flip'],
      ['0', 'cut'],
      ['record.json', 'flip'],
      ['record.json', 'cut'],
      ['record.json', 'format'],
      ['record.json', 'version'],
      ['record.json', 'content'],
    ] as const;
    for (const [name, kind] of damages) {
      await damage(page, name, kind);
      const result = await load(browser);
      expect(result, `${kind} ${name}`).toEqual({ kept: 'written', stages: MADE, shards: 1 });
    }
    expect(await load(browser)).toEqual({ kept: 'read', stages: READ, shards: 0 });
  }));

test('no room: in memory, said, and nothing left behind; with room again they are kept', () =>
  withBrowser(async (browser) => {
    const page = await parts(browser);
    const devtools = await browser.context.newCDPSession(page);
    const { origin } = new URL(site.url);
    const { usage } = await devtools.send('Storage.getUsageAndQuota', { origin });
    for (const room of [0, 1_000_000, 5_000_000]) {
      await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + room });
      expect(await load(browser), `${room} bytes`).toMatchObject({ kept: 'no-room', stages: MADE });
      expect(await keptNames(page)).toEqual([]);
    }
    await devtools.send('Storage.overrideQuotaForOrigin', { origin });
    expect(await load(browser)).toMatchObject({ kept: 'written' });
    expect(await load(browser)).toMatchObject({ kept: 'read' });
  }));

test('two tabs that load at once, and a third that removes meanwhile: every answer is right', () =>
  withBrowser(async (browser) => {
    const page = await parts(browser);
    for (let round = 0; round < 3; round += 1) {
      const [first, second] = await Promise.all([
        load(browser),
        load(browser),
        page.evaluate(() => window.cpu.kept.remove()),
      ]);
      for (const { kept } of [first, second]) expect(['written', 'not-kept', 'read']).toContain(kept);
    }
    await load(browser);
    expect(await load(browser)).toMatchObject({ kept: 'read', stages: READ });
  }));

test('a collection leaves what is wanted, and takes what is not and what is torn', () =>
  withBrowser(async (browser) => {
    const page = await parts(browser);
    await load(browser);
    await page.evaluate(async () => window.cpu.kept.collect(['hypnos-demo']));
    expect(await keptNames(page)).toEqual(['0', 'record.json']);
    await damage(page, 'record.json', 'cut');
    await page.evaluate(async () => window.cpu.kept.collect(['hypnos-demo']));
    expect(await keptNames(page)).toEqual([]);
    await load(browser);
    await page.evaluate(async () => window.cpu.kept.collect([]));
    expect(await keptNames(page)).toEqual([]);
  }));

test('the choice on the models screen: kept with the next load, told in bytes, gone with the package', async () => {
  const built = await startSite();
  try {
    await withBrowser(async (browser) => {
      const page = await browser.newPage(`${built.url}#/models`);
      await waitForPhase(page, 'ready');
      await page.getByRole('textbox', { name: '本站地址' }).fill('models/hypnos-demo');
      await page.getByRole('button', { name: '从地址安装', exact: true }).click();
      const installed = page.getByRole('article').filter({ hasText: /从地址 .* 安装/ });
      const choice = installed.getByRole('switch', { name: '为处理器保存换算好的权重' });
      await installed.getByText(/每次载入都要重新换算权重。.*约占 [\d.]+\sMB/).waitFor();
      await choice.click();
      await installed.getByText(/下次在处理器上载入时保存/).waitFor();
      await installed.getByRole('button', { name: '载入', exact: true }).click();
      await installed.getByText(/^已保存，占用 [\d.]+\sMB。$/).waitFor({ timeout: ENGINE_TIMEOUT_MS });
      await installed.getByRole('button', { name: '卸载', exact: true }).click();
      await installed.getByRole('button', { name: '载入', exact: true }).click();
      await installed
        .getByText(/本机实测：换算 [\d.]+ 秒，读取已保存的 [\d.]+ 秒/)
        .waitFor({ timeout: ENGINE_TIMEOUT_MS });
      expect(await keptNames(page)).toEqual(['0', 'record.json']);

      await choice.click();
      await installed.getByText(/每次载入都要重新换算权重/).waitFor();
      expect(await keptNames(page)).toEqual([]);

      await choice.click();
      await installed.getByRole('button', { name: '卸载', exact: true }).click();
      await installed.getByRole('button', { name: '载入', exact: true }).click();
      await expect.poll(() => keptNames(page), { timeout: ENGINE_TIMEOUT_MS }).toEqual(['0', 'record.json']);
      await installed.getByRole('button', { name: '移除', exact: true }).click();
      await expect.poll(() => keptNames(page)).toEqual([]);
      expect(await storedBlobs(page)).toBeGreaterThan(0); // the package itself can still be brought back
    });
  } finally {
    await built.close();
  }
});
