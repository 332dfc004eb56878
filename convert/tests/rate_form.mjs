// Fills the first entry of a rating form in a headless Chromium, closes it, opens it again and saves the ratings.
//
//   node rate_form.mjs FORM.html SAVED.json
//   stdout  {"requests": [...], "problems": [...], "restored": true, "state": "..."}
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { CHROMIUM_ARGUMENTS, requireChromium } from '../../tests/chromium.mjs';

const [, , form, saved] = process.argv;
const profile = mkdtempSync(path.join(tmpdir(), 'hypnos-form-'));
const requests = [];
const problems = [];

/** A browser of its own each time: what is there the second time was on the disk. */
async function open() {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: requireChromium(),
    args: CHROMIUM_ARGUMENTS,
  });
  const page = await context.newPage();
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) requests.push(request.url());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(pathToFileURL(form).href);
  return { context, page };
}

let { context, page } = await open();
const entry = page.locator('article').first();
for (const range of await entry.locator('input[type=range]').all()) await range.fill('7');
await entry.getByRole('radio', { name: '回答二' }).check();
await entry.locator('textarea').fill('剂量有误');
await context.close();

({ context, page } = await open());
const again = page.locator('article').first();
const restored =
  (await again.locator('textarea').inputValue()) === '剂量有误' &&
  (await again.getByRole('radio', { name: '回答二' }).isChecked()) &&
  (await again.locator('input[type=range]').first().inputValue()) === '7';
const state = await page.locator('#state').textContent();
const download = page.waitForEvent('download');
await page.getByRole('button', { name: '保存评分文件' }).click();
await (await download).saveAs(saved);
await context.close();
console.log(JSON.stringify({ requests, problems, restored, state }));
