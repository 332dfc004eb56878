/**
 * The page's figures, measured on the built page in a real Chromium.
 * Times are of this machine; ratios against web-llm's own minimal example are of the same run.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, test } from 'vitest';
import { ROOT } from '../../src/server/setup.mjs';
import { launchBrowser, scriptedEngine, startSite } from '../browser/harness.ts';
import type { Browser, Site } from '../browser/harness.ts';
import { watchLongTasks } from '../browser/support.ts';
import { median, print } from './report.ts';
import type { Figure } from './report.ts';

interface ManifestChunk {
  readonly file: string;
  readonly isEntry?: boolean;
  readonly imports?: readonly string[];
  readonly css?: readonly string[];
}

/** Files that the entry needs before anything shows: its chunk and what it imports statically. */
async function initialFiles(): Promise<{ js: string[]; css: string[] }> {
  const manifest = JSON.parse(await readFile(path.join(ROOT, 'dist/.vite/manifest.json'), 'utf8')) as Record<
    string,
    ManifestChunk
  >;
  const entry = Object.keys(manifest).find((key) => manifest[key]?.isEntry);
  if (!entry) throw new Error('the build has no entry');
  const seen = new Set<string>();
  const visit = (key: string) => {
    if (seen.has(key)) return;
    seen.add(key);
    manifest[key]?.imports?.forEach(visit);
  };
  visit(entry);
  const chunks = [...seen].flatMap((key) => manifest[key] ?? []);
  return { js: chunks.map((chunk) => chunk.file), css: chunks.flatMap((chunk) => [...(chunk.css ?? [])]) };
}

async function gzippedKilobytes(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    files.map(async (file) => gzipSync(await readFile(path.join(ROOT, 'dist', file))).length),
  );
  return sizes.reduce((sum, size) => sum + size, 0) / 1000;
}

const firstPaint = (page: Page) =>
  page.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.POSITIVE_INFINITY,
  );

let site: Site;
let minimalSite: Site;
let browser: Browser;

/** web-llm's own simple use: its bundle, one call, the same package from the same kind of server. */
const MINIMAL_PAGE = `<!doctype html><meta charset="utf-8"><script type="module" src="/minimal.js"></script>`;
const minimalScript = (id: string, library: string) => `
  import { CreateMLCEngine } from '/webllm.js';
  const record = { model: location.origin + '/models/${id}/resolve/main/', model_id: '${id}', model_lib: location.origin + '/models/${id}/${library}' };
  await CreateMLCEngine('${id}', { logLevel: 'ERROR', appConfig: { model_list: [record] } });
  window.readyAt = performance.now();`;

beforeAll(async () => {
  const webllm = await readFile(createRequire(import.meta.url).resolve('@mlc-ai/web-llm'));
  const index = JSON.parse(await readFile(path.join(ROOT, 'dist/models/index.json'), 'utf8')) as {
    default: string;
  };
  const folder = path.join(ROOT, 'dist/models', index.default);
  const manifest = JSON.parse(await readFile(path.join(folder, 'hypnos-package.json'), 'utf8')) as {
    libraries: { target: string; path: string }[];
  };
  const library = manifest.libraries.find(({ target }) => target === 'software')?.path ?? '';
  const weights = new Map<string, Buffer>();
  for (const name of ['mlc-chat-config.json', 'tensor-cache.json', 'tokenizer.json', 'params_shard_0.bin']) {
    weights.set(name, await readFile(path.join(folder, name)));
  }
  site = await startSite();
  minimalSite = await startSite({
    override: (file) => {
      if (file === '/minimal.html') return { body: MINIMAL_PAGE, type: 'text/html' };
      if (file === '/minimal.js')
        return { body: minimalScript(index.default, library), type: 'text/javascript' };
      if (file === '/webllm.js') return { body: webllm, type: 'text/javascript' };
      const weight = weights.get(file.replace(`/models/${index.default}/resolve/main/`, ''));
      return weight ? { body: weight, type: 'application/octet-stream' } : undefined;
    },
  });
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
  await minimalSite?.close();
});

