/**
 * The engine in a real Chromium, on software WebGPU, with the compiled package of public/models, under the page's own
 * security headers. Expensive: one page serves most tests, and the failures that are inflicted on it come last.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Page, Worker } from 'playwright-core';
import { ROOT } from '../../src/server/setup.mjs';
import { startEngineSite } from './enginePage.ts';
import type { EngineSite } from './enginePage.ts';
import { launchBrowser } from './harness.ts';
import type { Browser } from './harness.ts';
import type { Answer, Ask } from './pages/engine.ts';

let site: EngineSite;
let browser: Browser;

beforeAll(async () => {
  site = await startEngineSite();
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await site.close();
});

const user = (content: string) => ({ role: 'user' as const, content });
const assistant = (content: string) => ({ role: 'assistant' as const, content });

/** Forces an answer of about this many tokens and more, whatever the model would rather say. */
const list = (items: number) => ({ type: 'array', items: { type: 'boolean' }, minItems: items });

async function openPage(): Promise<Page> {
  const page = await browser.context.newPage();
  await page.addInitScript(() => {
    const Original = window.Worker;
    window.workers = [];
    window.Worker = class extends Original {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        window.workers.push(this);
      }
    };
  });
  await page.goto(site.url);
  return page;
}
const ask = (page: Page, request: Ask): Promise<Answer> =>
  page.evaluate((argument) => window.engine.ask(argument), request);
const load = (page: Page) => page.evaluate(() => window.engine.load());
const phases = (page: Page) => page.evaluate(() => window.engine.phases);
const waitForPhase = (page: Page, phase: string) =>
  page.waitForFunction((wanted) => window.engine.client.getState().phase === wanted, phase, {
    timeout: 200_000,
  });
const waitForText = (page: Page) =>
  page.waitForFunction(() => window.engine.piecesSoFar() > 0, undefined, { timeout: 200_000 });

/** The live engine worker, as the debugger sees it. */
function engineWorker(page: Page): Worker {
  const worker = page.workers().at(-1);
  if (!worker) throw new Error('no worker runs');
  return worker;
}

