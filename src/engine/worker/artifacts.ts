/**
 * Hands verified package files to web-llm. Its "cache" backend asks `caches` for every file and stores what is missing;
 * in this worker `caches` is this shim, which answers from the PackageReader on URLs that exist nowhere. So web-llm sees
 * no byte that was not verified, fetches nothing by itself and stores no second copy.
 *
 *   Cache.match(url) -> { arrayBuffer(), json() }, read when asked for; the next shards are fetched meanwhile
 */
import { HypnosError } from '../../shared/errors.ts';
import { REQUIRED_FILES } from '../../packages/manifest.ts';
import type { PackageReader, ReadOptions } from '../../packages/reader.ts';

/** web-llm appends 'resolve/main/' unless the URL holds '/resolve/<x>/', and never caches a URL with 'localhost'. */
export const ARTIFACT_BASE = 'https://package.invalid/resolve/verified/';

/** Shards read ahead while the device takes the last one. */
const READ_AHEAD = 2;

export interface Shard {
  readonly path: string;
  readonly bytes: number;
}

/**
 * The shards that tensor-cache.json names, in order.
 * @throws HypnosError 'package-file-missing' for a shard that the package does not list; 'package-manifest-invalid' for
 *   a tensor-cache.json that is none or disagrees with the manifest about a size
 */
export function listShards(tensorCache: unknown, reader: PackageReader): readonly Shard[] {
  const { records } = (tensorCache ?? {}) as { records?: unknown };
  if (!Array.isArray(records) || records.length === 0) throw invalid('#/records', 'no shards');
  return records.map((record, index) => {
    const { dataPath, nbytes } = (record ?? {}) as { dataPath?: unknown; nbytes?: unknown };
    if (typeof dataPath !== 'string') throw invalid(`#/records/${index}/dataPath`, 'expected a string');
    const { bytes } = reader.file(dataPath);
    if (nbytes !== bytes)
      throw invalid(`#/records/${index}/nbytes`, `${String(nbytes)}, the manifest says ${bytes}`);
    return { path: dataPath, bytes };
  });
}

export class ArtifactCache {
  readonly #reader: PackageReader;
  readonly #options: ReadOptions;
  readonly #order: readonly string[];
  /** Files read and not yet taken. */
  readonly #reading = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

  /**
   * @param small files that are already read
   * @param options for reading shards
   */
  constructor(
    reader: PackageReader,
    shards: readonly Shard[],
    small: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
    options: ReadOptions,
  ) {
    this.#reader = reader;
    this.#options = options;
    this.#order = [...new Set(shards.map((shard) => shard.path))];
    for (const [path, bytes] of small) this.#reading.set(path, Promise.resolve(bytes));
  }

  /**
   * Puts the shim in the place of `caches` in this worker, and begins with the first shards: they arrive while web-llm
   * compiles its library and its tokenizer.
   */
  install(): void {
    const shim: Pick<CacheStorage, 'open'> = { open: () => Promise.resolve(this as unknown as Cache) };
    Object.defineProperty(globalThis, 'caches', { value: shim, configurable: true });
    for (const path of this.#order.slice(0, READ_AHEAD)) void this.#read(path);
  }

  /** web-llm matches each file twice and takes it once, so the answer reads nothing yet. */
  match(request: Request | string): Promise<Pick<Response, 'arrayBuffer' | 'json'> | undefined> {
    const path = pathOf(request);
    if (path === null || !this.#reader.has(path)) return Promise.resolve(undefined);
    return Promise.resolve({
      arrayBuffer: async () => (await this.#take(path)).buffer,
      json: async () => JSON.parse(new TextDecoder().decode(await this.#take(path))) as unknown,
    });
  }

  /** Called for a file that `match` does not know. */
  add(request: Request | string): Promise<void> {
    const file = pathOf(request) ?? (typeof request === 'string' ? request : request.url);
    return Promise.reject(new HypnosError('package-file-missing', { file }));
  }

  /** All are here as far as web-llm is concerned: it skips its own download. */
  keys(): Promise<readonly Pick<Request, 'url'>[]> {
    return Promise.resolve(
      this.#reader.manifest.files.map(({ path }) => ({ url: new URL(path, ARTIFACT_BASE).href })),
    );
  }

  delete(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async #take(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#read(path);
    const at = this.#order.indexOf(path);
    if (at >= 0) for (const next of this.#order.slice(at + 1, at + 1 + READ_AHEAD)) void this.#read(next);
    try {
      return await bytes;
    } finally {
      this.#reading.delete(path);
    }
  }

  #read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const running = this.#reading.get(path);
    if (running) return running;
    const bytes = this.#reader.read(path, this.#options);
    // A failure of what was read ahead is reported when the file is taken.
    bytes.catch(() => {});
    this.#reading.set(path, bytes);
    return bytes;
  }
}

/** What is read before the weights: the engine's files of names that it knows, and the library. */
export function smallFiles(library: string): readonly string[] {
  return [...REQUIRED_FILES, library];
}

function pathOf(request: Request | string): string | null {
  const url = typeof request === 'string' ? request : request.url;
  return url.startsWith(ARTIFACT_BASE) ? url.slice(ARTIFACT_BASE.length) : null;
}

function invalid(path: string, reason: string): HypnosError {
  return new HypnosError('package-manifest-invalid', { file: 'tensor-cache.json', path, reason });
}