test('size and first paint', async () => {
  const { js, css } = await initialFiles();
  const paints: number[] = [];
  for (let run = 0; run < 5; run += 1) {
    const page = await browser.newPage(site.url);
    await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
    paints.push(await firstPaint(page));
    await page.close();
  }
  const figures: Figure[] = [
    {
      name: 'initial JavaScript, gzipped, without the engine',
      value: await gzippedKilobytes(js),
      unit: 'kB',
      goal: 'at most 250',
    },
    { name: 'initial CSS, gzipped', value: await gzippedKilobytes(css), unit: 'kB' },
    {
      name: 'first contentful paint on localhost, median of 5',
      value: median(paints),
      unit: 'ms',
      goal: 'under 1000',
    },
  ];
  print('Size and first paint', figures);
});

test('page open to model ready, warm, against the minimal example', async () => {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let run = 0; run < 4; run += 1) {
    const page = await browser.newPage(site.url);
    await page.locator('[data-engine-phase="ready"]').waitFor({ state: 'attached', timeout: 120_000 });
    const readyAt = await page.evaluate(() => performance.now());
    await page.close();
    const minimal = await browser.newPage(`${minimalSite.url}minimal.html`);
    await minimal.waitForFunction(() => 'readyAt' in window, undefined, { timeout: 120_000 });
    const minimalAt = await minimal.evaluate(() => (window as unknown as { readyAt: number }).readyAt);
    await minimal.close();
    if (run === 0) continue; // fills the caches
    ours.push(readyAt);
    theirs.push(minimalAt);
  }
  print('Page open to model ready, warm cache, software WebGPU, median of 3', [
    { name: 'Hypnos', value: median(ours) / 1000, unit: 's' },
    { name: "web-llm's minimal example, same package", value: median(theirs) / 1000, unit: 's' },
    { name: 'ratio', value: median(ours) / median(theirs), unit: '', goal: 'at most 1' },
  ]);
});

/** A token is two Chinese characters; the answer ends after 512. The long ones come at four times that speed. */
const STREAMED = {
  'paragraphs, tables, lists':
    '**要点**：维持血压，`MAP` 不低于 65 mmHg。\n\n| 药 | 量 |\n|---|---|\n| 丙泊酚 | 1.5–2 mg/kg |\n\n1. 先评估\n2. 再处理\n\n'.repeat(
      12,
    ),
  'one list of 4,000 characters (4x)': '- **评估**：气道、`MAP` 与血容量，记录用药时间与剂量。\n'.repeat(130),
  'one table of 4,000 characters (4x)': `| 药 | 量 | 说明 |\n|---|---|---|\n${'| 丙泊酚 | 1.5–2 mg/kg | 老年人减量，缓慢推注 |\n'.repeat(110)}`,
};

test.for(Object.entries(STREAMED))(
  'main thread while %s streams at 100 tokens a second',
  async ([kind, markdown]) => {
    const scripted = await startSite({ override: await scriptedEngine() });
    const page = await browser.newPage(scripted.url);
    await page.locator('[data-engine-phase="ready"]').waitFor({ state: 'attached' });
    const longTasks = await watchLongTasks(page);
    const encoded = Buffer.from(markdown).toString('base64');
    const piece = kind.endsWith('(4x)') ? 8 : 2;
    await page
      .getByRole('textbox', { name: /提问|输入|问题/ })
      .fill(`#text ${encoded} #piece ${piece} #rate 100`);
    await page.keyboard.press('Enter');
    await page.locator('[data-engine-phase="generating"]').waitFor({ state: 'attached' });
    await page.locator('[data-engine-phase="ready"]').waitFor({ state: 'attached', timeout: 120_000 });
    const tasks = await longTasks();
    print(`Main thread while Markdown streams at 100 tokens a second: ${kind}`, [
      { name: 'tasks over 50 ms', value: tasks.length, unit: '', goal: '0' },
      { name: 'longest', value: Math.max(0, ...tasks), unit: 'ms' },
    ]);
    await page.close();
    await scripted.close();
  },
);
