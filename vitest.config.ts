import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const define = { __HYPNOS_VERSION__: JSON.stringify('test') };

export default defineConfig({
  test: {
    projects: [
      {
        define,
        plugins: [react()],
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.{ts,tsx}'],
          environment: 'node', // files that need a DOM say `// @vitest-environment jsdom`
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['tests/browser/**/*.test.ts'],
          environment: 'node', // the tests drive a real Chromium from outside
          globalSetup: ['tests/browser/globalSetup.ts'],
          fileParallelism: false, // software WebGPU takes every core
          expect: { poll: { timeout: 60_000 } }, // the machine may be busy
          testTimeout: 480_000,
          hookTimeout: 240_000,
        },
      },
      {
        // Not part of `npm test`: measures, prints figures, asserts nothing about time.
        test: {
          name: 'bench',
          include: ['tests/bench/**/*.bench.ts'],
          environment: 'node',
          globalSetup: ['tests/browser/globalSetup.ts'],
          fileParallelism: false,
          testTimeout: 1_800_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