describe('a package that is not as its manifest says', () => {
  let page: Page;
  beforeAll(async () => {
    page = await openPage();
  });
  afterAll(async () => {
    site.tamper = () => undefined;
    await page.close();
  });
  const flip = (at: number) => (body: Buffer) => {
    const changed = Buffer.from(body);
    changed[at] = (changed[at] ?? 0) ^ 1;
    return changed;
  };

  test.each([
    ['a flipped bit in a shard', /^params_shard_0\.bin$/, flip(1000), 'SHA-256 differs'],
    ['a flipped bit in the library', /\.wasm$/, flip(5000), 'SHA-256 differs'],
    ['a tokenizer cut short', /^tokenizer\.json$/, (body: Buffer) => body.subarray(0, -1), ' bytes'],
    [
      'a config that grew',
      /^mlc-chat-config\.json$/,
      (body: Buffer) => Buffer.concat([body, body]),
      'longer than',
    ],
  ])('%s is refused, and named', async (_name, file, change, reason) => {
    let named = '';
    site.tamper = (name, body) => {
      const base = name.replace(/^[^/]+\//, '');
      if (!file.test(base)) return undefined;
      named = base;
      return change(body);
    };
    const { model, error } = await load(page);
    expect(model).toBeNull();
    expect(error).toMatchObject({ code: 'package-file-corrupt', detail: { file: named } });
    expect(error?.detail.reason).toContain(reason);
    expect(await phases(page)).toContain('failed');
  });

  test('a manifest that is none is refused', async () => {
    site.tamper = (name) =>
      name.endsWith('hypnos-package.json') ? Buffer.from('<!doctype html>') : undefined;
    expect((await load(page)).error).toMatchObject({ code: 'package-manifest-invalid' });
  });
});

test('a load is cancelled at once, even while the shaders compile, and its worker is gone', async () => {
  const page = await openPage();
  await page.evaluate(() => {
    const { client, load } = window.engine;
    return new Promise<void>((resolve) => {
      client.subscribe((state) => {
        if (state.phase === 'loading' && state.progress.stage === 'shaders') {
          void client.unload();
          resolve();
        }
      });
      void load();
    });
  });
  expect(await page.evaluate(() => window.engine.client.getState())).toEqual({ phase: 'idle' });
  await expect.poll(() => page.workers().length, { timeout: 60_000 }).toBe(0);
  await page.close();
});

test('without WebGPU it says so', async () => {
  const plain = await launchBrowser({ webgpu: false });
  try {
    const page = await plain.newPage(site.url);
    expect((await load(page)).error).toMatchObject({ code: 'webgpu-unavailable' });
    const report = await page.evaluate(() => window.engine.client.report());
    expect(report).toMatchObject({ adapter: null, isSecureContext: true });
  } finally {
    await plain.close();
  }
});

describe('with a loaded model', () => {
  let page: Page;
  const question = [user('全身麻醉诱导后血压下降，怎么办？')];

  beforeAll(async () => {
    page = await openPage();
    site.requests.length = 0;
    // The report starts the worker, so that its device can be caught when the load asks for it.
    await page.evaluate(() => {
      window.startEngine({ pingIntervalMs: 1000, hangAfterMs: 30_000 });
      return window.engine.client.report();
    });
    await engineWorker(page).evaluate(() => {
      const original = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...args) {
        const device = await original.apply(this, args);
        (globalThis as { caughtDevice?: GPUDevice }).caughtDevice = device;
        return device;
      };
    });
  });
  afterAll(() => page.close());

  test('it loads in stages, from verified files, each fetched once', async () => {
    const { model, error } = await load(page);
    expect(error).toBeNull();
    const folder = path.join(ROOT, 'public/models', model!.id);
    const manifest = JSON.parse(await readFile(path.join(folder, 'hypnos-package.json'), 'utf8')) as {
      title: object;
      context_window_size: number;
      files: { path: string; bytes: number }[];
    };
    expect(model).toMatchObject({ title: manifest.title, contextWindowSize: manifest.context_window_size });
    expect(await phases(page)).toEqual(['loading', 'ready']);

    const progress = await page.evaluate(() => window.engine.progress);
    const stages = [...new Set(progress.map(({ stage }) => stage))];
    expect(stages).toEqual(['manifest', 'files', 'weights', 'shaders', 'ready']);
    const shardBytes = manifest.files
      .filter(({ path: file }) => /^params_shard_\d+\.bin$/.test(file))
      .reduce((sum, { bytes }) => sum + bytes, 0);
    const weights = progress.filter(({ stage }) => stage === 'weights');
    expect(new Set(weights.map(({ bytesTotal }) => bytesTotal))).toEqual(new Set([shardBytes]));
    for (const { bytesDone } of weights) expect(bytesDone).toBeLessThanOrEqual(shardBytes);

    const fetched = site.requests.filter((name) => name.startsWith(`${model!.id}/`));
    expect(new Set(fetched).size).toBe(fetched.length);
    expect(fetched).toContain(`${model!.id}/params_shard_0.bin`);
  });

  test('nothing of it is stored a second time, and no script was blocked', async () => {
    const stored = await page.evaluate(async () => {
      const files: string[] = [];
      for await (const name of (await navigator.storage.getDirectory()).keys()) files.push(name);
      return { caches: await caches.keys(), databases: await indexedDB.databases(), files };
    });
    expect(stored).toEqual({ caches: [], databases: [], files: [] });
    expect(browser.errors.filter((text) => /Content Security Policy|TrustedScript/i.test(text))).toEqual([]);
  });

  test('an answer streams, with its figures', async () => {
    const answer = await ask(page, { turns: question, sampling: { maxTokens: 16, temperature: 1, seed: 1 } });
    expect(answer.error).toBeNull();
    expect(answer.pieces).toBeGreaterThan(1);
    expect(answer.outcome).toMatchObject({ droppedTurns: 0 });
    const { stats } = answer.outcome!;
    expect(stats.completionTokens).toBeGreaterThan(1);
    expect(stats.promptTokens).toBe(answer.started!.promptTokens);
    expect(stats.timeToFirstTokenSeconds).toBeGreaterThan(0);
    expect(stats.decodeTokensPerSecond).toBeGreaterThan(0);
    expect(stats.prefillTokensPerSecond).toBeGreaterThan(0);
    if (answer.outcome!.finishReason === 'length') expect(stats.completionTokens).toBe(16);
  });

  test('the same seed gives the same answer, another seed another', async () => {
    const sampling = { maxTokens: 10, temperature: 2, topP: 1, seed: 42 };
    // The prompt in the cache first: a prefill in other chunks differs in the last bits.
    await ask(page, { turns: question, sampling: { maxTokens: 1 } });
    const first = await ask(page, { turns: question, sampling });
    const again = await ask(page, { turns: question, sampling });
    expect(again.text).toBe(first.text);
    const other = await ask(page, { turns: question, sampling: { ...sampling, seed: 7 } });
    expect(other.text).not.toBe(first.text);
  });

  test('a kept KV cache answers like a fresh one', async () => {
    const sampling = { maxTokens: 10, temperature: 0, repetitionPenalty: 1 };
    const clear = () =>
      ask(page, { turns: [{ role: 'system', content: '另一个' }, user('x')], sampling: { maxTokens: 1 } });
    await clear();
    const first = await ask(page, { turns: question, sampling });
    const regenerated = await ask(page, { turns: question, sampling });
    expect(regenerated.started!.reusedTokens).toBe(first.started!.promptTokens - 1);
    expect(regenerated.text).toBe(first.text);

    const turns = [...question, assistant(first.text), user('为什么？')];
    const kept = await ask(page, { turns, sampling });
    await clear();
    const fresh = await ask(page, { turns, sampling });
    expect(kept.started!.reusedTokens).toBeGreaterThan(first.started!.promptTokens);
    expect(fresh.started!.reusedTokens).toBeLessThan(first.started!.promptTokens);
    expect(fresh.text).toBe(kept.text);
  });

  test('stopped before the first token, and between two', async () => {
    const long = [user('请详细说明。'.repeat(60))];
    const early = await ask(page, { turns: long, abortAfter: 0 });
    expect(early).toMatchObject({ text: '', error: null, outcome: { finishReason: 'stopped' } });
    expect(early.outcome!.stats.completionTokens).toBe(0);
    expect(early.outcome!.contextTokens).toBeLessThan(early.started!.promptTokens);

    const late = await ask(page, { turns: question, responseSchema: list(100), abortAfter: 2 });
    expect(late.outcome?.finishReason).toBe('stopped');
    expect(late.text).not.toBe('');
    expect(late.outcome!.stats.completionTokens).toBeLessThan(100);

    const rest = await ask(page, {
      turns: [...question, assistant(late.text)],
      sampling: { maxTokens: 8 },
    });
    expect(rest.error).toBeNull();
    expect(rest.started!.reusedTokens).toBeGreaterThan(late.started!.promptTokens);
  });

  test('an answer that must match a JSON Schema does', async () => {
    const responseSchema = {
      type: 'object',
      properties: { grade: { enum: ['I', 'II', 'III'] }, fasting: { type: 'boolean' } },
      required: ['grade', 'fasting'],
      additionalProperties: false,
    };
    const { text, outcome } = await ask(page, {
      turns: question,
      responseSchema,
      sampling: { maxTokens: 128, temperature: 1, seed: 5 },
    });
    expect(outcome?.finishReason).toBe('stop');
    const value = JSON.parse(text) as Record<string, unknown>;
    expect(Object.keys(value).sort()).toEqual(['fasting', 'grade']);
    expect(['I', 'II', 'III']).toContain(value.grade);
    expect(typeof value.fasting).toBe('boolean');
  });

  describe('failures inflicted', () => {
    const responseSchema = list(400);
    const long: Ask = { turns: question, responseSchema, sampling: { maxTokens: 1000 } };

    /** The running answer fails with this code, the model comes back, and the answer can go on. */
    async function expectRecovery(running: Promise<Answer>, code: string) {
      const answer = await running;
      expect(answer.error).toMatchObject({ code });
      expect(answer.text).not.toBe('');
      await waitForPhase(page, 'ready');
      expect((await phases(page)).slice(-3)).toEqual(['generating', 'recovering', 'ready']);
      // The fresh worker goes on from the text alone, and the two parts are one answer.
      const rest = await ask(page, {
        turns: [...question, assistant(answer.text)],
        responseSchema,
        sampling: { maxTokens: 4 },
      });
      expect(rest.error).toBeNull();
      expect(rest.started!.promptTokens).toBeGreaterThan(answer.started!.promptTokens);
      expect(rest.outcome).toMatchObject({ finishReason: 'length', stats: { completionTokens: 4 } });
      expect(answer.text + rest.text).toMatch(/^\[[\s,a-z]+$/);
    }

    test('the GPU device is lost mid-answer', async () => {
      const running = ask(page, long);
      await waitForText(page);
      await engineWorker(page).evaluate(() => {
        (globalThis as { caughtDevice?: GPUDevice }).caughtDevice!.destroy();
      });
      await expectRecovery(running, 'gpu-device-lost');
    });

    test('the worker is killed mid-answer', async () => {
      const running = ask(page, long);
      await waitForText(page);
      await page.evaluate(() => {
        window.workers.at(-1)!.terminate();
      });
      await expectRecovery(running, 'engine-crashed');
    });

    test('the worker hangs mid-answer', async () => {
      const running = ask(page, long);
      await waitForText(page);
      await engineWorker(page).evaluate(() => {
        setTimeout(() => {
          for (;;);
        });
      });
      await expectRecovery(running, 'engine-unresponsive');
    });
  });
});

test('a full context window: old turns leave, the answer ends with it, a question may be too long', async () => {
  const page = await openPage();
  await page.evaluate(() => {
    window.startEngine({}, { contextWindowSize: 256 });
  });
  expect((await load(page)).model).toMatchObject({ contextWindowSize: 256 });
  const turns = [];
  for (let index = 0; index < 8; index += 1)
    turns.push(user(`第${index}个问题。`.repeat(8)), assistant(`第${index}个回答。`.repeat(8)));

  const full = await ask(page, { turns: [...turns, user('最后一个问题')], sampling: { maxTokens: 4 } });
  expect(full.error).toBeNull();
  expect(full.outcome!.droppedTurns).toBeGreaterThan(0);
  expect(full.started!.droppedTurns).toBe(full.outcome!.droppedTurns);

  const filling = await ask(page, {
    turns: [user('长'.repeat(60))],
    responseSchema: list(400),
    sampling: { maxTokens: 1000 },
  });
  expect(filling.outcome).toMatchObject({ finishReason: 'context', contextTokens: 256 });
  const fuller = await ask(page, { turns: [user('长'.repeat(60)), assistant(filling.text)] });
  expect(fuller).toMatchObject({ text: '', error: null, outcome: { finishReason: 'context' } });

  const tooLong = await ask(page, { turns: [user('长'.repeat(400))] });
  expect(tooLong.error).toMatchObject({ code: 'message-too-long', detail: { limit: 256 } });
  expect((await ask(page, { turns: [user('好吗？')], sampling: { maxTokens: 2 } })).error).toBeNull();
  await page.close();
});
