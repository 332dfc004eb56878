/**
 * Reads a package over HTTP (the service worker answers from its cache when the package is kept offline).
 * Nothing leaves this module before its size and SHA-256 match the manifest.
 *
 *   url --fetch, counted--> one buffer of the declared size --SHA-256--> caller
 */
import { sha256Hex } from '../platform/sha256.ts';
import { HypnosError } from '../shared/errors.ts';
import { MANIFEST_FILE, parseManifest } from './manifest.ts';
import type { PackageFile, PackageManifest } from './manifest.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes arrive, with their count; negative when a file is read again. */
  readonly onBytes?: ((count: number) => void) | undefined;
}

/**
 * @param baseUrl absolute, ends in '/'
 * @throws HypnosError 'package-not-found', 'network-unavailable', 'package-manifest-invalid', 'package-unsupported',
 *   'cancelled'
 */
export async function fetchManifest(
  baseUrl: string,
  fetchFile: Fetch,
  signal?: AbortSignal,
): Promise<PackageManifest> {
  const url = new URL(MANIFEST_FILE, baseUrl).href;
  // The one file that is not addressed by its content: ask the server whether it changed.
  const response = await request(fetchFile, url, MANIFEST_FILE, { cache: 'no-cache', signal });
  if (response.status === 404 || response.status === 410) throw new HypnosError('package-not-found', { url });
  if (!response.ok)
    throw new HypnosError('network-unavailable', { file: MANIFEST_FILE, status: response.status });
  const text = await response.text().catch((error: unknown) => {
    throw transferError(error, MANIFEST_FILE, signal);
  });
  return parseManifest(text);
}

export class PackageReader {
  readonly manifest: PackageManifest;
  readonly #baseUrl: string;
  readonly #fetch: Fetch;
  readonly #files: ReadonlyMap<string, PackageFile>;

  /** @param baseUrl absolute, ends in '/' */
  constructor(baseUrl: string, manifest: PackageManifest, fetchFile: Fetch) {
    this.#baseUrl = baseUrl;
    this.manifest = manifest;
    this.#fetch = fetchFile;
    this.#files = new Map(manifest.files.map((file) => [file.path, file]));
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /** @throws HypnosError 'package-file-missing' if the manifest does not list the path */
  file(path: string): PackageFile {
    const file = this.#files.get(path);
    if (!file) throw new HypnosError('package-file-missing', { file: path });
    return file;
  }

  /**
   * The verified content of a file.
   * @throws HypnosError 'package-file-missing', 'package-file-corrupt' (with `file`, `reason`), 'network-unavailable',
   *   'cancelled'
   */
  async read(path: string, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const file = this.file(path);
    try {
      return await this.#readOnce(file, options, 'default');
    } catch (error) {
      // The HTTP cache may hold the file of an earlier version of the package, or a damaged one: ask past it, once.
      if (!(error instanceof HypnosError) || error.code !== 'package-file-corrupt') throw error;
      return await this.#readOnce(file, options, 'reload');
    }
  }

  async #readOnce(
    file: PackageFile,
    options: ReadOptions,
    cache: RequestCache,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { signal, onBytes } = options;
    const url = new URL(file.path, this.#baseUrl).href;
    const response = await request(this.#fetch, url, file.path, { cache, signal });
    if (response.status === 404 || response.status === 410)
      throw new HypnosError('package-file-missing', { file: file.path });
    if (!response.ok)
      throw new HypnosError('network-unavailable', { file: file.path, status: response.status });

    let filled = 0;
    try {
      const bytes = new Uint8Array(file.bytes);
      const reader = response.body?.getReader();
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        if (done) break;
        if (filled + value.length > file.bytes) {
          void reader?.cancel();
          throw corrupt(file, `longer than ${file.bytes} bytes`);
        }
        bytes.set(value, filled);
        filled += value.length;
        onBytes?.(value.length);
      }
      if (filled !== file.bytes) throw corrupt(file, `${filled} of ${file.bytes} bytes`);
      // One call over the whole file: WebCrypto cannot hash a stream, and the engine takes whole files anyway.
      const digest = await sha256Hex(bytes);
      if (signal?.aborted) throw new HypnosError('cancelled');
      if (digest !== file.sha256) throw corrupt(file, 'SHA-256 differs');
      return bytes;
    } catch (error) {
      if (filled > 0) onBytes?.(-filled);
      throw transferError(error, file.path, signal);
    }
  }
}

async function request(
  fetchFile: Fetch,
  url: string,
  file: string,
  init: { cache: RequestCache; signal: AbortSignal | undefined },
): Promise<Response> {
  const { cache, signal } = init;
  try {
    return await fetchFile(url, { cache, credentials: 'same-origin', ...(signal ? { signal } : {}) });
  } catch (error) {
    throw transferError(error, file, signal);
  }
}

function transferError(error: unknown, file: string, signal: AbortSignal | undefined): HypnosError {
  if (signal?.aborted) return new HypnosError('cancelled');
  if (error instanceof HypnosError) return error;
  const message = error instanceof Error ? error.message : String(error);
  // fetch and its body reader reject with TypeError for every network failure.
  return new HypnosError(
    error instanceof TypeError ? 'network-unavailable' : 'engine-load-failed',
    { file, message },
    { cause: error },
  );
}

function corrupt(file: PackageFile, reason: string): HypnosError {
  return new HypnosError('package-file-corrupt', { file: file.path, reason });
}
