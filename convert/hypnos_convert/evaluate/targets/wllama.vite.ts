/** Builds wllama.ts; a configuration of Vite's own, so that Node 20 reads it too. */
import { defineConfig, mergeConfig } from 'vite';
import { engineBuild } from '../../../../src/engine/wllama.plugin.ts';

export default defineConfig(
  mergeConfig(engineBuild(), {
    root: import.meta.dirname,
    logLevel: 'silent',
    build: { write: false, rollupOptions: { input: new URL('wllama.html', import.meta.url).pathname } },
  }),
);
