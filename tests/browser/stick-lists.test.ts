/**
 * What the starters of the stick send comes from two lists that pack writes beside them; here those lists are held against
 * the server behind npm start. What can be told of the PowerShell server without Windows is told here, too.
 */
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { Language, Parser, type Tree } from '@vscode/tree-sitter-wasm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pack } from '../../src/server/pack.mjs';
import { createPageServer, listen } from '../../src/server/serve.mjs';

const STARTERS = ['serve.ps1', 'serve.py', 'serve.pl'];

let folder: string;
let server: Server;
let url: string;
let pairs: (name: string, separator: string) => Promise<readonly (readonly [string, string])[]>;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'hypnos-starters-'));
  const page = path.join(folder, 'page');
  await mkdir(path.join(page, 'assets'), { recursive: true });
  await writeFile(path.join(page, 'index.html'), '<!doctype html>');
  await pack({ out: path.join(folder, 'stick'), models: [], page });
  pairs = async (name, separator) =>
    (await readFile(path.join(folder, 'stick/server', name), 'utf8'))
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const at = line.indexOf(separator);
        return [line.slice(0, at), line.slice(at + separator.length)] as const;
      });
  for (const [extension] of await pairs('types.txt', ' '))
    await writeFile(path.join(page, 'assets', `a.${extension}`), 'x');
  server = createPageServer({ directory: page });
  url = await listen(server, 0);
});
afterAll(async () => {
  server?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const source = (name: string) => readFile(path.join(folder, 'stick/server', name), 'utf8');

describe('the starters', () => {
  test('send the security headers of npm start, all of them', async () => {
    const headers = await pairs('headers.txt', ': ');
    expect(headers.map(([name]) => name)).toEqual(
      expect.arrayContaining([
        'Content-Security-Policy',
        'Cross-Origin-Opener-Policy',
        'Cross-Origin-Embedder-Policy',
      ]),
    );
    const response = await fetch(url);
    for (const [name, value] of headers) expect(response.headers.get(name), name).toBe(value);
    const own = ['cache-control', 'connection', 'content-length', 'content-type', 'date', 'etag'];
    const others = [...response.headers.keys()].filter(
      (name) => ![...own, 'keep-alive', 'last-modified'].includes(name),
    );
    expect(others.sort()).toEqual(headers.map(([name]) => name.toLowerCase()).sort());
  });

  test('send the content types of npm start', async () => {
    const types = await pairs('types.txt', ' ');
    expect(types.length).toBeGreaterThan(10);
    const plain = (type: string | null) => type?.toLowerCase().replaceAll(' ', '').replace('charset=', '');
    for (const [extension, type] of types) {
      const theirs = (await fetch(`${url}assets/a.${extension}`)).headers.get('content-type');
      expect(plain(type)?.split(';')[0], extension).toBe(plain(theirs)?.split(';')[0]);
      expect(plain(type), extension).toContain(plain(theirs));
    }
  });

  test('have no lists of their own, one port, one rule of keeping', async () => {
    for (const name of STARTERS) {
      const text = await source(name);
      expect(text, name).toContain('headers.txt');
      expect(text, name).toContain('types.txt');
      expect(text, name).not.toMatch(/application\/(?:wasm|json)|text\/html|Cross-Origin|default-src/);
      expect(text, name).toContain('7317');
      expect(text, name).toContain('public, max-age=31536000, immutable');
    }
  });
});

/** Cmdlets of Windows PowerShell 5.1 that the server may use: those it uses were looked up in its reference. */
const CMDLETS =
  'Get-Content Get-Item New-Object Split-Path Start-Process Where-Object ForEach-Object Write-Host'.split(
    ' ',
  );

/** Parses as the editors do that colour PowerShell: no PowerShell is needed for it. */
async function powershellParser(): Promise<(code: string) => Tree> {
  const grammars = path.dirname(createRequire(import.meta.url).resolve('@vscode/tree-sitter-wasm'));
  await Parser.init({ locateFile: (name: string) => path.join(grammars, name) });
  const parser = new Parser();
  parser.setLanguage(await Language.load(path.join(grammars, 'tree-sitter-powershell.wasm')));
  return (code) => {
    const tree = parser.parse(code);
    if (!tree) throw new Error('the parser gave no tree');
    return tree;
  };
}

describe('for Windows PowerShell 5.1', () => {
  test('the script has a byte order mark, so that its Chinese is read, and ends its lines as Windows does', async () => {
    const text = await source('serve.ps1');
    expect(text.startsWith('\uFEFF')).toBe(true);
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    const command = await readFile(path.join(folder, 'stick/start-windows.cmd'), 'utf8');
    expect(command).toMatch(/^@echo off\r\n/);
    expect(Array.from(command).every((character) => character.charCodeAt(0) < 128)).toBe(true);
    expect(command).toContain(
      // By its full name: a program of this name in the folder is not started.
      '"%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\powershell.exe" -NoProfile -ExecutionPolicy Bypass -File "%~dp0server\\serve.ps1"',
    );
  });

  test('the script is one that version 5.1 can read: no error, and none of the operators of version 7', async () => {
    const parse = await powershellParser();
    const cannotBeRead = (code: string) => {
      const { rootNode } = parse(code);
      return rootNode.hasError || rootNode.descendantsOfType('pipeline_chain_tail').length > 0;
    };
    for (const code of [
      'if ($a { 1 }',
      '$a ? 1 : 2',
      '$a ?? 1',
      '${a}?.b',
      '$a?.b',
      'Get-Item a && Get-Item b',
      'a || b',
    ])
      expect(cannotBeRead(code), code).toBe(true);
    expect(cannotBeRead('if ($a) { 1 }')).toBe(false);
    expect(cannotBeRead((await source('serve.ps1')).slice(1))).toBe(false);
  });

  test('the script calls nothing but cmdlets of version 5.1 and its own functions', async () => {
    const { rootNode } = (await powershellParser())((await source('serve.ps1')).slice(1));
    const named = (type: string) => new Set(rootNode.descendantsOfType(type).map((node) => node?.text));
    const functions = named('function_name');
    expect(functions.size).toBeGreaterThan(0);
    for (const name of named('command_name')) expect([...CMDLETS, ...functions]).toContain(name);
  });

  test('files are named literally: a folder may be called "hypnos [1]"', async () => {
    for (const [line] of (await source('serve.ps1')).matchAll(/^.*Get-(?:Content|Item).*$/gm))
      expect(line).toContain('-LiteralPath');
  });

  test('only this computer is answered, whatever host a request names', async () => {
    const text = await source('serve.ps1');
    expect(text).toContain('$listener.Prefixes.Add($address)');
    expect(text).toContain('$address = "http://localhost:$Port/"');
    expect(text).toMatch(/-not \$request\.IsLocal/);
  });
});
