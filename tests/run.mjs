// npm test: installs what tests need, runs all of them, ends with "N passed, N failed".
//
//   lint -> unit (vitest) -> browser (vitest driving Chromium) -> convert (pytest)
//
// Every part runs even if one before it failed; the exit code tells whether all passed.
// `node tests/run.mjs unit browser` runs parts by name.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { checkNode, fail, installDependencies, ROOT } from '../src/server/setup.mjs';
import { requireChromium } from './chromium.mjs';

const OUTPUT = path.join(ROOT, 'tests', 'output');
const CONVERT = path.join(ROOT, 'convert');
const ENVIRONMENT = path.join(CONVERT, '.venv');
const PYTHON = path.join(ENVIRONMENT, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');

/** @returns {number} the exit status; output is shown */
function execute(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? 1;
}

const nodeTool = (tool, args) => execute(process.execPath, [path.join(ROOT, 'node_modules', tool), ...args]);

/** A part of the suite without a test runner of its own counts as one test. */
function check(name, status) {
  return { name, passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
}

function lint() {
  return [
    ...['tsconfig.json', 'tsconfig.unit.json', 'tsconfig.worker.json', 'tsconfig.node.json'].map((project) =>
      check(`types of ${project}`, nodeTool('typescript/bin/tsc', ['-p', project])),
    ),
    check('eslint', nodeTool('eslint/bin/eslint.js', ['.', '--max-warnings', '0'])),
    check('prettier', nodeTool('prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.'])),
  ];
}

function vitest(project) {
  const report = path.join(OUTPUT, `${project}.json`);
  rmSync(report, { force: true });
  const status = nodeTool('vitest/vitest.mjs', [
    'run',
    `--project=${project}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]);
  if (!existsSync(report)) return [check(project, 1)];
  const { numPassedTests, numFailedTests, numTotalTests } = JSON.parse(readFileSync(report, 'utf8'));
  // A file that cannot be loaded, or an error outside a test, fails the run without failing a test.
  const broken = status !== 0 && numFailedTests === 0 ? 1 : 0;
  const skipped = numTotalTests - numPassedTests - numFailedTests;
  if (skipped > 0) console.error(`${project}: ${skipped} tests did not run, which counts as failed`);
  return [{ name: project, passed: numPassedTests, failed: numFailedTests + broken + skipped }];
}

/** Makes convert/.venv from convert/pyproject.toml; done again when that file changes. */
function pythonEnvironment() {
  const marker = path.join(ENVIRONMENT, '.installed');
  const project = path.join(CONVERT, 'pyproject.toml');
  if (existsSync(marker) && statSync(marker).mtimeMs >= statSync(project).mtimeMs) return;
  const python = ['python3.13', 'python3.12', 'python3.11', 'python3', 'python'].find(
    (name) => spawnSync(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))']).status === 0,
  );
  if (!python) fail('The convert tests need Python 3.11 or newer on the PATH.');
  console.log('Installing the Python environment (once, a few minutes)…');
  if (!existsSync(PYTHON) && execute(python, ['-m', 'venv', ENVIRONMENT]) !== 0)
    fail('The Python environment could not be made.');
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  // torch first and pinned: a range would bring gigabytes of CUDA.
  for (const what of [['torch==2.13.0'], ['-e', `${CONVERT}[test]`]]) {
    if (execute(PYTHON, [...install, ...what]) !== 0)
      fail('The Python environment could not be installed; its messages are above.');
  }
  execute(PYTHON, ['-c', `open(${JSON.stringify(marker)}, "w").close()`]);
}

function convert() {
  pythonEnvironment();
  const report = path.join(OUTPUT, 'convert.xml');
  rmSync(report, { force: true });
  const lintStatus = execute(PYTHON, ['-m', 'ruff', 'check', 'convert']);
  // Two workers, one for all that drives Chromium (convert/tests/conftest.py); each computes on one core.
  const workers = ['-n', '2', '--dist', 'loadscope', '--no-loadscope-reorder'];
  const status = execute(
    PYTHON,
    ['-m', 'pytest', 'convert/tests', '-q', '--durations=10', ...workers, `--junitxml=${report}`],
    { OMP_NUM_THREADS: '1' },
  );
  const checks = [check('ruff', lintStatus)];
  if (!existsSync(report)) return [...checks, check('convert', 1)];
  const suite = /<testsuite [^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] ?? '';
  const count = (name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = count('failures') + count('errors');
  const passed = count('tests') - failed - count('skipped');
  return [...checks, { name: 'convert', passed, failed: failed + (status !== 0 && failed === 0 ? 1 : 0) }];
}

const PARTS = { lint, unit: () => vitest('unit'), browser: () => vitest('browser'), convert };

checkNode();
installDependencies();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in PARTS));
if (unknown.length > 0) fail(`No part "${unknown.join(', ')}"; there are ${Object.keys(PARTS).join(', ')}.`);
mkdirSync(OUTPUT, { recursive: true });
const parts = wanted.length > 0 ? wanted : Object.keys(PARTS);
if (parts.includes('browser') || parts.includes('convert')) process.env.HYPNOS_CHROMIUM = requireChromium();

const results = parts.flatMap((name) => {
  const started = Date.now();
  const outcome = PARTS[name]();
  console.log(`${name}: ${Math.round((Date.now() - started) / 1000)} s`);
  return outcome;
});
const sum = (key) => results.reduce((total, result) => total + result[key], 0);
for (const { name, failed } of results) if (failed > 0) console.error(`failed: ${name} (${failed})`);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exit(sum('failed') > 0 ? 1 : 0);
