// Keeps one headless Chromium with software WebGPU for a pytest session and runs package sessions in its pages.
//
//   stdin   {"id": 1, "method": "open", "params": {"folder": "/packages/x", "library": "x-software.wasm"}}
//   stdout  {"id": 1, "result": {"page": 0, ...}, "problems": []}   or   {"id": 1, "error": "...", "problems": [...]}
//
// A page serves one package from the loopback interface, with the headers of the real page, in a browser context of
// its own: nothing is cached from one package to the next. `problems` are what the page wrote as errors since the last
// answer, WebGPU validation errors among them. The process ends when stdin does.
import { createInterface } from 'node:readline';
import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { createPageServer, listen } from '../../../src/server/serve.mjs';
import { CHROMIUM_ARGUMENTS, requireChromium } from '../../../tests/chromium.mjs';
import { buildCpuPage } from './cpu-page.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const WEB_LLM = createRequire(import.meta.url).resolve('@mlc-ai/web-llm');
const TYPES = {
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Folders by the first segment of the address they are served under. */
const mounts = new Map();
const pages = new Map();

const server = createPageServer({ directory: HERE, override: packageFile });
const origin = await listen(server, 0);
const browser = await chromium.launch({
  executablePath: requireChromium(),
  args: [...CHROMIUM_ARGUMENTS, ...(process.env.HYPNOS_PARITY_CHROMIUM_ARGUMENTS ?? '').split(' ').filter(Boolean)],
});

function packageFile(address) {
  if (address === '/web-llm.js') return { body: readFileSync(WEB_LLM), type: TYPES['.js'] };
  const [, mount, ...rest] = address.split('/');
  const folder = mounts.get(mount);
  if (folder === undefined) return undefined;
  // web-llm asks for /<mount>/resolve/main/<file>.
  const name = path.normalize(rest.join('/').replace(/^resolve\/main\//, ''));
  if (name.startsWith('..')) return undefined;
  try {
    return {
      body: readFileSync(path.join(folder, name)),
      type: TYPES[path.extname(name)] ?? 'application/octet-stream',
    };
  } catch {
    return undefined;
  }
}

const methods = {
  /** A new page in which web-llm loads the package `folder` with the library named. */
  async open({ folder, library, ...options }) {
    return openPage(folder, '/page.mjs', (model) => ({ model, library: `${model}${library}`, ...options }));
  },
  /** A new page in which the CPU engine loads the package `folder`. */
  async openCpu({ folder }) {
    if (!mounts.has('cpu')) mounts.set('cpu', await buildCpuPage());
    return openPage(folder, '/cpu/cpu.js', (model) => ({ model }));
  },
  /** Names of the optional features of the adapter. */
  async features() {
    const page = await browser.newPage();
    await page.goto(`${origin}index.html`);
    const features = await page.evaluate(async () => [...(await navigator.gpu.requestAdapter()).features]);
    await page.close();
    return features;
  },
  call: ({ page, name, args }) => call(pages.get(page), name, args),
  async close({ page }) {
    const { context } = pages.get(page);
    pages.set(page, undefined);
    mounts.delete(`package-${page}`);
    await context.close();
  },
};

async function openPage(folder, module, loadArguments) {
  const number = pages.size;
  const context = await browser.newContext();
  const page = await context.newPage();
  const opened = { context, page, module, problems: [] };
  pages.set(number, opened);
  page.on('pageerror', (error) => opened.problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') opened.problems.push(message.text());
  });
  await page.goto(`${origin}index.html`);
  const mount = `package-${number}`;
  mounts.set(mount, folder);
  return { page: number, ...(await call(opened, 'load', loadArguments(`${origin}${mount}/`))) };
}

/** Runs an exported function of the page's module. */
function call({ page, module }, name, args) {
  return page.evaluate(
    async ([module, name, args]) => (await import(module))[name](args),
    [module, name, args],
  );
}

function takeProblems() {
  const problems = [];
  for (const opened of pages.values()) problems.push(...(opened?.problems.splice(0) ?? []));
  return problems;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  let answer;
  try {
    answer = { id, result: (await methods[method](params)) ?? null };
  } catch (error) {
    answer = { id, error: String(error?.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify({ ...answer, problems: takeProblems() })}\n`);
}
await browser.close();
server.close();
if (mounts.has('cpu')) rmSync(mounts.get('cpu'), { recursive: true, force: true });
