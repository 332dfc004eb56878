// Runs one package in a headless Chromium with software WebGPU, for `python -m hypnos_convert evaluate`.
//
//   stdin   {"name": "load", "args": {"folder": "/packages/x", "library": "x-software.wasm"}}, then any number of
//           {"name": "answer" | "likelihoods", "args": {...}}, handled one after another
//   stdout  {"result": ...} or {"error": "..."} for each
//
// The page is served from the loopback interface with the headers of the real page. Needs the repository's node_modules
// and a Chromium: tests/chromium.mjs finds it. The process ends when stdin does.
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { createPageServer, listen } from '../../../../src/server/serve.mjs';
import { CHROMIUM_ARGUMENTS, requireChromium } from '../../../../tests/chromium.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const WEB_LLM = createRequire(import.meta.url).resolve('@mlc-ai/web-llm');
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm' };
const PAGE = '<!doctype html><title>evaluate</title><link rel="icon" href="data:," />';

let folder;
let page;
let problems = [];

function file(address) {
  if (address === '/') return { body: PAGE, type: 'text/html' };
  if (address === '/page.mjs') return { body: readFileSync(path.join(HERE, 'page.mjs')), type: TYPES['.mjs'] };
  if (address === '/web-llm.js') return { body: readFileSync(WEB_LLM), type: TYPES['.js'] };
  // web-llm asks for /package/resolve/main/<file>.
  const name = path.normalize(address.replace(/^\/package\/(resolve\/main\/)?/, ''));
  if (folder === undefined || name.startsWith('..') || !address.startsWith('/package/')) return undefined;
  try {
    return { body: readFileSync(path.join(folder, name)), type: TYPES[path.extname(name)] ?? 'application/octet-stream' };
  } catch {
    return undefined;
  }
}

const server = createPageServer({ directory: HERE, override: file });
const origin = await listen(server, 0);
const browser = await chromium.launch({ executablePath: requireChromium(), args: CHROMIUM_ARGUMENTS });

async function load(args) {
  folder = args.folder;
  page = await browser.newPage();
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('crash', () => problems.push('the page crashed'));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(origin);
  const model = `${origin}package/`;
  await inPage('load', { model, library: `${model}${args.library}` });
  return null;
}

/** Runs an exported function of page.mjs. */
async function inPage(name, args) {
  const result = await page.evaluate(async ([name, args]) => (await import('/page.mjs'))[name](args), [name, args]);
  // WebGPU reports validation errors on the console only, and computes on.
  if (problems.length > 0) throw new Error(problems.splice(0).join('\n'));
  return result;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { name, args } = JSON.parse(line);
  let reply;
  try {
    reply = { result: (await (name === 'load' ? load(args) : inPage(name, args))) ?? null };
  } catch (error) {
    reply = { error: String(error?.message ?? error) };
    problems = [];
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
await browser.close();
server.close();
