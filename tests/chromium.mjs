// Finds (or installs) the browser that tests drive.
import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'];
const ELSEWHERE = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

/** Software WebGPU, no network of the browser's own, root allowed. */
export const CHROMIUM_ARGUMENTS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-unsafe-swiftshader',
];

/** @param {readonly string[]} args @returns those that leave the browser without WebGPU */
export const withoutWebGpu = (args) => args.filter((argument) => !/webgpu|swiftshader/.test(argument));

/** @returns {string | undefined} the executable of an installed Chrome, Edge or Chromium; HYPNOS_CHROMIUM comes first */
export function findChromium() {
  if (process.env.HYPNOS_CHROMIUM) return process.env.HYPNOS_CHROMIUM;
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const onPath = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return [...onPath, ...ELSEWHERE].find((file) => existsSync(file));
}

/** @returns {string} as findChromium, installing Debian's package where there is none and it can be. @throws {Error} */
export function requireChromium() {
  const found = findChromium();
  if (found) return found;
  if (process.platform === 'linux') {
    const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
    for (const command of [
      ['apt-get', 'update'],
      ['apt-get', 'install', '-y', 'chromium', 'fonts-noto-cjk'],
    ]) {
      const [program = '', ...args] = [...sudo, ...command];
      spawnSync(program, args, {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      });
    }
    const installed = findChromium();
    if (installed) return installed;
  }
  throw new Error(
    'The browser tests need Chrome, Edge or Chromium: install one, or name it in HYPNOS_CHROMIUM.',
  );
}
