/**
 * npm start, once everything is installed and built: one address, or one clear sentence. It runs in a folder of its own
 * whose sources are old, so that it neither installs nor builds here.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, symlink, utimes } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '../../src/server/setup.mjs';
import { startSite } from './harness.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'hypnos-start-'));
  const copied = ['package.json', 'package-lock.json', 'src/server', 'src/shared'];
  for (const name of copied) await cp(path.join(ROOT, name), path.join(folder, name), { recursive: true });
  for (const entry of await readdir(folder, { recursive: true }))
    await utimes(path.join(folder, entry), 0, 0);
  for (const name of ['dist', 'node_modules'])
    await symlink(path.join(ROOT, name), path.join(folder, name), 'junction');
});
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

interface Started {
  readonly output: string;
  /** null: it serves, and was ended by us. */
  readonly code: number | null;
}

/** Runs it until it prints an address or ends. `look` is called while it serves. */
async function start(args: readonly string[], look: (url: string) => Promise<void>): Promise<Started> {
  const child = spawn(process.execPath, [path.join(folder, 'src/server/start.mjs'), ...args], {
    cwd: folder,
  });
  let output = '';
  try {
    const url = await new Promise<string | null>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        output += chunk.toString();
        const found = /http:\/\/localhost:\d+\/(?= *$)/m.exec(output)?.[0];
        if (found) resolve(found);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.once('error', reject);
      child.once('close', () => resolve(null));
    });
    if (url) await look(url);
  } finally {
    if (child.exitCode === null) child.kill();
  }
  return { output, code: child.exitCode };
}
const nothing = () => Promise.resolve();

async function freePort(): Promise<number> {
  const site = await startSite();
  await site.close();
  return site.port;
}

test('prints the address and serves the page there, with its policy, to this computer alone', async () => {
  const port = await freePort();
  const { output } = await start(['--port', String(port)], async (url) => {
    expect(url).toBe(`http://localhost:${port}/`);
    const response = await fetch(url.replace('localhost', '127.0.0.1'));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await response.text()).toContain('<title>Hypnos');
  });
  expect(output).toContain('Ctrl+C');
  expect(output).not.toMatch(/Installing|Building/);
});

test('a port that is taken, or none at all, is told in a sentence', async () => {
  const site = await startSite();
  const taken = await start(['--port', String(site.port)], nothing);
  await site.close();
  expect(taken.code).toBe(1);
  expect(taken.output).toContain(`Port ${site.port} is taken. If Hypnos already runs, open`);
  expect(taken.output).not.toContain('    at ');
  for (const port of ['0', '65536', 'x', '']) {
    const wrong = await start(['--port', port], nothing);
    expect(wrong.code, port).toBe(1);
    expect(wrong.output).toContain('--port takes a number from 1 to 65535');
  }
});
