// Runs axe over a page that convert wrote, in a headless Chromium: every language it offers, light and dark, wide and narrow.
//
//   node axe_page.mjs PAGE.html [PICTURES]
//   stdout  ["en dark 360: color-contrast ...", ...]; with PICTURES, a folder, a PNG of each state as well
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';
import { CHROMIUM_ARGUMENTS, requireChromium } from '../../tests/chromium.mjs';

const [, , file, pictures] = process.argv;
const browser = await chromium.launch({ executablePath: requireChromium(), args: CHROMIUM_ARGUMENTS });
const page = await (await browser.newContext()).newPage();
await page.goto(pathToFileURL(path.resolve(file)).href);
const languages = page.locator('input[name=language]');
const offences = [];
for (let language = 0; language < Math.max(1, await languages.count()); language += 1) {
  const isChoice = (await languages.count()) > 0;
  if (isChoice) await languages.nth(language).check();
  const name = isChoice ? await languages.nth(language).getAttribute('id') : 'page';
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      // Folded texts are there to be read, too.
      await page.evaluate(() => {
        for (const details of document.querySelectorAll('details')) details.open = true;
      });
      const state = `${name} ${colorScheme} ${width}`;
      const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
      for (const { id, help, nodes } of violations)
        for (const { target, failureSummary } of nodes)
          offences.push(`${state}: ${id}: ${help} ${target.join(' ')} ${failureSummary ?? ''}`);
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (sideways > 0) offences.push(`${state}: ${sideways} px scroll sideways`);
      if (pictures)
        await page.screenshot({ path: path.join(pictures, `${state.replaceAll(' ', '-')}.png`), fullPage: true });
    }
  }
}
await browser.close();
console.log(JSON.stringify(offences));
