/** The packages in public/models are what their manifests say: no build of the page ships a damaged or stray file. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { MANIFEST_FILE, parseManifest } from '../../../src/packages/manifest.ts';
import { parseIndex } from '../../../src/packages/served.ts';
import { NO_TRUSTED_KEYS, TRUSTED_KEYS_FILE, parseTrustedKeys } from '../../../src/packages/signature.ts';

const MODELS = path.resolve('public/models');
const index = parseIndex(readFileSync(path.join(MODELS, 'index.json'), 'utf8'), 'http://localhost/models/');

test('a default package is served', () => {
  expect(index.packages.map(({ id }) => id)).toContain(index.defaultId);
});

test.each(index.packages.map(({ id }) => id))('%s is complete and unchanged', (id) => {
  const folder = path.join(MODELS, id);
  const manifest = parseManifest(readFileSync(path.join(folder, MANIFEST_FILE), 'utf8'));
  expect(manifest.id).toBe(id);
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
  expect(found.sort()).toEqual([...manifest.files.map((file) => file.path), MANIFEST_FILE].sort());
  for (const file of manifest.files) {
    const bytes = readFileSync(path.join(folder, file.path));
    expect({
      path: file.path,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    }).toEqual(file);
  }
});

test('the list of trusted keys is there, and pins nothing before a hospital does', () => {
  const text = readFileSync(path.join(MODELS, TRUSTED_KEYS_FILE), 'utf8');
  expect(parseTrustedKeys(text)).toEqual(NO_TRUSTED_KEYS);
});
