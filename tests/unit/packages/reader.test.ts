import { describe, expect, test } from 'vitest';
import type { PackageManifest } from '../../../src/packages/manifest.ts';
import { PackageReader, fetchManifest } from '../../../src/packages/reader.ts';
import type { Fetch } from '../../../src/packages/reader.ts';
import {
  fetchIndex,
  fetchServedManifest,
  locate,
  packageUrls,
  parseIndex,
} from '../../../src/packages/served.ts';
import minimal from '../../fixtures/manifests/good/minimal.json' with { type: 'json' };

const BASE = 'http://localhost:7317/models/m/';
const content = new TextEncoder().encode('weights'.repeat(1000));
const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const manifest: PackageManifest = {
  ...(minimal as PackageManifest),
  files: [{ path: 'params_shard_0.bin', bytes: content.length, sha256 }],
};

/** A server whose nth answer for a URL is the nth in its list; the last one stays. */
function serve(answers: Record<string, (() => Response | Promise<Response>)[]>) {
  const requests: { url: string; cache: RequestCache | undefined }[] = [];
  const fetchFile: Fetch = async (url, init) => {
    requests.push({ url, cache: init.cache });
    const list = answers[url] ?? [() => new Response('', { status: 404 })];
    const answer = list.length > 1 ? list.shift()! : list[0]!;
    init.signal?.throwIfAborted();
    return answer();
  };
  return { fetchFile, requests };
}
const SHARD = `${BASE}params_shard_0.bin`;
const chunked = (...chunks: Uint8Array<ArrayBuffer>[]) =>
  new Response(
    new ReadableStream({
      start: (controller) => {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    }),
  );
const reader = (server: { fetchFile: Fetch }) => new PackageReader(BASE, manifest, server.fetchFile);

describe('read', () => {
  test('gives the verified bytes and counts them as they come', async () => {
    const server = serve({ [SHARD]: [() => chunked(content.slice(0, 100), content.slice(100))] });
    const counts: number[] = [];
    const bytes = await reader(server).read('params_shard_0.bin', { onBytes: (count) => counts.push(count) });
    expect(bytes).toEqual(content);
    expect(counts).toEqual([100, content.length - 100]);
  });

  const flipped = content.slice();
  flipped[3]! ^= 1;
  test.each([
    ['another content', () => new Response(flipped), 'SHA-256 differs'],
    ['a shorter file', () => new Response(content.slice(1)), `6999 of 7000 bytes`],
    ['a longer file', () => chunked(content, content), 'longer than 7000 bytes'],
    ['a page in its place', () => new Response('<!doctype html>'), '15 of 7000 bytes'],
  ])('refuses %s and names the file', async (_name, response, reason) => {
    const server = serve({ [SHARD]: [response] });
    let counted = 0;
    const read = reader(server).read('params_shard_0.bin', { onBytes: (count) => (counted += count) });
    await expect(read).rejects.toMatchObject({
      code: 'package-file-corrupt',
      detail: { file: 'params_shard_0.bin', reason },
    });
    expect(counted).toBe(0);
  });

  test('asks once past the HTTP cache before it calls a file corrupt', async () => {
    const server = serve({ [SHARD]: [() => new Response(flipped), () => new Response(content)] });
    await expect(reader(server).read('params_shard_0.bin')).resolves.toEqual(content);
    expect(server.requests.map(({ cache }) => cache)).toEqual(['default', 'reload']);
  });

  test('tells what is missing from what cannot be reached', async () => {
    await expect(reader(serve({})).read('params_shard_0.bin')).rejects.toMatchObject({
      code: 'package-file-missing',
      detail: { file: 'params_shard_0.bin' },
    });
    const down = serve({ [SHARD]: [() => Promise.reject(new TypeError('Failed to fetch'))] });
    await expect(reader(down).read('params_shard_0.bin')).rejects.toMatchObject({
      code: 'network-unavailable',
    });
    const broken = serve({ [SHARD]: [() => new Response('', { status: 503 })] });
    await expect(reader(broken).read('params_shard_0.bin')).rejects.toMatchObject({
      code: 'network-unavailable',
      detail: { status: 503 },
    });
  });

  test('never asks for a file that the manifest does not list', async () => {
    const server = serve({});
    await expect(reader(server).read('../secret')).rejects.toMatchObject({ code: 'package-file-missing' });
    expect(server.requests).toEqual([]);
  });

  test('a connection that breaks half way is a network failure', async () => {
    const response = () =>
      new Response(
        new ReadableStream({
          start: (controller) => {
            controller.enqueue(content.slice(0, 10));
          },
          pull: (controller) => {
            controller.error(new TypeError('network error'));
          },
        }),
      );
    await expect(reader(serve({ [SHARD]: [response] })).read('params_shard_0.bin')).rejects.toMatchObject({
      code: 'network-unavailable',
    });
  });

  test('aborted, it says cancelled', async () => {
    const server = serve({ [SHARD]: [() => new Response(content)] });
    const read = reader(server).read('params_shard_0.bin', { signal: AbortSignal.abort() });
    await expect(read).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('served packages', () => {
  const MODELS = 'http://localhost:7317/models/';
  const index = (change: object = {}) =>
    JSON.stringify({
      format: 'hypnos-index/1',
      default: 'hypnos-tiny',
      packages: [{ id: 'hypnos-tiny', path: 'hypnos-tiny/' }],
      ...change,
    });

  test('the index gives absolute folders and a default that is served', () => {
    expect(parseIndex(index(), MODELS)).toEqual({
      defaultId: 'hypnos-tiny',
      packages: [{ id: 'hypnos-tiny', baseUrl: `${MODELS}hypnos-tiny/` }],
    });
    expect(parseIndex(index({ default: 'gone' }), MODELS).defaultId).toBe('hypnos-tiny');
    expect(parseIndex(index({ default: null, packages: [] }), MODELS).defaultId).toBeNull();
  });

  test.each([
    index({ packages: [{ id: 'a', path: '../a/' }] }),
    index({ packages: [{ id: 'a', path: 'https://example.org/' }] }),
    index({ packages: [{ id: 'a', path: 'a' }] }),
    index({ packages: [{ id: 'A B', path: 'a/' }] }),
    index({ format: 'other' }),
    '<!doctype html>',
    'null',
  ])('refuses %s', (text) => {
    expect(() => parseIndex(text, MODELS)).toThrow(
      expect.objectContaining({ code: 'package-manifest-invalid' }),
    );
  });

  test('an index of the future is unsupported, a missing one means no packages', async () => {
    expect(() => parseIndex(index({ format: 'hypnos-index/2' }), MODELS)).toThrow(
      expect.objectContaining({ code: 'package-unsupported' }),
    );
    await expect(fetchIndex(MODELS, serve({}).fetchFile)).rejects.toMatchObject({
      code: 'package-not-found',
    });
  });

  test('a manifest must be of the package that it is served as', async () => {
    const served = parseIndex(index({ packages: [{ id: 'other', path: 'm/' }] }), MODELS);
    const server = serve({ [`${MODELS}m/hypnos-package.json`]: [() => Response.json(minimal)] });
    await expect(fetchServedManifest(locate(served, 'other'), server.fetchFile)).rejects.toMatchObject({
      code: 'package-manifest-invalid',
      detail: { path: '#/id' },
    });
    expect(() => locate(served, 'nobody')).toThrow(expect.objectContaining({ code: 'package-not-found' }));
  });

  test('a package without manifest is not found', async () => {
    await expect(fetchManifest(BASE, serve({}).fetchFile)).rejects.toMatchObject({
      code: 'package-not-found',
    });
  });

  test('all URLs of a package, its manifest last', () => {
    const urls = packageUrls({ id: 'm', baseUrl: BASE }, manifest);
    expect(urls).toEqual([SHARD, `${BASE}hypnos-package.json`]);
  });
});
