/**
 * Crisis cards and doses in the real page without WebGPU, so with no model: by key, with the network cut, after a kill,
 * on paper, and for axe.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { createProfile, launchBrowser, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { offences, waitForServiceWorker } from './support.ts';

let site: Site;
let profile: Awaited<ReturnType<typeof createProfile>>;

beforeAll(async () => {
  site = await startSite();
  profile = await createProfile();
});
afterAll(async () => {
  await site?.close();
  await profile?.remove();
});

const launch = () => launchBrowser({ profile: profile.path, webgpu: false });
const ticks = (page: Page) => page.getByRole('checkbox');
/** From the next page on. */
const breakStart = ({ context }: Browser) =>
  context.addInitScript(() => {
    // The stores' start, which names this tab, and every database.
    const randomUUID = crypto.randomUUID.bind(crypto);
    crypto.randomUUID = () => {
      crypto.randomUUID = randomUUID;
      throw new Error('broken on purpose');
    };
    IDBFactory.prototype.open = () => {
      throw new DOMException('broken on purpose', 'UnknownError');
    };
  });
const pagesOf = (pdf: Buffer) => pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;

describe('crisis cards', () => {
  test('open by key with the network cut and no model; ticks and their times survive a kill', async () => {
    const first = await launch();
    const page = await first.newPage(site.url);
    await waitForServiceWorker(page);
    await site.pause();
    await page.keyboard.press('Control+k');
    const find = page.getByRole('searchbox', { name: '查找' });
    // Initials, pinyin and what is seen, as in the search; its code is there without a network.
    const found = page.getByRole('navigation', { name: '全部卡片' }).getByRole('link');
    for (const [typed, title] of [
      ['exgr', '恶性高热'],
      ['houjing', '喉痉挛'],
      ['局麻药打多了抽了', '局麻药全身毒性'],
    ] as const) {
      await find.fill(typed);
      await expect.poll(() => found.first().innerText(), { message: typed }).toContain(title);
    }
    await find.fill('过敏');
    await find.press('Enter');
    const timer = page.getByRole('timer');
    const atStart = await timer.innerText();
    await ticks(page).nth(0).check();
    await expect.poll(() => timer.innerText()).not.toBe(atStart); // the first tick starts it
    await ticks(page).nth(2).check();
    await expect.poll(() => page.getByRole('listitem').locator('time').count()).toBe(2);
    const times = await page.locator('time b').allInnerTexts();
    // Committed: another connection reads them.
    await expect
      .poll(() =>
        page.evaluate(
          () =>
            new Promise<number>((resolve, reject) => {
              const request = indexedDB.open('hypnos-records');
              request.onerror = () => reject(request.error ?? new Error('open failed'));
              request.onsuccess = () => {
                const count = request.result.transaction('events').objectStore('events').count();
                count.onsuccess = () => {
                  request.result.close();
                  resolve(count.result);
                };
              };
            }),
        ),
      )
      .toBe(2);
    const address = page.url();
    await first.kill();

    const second = await launch();
    const again = await second.newPage(address);
    await expect.poll(() => again.locator('time b').allInnerTexts()).toEqual(times);
    expect(await ticks(again).nth(0).isChecked()).toBe(true);
    expect(await ticks(again).nth(1).isChecked()).toBe(false);
    expect(await ticks(again).nth(2).isChecked()).toBe(true);
    await again.getByRole('button', { name: '结束并存入记录' }).click();
    await again.getByRole('link', { name: '全部卡片' }).click();
    await again.getByText(/^用时/).waitFor();
    expect(await again.locator('details time').count()).toBe(3);
    await second.close();
    await site.resume();
  });

  test('the key works over a dialog and from a text', async () => {
    const browser = await launch();
    const page = await browser.newPage(`${site.url}#/settings`);
    await page.getByRole('button', { name: '清除…' }).click();
    await page.getByRole('dialog').getByRole('textbox').fill('清');
    await page.keyboard.press('Control+k');
    await page.getByRole('searchbox', { name: '查找' }).waitFor();
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    await browser.close();
  });

  test('open from the recovery screen, where the page cannot start and no database opens', async () => {
    const browser = await launch();
    await breakStart(browser);
    const page = await browser.newPage(site.url);
    await page.getByRole('heading', { name: '页面遇到了问题' }).waitFor();
    await page.getByRole('button', { name: '打开危机处理卡片' }).click();
    await page.getByRole('navigation', { name: '全部卡片' }).getByRole('link').first().click();
    await ticks(page).first().check();
    expect(await ticks(page).first().isChecked()).toBe(true);
    await page.getByRole('button', { name: '返回', exact: true }).click();
    await page.getByRole('navigation', { name: '全部卡片' }).waitFor();
    await page.getByRole('button', { name: '返回', exact: true }).click();
    await page.getByRole('heading', { name: '页面遇到了问题' }).waitFor();
    await browser.close();
  });

  test('the recovery screen speaks the remembered language first, and both', async () => {
    const browser = await launch();
    const english = await browser.newPage(site.url);
    await english.evaluate(() => {
      localStorage.setItem('hypnos.settings', JSON.stringify({ locale: 'en' }));
    });
    await breakStart(browser);
    await english.goto(`${site.url}#/`);
    await english.reload();
    await english.getByRole('heading', { name: 'The page ran into a problem' }).waitFor();
    expect(await english.locator('html').getAttribute('lang')).toBe('en');
    expect(await english.locator('[lang="zh-CN"] >> text=页面遇到了问题').count()).toBe(1);
    await english.getByRole('button', { name: '重新载入' }).waitFor();
    expect(await offences(english)).toEqual([]);
    await english.evaluate(() => {
      localStorage.clear();
    });
    await english.reload();
    await english.getByRole('heading', { name: '页面遇到了问题' }).waitFor();
    expect(await english.locator('p[lang="en"]').innerText()).toContain('The page ran into a problem');
    expect(await offences(english)).toEqual([]);
    await browser.close();
  });

  test('every card prints on one page', async () => {
    const browser = await launch();
    const page = await browser.newPage(`${site.url}#/crisis`);
    const cards = page.getByRole('navigation', { name: '全部卡片' }).getByRole('link');
    await cards.first().waitFor();
    const addresses = await cards.evaluateAll((links) => links.map((link) => link.getAttribute('href')));
    expect(addresses.length).toBeGreaterThan(0);
    const long: string[] = [];
    for (const address of addresses) {
      await page.goto(`${site.url}${address}`);
      await ticks(page).first().waitFor();
      const pages = pagesOf(await page.pdf({ preferCSSPageSize: true }));
      if (pages !== 1) long.push(`${address}: ${pages}`);
    }
    expect(long).toEqual([]);
    await browser.close();
  });
});

