// Brings a checkout to the point where the page can be served: dependencies installed, page built.
// Uses nothing but Node, because it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OLDEST_NODE = [20, 19];
const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const BUILD_INPUTS = [
  'src',
  'public',
  'convert/hypnos_convert/schema',
  'index.html',
  'package-lock.json',
  'vite.config.ts',
];

/** Ends the process with one clear line. */
export function fail(message) {
  console.error(`\n${message}`);
  process.exit(1);
}

/** Runs a command in the repository's root, its output shown; ends the process where it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: ROOT,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    ...options,
  });
  if (error) fail(`${command} could not be started: ${error.message}`);
  if (status !== 0)
    fail(`"${[command, ...args].join(' ')}" failed (exit code ${status}); its messages are above.`);
}

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    fail(
      `Hypnos needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node}. Get it from nodejs.org.`,
    );
  }
}

const modified = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);

function newest(file) {
  if (!existsSync(file)) return 0;
  if (!statSync(file).isDirectory()) return modified(file);
  return readdirSync(file).reduce(
    (latest, name) => Math.max(latest, newest(path.join(file, name))),
    modified(file),
  );
}

/** Installs the locked dependencies unless what is installed is as new as the lock file. */
export function installDependencies() {
  const installed = modified(path.join(ROOT, 'node_modules', '.package-lock.json'));
  if (installed && installed >= modified(path.join(ROOT, 'package-lock.json'))) return;
  console.log('Installing dependencies (once, about a minute)…');
  run(NPM, ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

/** Builds the page unless the last build is newer than everything it is made of. */
export function buildPage() {
  const built = modified(path.join(ROOT, 'dist', 'index.html'));
  if (built && BUILD_INPUTS.every((input) => newest(path.join(ROOT, input)) <= built)) return;
  console.log('Building the page…');
  const vite = path.join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
  // A test runner says NODE_ENV=test, and libraries would be built with their development checks.
  run(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    env: { ...process.env, NODE_ENV: 'production' },
  });
}
