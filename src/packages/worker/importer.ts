/**
 * Brings a package into the store:
 *
 *   descriptor -> source (listed) -> manifest (schema, rules, signature) -> listing against manifest
 *     -> pending record -> each file: chunks -> SHA-256 -> blob; libraries first, their imports checked
 *     -> installed record (the commit) -> pending record goes
 *
 * What ended in the middle goes on with the next import of the same manifest: blobs that are there were hashed before they
 * got their name. Importing a package that is installed repairs it: every blob is hashed again, what is damaged is replaced.
 */
import { HypnosError } from '../../shared/errors.ts';
import type { PackageId } from '../../shared/types.ts';
import { keyOf, listRecords } from '../installed.ts';
import type { InstalledRecord, SignatureState } from '../installed.ts';
import { MANIFEST_FILE, parseManifest } from '../manifest.ts';
import type { PackageFile, PackageManifest } from '../manifest.ts';
import { SIGNATURE_BYTES_MAX, SIGNATURE_FILE, checkSignature } from '../signature.ts';
import type { TrustedKeys } from '../signature.ts';
import type { ImportProgress, ImportStage } from '../import.ts';
import { checkLibrary } from './libraryImports.ts';
import { makeManifest, plainFiles } from './plain.ts';
import { chunksOf } from './sources.ts';
import type { Chunk, OpenSource } from './sources.ts';
import { PackageStore, hashBlob } from './store.ts';

const MANIFEST_BYTES_MAX = 8 * 2 ** 20;
const CONFIG_BYTES_MAX = 64 * 2 ** 20;
/** Left by file managers; they never reach the store. */
const LITTER = /(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini|System Volume Information\/.*)$/i;

export interface ImportContext {
  readonly signal: AbortSignal;
  readonly trusted: TrustedKeys;
  readonly onProgress: (progress: ImportProgress) => void;
}

/** @returns the installed package's key. The caller holds STORE_LOCK. @throws HypnosError */
export async function importPackage(source: OpenSource, context: ImportContext): Promise<PackageId> {
  const store = await PackageStore.open();
  context.onProgress({ stage: 'reading', file: null, bytesDone: 0, bytesTotal: 0 });
  const folder = findPackage(source);
  return folder.isPlain ? importPlain(store, folder, context) : importListed(store, folder, context);
}

/** A source seen from the package's own folder: a stick's root may hold the folder that holds the package. */
interface PackageFolder {
  readonly source: OpenSource;
  readonly prefix: string;
  readonly name: string;
  readonly isPlain: boolean;
  /** Bytes by path below the prefix; null where it cannot be listed. */
  readonly sizes: ReadonlyMap<string, number> | null;
}

function findPackage(source: OpenSource): PackageFolder {
  const { sizes, name } = source;
  if (!sizes) return { source, prefix: '', name, isPlain: false, sizes };
  for (const marker of [MANIFEST_FILE, 'mlc-chat-config.json']) {
    const prefixes = [...sizes.keys()]
      .filter((path) => path === marker || path.endsWith(`/${marker}`))
      .map((path) => path.slice(0, -marker.length));
    const depth = Math.min(...prefixes.map((prefix) => prefix.split('/').length));
    const candidates = prefixes.filter((prefix) => prefix.split('/').length === depth);
    if (candidates.length > 1)
      throw new HypnosError('package-file-unexpected', {
        file: candidates.map((prefix) => `${prefix}${marker}`).join(', '),
        reason: 'several packages: choose one of the folders',
      });
    const [prefix] = candidates;
    if (prefix === undefined) continue;
    const inside = [...sizes].filter(([path]) => path.startsWith(prefix) && !LITTER.test(path));
    return {
      source,
      prefix,
      name: prefix.split('/').at(-2) ?? name,
      isPlain: marker !== MANIFEST_FILE,
      sizes: new Map(inside.map(([path, bytes]) => [path.slice(prefix.length), bytes])),
    };
  }
  throw new HypnosError('package-file-missing', { file: MANIFEST_FILE });
}

async function importListed(
  store: PackageStore,
  folder: PackageFolder,
  context: ImportContext,
): Promise<PackageId> {
  const bytes = await readSmall(folder, MANIFEST_FILE, MANIFEST_BYTES_MAX, context);
  const text = decodeText(bytes, MANIFEST_FILE);
  const manifest = parseNamed(text);
  compareListing(folder, manifest);
  const signature = await checkSignature(bytes, await readSignature(folder, context), context.trusted);
  const key = await keyOf(manifest.id, text);
  const isInstalled = (await listRecords<InstalledRecord>('installed')).some((record) => record.key === key);
  if (!isInstalled)
    await store.putRecord('pending', {
      format: 'hypnos-pending/1',
      key,
      title: manifest.title,
      files: manifest.files,
      source: { kind: folder.source.kind, name: folder.source.name },
      startedAt: Date.now(),
    });
  try {
    await storeFiles(store, folder, manifest, isInstalled, context);
  } catch (error) {
    // What a stick or a disk did can be made good; what the package is cannot.
    if (error instanceof HypnosError && error.code === 'package-library-forbidden') {
      await store.dropRecord('pending', key);
      await store.collectGarbage(false);
    }
    throw error;
  }
  return commit(store, folder, { key, manifest: text, verified: 'manifest', signature }, context);
}

