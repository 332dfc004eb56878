/** The history in a real Chromium: upgrades, a full disk, broken files, erasing. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from '../../src/server/setup.mjs';
import { createProfile, launchBrowser } from './harness.ts';
import type { Browser } from './harness.ts';
import type { FixtureDatabase } from './pages/fixtureDatabase.ts';
import type {} from './pages/history.ts';
import { startHistorySite } from './pages/historySite.ts';

let site: Awaited<ReturnType<typeof startHistorySite>>;
beforeAll(async () => {
  site = await startHistorySite();
});
afterAll(() => site.close());

const fixture = async (version: number) =>
  JSON.parse(
    await readFile(path.join(ROOT, `tests/fixtures/history/v${version}.json`), 'utf8'),
  ) as FixtureDatabase;

/** One whole exchange; returns the ids. */
function talk(page: Page, question: string, answer: string) {
  return page.evaluate(
    async ([asked, answered]) => {
      const { history } = window.test;
      const stored = await history.ask(
        { conversationId: null, parentId: null, text: asked },
        { model: null },
      );
      await history.finishAnswer(stored.answer.id, {
        text: answered,
        finishReason: 'stop',
        droppedTurns: 0,
        stats: null,
        errorCode: null,
      });
      return { conversationId: stored.question.conversationId, answerId: stored.answer.id };
    },
    [question, answer] as const,
  );
}

const texts = (page: Page, conversationId: string) =>
  page.evaluate(
    async (id) => (await window.test.history.getMessages(id)).map(({ text }) => text),
    conversationId,
  );

describe('with a fresh profile each', () => {
  let browser: Browser;
  let page: Page;
  beforeEach(async () => {
    browser = await launchBrowser({ webgpu: false });
    page = await browser.newPage(site.page);
    return () => browser.close();
  });

  it.each([1, 2])(
    'a database of version %i is upgraded, complete, and can be written on',
    async (version) => {
      const old = await fixture(version);
      await page.evaluate((database) => window.test.buildDatabase('hypnos-history', database), old);
      await page.evaluate(() => {
        window.test.open();
      });
      const listed = old.stores.conversations!.rows.filter(
        (row) => (row as { deletedAt?: number | null }).deletedAt == null,
      );
      await expect
        .poll(() => page.evaluate(() => window.test.seen.conversations.map(({ id }) => id).sort()))
        .toEqual(listed.map((row) => (row as { id: string }).id).sort());
      for (const row of old.stores.messages!.rows as { conversationId: string; text: string }[])
        expect(await texts(page, row.conversationId)).toContain(row.text);
      const { conversationId } = await talk(page, '升级后的问题', '升级后的回答');
      expect(await texts(page, conversationId)).toEqual(['升级后的问题', '升级后的回答']);
      const hits = await page.evaluate(() => window.test.history.search('诱导剂量是多少'));
      expect(hits).toHaveLength(1);
    },
  );

  it('a full disk refuses with a code, loses nothing, and writing goes on when there is room', async () => {
    const session = await browser.context.newCDPSession(page);
    const { origin } = new URL(site.url);
    // Before the first write: for half a minute the browser remembers how much room it found then.
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2 ** 20 });
    await page.evaluate(() => {
      window.test.open();
    });
    const { conversationId, answerId } = await talk(page, '问题', '回答');
    const refused = await page.evaluate(
      async ([id, conversation]) => {
        const { history, codeOf } = window.test;
        const long = window.test.noise(2_000_000);
        const file = new Blob([
          JSON.stringify({
            format: 'hypnos-history/1',
            conversations: [
              {
                id: '00000000-0000-4000-8000-000000000001',
                title: '导入的',
                createdAt: 1,
                updatedAt: 1,
                pinned: false,
                activeLeafId: null,
                systemPrompt: null,
                sampling: null,
                messages: [
                  {
                    id: '00000000-0000-4000-8000-000000000002',
                    parentId: null,
                    role: 'user',
                    text: long,
                    createdAt: 1,
                    finishReason: null,
                    droppedTurns: 0,
                    stats: null,
                    model: null,
                    errorCode: null,
                  },
                ],
              },
            ],
          }),
        ]);
        return [
          await codeOf(
            history.ask({ conversationId: conversation, parentId: id, text: long }, { model: null }),
          ),
          await codeOf(history.writeAnswerText(id, long)),
          await codeOf(history.importJson(file)),
        ];
      },
      [answerId, conversationId] as const,
    );
    expect(refused).toEqual(Array.from({ length: 3 }, () => 'storage-quota-exceeded'));
    expect(await texts(page, conversationId)).toEqual(['问题', '回答']);
    expect(await page.evaluate(() => window.test.seen.conversations.length)).toBe(1);
    await session.send('Storage.overrideQuotaForOrigin', { origin });
    const written = await page.evaluate(
      (id) => window.test.history.writeAnswerText(id, window.test.noise(2_000_000)),
      answerId,
    );
    expect(written).toBe(true);
    expect((await texts(page, conversationId)).map(({ length }) => length)).toEqual([2, 2_000_000]);
  });

  it('broken, newer and hostile files are refused by codes under the page’s own CSP, and change nothing', async () => {
    await page.evaluate(() => {
      window.test.open();
      addEventListener('securitypolicyviolation', (event) => {
        (window as unknown as { violations: string[] }).violations.push(event.violatedDirective);
      });
      (window as unknown as { violations: string[] }).violations = [];
    });
    const { conversationId } = await talk(page, '已有的', '回答');
    const codes = await page.evaluate(async () => {
      const { history, codeOf } = window.test;
      const files = [
        '{"format":',
        '[]',
        '{"format":"hypnos-history/9"}',
        '{"format":"hypnos-history/1","conversations":[{"__proto__":{"polluted":true}}]}',
        `{"format":"hypnos-history/1","conversations":${'['.repeat(1e6)}${']'.repeat(1e6)}}`,
        `{"format":"hypnos-history/1","conversations":"${'x'.repeat(5e7)}"}`,
      ];
      const found: (string | null)[] = [];
      for (const file of files) found.push(await codeOf(history.importJson(new Blob([file]))));
      return found;
    });
    expect(codes).toEqual([
      'import-not-json',
      'import-invalid',
      'import-newer-version',
      'import-invalid',
      'import-invalid',
      'import-invalid',
    ]);
    expect(await texts(page, conversationId)).toEqual(['已有的', '回答']);
    expect(await page.evaluate(() => 'polluted' in {})).toBe(false);
    expect(await page.evaluate(() => (window as unknown as { violations: string[] }).violations)).toEqual([]);
  });

  it('what is exported comes back in another profile, the same', async () => {
    await page.evaluate(() => {
      window.test.open();
    });
    await talk(page, '丙泊酚😀', '回答 **一**');
    const file = await page.evaluate(async () => (await window.test.history.exportJson()).text());
    const other = await launchBrowser({ webgpu: false });
    try {
      const target = await other.newPage(site.page);
      const report = await target.evaluate((text) => {
        window.test.open();
        return window.test.history.importJson(new Blob([text]));
      }, file);
      expect(report).toMatchObject({ conversationsAdded: 1, messagesAdded: 2 });
      const copy = await target.evaluate(async () => (await window.test.history.exportJson()).text());
      const contentOf = (text: string) => (JSON.parse(text) as { conversations: unknown }).conversations;
      expect(contentOf(copy)).toEqual(contentOf(file));
    } finally {
      await other.close();
    }
  });
});

