// Bundles cpu.ts and what it takes from the page's source into a folder, as the page itself is bundled.
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, runnerImport } from 'vite';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** @returns the folder; `cpu.js` in it is the module */
export async function buildCpuPage() {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'hypnos-parity-cpu-'));
  const plugin = path.join(HERE, '../../../src/engine/wllama.plugin.ts');
  const { module } = await runnerImport(plugin);
  await build({
    configFile: false,
    root: HERE,
    base: './',
    publicDir: false,
    logLevel: 'error',
    plugins: [module.wllamaScripts()],
    build: {
      outDir: directory,
      emptyOutDir: true,
      target: 'es2023',
      assetsInlineLimit: 0,
      rollupOptions: {
        input: path.join(HERE, 'cpu.ts'),
        preserveEntrySignatures: 'strict',
        output: { entryFileNames: 'cpu.js' },
      },
    },
  });
  return directory;
}
