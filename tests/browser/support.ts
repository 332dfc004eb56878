/** Steps that several browser tests take through the real page. */
import type { Page } from 'playwright-core';

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

/** Resolves when the service worker controls the page and its precache is complete. */
export async function waitForServiceWorker(page: Page): Promise<void> {
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, {
    timeout: ENGINE_TIMEOUT_MS,
  });
}