describe('doses', () => {
  const calculate = (page: Page) => page.getByRole('button', { name: '计算并记录' }).click();

  test('result, reason, refusal; each is logged and nothing in the log can be changed', async () => {
    const browser = await launch();
    const page = await browser.newPage(`${site.url}#/dose/infusion-rate`);
    await page.getByLabel('实际体重').fill('７０');
    await page.getByRole('textbox', { name: '年龄' }).fill('45');
    await page.getByText('男', { exact: true }).click();
    await page.getByLabel('药物').selectOption('drug-noradrenaline');
    await page.getByText('mg 毫克', { exact: true }).click();
    await page.getByLabel('配液中的药量').fill('4');
    await page.getByLabel('配液总量').fill('1,234');
    const dose = page.getByLabel('给药速度');
    await dose.fill('0,1');
    await calculate(page);
    await page.getByText(/逗号有两种读法/).waitFor();
    expect(await page.locator('output').count()).toBe(0);

    await page.getByLabel('配液总量').fill('50');
    await calculate(page);
    // 0.1 µg/kg/min × 70 kg × 60 ÷ 80 µg/mL = 5.25 mL/h
    await expect.poll(() => page.locator('output').first().innerText()).toBe('5.25');
    await page.getByText('0.1 µg/kg/min × 70 kg × 60 ÷ 80 µg/mL = 5.25 mL/h').waitFor();

    await dose.fill('1');
    expect(await page.locator('output').count()).toBe(0);
    await calculate(page);
    await page.getByRole('heading', { name: '超出通常范围，先核对' }).waitFor();
    expect(await page.locator('output').count()).toBe(0);
    await page.getByRole('button', { name: '我已核对，显示结果' }).click();
    expect(await page.locator('output').count()).toBe(0);
    await page.getByLabel('理由').fill('难治性休克，两人核对');
    await page.getByRole('button', { name: '我已核对，显示结果' }).click();
    await expect.poll(() => page.locator('output').first().innerText()).toBe('52.5');

    await dose.fill('10');
    await calculate(page);
    await page.getByRole('heading', { name: '拒绝计算' }).waitFor();
    expect(await page.locator('output').count()).toBe(0);

    await page.goto(`${site.url}#/dose/log`);
    const entries = page.getByRole('region', { name: '计算记录' }).locator('ol > li');
    await expect.poll(() => entries.count()).toBe(3);
    expect(await entries.nth(0).innerText()).toContain('已拒绝');
    expect(await entries.nth(1).innerText()).toContain('难治性休克，两人核对');
    expect(await entries.nth(2).innerText()).toContain('5.25 mL/h');
    await browser.close();
  });
});

describe('axe', () => {
  test.each(['light', 'dark'] as const)('%s, wide and narrow', async (colorScheme) => {
    const browser = await launchBrowser({ webgpu: false });
    const page = await browser.newPage(`${site.url}#/crisis`);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const found: string[] = [];
    for (const viewport of [
      { width: 1280, height: 800 },
      { width: 360, height: 740 },
    ]) {
      await page.setViewportSize(viewport);
      for (const address of [
        'crisis',
        'crisis/crisis-anaphylaxis',
        'dose/bolus',
        'dose/fluids',
        'dose/log',
      ]) {
        await page.goto(`${site.url}#/${address}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        if (address.startsWith('crisis/')) await ticks(page).first().check();
        await page.waitForTimeout(300); // colours end
        for (const offence of await offences(page)) found.push(`${address} ${viewport.width}: ${offence}`);
      }
    }
    await browser.close();
    expect(found).toEqual([]);
  });
});
