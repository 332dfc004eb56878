// Measures model libraries in a headless Chromium with software WebGPU, for `python -m hypnos_convert bench`.
//
//   stdin   {"tokens": 16, "repeat": 3, "packages": [{"name": "...", "folder": "...", "library": "/path/x.wasm"}]}
//           with "traffic": true, also the bytes that the first reads per decoded token, counted in a browser of its own
//   stdout  [{"name": "...", "coldLoadSeconds": [...], "decodeTokensPerSecond": [...], "dispatchesPerToken": 42, ...}]
//
// Packages take turns, a fresh browser each time, so that slow moments of the machine meet all of them. Needs the
// repository's node_modules (playwright-core, @mlc-ai/web-llm) and a Chromium: tests/chromium.mjs finds it.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { chromium } from 'playwright-core';
import { CHROMIUM_ARGUMENTS, requireChromium } from '../../tests/chromium.mjs';
import { countTraffic } from './bench_traffic.mjs';

const WEB_LLM = createRequire(import.meta.url).resolve('@mlc-ai/web-llm');
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json' };

async function serve({ folder, library }) {
  const server = createServer(async (request, response) => {
    const name = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    response.setHeader('content-type', TYPES[path.extname(name)] ?? 'application/octet-stream');
    if (name === '/') return response.setHeader('content-type', 'text/html').end('<!doctype html><title>bench</title>');
    const file =
      name === '/web-llm.js'
        ? WEB_LLM
        : name === '/library.wasm'
          ? library
          : path.join(folder, path.normalize(name.replace('/m/resolve/main/', '/')));
    try {
      response.end(await readFile(file));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Runs in the page: loads the model and decodes, counting what reaches the GPU. */
async function measure({ tokens, repeat }) {
  const counts = { dispatches: 0, modules: 0 };
  const dispatch = GPUComputePassEncoder.prototype.dispatchWorkgroups;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...sizes) {
    counts.dispatches += 1;
    return dispatch.apply(this, sizes);
  };
  const createModule = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    counts.modules += 1;
    return createModule.call(this, descriptor);
  };
  const { CreateMLCEngine } = await import('/web-llm.js');
  const entry = { model_id: 'bench', model: `${location.origin}/m`, model_lib: `${location.origin}/library.wasm` };
  const started = performance.now();
  const engine = await CreateMLCEngine('bench', { logLevel: 'ERROR', appConfig: { model_list: [entry] } });
  const coldLoadSeconds = (performance.now() - started) / 1000;
  const ask = async (count) => {
    const before = counts.dispatches;
    const { usage } = await engine.completions.create({
      prompt: '全身麻醉诱导期如何管理循环？',
      max_tokens: count,
      temperature: 0,
      ignore_eos: true,
    });
    return { dispatches: counts.dispatches - before, usage };
  };
  const shorter = await ask(2); // also warms up
  const runs = [];
  for (let i = 0; i < repeat; i += 1) runs.push(await ask(tokens));
  return {
    coldLoadSeconds,
    shaderModules: counts.modules,
    dispatchesPerToken: (runs[0].dispatches - shorter.dispatches) / (tokens - 2),
    promptTokens: shorter.usage.prompt_tokens,
    decodeTokensPerSecond: runs.map(({ usage }) => usage.extra.decode_tokens_per_s),
    prefillTokensPerSecond: runs.map(({ usage }) => usage.extra.prefill_tokens_per_s),
  };
}

/** What `task` returns in a page of a fresh browser that has the subject's files. */
async function inBrowser(subject, task, options) {
  const server = await serve(subject);
  const browser = await chromium.launch({ executablePath: requireChromium(), args: CHROMIUM_ARGUMENTS });
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(`${subject.name}: ${error}`));
    await page.goto(`http://localhost:${server.address().port}/`);
    return await page.evaluate(task, options);
  } finally {
    await browser.close();
    server.close();
  }
}

const { packages, tokens, repeat, traffic } = JSON.parse(await text(process.stdin));
const results = packages.map(({ name }) => ({ name, coldLoadSeconds: [], decodeTokensPerSecond: [], prefillTokensPerSecond: [] }));
for (let round = 0; round < repeat; round += 1) {
  for (const [index, subject] of packages.entries()) {
    const measured = await inBrowser(subject, measure, { tokens, repeat: 2 });
    const result = results[index];
    result.coldLoadSeconds.push(measured.coldLoadSeconds);
    result.decodeTokensPerSecond.push(...measured.decodeTokensPerSecond);
    result.prefillTokensPerSecond.push(...measured.prefillTokensPerSecond);
    const { shaderModules, dispatchesPerToken, promptTokens } = measured;
    Object.assign(result, { shaderModules, dispatchesPerToken, promptTokens });
  }
}
// Of the first only: another compiler's kernels name their arguments otherwise.
if (traffic) results[0].traffic = await inBrowser(packages[0], countTraffic, { tokens: 6 });
console.log(JSON.stringify(results));
