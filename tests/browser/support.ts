/** Steps that several browser tests take through the real page. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { launchBrowser, scriptedEngine, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';

export interface ScriptedPage {
  readonly site: Site;
  readonly browser: Browser;
  readonly page: Page;
  close(): Promise<void>;
}

/** The built page at this address, its engine scripted and ready; nothing on it moves. */
export async function openScriptedPage(hash: string): Promise<ScriptedPage> {
  const site = await startSite({ override: await scriptedEngine() });
  const browser = await launchBrowser();
  const page = await browser.newPage(`${site.url}${hash}`);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await waitForPhase(page, 'ready');
  const close = async () => {
    await browser.close();
    await site.close();
  };
  return { site, browser, page, close };
}

/** Generous: software WebGPU compiles shaders on a busy machine. */
export const ENGINE_TIMEOUT_MS = 180_000;

/** The engine's phase is on the document for tests and for styling. */
export async function waitForPhase(
  page: Page,
  phase: 'ready' | 'generating' | 'loading' | 'failed',
): Promise<void> {
  await page
    .locator(`html[data-engine-phase="${phase}"]`)
    .waitFor({ state: 'attached', timeout: ENGINE_TIMEOUT_MS });
}

export const composer = (page: Page) => page.getByRole('textbox', { name: '提问', exact: true });

/** Asks and waits until the answer has ended; returns the answer's text as shown. */
export async function ask(page: Page, question: string): Promise<string> {
  const answers = page.getByRole('article', { name: /AI 生成/ });
  const before = await answers.count();
  await composer(page).fill(question);
  await composer(page).press('Enter');
  const answer = answers.nth(before);
  await answer.getByRole('button', { name: '复制', exact: true }).waitFor({ timeout: ENGINE_TIMEOUT_MS });
  return answer.innerText();
}

/** What axe finds on the page, one line each. */
export async function offences(page: Page): Promise<string[]> {
  // Legacy mode scans in this page: axe's own way opens a blank page, which the profile may refuse.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help} ${node.target.join(' ')} ${node.failureSummary ?? ''}`),
  );
}

/** Resolves when the service worker controls the page and its precache is complete. */
export async function waitForServiceWorker(page: Page): Promise<void> {
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, {
    timeout: ENGINE_TIMEOUT_MS,
  });
}

/** How many files of packages the store holds. */
export const storedBlobs = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const store = await root.getDirectoryHandle('hypnos-packages', { create: true });
    const blobs = await store.getDirectoryHandle('blobs', { create: true });
    let count = 0;
    for await (const name of (blobs as unknown as { keys(): AsyncIterable<string> }).keys())
      count += name.length > 0 ? 1 : 0;
    return count;
  });

/** Flips a bit of a file of an installed package, as a failing disk does. */
export async function flipByteInStore(page: Page, file: string): Promise<void> {
  await page.evaluate(async (wanted) => {
    const root = await navigator.storage.getDirectory();
    const store = await root.getDirectoryHandle('hypnos-packages');
    const records = await store.getDirectoryHandle('installed');
    const blobs = await store.getDirectoryHandle('blobs');
    for await (const record of (
      records as unknown as { values(): AsyncIterable<FileSystemFileHandle> }
    ).values()) {
      const { manifest } = JSON.parse(await (await record.getFile()).text()) as { manifest: string };
      const { files } = JSON.parse(manifest) as { files: { path: string; sha256: string }[] };
      const handle = await blobs.getFileHandle(files.find(({ path }) => path === wanted)?.sha256 ?? '');
      const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      const writable = await handle.createWritable();
      await writable.write(bytes);
      await writable.close();
    }
  }, file);
}

/** Counts the main thread's long tasks from now on. @returns reads how long they were, in milliseconds, so far */
export async function watchLongTasks(page: Page): Promise<() => Promise<readonly number[]>> {
  await page.evaluate(() => {
    const tasks: number[] = [];
    Object.assign(window, { longTasks: tasks });
    new PerformanceObserver((list) => {
      tasks.push(...list.getEntries().map((entry) => entry.duration));
    }).observe({ type: 'longtask' });
  });
  return () => page.evaluate(() => (window as unknown as { longTasks: number[] }).longTasks);
}
