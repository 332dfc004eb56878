// Runs one package in a headless Chromium, for `python -m hypnos_convert evaluate`.
//
//   stdin   {"name": "load", "args": {"engine": "web-llm", "folder": "/packages/x", "library": "x-software.wasm"}}, then
//           any number of {"name": "answer" | "likelihoods", "args": {...}}, handled one after another
//   stdout  {"result": ...} or {"error": "..."} for each
//
// Engine web-llm: page.mjs over the library as it is, on software WebGPU. Engine wllama: wllama.ts, built with the page's
// own engine worker, in a browser without WebGPU; it tells no likelihoods. The page is served from the loopback interface
// with the headers of the real page. Needs the repository's node_modules and a Chromium: tests/chromium.mjs finds it. The
// process ends when stdin does.
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { createPageServer, listen } from '../../../../src/server/serve.mjs';
import { CHROMIUM_ARGUMENTS, requireChromium, withoutWebGpu } from '../../../../tests/chromium.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const WEB_LLM = createRequire(import.meta.url).resolve('@mlc-ai/web-llm');
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm' };
const PAGE = '<!doctype html><title>evaluate</title><link rel="icon" href="data:," />';

let folder;
let page;
let browser;
let server;
let problems = [];

function webLlmFile(address) {
  if (address === '/') return { body: PAGE, type: 'text/html' };
  if (address === '/page.mjs') return { body: readFileSync(path.join(HERE, 'page.mjs')), type: TYPES['.mjs'] };
  if (address === '/web-llm.js') return { body: readFileSync(WEB_LLM), type: TYPES['.js'] };
  return packageFile(address);
}

function packageFile(address) {
  // web-llm asks for /package/resolve/main/<file>.
  const name = path.normalize(address.replace(/^\/package\/(resolve\/main\/)?/, ''));
  if (folder === undefined || name.startsWith('..') || !address.startsWith('/package/')) return undefined;
  try {
    return { body: readFileSync(path.join(folder, name)), type: TYPES[path.extname(name)] ?? 'application/octet-stream' };
  } catch {
    return undefined;
  }
}

/** Each engine: what is served, the browser's arguments, and how a function is called. */
const ENGINES = {
  'web-llm': async () => ({
    file: webLlmFile,
    args: CHROMIUM_ARGUMENTS,
    address: '',
    load: (origin, { library }) => ({ model: `${origin}package/`, library: `${origin}package/${library}` }),
    call: async ([name, args]) => (await import('/page.mjs'))[name](args),
  }),
  wllama: async () => ({
    file: await buildWllamaPage(),
    args: withoutWebGpu(CHROMIUM_ARGUMENTS),
    address: 'wllama.html',
    load: (_origin, { id }) => ({ id }),
    call: ([name, args]) => window.evaluation[name](args),
  }),
};
let engine;

/** Serves the page of wllama.ts, which is built in memory. */
async function buildWllamaPage() {
  const { build } = await import('vite'); // Not for the other engine.
  const { output } = await build({ configFile: path.join(HERE, 'wllama.vite.ts') });
  const files = new Map(output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source]));
  return (address) => {
    const body = files.get(address);
    return body === undefined ? packageFile(address) : { body, type: TYPES[path.extname(address)] ?? 'text/html' };
  };
}

async function load({ engine: name, ...args }) {
  folder = args.folder;
  engine = await ENGINES[name]();
  server = createPageServer({ directory: HERE, override: engine.file });
  const origin = await listen(server, 0);
  browser = await chromium.launch({ executablePath: requireChromium(), args: engine.args });
  page = await browser.newPage();
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('crash', () => problems.push('the page crashed'));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(`${origin}${engine.address}`);
  await inPage('load', engine.load(origin, args));
  return null;
}

/** Runs a function of the engine's page. */
async function inPage(name, args) {
  const result = await page.evaluate(engine.call, [name, args]);
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
await browser?.close();
server?.close();