it('after erasing nothing of it is left, then and after a restart', async () => {
  const profile = await createProfile();
  /** Rows of every store of every database of the origin, read without our code. */
  const everything = (page: Page) =>
    page.evaluate(async () => {
      const found: unknown[] = [];
      for (const { name } of await indexedDB.databases()) {
        const database = await new Promise<IDBDatabase>((resolve, reject) => {
          const request = indexedDB.open(name ?? '');
          request.onsuccess = () => {
            resolve(request.result);
          };
          request.onerror = () => {
            reject(request.error ?? new Error('open failed'));
          };
        });
        for (const store of database.objectStoreNames) {
          const request = database.transaction(store).objectStore(store).getAll();
          await new Promise((resolve) => (request.onsuccess = resolve));
          found.push(...(request.result as unknown[]));
        }
        database.close();
      }
      return JSON.stringify([found, { ...localStorage }, { ...sessionStorage }]);
    });
  try {
    const first = await launchBrowser({ profile: profile.path, webgpu: false });
    const page = await first.newPage(site.page);
    await page.evaluate(() => {
      window.test.open();
    });
    await talk(page, '金丝雀问题', '金丝雀回答');
    await page.evaluate(() => window.test.history.setNewDraft('金丝雀草稿'));
    expect(await everything(page)).toContain('金丝雀回答');
    await first.close();

    const second = await launchBrowser({ profile: profile.path, webgpu: false });
    const again = await second.newPage(site.page);
    await again.evaluate(async () => {
      window.test.open();
      await window.test.history.search('金丝雀');
      await window.test.history.eraseEverything();
    });
    expect(await everything(again)).toBe('[[],{},{}]');
    expect(await again.evaluate(() => window.test.history.search('金丝雀'))).toEqual([]);
    await expect.poll(() => again.evaluate(() => window.test.seen.conversations.length)).toBe(0);
    await second.close();

    const third = await launchBrowser({ profile: profile.path, webgpu: false });
    expect(await everything(await third.newPage(site.page))).toBe('[[],{},{}]');
    await third.close();
  } finally {
    await profile.remove();
  }
});
