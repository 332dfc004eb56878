/** The folder for a USB stick: its small servers answer as the one behind `npm start`, and the page runs from them. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pack } from '../../src/server/pack.mjs';
import { ROOT } from '../../src/server/setup.mjs';
import { launchBrowser, startSite } from './harness.ts';
import type { Site } from './harness.ts';
import { ask, waitForPhase } from './support.ts';

/** Those this machine can run: Python and Perl everywhere that tests run, PowerShell where there is one. */
const SERVERS = [
  { name: 'Python', command: 'python3', args: ['server/serve.py', '--port'] },
  { name: 'Perl', command: 'perl', args: ['server/serve.pl', '--port'] },
  {
    name: 'PowerShell',
    command: 'pwsh',
    args: ['-NoProfile', '-File', 'server/serve.ps1', '-NoBrowser', '-Port'],
  },
].filter(({ command, name }) => name !== 'PowerShell' || spawnSync(command, ['-v']).status === 0);

let folder: string;
let stick: string;
let reference: Site;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'hypnos-stick-'));
  stick = path.join(folder, 'a stick 麻醉');
  await pack({ out: stick, models: undefined });
  reference = await startSite();
});
afterAll(async () => {
  await reference?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Without `fetch`, which tidies paths and names the host itself. */
function send(
  port: number,
  target: string,
  options: { method?: string; host?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { host: options.host ?? `localhost:${port}` };
    const call = request(
      { host: '127.0.0.1', port, path: target, method: options.method ?? 'GET', headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString('base64');
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
        response.on('error', reject);
      },
    );
    call.on('error', reject);
    call.end();
  });
}

/** Starts a server of the stick on a free port. */
async function start(
  command: string,
  args: readonly string[],
): Promise<{ port: number; process: ChildProcess }> {
  const free = await startSite();
  await free.close();
  const process = spawn(command, [...args, String(free.port)], {
    cwd: stick,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    process.stdout.once('data', () => resolve());
    process.once('exit', (code) => reject(new Error(`${command} ended with ${String(code)}`)));
    process.once('error', reject);
  });
  return { port: free.port, process };
}

const securityHeaders = JSON.parse(
  await readFile(path.join(ROOT, 'src/shared/security-headers.json'), 'utf8'),
) as Record<string, string>;

describe.for(SERVERS)('the $name server', ({ command, args }) => {
  test('answers every file as the server of npm start does', async () => {
    const { port, process } = await start(command, args);
    try {
      const { files } = JSON.parse(await readFile(path.join(stick, 'hypnos-stick.json'), 'utf8')) as {
        files: { path: string }[];
      };
      const pages = files.filter((file) => file.path.startsWith('page/')).map((file) => file.path.slice(4));
      expect(pages).toContain('/index.html');
      for (const target of ['/', '/?source=pwa', ...pages]) {
        const [ours, theirs] = await Promise.all([send(port, target), send(reference.port, target)]);
        expect(ours.status, target).toBe(200);
        expect(ours.body === theirs.body || target === '/models/index.json', `body of ${target}`).toBe(true);
        const names = [
          ...Object.keys(securityHeaders).map((name) => name.toLowerCase()),
          'cache-control',
          'content-length',
        ];
        for (const name of names)
          if (target !== '/models/index.json' || name !== 'content-length')
            expect(ours.headers[name], `${name} of ${target}`).toBe(theirs.headers[name]);
        if (/\.(js|css|html|wasm|json|svg|png|woff2|webmanifest)$/.test(target))
          expect(ours.headers['content-type']?.toString().toLowerCase().split(';')[0], target).toBe(
            theirs.headers['content-type']?.toString().toLowerCase().split(';')[0],
          );
      }
    } finally {
      process.kill('SIGKILL');
    }
  });

  test('gives nothing to other names, other methods and other folders', async () => {
    await writeFile(path.join(folder, 'secret.txt'), 'secret');
    await symlink(path.join(folder, 'secret.txt'), path.join(stick, 'page', 'link.txt'));
    const { port, process } = await start(command, args);
    try {
      for (const host of [
        'evil.example',
        `evil.example:${port}`,
        'localhost.evil.example',
        'localhost:1@evil.example',
      ])
        expect((await send(port, '/', { host })).status, host).not.toBe(200);
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
        expect((await send(port, '/', { method })).status, method).toBe(405);
      for (const target of [
        '/../../secret.txt',
        '/..%2f..%2fsecret.txt',
        '/%2e%2e/%2e%2e/secret.txt',
        '/assets/../../../secret.txt',
        '/..\\..\\secret.txt',
        '/link.txt',
        '/../server/serve.py',
        '/assets',
        '/index.html%00.js',
        '//etc/passwd',
        '/nothing',
      ]) {
        const { status, headers } = await send(port, target);
        expect(status === 404 || status === 400, `${target}: ${status}`).toBe(true);
        expect(headers['content-security-policy'], target).toBe(securityHeaders['Content-Security-Policy']);
      }
      const head = await send(port, '/index.html', { method: 'HEAD' });
      expect([head.status, head.body]).toEqual([200, '']);
    } finally {
      process.kill('SIGKILL');
      await rm(path.join(stick, 'page', 'link.txt'));
    }
  });

  test('says so when its port is taken', async () => {
    const done = spawnSync(command, [...args, String(reference.port)], {
      cwd: stick,
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(done.status).not.toBe(0);
    expect(done.stderr + done.stdout).toContain(`Port ${reference.port} cannot be used`);
  });
});

test('the page runs from the stick and answers', async () => {
  const { command, args } = SERVERS.at(-1) ?? SERVERS[0]!;
  const { port, process } = await start(command, args);
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage(`http://localhost:${port}/`);
    await waitForPhase(page, 'ready');
    expect(await ask(page, '你是谁？')).toContain('AI 生成');
  } finally {
    await browser.close();
    process.kill('SIGKILL');
  }
});

describe('packing', () => {
  test('refuses a damaged package, names the file and leaves nothing', async () => {
    const damaged = path.join(folder, 'damaged');
    await cp(path.join(ROOT, 'public/models/hypnos-demo'), damaged, { recursive: true });
    const shard = path.join(damaged, 'params_shard_0.bin');
    const bytes = await readFile(shard);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    await writeFile(shard, bytes);
    const out = path.join(folder, 'never');
    await expect(pack({ out, models: [damaged] })).rejects.toThrow(
      /params_shard_0\.bin is not what was packaged/,
    );
    await writeFile(shard, bytes.subarray(1));
    await expect(pack({ out, models: [damaged] })).rejects.toThrow(
      /params_shard_0\.bin is \d+ bytes, not \d+/,
    );
    await expect(pack({ out, models: ['no-such-model'] })).rejects.toThrow(
      /no-such-model is no finished package/,
    );
    await expect(readFile(path.join(out, 'hypnos-stick.json'))).rejects.toThrow(/ENOENT/);
    await expect(readFile(path.join(`${out}.partial`, 'page/index.html'))).rejects.toThrow(/ENOENT/);
  });

  test('replaces an earlier stick and nothing else', async () => {
    const other = path.join(folder, 'photographs');
    await cp(path.join(ROOT, 'public/icons'), other, { recursive: true });
    await expect(pack({ out: other, models: [] })).rejects.toThrow(/holds other things/);
    const out = path.join(folder, 'again');
    await pack({ out, models: ['hypnos-demo'] });
    const { models } = await pack({ out, models: [] });
    expect(models).toEqual([]);
    const index = JSON.parse(await readFile(path.join(out, 'page/models/index.json'), 'utf8')) as unknown;
    expect(index).toEqual({ format: 'hypnos-index/1', default: null, packages: [] });
    // What the hospital pinned goes along, even where no model does.
    expect(await readFile(path.join(out, 'page/models/trusted-keys.json'), 'utf8')).toBe(
      await readFile(path.join(ROOT, 'public/models/trusted-keys.json'), 'utf8'),
    );
  });
});
