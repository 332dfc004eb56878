/**
 * The packages served with the page: models/index.json names them, each folder holds one.
 */
import { Validator } from '@cfworker/json-schema';
import type { Schema } from '@cfworker/json-schema';
import { HypnosError } from '../shared/errors.ts';
import type { PackageId } from '../shared/types.ts';
import { MANIFEST_FILE } from './manifest.ts';
import type { PackageManifest } from './manifest.ts';
import { fetchManifest } from './reader.ts';
import type { Fetch } from './reader.ts';

export const INDEX_FILE = 'index.json';

export interface ServedIndex {
  readonly defaultId: PackageId | null;
  readonly packages: readonly ServedPackage[];
}

/** Structurally the engine's PackageLocation. */
export interface ServedPackage {
  readonly id: PackageId;
  /** Absolute, ends in '/'. */
  readonly baseUrl: string;
}

const INDEX_SCHEMA: Schema = {
  type: 'object',
  required: ['format', 'default', 'packages'],
  properties: {
    format: { const: 'hypnos-index/1' },
    default: { type: ['string', 'null'] },
    packages: {
      type: 'array',
      maxItems: 256,
      items: {
        type: 'object',
        required: ['id', 'path'],
        properties: {
          id: { type: 'string', pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' },
          path: { type: 'string', pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}/$' },
        },
      },
    },
  },
};

/**
 * @param modelsUrl absolute URL of the models folder, ends in '/'
 * @throws HypnosError 'package-manifest-invalid' with `path`, `reason`; 'package-unsupported'
 */
export function parseIndex(text: string, modelsUrl: string): ServedIndex {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new HypnosError('package-manifest-invalid', { path: '#', reason: String(error), file: INDEX_FILE });
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'string' && /^hypnos-index\/\d+$/.test(format) && format !== 'hypnos-index/1') {
    throw new HypnosError('package-unsupported', { needs: format, has: 'hypnos-index/1' });
  }
  const { valid, errors } = new Validator(INDEX_SCHEMA, '2020-12').validate(value);
  if (!valid) {
    const deepest = errors.at(-1);
    throw new HypnosError('package-manifest-invalid', {
      path: deepest?.instanceLocation ?? '#',
      reason: deepest?.error ?? 'does not match the schema',
      file: INDEX_FILE,
    });
  }
  const index = value as { default: PackageId | null; packages: { id: PackageId; path: string }[] };
  const packages = index.packages.map(({ id, path }) => ({ id, baseUrl: new URL(path, modelsUrl).href }));
  const isServed = packages.some(({ id }) => id === index.default);
  return { defaultId: isServed ? index.default : (packages[0]?.id ?? null), packages };
}

/**
 * @throws HypnosError as parseIndex; 'package-not-found' where no package is served; 'network-unavailable'
 */
export async function fetchIndex(modelsUrl: string, fetchFile: Fetch): Promise<ServedIndex> {
  const url = new URL(INDEX_FILE, modelsUrl).href;
  let text: string;
  try {
    const response = await fetchFile(url, { cache: 'no-cache', credentials: 'same-origin' });
    if (response.status === 404) throw new HypnosError('package-not-found', { url });
    if (!response.ok)
      throw new HypnosError('network-unavailable', { file: INDEX_FILE, status: response.status });
    text = await response.text();
  } catch (error) {
    throw HypnosError.from(error, 'network-unavailable');
  }
  return parseIndex(text, modelsUrl);
}

/** By models folder. */
const indexes = new Map<string, Promise<ServedIndex>>();

/**
 * The index as this page has read it: everybody at the start shares one reading. A failure is not kept.
 * @param renew reads it again, for packages that were added since
 * @throws HypnosError as fetchIndex
 */
export function servedIndex(modelsUrl: string, fetchFile: Fetch, renew = false): Promise<ServedIndex> {
  const known = renew ? undefined : indexes.get(modelsUrl);
  if (known) return known;
  const reading = fetchIndex(modelsUrl, fetchFile);
  indexes.set(modelsUrl, reading);
  reading.catch(() => {
    if (indexes.get(modelsUrl) === reading) indexes.delete(modelsUrl);
  });
  return reading;
}

/**
 * A served package, one that was added since the index was read too.
 * @throws HypnosError as fetchIndex; 'package-not-found'
 */
export async function findServed(modelsUrl: string, fetchFile: Fetch, id: PackageId): Promise<ServedPackage> {
  const index = await servedIndex(modelsUrl, fetchFile);
  if (index.packages.some((served) => served.id === id)) return locate(index, id);
  return locate(await servedIndex(modelsUrl, fetchFile, true), id);
}

/** @throws HypnosError 'package-not-found' */
export function locate(index: ServedIndex, id: PackageId): ServedPackage {
  const found = index.packages.find((served) => served.id === id);
  if (!found) throw new HypnosError('package-not-found', { id });
  return found;
}

/**
 * A served package's manifest; its id must be the one under which it is served.
 * @throws HypnosError as fetchManifest
 */
export async function fetchServedManifest(served: ServedPackage, fetchFile: Fetch): Promise<PackageManifest> {
  const manifest = await fetchManifest(served.baseUrl, fetchFile);
  checkId(manifest, served.id);
  return manifest;
}

/**
 * @param id as served, or the key of an installed package: `<id>@<digits>`
 * @throws HypnosError 'package-manifest-invalid' if the manifest is another package's
 */
export function checkId(manifest: PackageManifest, id: PackageId): void {
  if (manifest.id === id.split('@', 1)[0]) return;
  throw new HypnosError('package-manifest-invalid', {
    path: '#/id',
    reason: `${manifest.id}, served as ${id}`,
  });
}

/** Every URL that must be kept for the package to work offline, the manifest last: its presence means complete. */
export function packageUrls(served: ServedPackage, manifest: PackageManifest): readonly string[] {
  return [...manifest.files.map((file) => file.path), MANIFEST_FILE].map(
    (path) => new URL(path, served.baseUrl).href,
  );
}
