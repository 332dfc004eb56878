/**
 * Builds @wllama/wllama's worker scripts, which it holds as text and starts from blob: URLs, into two files of our own.
 * `virtual:wllama-scripts` exports their URLs: `mainUrl` runs llama.cpp, `threadUrl` one of its threads.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { InlineConfig, Plugin } from 'vite';

const ID = 'virtual:wllama-scripts';

/**
 * Runs before either script. `Worker` may start one thing from here, the thread script, and only through the page's own
 * Trusted Types policy; WebGPU is out of sight, or llama.cpp would take it.
 */
const PROLOGUE = `
const ownPolicy = self.trustedTypes?.createPolicy('hypnos', {
  createScriptURL: (url) => {
    if (new URL(url, location.href).origin !== location.origin) throw new TypeError('foreign script');
    return url;
  },
});
try {
  Object.defineProperty(WorkerNavigator.prototype, 'gpu', {
    get: () => ({ requestAdapter: () => Promise.resolve(null) }),
  });
} catch {}
if (!WebAssembly.Suspending) {
  WebAssembly.Suspending = function (f) { return f; };
  WebAssembly.promising = (f) => async (...args) => f(...args);
}
`;

export function wllamaScripts(): Plugin {
  let isBuild = false;
  let texts: { readonly main: string; readonly thread: string } | undefined;
  const scripts = () => (texts ??= composeScripts());
  return {
    name: 'hypnos-wllama-scripts',
    configResolved: (config) => {
      isBuild = config.command === 'build';
    },
    resolveId: (id) => (id === ID ? `\0${ID}` : null),
    load(id) {
      if (id !== `\0${ID}`) return null;
      if (!isBuild) return `export const mainUrl = '/@wllama/main.js', threadUrl = '/@wllama/thread.js';`;
      const { main, thread } = scripts();
      const emit = (name: string, source: string) => {
        const reference = this.emitFile({ type: 'asset', name, source });
        return `import.meta.ROLLUP_FILE_URL_${reference}`;
      };
      return `export const mainUrl = ${emit('wllama-main.js', main)}, threadUrl = ${emit('wllama-thread.js', thread)};`;
    },
    configureServer: (server) => {
      server.middlewares.use('/@wllama', (request, response, next) => {
        const text = { '/main.js': scripts().main, '/thread.js': scripts().thread }[request.url ?? ''];
        if (text === undefined) {
          next();
          return;
        }
        response.setHeader('Content-Type', 'text/javascript');
        response.end(text);
      });
    },
  };
}

function composeScripts(): { main: string; thread: string } {
  const root = path.resolve(import.meta.dirname, '../..');
  const source = readFileSync(
    path.join(root, 'node_modules/@wllama/wllama/src/workers-code/generated.ts'),
    'utf8',
  );
  const constant = (name: string): string => {
    const [, literal] = new RegExp(`^export const ${name} = (".*");?$`, 'mu').exec(source) ?? [];
    if (literal === undefined)
      throw new Error(`@wllama/wllama holds no ${name}: see src/engine/wllama.plugin.ts`);
    return JSON.parse(literal) as string; // written by JSON.stringify
  };
  const runtime = constant('WLLAMA_EMSCRIPTEN_CODE');
  const driver = constant('LLAMA_CPP_WORKER_CODE');
  const main = [
    PROLOGUE,
    'const RUN_OPTIONS = JSON.parse(self.name);',
    `self.Worker = class extends self.Worker {
  constructor(_url, options) {
    const url = RUN_OPTIONS.threadUrl;
    super(ownPolicy ? ownPolicy.createScriptURL(url) : url, options);
  }
};`,
    `function wModuleInit() { ${runtime.replace('var Module', 'var ___Module')}; return Module; }`,
    driver,
  ].join('\n');
  return { main, thread: `${PROLOGUE}\n${runtime}` };
}

/** What a page of its own with the engines, beside the application, is built with. */
export const engineBuild = (): InlineConfig => ({
  base: './',
  publicDir: false,
  plugins: [wllamaScripts()],
  worker: { format: 'es', plugins: () => [wllamaScripts()] },
  build: { target: 'es2023', assetsInlineLimit: 0, chunkSizeWarningLimit: 8000 },
});
