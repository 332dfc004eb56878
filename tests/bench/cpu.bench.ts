/**
 * The CPU engine: our page against the library's own interface on a GGUF of the same weights, transcoding, loading and
 * memory. One thread, without WebGPU, greedy, the shipped package.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, test } from 'vitest';
import { startEngineSite } from '../browser/enginePage.ts';
import type { EngineSite } from '../browser/enginePage.ts';
import { launchBrowser, startSite } from '../browser/harness.ts';
import type { Browser } from '../browser/harness.ts';
import type {} from '../browser/pages/cpu.ts';
import type {} from '../browser/pages/engine.ts';
import { composer, ENGINE_TIMEOUT_MS, waitForPhase, waitForServiceWorker } from '../browser/support.ts';
import { median, print } from './report.ts';

const QUESTION = '请简要说明全身麻醉从术前评估到苏醒的主要步骤，以及每一步需要注意什么。';
const TOKENS = 128;
const RUNS = 3;

let site: EngineSite;
let browser: Browser;
beforeAll(async () => {
  site = await startEngineSite();
  browser = await launchBrowser({ webgpu: false });
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

/** Of the browser's largest renderer process, MB; NaN where /proc is not there to tell. */
function largestRendererMegabytes(): number {
  const sizes = readdirSync('/proc').flatMap((entry) => {
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8');
      if (!command.includes('--type=renderer')) return [];
      const status = readFileSync(`/proc/${entry}/status`, 'utf8');
      return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? NaN) / 1000;
    } catch {
      return []; // it ended meanwhile, or is not ours to read
    }
  });
  return sizes.length > 0 ? Math.max(...sizes) : NaN;
}

/** Seconds from the page's opening to the answer's first characters on screen, asked as soon as the page takes a question. */
async function secondsToFirstToken(of: Browser, url: string): Promise<number> {
  const page = await of.newPage(url);
  await composer(page).fill(QUESTION);
  await composer(page).press('Enter');
  const first = await page.waitForFunction(
    () => {
      const answer = document.querySelector('article[aria-label*="AI 生成"]');
      return answer && !answer.querySelector('[class*="waiting"]') ? performance.now() : false;
    },
    undefined,
    { polling: 'raf', timeout: ENGINE_TIMEOUT_MS },
  );
  const milliseconds = (await first.jsonValue()) as number;
  await page.close();
  return milliseconds / 1000;
}

test('page open to first token', async () => {
  const built = await startSite();
  const first: number[] = [];
  const warm: number[] = [];
  const kept: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const fresh = await launchBrowser({ webgpu: false });
    first.push(await secondsToFirstToken(fresh, built.url));
    const page = await fresh.newPage(`${built.url}#/models`);
    await waitForServiceWorker(page);
    await waitForPhase(page, 'ready');
    await page.close();
    warm.push(await secondsToFirstToken(fresh, built.url));
    const models = await fresh.newPage(`${built.url}#/models`);
    await waitForPhase(models, 'ready');
    await models.getByRole('switch', { name: '为处理器保存换算好的权重' }).click();
    await models.close();
    await secondsToFirstToken(fresh, built.url); // keeps them
    kept.push(await secondsToFirstToken(fresh, built.url));
    await fresh.close();
  }
  await built.close();
  print(`Page open to first token without WebGPU, shipped package, median of ${RUNS}`, [
    { name: 'first visit', value: median(first), unit: 's' },
    { name: 'warm cache', value: median(warm), unit: 's', goal: 'at most 5' },
    { name: 'warm cache, weights kept for the processor', value: median(kept), unit: 's' },
  ]);
});

test('the CPU engine', async () => {
  const ours: { load: number; decode: number; prefill: number }[] = [];
  const theirs: { load: number; decode: number; prefill: number }[] = [];
  const megabytesPerSecond = { shipped: [] as number[], float16: [] as number[], float32: [] as number[] };
  let memory = NaN;
  for (let run = 0; run < RUNS; run += 1) {
    const page = await browser.newPage(site.url);
    await page.evaluate(() => window.startEngine({}, { engine: 'wllama', threads: 1 }));
    const { milliseconds } = await page.evaluate(() => window.engine.load());
    const answer = await page.evaluate(
      ([content, maxTokens]) =>
        window.engine.ask({
          turns: [{ role: 'user', content }],
          sampling: { temperature: 0, repetitionPenalty: 1, maxTokens },
        }),
      [QUESTION, TOKENS] as const,
    );
    const stats = answer.outcome?.stats;
    ours.push({
      load: milliseconds / 1000,
      decode: stats?.decodeTokensPerSecond ?? NaN,
      prefill: stats?.prefillTokensPerSecond ?? NaN,
    });
    memory = largestRendererMegabytes();
    await page.close();

    const parts = await browser.newPage(site.cpuUrl);
    const library = await parts.evaluate(([text, tokens]) => window.cpu.library(text, tokens, 1), [
      QUESTION,
      TOKENS,
    ] as const);
    theirs.push({ load: library.loadSeconds, decode: library.decode, prefill: library.prefill });
    const kinds = ['shipped', 'float16', 'float32'] as const;
    for (const kind of kinds) {
      const { bytes, seconds } = await parts.evaluate(
        (which) => (which === 'shipped' ? window.cpu.transcode() : window.cpu.transcodeLarge(which)),
        kind,
      );
      megabytesPerSecond[kind].push(bytes / 1e6 / seconds);
    }
    await parts.close();
  }
  const of = (runs: typeof ours, key: keyof (typeof ours)[number]) => median(runs.map((run) => run[key]));
  print(`The CPU engine, one thread, shipped package, median of ${RUNS}`, [
    { name: 'decode, our page', value: of(ours, 'decode'), unit: 'tokens/s' },
    { name: "decode, the library's own interface", value: of(theirs, 'decode'), unit: 'tokens/s' },
    {
      name: 'ratio',
      value: (100 * of(ours, 'decode')) / of(theirs, 'decode'),
      unit: '%',
      goal: 'at least 95',
    },
    { name: 'prefill, our page', value: of(ours, 'prefill'), unit: 'tokens/s' },
    { name: "prefill, the library's own interface", value: of(theirs, 'prefill'), unit: 'tokens/s' },
    { name: 'load, our page: fetched, verified, transcoded, taken in', value: of(ours, 'load'), unit: 's' },
    { name: "load, the library's own interface: a GGUF at hand", value: of(theirs, 'load'), unit: 's' },
    {
      name: 'transcoding 200 MB, q4f16_1',
      value: median(megabytesPerSecond.float16),
      unit: 'MB/s',
      goal: 'at least 300',
    },
    {
      name: 'transcoding 200 MB, q4f32_1',
      value: median(megabytesPerSecond.float32),
      unit: 'MB/s',
      goal: 'at least 300',
    },
    {
      name: 'transcoding the shipped package, 6 MB by code that never ran before',
      value: median(megabytesPerSecond.shipped),
      unit: 'MB/s',
    },
    { name: 'most memory of a renderer process', value: memory, unit: 'MB' },
  ]);
});