/** Names the file, as every refusal does; parseManifest knows only a text. */
function parseNamed(text: string): PackageManifest {
  try {
    return parseManifest(text);
  } catch (error) {
    const { code, detail } = HypnosError.from(error, 'package-manifest-invalid');
    throw new HypnosError(code, { file: MANIFEST_FILE, ...detail }, { cause: error });
  }
}

/** Hashes are known only once the files are here, so this cannot go on where it stopped. */
async function importPlain(
  store: PackageStore,
  folder: PackageFolder,
  context: ImportContext,
): Promise<PackageId> {
  if (context.trusted.required) await checkSignature(new Uint8Array(0), null, context.trusted);
  const read = async (file: string) =>
    decodeText(await readSmall(folder, file, CONFIG_BYTES_MAX, context), file);
  const sizes = folder.sizes ?? new Map<string, number>();
  const [config, tensorCache] = [await read('mlc-chat-config.json'), await read('tensor-cache.json')];
  const paths = plainFiles(sizes, tensorCache);
  const meter = new Meter(
    paths.reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0),
    context,
  );
  const files: PackageFile[] = [];
  for (const path of paths) {
    const expected = { path, bytes: sizes.get(path) ?? 0, sha256: null };
    meter.begin('copying', path);
    const sha256 = await store.put(expected, readFile(folder, path, context), meter.add);
    files.push({ ...expected, sha256 });
    await checkIfLibrary(store, { ...expected, sha256 });
  }
  const manifest = makeManifest(folder.name, config, tensorCache, files);
  const key = await keyOf(parseManifest(manifest).id, manifest);
  return commit(store, folder, { key, manifest, verified: 'none', signature: { state: 'none' } }, context);
}

async function storeFiles(
  store: PackageStore,
  folder: PackageFolder,
  manifest: PackageManifest,
  checkExisting: boolean,
  context: ImportContext,
): Promise<void> {
  const isLibrary = ({ path }: PackageFile) => path.endsWith('.wasm');
  const ordered = [...manifest.files.filter(isLibrary), ...manifest.files.filter((file) => !isLibrary(file))];
  const meter = new Meter(
    ordered.reduce((sum, { bytes }) => sum + bytes, 0),
    context,
  );
  for (const file of ordered) {
    if (context.signal.aborted) throw new HypnosError('cancelled');
    const stored = await store.blob(file.sha256, file.bytes);
    meter.begin(stored && checkExisting ? 'checking' : 'copying', file.path);
    if (stored && !(checkExisting && (await isDamaged(stored, file, context)))) meter.add(file.bytes);
    else await store.put(file, readFile(folder, file.path, context), meter.add);
    await checkIfLibrary(store, file);
  }
}

async function commit(
  store: PackageStore,
  folder: PackageFolder,
  found: {
    readonly key: PackageId;
    readonly manifest: string;
    readonly verified: InstalledRecord['verified'];
    readonly signature: SignatureState;
  },
  { onProgress, signal }: ImportContext,
): Promise<PackageId> {
  if (signal.aborted) throw new HypnosError('cancelled');
  onProgress({ stage: 'committing', file: null, bytesDone: 0, bytesTotal: 0 });
  await store.putRecord('installed', {
    format: 'hypnos-installed/1',
    ...found,
    source: { kind: folder.source.kind, name: folder.source.name },
    installedAt: Date.now(),
  });
  await store.dropRecord('pending', found.key);
  await store.dropRecord('removed', found.key);
  return found.key;
}

/** Every file of the folder is listed, and every listed file is there in its size. */
function compareListing({ sizes }: PackageFolder, manifest: PackageManifest): void {
  if (!sizes) return;
  const listed = new Set([MANIFEST_FILE, SIGNATURE_FILE]);
  for (const { path, bytes } of manifest.files) {
    const found = sizes.get(path);
    if (found === undefined) throw new HypnosError('package-file-missing', { file: path });
    if (found !== bytes)
      throw new HypnosError('package-file-corrupt', { file: path, reason: `${found} of ${bytes} bytes` });
    listed.add(path);
  }
  for (const path of sizes.keys())
    if (!listed.has(path))
      throw new HypnosError('package-file-unexpected', { file: path, reason: 'not in the manifest' });
}

async function readSignature(folder: PackageFolder, context: ImportContext): Promise<string | null> {
  if (folder.sizes && !folder.sizes.has(SIGNATURE_FILE)) return null;
  try {
    const bytes = await readSmall(folder, SIGNATURE_FILE, SIGNATURE_BYTES_MAX, context);
    return new TextDecoder().decode(bytes);
  } catch (error) {
    if (error instanceof HypnosError && error.code === 'package-file-missing') return null;
    throw error;
  }
}

