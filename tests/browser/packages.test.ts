/** The package store under everything that happens to it: mutants, kills, a full disk, a pulled stick, two tabs, a bad disk. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProfile, launchBrowser } from './harness.ts';
import type { Browser } from './harness.ts';
import type {} from './pages/packages.ts';
import { startPackagesSite } from './packagesPage.ts';

const KILLS = 30;
const MUTANTS = 500;

let site: Awaited<ReturnType<typeof startPackagesSite>>;
beforeAll(async () => {
  site = await startPackagesSite();
});
afterAll(() => site?.close());

async function openPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage(site.url);
  await page.waitForFunction(() => 'packages' in window);
  return page;
}

async function withPage(action: (page: Page, browser: Browser) => Promise<void>): Promise<void> {
  const browser = await launchBrowser({ webgpu: false });
  try {
    await action(await openPage(browser), browser);
  } finally {
    await browser.close();
  }
}

describe('what is not as its manifest says', () => {
  test(`${MUTANTS} mutants: none becomes loadable, each refusal names its file`, () =>
    withPage(async (page) => {
      const problems = await page.evaluate((count) => window.packages.importMutants(count, 42), MUTANTS);
      expect(problems).toEqual([]);
      expect(await page.evaluate(() => window.packages.readAll())).toEqual(['mutant']);
    }));

  test('a library with an import of its own is refused and leaves nothing', () =>
    withPage(async (page) => {
      expect(await page.evaluate(() => window.packages.importFetchingLibrary())).toMatchObject({
        code: 'package-library-forbidden',
        detail: { file: 'library.wasm', reason: 'imports the function env.fetch' },
      });
      expect(await page.evaluate(() => window.packages.readAll())).toEqual([]);
      expect(await page.evaluate(() => window.packages.orphans())).toEqual([]);
    }));
});

describe('what breaks off', () => {
  test(`${KILLS} kills of the browser: the earlier model stays, the import goes on`, async () => {
    const profile = await createProfile();
    let browser = await launchBrowser({ profile: profile.path, webgpu: false });
    try {
      let page = await openPage(browser);
      await page.evaluate(async () => {
        await window.packages.makeStick('earlier', 3, 50_000, 1);
        await window.packages.makeStick('coming', 60, 100_000, 2);
        await window.packages.importStick('earlier');
      });
      const began = Date.now();
      await page.evaluate(() => window.packages.importStick('coming'));
      const whole = Date.now() - began;
      let completed = 0;
      let brokenOff = 0;
      for (let kill = 0; kill < KILLS; kill += 1) {
        if ((await page.evaluate(() => window.packages.keyOf('coming'))) !== null) {
          completed += 1;
          await page.evaluate(async () => {
            await window.packages.worker.remove((await window.packages.keyOf('coming')) ?? '');
            await window.packages.tidy(true);
          });
        }
        void page.evaluate(() => void window.packages.importStick('coming')).catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, (((kill * 7) % KILLS) / KILLS) * whole));
        await browser.kill();
        browser = await launchBrowser({ profile: profile.path, webgpu: false });
        page = await openPage(browser);
        // Reads every byte of what is loadable, through the engine's reader.
        const loadable = await page.evaluate(() => window.packages.readAll());
        expect(loadable, `after kill ${kill}`).toContain('earlier');
        // Nothing lies about that neither a package nor an import to go on with speaks of.
        await page.evaluate(() => window.packages.tidy(false));
        expect(await page.evaluate(() => window.packages.orphans()), `after kill ${kill}`).toEqual([]);
        if (await page.evaluate(async () => (await window.packages.pending()).length > 0)) brokenOff += 1;
      }
      expect(await page.evaluate(() => window.packages.importStick('coming'))).toMatchObject({ ok: true });
      await page.evaluate(() => window.packages.tidy(true));
      expect(await page.evaluate(() => window.packages.readAll())).toEqual(['coming', 'earlier']);
      expect(await page.evaluate(() => window.packages.orphans())).toEqual([]);
      // Had every import run to its end before its kill, nothing would have been broken off.
      expect(completed).toBeLessThan(KILLS);
      expect(brokenOff).toBeGreaterThan(0);
    } finally {
      await browser.close();
      await profile.remove();
    }
  });

  test('a disk that is full at ten points: nothing is lost, and it goes on when there is room', () =>
    withPage(async (page, browser) => {
      await page.evaluate(async () => {
        await window.packages.makeStick('earlier', 3, 50_000, 1);
        await window.packages.makeStick('coming', 30, 100_000, 2);
        await window.packages.importStick('earlier');
      });
      const devtools = await browser.context.newCDPSession(page);
      const { origin } = new URL(site.url);
      for (let point = 0; point < 10; point += 1) {
        const { usage } = await devtools.send('Storage.getUsageAndQuota', { origin });
        await devtools.send('Storage.overrideQuotaForOrigin', {
          origin,
          quotaSize: usage + 20_000 + point * 260_000,
        });
        const full = await page.evaluate(() => window.packages.importStick('coming'));
        expect(full, `point ${point}`).toMatchObject({
          ok: false,
          error: { code: 'storage-quota-exceeded' },
        });
        await devtools.send('Storage.overrideQuotaForOrigin', { origin });
        expect(await page.evaluate(() => window.packages.readAll())).toEqual(['earlier']);
        await page.evaluate(() => window.packages.tidy(false));
        const kept = await page.evaluate(() => window.packages.blobTimes());
        expect(await page.evaluate(() => window.packages.importStick('coming'))).toMatchObject({ ok: true });
        // What was verified before the disk was full is not written again.
        expect(await page.evaluate(() => window.packages.blobTimes())).toMatchObject(kept);
        expect(await page.evaluate(() => window.packages.readAll())).toEqual(['coming', 'earlier']);
        await page.evaluate(async () => {
          await window.packages.worker.remove((await window.packages.keyOf('coming')) ?? '');
          await window.packages.tidy(true);
        });
        expect(await page.evaluate(() => window.packages.orphans())).toEqual([]);
      }
    }));

  test('a stick that is pulled at ten points: what was verified stays, the rest comes later', () =>
    withPage(async (page) => {
      for (let point = 0; point < 10; point += 1) {
        const result = await page.evaluate(
          (at) => window.packages.importFromPulledStick(`stick-${at}`, at / 10),
          point,
        );
        expect(result, `point ${point}`).toMatchObject({ lost: 'package-source-lost', resumed: true });
        expect(result.loadable).toEqual(Array.from({ length: point }, (_, at) => `stick-${at}`));
        expect(result.rewritten).toEqual([]);
      }
      expect(await page.evaluate(() => window.packages.readAll())).toHaveLength(10);
      expect(await page.evaluate(() => window.packages.pending())).toEqual([]);
      await page.evaluate(() => window.packages.tidy(true));
      expect(await page.evaluate(() => window.packages.orphans())).toEqual([]);
    }));
});

test('two tabs that import, remove and tidy up at once corrupt nothing', () =>
  withPage(async (first, browser) => {
    await first.evaluate(async () => {
      for (const [index, name] of ['a', 'b', 'c'].entries())
        await window.packages.makeStick(name, 6, 40_000, index + 1);
    });
    const second = await openPage(browser);
    const churn = (page: Page, seed: number) =>
      page.evaluate((from) => window.packages.churn(['a', 'b', 'c'], 12, from), seed);
    expect(await Promise.all([churn(first, 1), churn(second, 2)])).toEqual([[], []]);
    await first.evaluate(() => window.packages.readAll()); // throws at the first wrong byte
    await second.evaluate(() => window.packages.tidy(true));
    expect(await first.evaluate(() => window.packages.orphans())).toEqual([]);
  }));

test('a blob that is held open for a moment goes with the collection that met it', () =>
  withPage(async (page) => {
    await page.evaluate(async () => {
      await window.packages.makeStick('held', 3, 30_000, 5);
      await window.packages.importStick('held');
      await window.packages.worker.remove((await window.packages.keyOf('held')) ?? '');
    });
    expect(await page.evaluate(() => window.packages.blobCount())).toBeGreaterThan(0);
    expect(await page.evaluate(() => window.packages.tidyWhileHeld())).toMatchObject({ ok: true });
    expect(await page.evaluate(() => window.packages.blobCount())).toBe(0);
  }));

test('a damaged store is noticed at load, found by verification, repaired from the source; a removal can be undone', () =>
  withPage(async (page) => {
    await page.evaluate(async () => {
      await window.packages.makeStick('m', 4, 30_000, 3);
      await window.packages.importStick('m');
      await window.packages.damage('m', 'params_shard_2.bin');
    });
    expect(await page.evaluate(() => window.packages.readError())).toMatchObject({
      code: 'package-file-corrupt',
      detail: { file: 'params_shard_2.bin' },
    });
    const verified = await page.evaluate(async () =>
      window.packages.worker.verify((await window.packages.keyOf('m')) ?? '', () => {}),
    );
    expect(verified).toEqual({ ok: true, value: ['params_shard_2.bin'] });
    expect(await page.evaluate(() => window.packages.importStick('m'))).toMatchObject({ ok: true });
    expect(await page.evaluate(() => window.packages.readAll())).toEqual(['m']);

    const key = await page.evaluate(() => window.packages.keyOf('m'));
    await page.evaluate((removed) => window.packages.worker.remove(removed ?? ''), key);
    await page.evaluate(() => window.packages.tidy(false));
    expect(await page.evaluate(() => window.packages.readAll())).toEqual([]);
    await page.evaluate((removed) => window.packages.worker.restore(removed ?? ''), key);
    expect(await page.evaluate(() => window.packages.readAll())).toEqual(['m']);
    await page.evaluate(async (removed) => {
      await window.packages.worker.remove(removed ?? '');
      await window.packages.tidy(true);
    }, key);
    expect(await page.evaluate(() => window.packages.blobCount())).toBe(0);
  }));
