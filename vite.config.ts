import { readFileSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import type { Plugin } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import { wllamaScripts } from './src/engine/wllama.plugin.ts';
import securityHeaders from './src/shared/security-headers.json' with { type: 'json' };

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/**
 * The policy once more inside the page, for servers that send no headers and before the service worker does. Builds only:
 * the development server needs inline scripts.
 */
const policyInPage: Plugin = {
  name: 'hypnos-policy-in-page',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      injectTo: 'head-prepend',
      attrs: {
        'http-equiv': 'Content-Security-Policy',
        // A policy in a <meta> may not speak of frame-ancestors.
        content: securityHeaders['Content-Security-Policy'].replace("frame-ancestors 'none'; ", ''),
      },
    },
  ],
};

export default defineConfig({
  base: './',
  define: { __HYPNOS_VERSION__: JSON.stringify(version) },
  plugins: [
    react(),
    wllamaScripts(),
    policyInPage,
    VitePWA({
      strategies: 'injectManifest',
      srcDir: 'src/sw',
      filename: 'sw.ts',
      injectRegister: false, // src/app registers it: Trusted Types want the URL through our policy
      injectManifest: {
        rollupFormat: 'iife', // a classic script: every browser registers it, and it is named sw.js
        globPatterns: ['**/*.{js,css,html,svg,png,woff2,wasm,webmanifest,bcmap}', 'library/*.json'],
        globIgnores: ['models/**', 'screenshots/**', '**/KaTeX_*.{ttf,woff}'],
        maximumFileSizeToCacheInBytes: 16 * 2 ** 20, // the engine's chunk is 6.8 MB
      },
      manifest: {
        id: './',
        name: 'Hypnos 麻醉学语言模型',
        short_name: 'Hypnos',
        description: '在浏览器里离线运行的中文麻醉学语言模型；内容由 AI 生成，不能代替临床判断。',
        lang: 'zh-CN',
        start_url: './',
        scope: './',
        display: 'standalone',
        background_color: '#f6f7f6',
        theme_color: '#0b6e67',
        categories: ['medical', 'education'],
        icons: [
          { src: 'icons/icon-192.png', sizes: '192x192', type: 'image/png' },
          { src: 'icons/icon-512.png', sizes: '512x512', type: 'image/png' },
          { src: 'icons/maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
          { src: 'icons/icon.svg', sizes: 'any', type: 'image/svg+xml' },
        ],
        screenshots: [
          {
            src: 'screenshots/chat.png',
            sizes: '1280x800',
            type: 'image/png',
            form_factor: 'wide',
            label: '对话',
          },
          {
            src: 'screenshots/phone.png',
            sizes: '390x844',
            type: 'image/png',
            form_factor: 'narrow',
            label: '对话',
          },
        ],
        shortcuts: [
          { name: '新对话', url: './#/', icons: [{ src: 'icons/icon-192.png', sizes: '192x192' }] },
          { name: '模型', url: './#/models', icons: [{ src: 'icons/icon-192.png', sizes: '192x192' }] },
        ],
      },
    }),
  ],
  worker: { format: 'es', plugins: () => [wllamaScripts()] },
  build: {
    target: 'es2023',
    manifest: true, // tests/bench reads which files the first paint needs
    assetsInlineLimit: 0, // data: URLs are not in the CSP for fonts and scripts
    chunkSizeWarningLimit: 8000,
  },
});
