import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packageBytes, parseManifest } from '../../../src/packages/manifest.ts';
import type { PackageManifest } from '../../../src/packages/manifest.ts';
import { HypnosError } from '../../../src/shared/errors.ts';

const load = (files: Record<string, unknown>) =>
  Object.entries(files).map(([file, text]) => [file.replace(/^.*\/|\.json$/g, ''), text as string] as const);
const good = load(
  import.meta.glob('../../fixtures/manifests/good/*.json', { eager: true, query: '?raw', import: 'default' }),
);
const bad = load(
  import.meta.glob('../../fixtures/manifests/bad/*.json', { eager: true, query: '?raw', import: 'default' }),
);
const minimal = JSON.parse(good.find(([name]) => name === 'minimal')![1]) as PackageManifest;

function failure(text: string): HypnosError {
  try {
    parseManifest(text);
  } catch (error) {
    if (error instanceof HypnosError) return error;
    throw error;
  }
  throw new Error('accepted');
}
const withPath = (path: string) => ({
  ...minimal,
  files: minimal.files.map((file) => (file.path === 'params_shard_0.bin' ? { ...file, path } : file)),
});

describe('fixtures', () => {
  test('there are some of both kinds', () => {
    expect(good.length).toBeGreaterThanOrEqual(3);
    expect(bad.length).toBeGreaterThanOrEqual(40);
  });
  test.each(good)('good: %s', (_name, text) => {
    expect(parseManifest(text)).toEqual(JSON.parse(text));
  });
  test.each(bad)('bad: %s', (name, text) => {
    const error = failure(text);
    if (name.endsWith('-of-the-future')) {
      expect(error.code).toBe('package-unsupported');
      expect(Object.keys(error.detail).sort()).toEqual(['has', 'needs']);
    } else {
      expect(error.code).toBe('package-manifest-invalid');
      expect(error.detail.path).toMatch(/^#/);
      expect(error.detail.reason).not.toBe('');
    }
  });
});

test('says where the fault is', () => {
  expect(failure(JSON.stringify(withPath('../x'))).detail.path).toBe('#/files/1/path');
  const twice = { ...minimal, files: [...minimal.files, minimal.files[0]] };
  expect(failure(JSON.stringify(twice)).detail).toMatchObject({
    path: '#/files/5/path',
    reason: 'mlc-chat-config.json is listed twice',
  });
});

test.each(['0.2.87', '0.3.0', '1.0.0', '0.2.100'])(
  'a library linked for web-llm %s is of the future',
  (version) => {
    const error = failure(JSON.stringify({ ...minimal, engine: { web_llm: version } }));
    expect(error).toMatchObject({ code: 'package-unsupported', detail: { needs: `web-llm ${version}` } });
  },
);

test.each(['', '{', 'null', '[]', '"text"', '<!doctype html>'])('refuses what is no manifest: %j', (text) => {
  expect(failure(text).code).toBe('package-manifest-invalid');
});

test('refuses a manifest larger than any real one before parsing it', () => {
  expect(failure(' '.repeat(9 * 2 ** 20)).detail.reason).toBe('larger than 8 MiB');
});

test('counts the bytes of all files', () => {
  expect(packageBytes(minimal)).toBe(2048 + 655360 + 4096 + 3145728 + 20038);
});

describe('paths', () => {
  const base = 'https://hospital.example/hypnos/models/m/';
  const anyPath = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc
      .array(
        fc.constantFrom(
          '..',
          '.',
          'a',
          'B',
          '/',
          '//',
          '\\',
          '%2e%2e',
          ':',
          '?',
          '#',
          '\u0000',
          'models',
          '.x',
        ),
      )
      .map((parts) => parts.join('')),
    fc.webUrl(),
  );

  test('an accepted path never leaves the folder of its package', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const text = JSON.stringify(withPath(path));
        let manifest: PackageManifest;
        try {
          manifest = parseManifest(text);
        } catch (error) {
          expect(error).toBeInstanceOf(HypnosError);
          return;
        }
        for (const file of manifest.files) {
          expect(new URL(file.path, base).href).toBe(base + file.path);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('every path of plain segments is accepted', () => {
    const segment = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,40}$/);
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
        const path = segments.join('/');
        const folded = path.toLowerCase();
        fc.pre(folded !== 'hypnos-package.json');
        fc.pre(!minimal.files.some((file) => folded.startsWith(file.path)));
        expect(parseManifest(JSON.stringify(withPath(path))).files[1]!.path).toBe(path);
      }),
    );
  });
});

test('any JSON value is either a manifest or refused with a code', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(failure(JSON.stringify(value)).code).toMatch(/^package-/);
    }),
  );
});
