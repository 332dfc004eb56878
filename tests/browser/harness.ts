/**
 * What browser tests share: the built page behind the server we ship, and a real Chromium with software WebGPU.
 *
 *   const site = await startSite();                      // or startSite({ override }) to put files in place
 *   const browser = await launchBrowser();               // a fresh profile; launchBrowser({ profile }) keeps one
 *   const page = await browser.newPage(site.url);
 *   ...
 *   await browser.close(); await site.close();
 */
import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import type { BrowserContext, Page } from 'playwright-core';
import { build } from 'vite';
import { createPageServer, listen } from '../../src/server/serve.mjs';
import { ROOT } from '../../src/server/setup.mjs';
import { CHROMIUM_ARGUMENTS, requireChromium, withoutWebGpu } from '../chromium.mjs';

export interface Override {
  readonly body: string | Uint8Array;
  readonly type: string;
}

export interface Site {
  /** Ends in '/'. */
  readonly url: string;
  readonly port: number;
  /** Cuts the network: the port refuses connections until `resume`. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
}

export interface SiteOptions {
  /** Answers a path instead of the built file. */
  readonly override?: (path: string) => Override | undefined;
  readonly directory?: string;
}

export async function startSite(options: SiteOptions = {}): Promise<Site> {
  const create = () =>
    createPageServer({
      directory: options.directory ?? path.join(ROOT, 'dist'),
      ...(options.override ? { override: options.override } : {}),
    });
  let server = create();
  const url = await listen(server, 0);
  const port = Number(new URL(url).port);
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url,
    port,
    pause: stop,
    resume: async () => {
      server = create();
      await listen(server, port);
    },
    close: stop,
  };
}

export interface Browser {
  readonly context: BrowserContext;
  readonly profile: string;
  /** Messages of console.error and uncaught errors of every page, in order. */
  readonly errors: readonly string[];
  newPage(url?: string): Promise<Page>;
  /** SIGKILL: nothing is flushed. The profile stays. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export interface BrowserOptions {
  /** A profile folder to keep; absent: a fresh one, removed on close. */
  readonly profile?: string;
  readonly webgpu?: boolean;
  readonly args?: readonly string[];
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
  readonly locale?: string;
}

export async function launchBrowser(options: BrowserOptions = {}): Promise<Browser> {
  const profile = options.profile ?? (await mkdtemp(path.join(os.tmpdir(), 'hypnos-profile-')));
  const args = [...CHROMIUM_ARGUMENTS, ...(options.args ?? [])];
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: requireChromium(),
    args: options.webgpu === false ? withoutWebGpu(args) : args,
    viewport: options.viewport ?? { width: 1280, height: 800 },
    colorScheme: options.colorScheme ?? 'light',
    locale: options.locale ?? 'zh-CN',
  });
  context.setDefaultTimeout(60_000); // the machine may be busy
  const errors: string[] = [];
  context.on('weberror', (event) => errors.push(String(event.error())));
  context.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  const removeProfile = () =>
    options.profile ? Promise.resolve() : rm(profile, { recursive: true, force: true, maxRetries: 5 });
  return {
    context,
    profile,
    errors,
    newPage: async (url) => {
      const page = await context.newPage();
      if (url) await page.goto(url);
      return page;
    },
    kill: async () => {
      const closed = new Promise<void>((resolve) => context.once('close', () => resolve()));
      killProcessTree(profile);
      await closed;
    },
    close: async () => {
      await context.close();
      await removeProfile();
    },
  };
}

/** A profile folder for tests that kill and reopen the browser. */
export async function createProfile(): Promise<{ path: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'hypnos-profile-'));
  return { path: folder, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

/**
 * Bundles a test's own module (a scripted worker, a page's script) the way the page is bundled, as one ES module.
 */
export async function bundle(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      write: false,
      target: 'es2023',
      minify: false,
      rollupOptions: {
        input: path.join(ROOT, entry),
        preserveEntrySignatures: 'exports-only',
        output: { format: 'es', codeSplitting: false },
      },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (!output || !('output' in output)) throw new Error(`${entry} was not bundled`);
  const chunk = output.output.find((item) => item.type === 'chunk');
  if (!chunk || chunk.type !== 'chunk') throw new Error(`${entry} gave no chunk`);
  return chunk.code;
}

/**
 * An override that puts the scripted engine (tests/browser/scripted-worker.ts) in the place of the real worker.
 * @param load how its loads on the GPU fail; null: not at all
 */
export async function scriptedEngine(
  load: { readonly code: string; readonly roomForTokens?: number } | null = null,
): Promise<(path: string) => Override | undefined> {
  const body = `globalThis.scriptedLoad = ${JSON.stringify(load)};\n${await bundle('tests/browser/scripted-worker.ts')}`;
  return (file) =>
    /^\/assets\/engine\.worker-[\w-]+\.js$/.test(file) ? { body, type: 'text/javascript' } : undefined;
}

/** SIGKILLs every process of the browser that runs on this profile. */
function killProcessTree(profile: string): void {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8');
      if (command.includes(profile)) process.kill(Number(entry), 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}
