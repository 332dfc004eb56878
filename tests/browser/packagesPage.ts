/** Builds and serves tests/browser/pages/packages.html under the page's own headers. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { build } from 'vite';
import { ROOT } from '../../src/server/setup.mjs';
import { startSite } from './harness.ts';

export async function startPackagesSite(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'hypnos-packages-page-'));
  await build({
    configFile: false,
    root: path.join(ROOT, 'tests/browser/pages'),
    base: './',
    publicDir: false,
    logLevel: 'warn',
    worker: { format: 'es' },
    build: {
      outDir: directory,
      emptyOutDir: true,
      target: 'es2023',
      assetsInlineLimit: 0,
      rollupOptions: { input: path.join(ROOT, 'tests/browser/pages/packages.html') },
    },
  });
  const server = await startSite({ directory });
  return {
    url: `${server.url}packages.html`,
    close: async () => {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
