/** Builds and serves engine.html and cpu.html of tests/browser/pages with the packages of public/models, under the page's own headers. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { build, mergeConfig } from 'vite';
import { engineBuild } from '../../src/engine/wllama.plugin.ts';
import { ROOT } from '../../src/server/setup.mjs';
import { startSite } from './harness.ts';
import type { Override } from './harness.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

export interface EngineSite {
  readonly url: string;
  /** Of the page that has the CPU engine's parts one by one. */
  readonly cpuUrl: string;
  /** Paths of package files asked for, in order. */
  readonly requests: string[];
  /** Changes what the server sends for a path below models/; undefined: as it is. */
  tamper: (path: string, body: Buffer) => Buffer | undefined;
  close(): Promise<void>;
}

export async function startEngineSite(): Promise<EngineSite> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'hypnos-engine-page-'));
  await build(
    mergeConfig(engineBuild(), {
      configFile: false,
      root: path.join(ROOT, 'tests/browser/pages'),
      logLevel: 'warn',
      build: {
        outDir: directory,
        emptyOutDir: true,
        rollupOptions: {
          input: ['engine', 'cpu'].map((name) => path.join(ROOT, `tests/browser/pages/${name}.html`)),
        },
      },
    }),
  );
  const site = {
    requests: [] as string[],
    tamper: ((_path, _body) => undefined) as EngineSite['tamper'],
  };
  const override = (url: string): Override | undefined => {
    const match = /^\/models\/([\w./-]+)$/.exec(url);
    const name = match?.[1];
    if (!name || name.includes('..')) return undefined;
    const file = path.join(ROOT, 'public/models', name);
    if (!existsSync(file)) return undefined;
    site.requests.push(name);
    const body = readFileSync(file);
    return {
      body: site.tamper(name, body) ?? body,
      type: TYPES[path.extname(name)] ?? 'application/octet-stream',
    };
  };
  const server = await startSite({ directory, override });
  return Object.assign(site, {
    url: `${server.url}engine.html`,
    cpuUrl: `${server.url}cpu.html`,
    close: async () => {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  });
}
