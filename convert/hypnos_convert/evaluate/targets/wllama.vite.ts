/** Builds wllama.ts as vite.config.ts builds the page's engine; a configuration of Vite's, so that Node 20 reads it too. */
import { defineConfig } from 'vite';
import { wllamaScripts } from '../../../../src/engine/wllama.plugin.ts';

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: false,
  logLevel: 'silent',
  plugins: [wllamaScripts()],
  worker: { format: 'es', plugins: () => [wllamaScripts()] },
  build: {
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 8000,
    rollupOptions: { input: new URL('wllama.html', import.meta.url).pathname },
  },
});
