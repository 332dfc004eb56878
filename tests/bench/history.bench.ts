/**
 * The history's figures: the repository alone, in a real Chromium on a database on disk. Each opening is a fresh
 * browser, so that nothing is warm but the operating system's file cache.
 */
import { afterAll, beforeAll, test } from 'vitest';
import { createProfile, launchBrowser } from '../browser/harness.ts';
import type {} from '../browser/pages/history.ts';
import { startHistorySite } from '../browser/pages/historySite.ts';
import { median, print } from './report.ts';

const RUNS = 5;
const SMALL = { conversations: 200, messages: 10_000 };
const LARGE = { conversations: 1_000, messages: 50_000 };

let site: Awaited<ReturnType<typeof startHistorySite>>;
beforeAll(async () => {
  site = await startHistorySite();
});
afterAll(() => site.close());

/** A profile whose history holds that much; messages of about 200 Chinese characters, the answers of 400. */
async function fill(size: typeof SMALL): Promise<Awaited<ReturnType<typeof createProfile>>> {
  const profile = await createProfile();
  const browser = await launchBrowser({ profile: profile.path, webgpu: false });
  const page = await browser.newPage(site.page);
  await page.evaluate(async ({ conversations, messages }) => {
    const words = '麻醉诱导丙泊酚剂量维持七氟烷肌松监测气道管理术后镇痛老年患者血压心率'.match(/../gu) ?? [];
    let seed = 1;
    const random = (limit: number) => (seed = (seed * 48_271) % 2_147_483_647) % limit;
    const write = (length: number) => {
      let text = '';
      while (text.length < length) text += words[random(words.length)] ?? '';
      return text;
    };
    const id = (number: number) => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
    const each = messages / conversations;
    window.test.open();
    const list = Array.from({ length: conversations }, (_, index) => ({
      id: id(index),
      title: write(20),
      createdAt: 1e12 + index * 1e6,
      updatedAt: 1e12 + index * 1e6,
      pinned: false,
      activeLeafId: null,
      systemPrompt: null,
      sampling: null,
      messages: Array.from({ length: each }, (_unused, turn) => ({
        id: id(1e6 + index * each + turn),
        parentId: turn === 0 ? null : id(1e6 + index * each + turn - 1),
        role: turn % 2 === 0 ? 'user' : 'assistant',
        text: write(turn % 2 === 0 ? 60 : 400) + (random(100) === 0 ? '恶性高热' : ''),
        createdAt: 1e12 + index * 1e6 + turn,
        finishReason: turn % 2 === 0 ? null : 'stop',
        droppedTurns: 0,
        stats: null,
        model: null,
        errorCode: null,
      })),
    }));
    await window.test.history.importJson(
      new Blob([JSON.stringify({ format: 'hypnos-history/1', conversations: list })]),
    );
  }, size);
  await browser.close();
  return profile;
}

test('opening 1,000 conversations, 50,000 messages', { timeout: 900_000 }, async () => {
  const profile = await fill(LARGE);
  const lists: number[] = [];
  const threads: number[] = [];
  const cold: number[] = [];
  const warm: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const browser = await launchBrowser({ profile: profile.path, webgpu: false });
    const page = await browser.newPage(site.page);
    const measured = await page.evaluate(async () => {
      const start = performance.now();
      window.test.open();
      const { history, seen } = window.test;
      while (seen.conversations.length === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      const listed = performance.now();
      await history.getMessages(seen.conversations[0]?.id ?? '');
      const threaded = performance.now();
      await history.search('恶性高热');
      const searched = performance.now();
      await history.search('恶性高');
      return [
        listed - start,
        threaded - listed,
        searched - threaded,
        performance.now() - searched,
        seen.conversations.length,
      ] as const;
    });
    await browser.close();
    if (measured[4] !== LARGE.conversations) throw new Error(`${measured[4]} conversations in the list`);
    lists.push(measured[0]);
    threads.push(measured[1]);
    cold.push(measured[2]);
    warm.push(measured[3]);
  }
  await profile.remove();
  print('History', [
    {
      name: 'history of 50,000 messages: list on screen',
      value: median(lists),
      unit: 'ms',
      goal: 'under 300',
    },
    { name: 'then one conversation of 50 messages', value: median(threads), unit: 'ms' },
    { name: 'then its first search (reads every message)', value: median(cold), unit: 'ms' },
    { name: 'then a search', value: median(warm), unit: 'ms' },
  ]);
});

test('searching 10,000 messages', { timeout: 600_000 }, async () => {
  const profile = await fill(SMALL);
  const browser = await launchBrowser({ profile: profile.path, webgpu: false });
  const page = await browser.newPage(site.page);
  const times = await page.evaluate(async () => {
    window.test.open();
    const { history } = window.test;
    const queries = ['恶性高热', '丙泊', '不存在的词', '七氟烷 老年', '恶性高热', '镇'];
    const taken: number[] = [];
    for (const query of queries) {
      const start = performance.now();
      await history.search(query);
      taken.push(performance.now() - start);
    }
    return taken;
  });
  await browser.close();
  await profile.remove();
  const [first = Number.NaN, ...rest] = times;
  print('History', [
    {
      name: 'search over 10,000 messages, slowest of 5',
      value: Math.max(...rest),
      unit: 'ms',
      goal: 'under 50',
    },
    { name: 'the first search after opening', value: first, unit: 'ms' },
  ]);
});