async function checkIfLibrary(store: PackageStore, file: PackageFile): Promise<void> {
  if (!file.path.endsWith('.wasm')) return;
  const blob = await store.blob(file.sha256, file.bytes);
  if (!blob) throw new HypnosError('package-file-missing', { file: file.path });
  await checkLibrary(file.path, blob);
}

async function isDamaged(stored: Blob, file: PackageFile, context: ImportContext): Promise<boolean> {
  return (await hashBlob(stored, storedChunks(stored, context.signal))) !== file.sha256;
}

/**
 * Hashes every file of an installed package again; what is damaged loses its blob, so that no load can meet it and the next
 * import of the package brings exactly that.
 * @returns paths of damaged and missing files
 */
export async function verifyInstalled(
  record: InstalledRecord,
  context: Pick<ImportContext, 'signal' | 'onProgress'>,
): Promise<readonly string[]> {
  const store = await PackageStore.open();
  const { files } = parseManifest(record.manifest);
  const meter = new Meter(
    files.reduce((sum, { bytes }) => sum + bytes, 0),
    context,
  );
  const damaged: string[] = [];
  for (const file of files) {
    meter.begin('checking', file.path);
    const blob = await store.blob(file.sha256, file.bytes);
    const isRight =
      blob && (await hashBlob(blob, storedChunks(blob, context.signal, meter.add))) === file.sha256;
    if (isRight) continue;
    damaged.push(file.path);
    await store.dropBlob(file.sha256);
  }
  return damaged;
}

/**
 * Makes an installed package whole again without installing it: what `verifyInstalled` finds is read from the source and kept
 * only under the hash that the installed manifest names, so the source need not be trusted. Broken off, it goes on later.
 * @param source holds the package, under the same paths; its own manifest is not asked
 * @returns how many files were fetched
 * @throws HypnosError 'package-file-missing', 'package-file-corrupt' where the source has another version, and as a read
 */
export async function repairInstalled(
  record: InstalledRecord,
  source: OpenSource,
  context: Pick<ImportContext, 'signal' | 'onProgress'>,
): Promise<number> {
  const folder = findPackage(source);
  const damaged = new Set(await verifyInstalled(record, context));
  const store = await PackageStore.open();
  const files = parseManifest(record.manifest).files.filter(({ path }) => damaged.has(path));
  const meter = new Meter(
    files.reduce((sum, { bytes }) => sum + bytes, 0),
    context,
  );
  for (const file of files) {
    if (context.signal.aborted) throw new HypnosError('cancelled');
    meter.begin('copying', file.path);
    await store.put(file, readFile(folder, file.path, context), meter.add);
  }
  return files.length;
}

/** A stored file's chunks. */
async function* storedChunks(
  blob: Blob,
  signal: AbortSignal,
  onBytes: (count: number) => void = () => {},
): AsyncGenerator<Chunk> {
  for await (const chunk of chunksOf(blob)) {
    if (signal.aborted) throw new HypnosError('cancelled');
    onBytes(chunk.length);
    yield chunk;
  }
}

function readFile(folder: PackageFolder, path: string, { signal }: Pick<ImportContext, 'signal'>) {
  return folder.source.read(`${folder.prefix}${path}`, signal);
}

async function readSmall(
  folder: PackageFolder,
  path: string,
  limit: number,
  context: ImportContext,
): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () =>
    new HypnosError('package-manifest-invalid', {
      file: path,
      path: '#',
      reason: `larger than ${limit} bytes`,
    });
  if ((folder.sizes?.get(path) ?? 0) > limit) throw tooLarge();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of readFile(folder, path, context)) {
    chunks.push(chunk.slice());
    length += chunk.length;
    if (length > limit) throw tooLarge();
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new HypnosError('package-manifest-invalid', { file, path: '#', reason: 'not UTF-8' });
  }
}

/** Counts bytes and tells a few times a second. */
class Meter {
  readonly #bytesTotal: number;
  readonly #report: ImportContext['onProgress'];
  #stage: ImportStage = 'copying';
  #file: string | null = null;
  #bytesDone = 0;
  #reportedAt = -Infinity;

  constructor(bytesTotal: number, context: Pick<ImportContext, 'onProgress'>) {
    this.#bytesTotal = bytesTotal;
    this.#report = context.onProgress;
  }

  begin(stage: ImportStage, file: string): void {
    this.#stage = stage;
    this.#file = file;
    this.#send();
  }

  readonly add = (count: number): void => {
    this.#bytesDone += count;
    this.#send();
  };

  #send(): void {
    const now = performance.now();
    if (now - this.#reportedAt < 100 && this.#bytesDone < this.#bytesTotal) return;
    this.#reportedAt = now;
    this.#report({
      stage: this.#stage,
      file: this.#file,
      bytesDone: this.#bytesDone,
      bytesTotal: this.#bytesTotal,
    });
  }
}
