/**
 * hypnos-package.json: text -> JSON -> schema -> rules a schema cannot say -> PackageManifest.
 * The schema in convert/ is the single definition; `convert` writes by it, this module reads by it, and both are
 * tested with tests/fixtures/manifests/.
 */
import { Validator } from '@cfworker/json-schema';
import type { Schema } from '@cfworker/json-schema';
import schema from '../../convert/hypnos_convert/schema/hypnos-package.schema.json' with { type: 'json' };
import { HypnosError } from '../shared/errors.ts';
import type { HypnosPackage } from './manifest.generated.ts';

export type PackageManifest = HypnosPackage;
export type PackageLibrary = PackageManifest['libraries'][number];
export type PackageFile = PackageManifest['files'][number];

export const MANIFEST_FILE = 'hypnos-package.json';
/** What the engine asks for by name; the weights' shards are named by tensor-cache.json. */
export const REQUIRED_FILES = ['mlc-chat-config.json', 'tensor-cache.json', 'tokenizer.json'] as const;
/** The web-llm release this page runs. A package linked for a later one may use an interface that is not here. */
export const ENGINE_VERSION = '0.2.86';

/** 20,000 files take about 4 MB. */
const MANIFEST_BYTES_MAX = 8 * 2 ** 20;

const validator = new Validator(schema as unknown as Schema, '2020-12');

/**
 * @throws HypnosError 'package-manifest-invalid' with `path` (a JSON pointer) and `reason`;
 *   'package-unsupported' with `needs` and `has` for a format or an engine of the future.
 */
export function parseManifest(text: string): PackageManifest {
  const manifest = validated(toJson(text));
  checkRules(manifest);
  if (isNewer(manifest.engine.web_llm, ENGINE_VERSION)) {
    throw new HypnosError('package-unsupported', {
      needs: `web-llm ${manifest.engine.web_llm}`,
      has: `web-llm ${ENGINE_VERSION}`,
    });
  }
  return manifest;
}

/** Bytes of all files of the package, its manifest left out. */
export function packageBytes(manifest: PackageManifest): number {
  return manifest.files.reduce((sum, file) => sum + file.bytes, 0);
}

function toJson(text: string): unknown {
  if (text.length > MANIFEST_BYTES_MAX) throw invalid('#', 'larger than 8 MiB');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw invalid('#', error instanceof Error ? error.message : 'not JSON', error);
  }
}

function validated(value: unknown): PackageManifest {
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'string' && /^hypnos-package\/\d+$/.test(format) && format !== 'hypnos-package/1') {
    throw new HypnosError('package-unsupported', { needs: format, has: 'hypnos-package/1' });
  }
  const { valid, errors } = validator.validate(value);
  if (valid) return value as PackageManifest;
  const deepest = errors.at(-1);
  throw invalid(deepest?.instanceLocation ?? '#', deepest?.error ?? 'does not match the schema');
}

function checkRules(manifest: PackageManifest): void {
  const seen = new Set<string>();
  for (const [index, { path }] of manifest.files.entries()) {
    const folded = path.toLowerCase(); // two names that differ by case are one file on Windows and macOS
    if (folded === MANIFEST_FILE) throw invalid(`#/files/${index}/path`, 'the manifest lists itself');
    if (seen.has(folded)) throw invalid(`#/files/${index}/path`, `${path} is listed twice`);
    seen.add(folded);
  }
  for (const [index, { path }] of manifest.files.entries()) {
    const segments = path.toLowerCase().split('/');
    for (let length = 1; length < segments.length; length += 1) {
      const folder = segments.slice(0, length).join('/');
      if (seen.has(folder)) throw invalid(`#/files/${index}/path`, `${folder} is a file and a folder`);
    }
  }
  const paths = new Set(manifest.files.map((file) => file.path));
  for (const required of REQUIRED_FILES) {
    if (!paths.has(required)) throw invalid('#/files', `${required} is not listed`);
  }
  for (const [index, { path }] of manifest.libraries.entries()) {
    if (!paths.has(path)) throw invalid(`#/libraries/${index}/path`, `${path} is not listed in files`);
  }
}

function isNewer(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) > 0;
}

function invalid(path: string, reason: string, cause?: unknown): HypnosError {
  return new HypnosError('package-manifest-invalid', { path, reason }, cause ? { cause } : {});
}
