/**
 * What is installed in this browser (OPFS), for whoever only reads it: screens, engines, in pages and workers.
 *
 *   hypnos-packages/
 *     blobs/<sha256>            a file's content, there only once its hash was right; versions share what they have in common
 *     staging/<sha256>          being written
 *     pending/<key>.json        an import that began: its blobs are kept for going on with it
 *     installed/<key>.json      the commit marker, written last: without it nothing of a package can be loaded
 *     removed/<key>.json        a marker taken away, until the next start
 *
 * An engine reads an installed package as it reads a served one: `packageFetch` answers addresses below INSTALLED_BASE from
 * the blobs, and PackageReader checks size and SHA-256 of every byte again, so a damaged store is found at load.
 * Only src/packages/worker writes here.
 */
import { sha256Hex } from '../platform/sha256.ts';
import { HypnosError } from '../shared/errors.ts';
import type { PackageId } from '../shared/types.ts';
import { MANIFEST_FILE, parseManifest } from './manifest.ts';
import type { PackageManifest } from './manifest.ts';
import type { Fetch } from './reader.ts';

export const STORE_FOLDER = 'hypnos-packages';
export const STORE_ROOMS = ['blobs', 'staging', 'pending', 'installed', 'removed'] as const;
export type StoreRoom = (typeof STORE_ROOMS)[number];

/** Exists nowhere: a request that missed `packageFetch` fails instead of leaving the machine. */
export const INSTALLED_BASE = 'https://installed.invalid/';

/** Held by the tab that imports, deletes or tidies up: one at a time. */
export const STORE_LOCK = 'hypnos-packages-store';

export type SignatureState =
  | { readonly state: 'none' }
  /** Right, by a key that this hospital pinned under a name. */
  | { readonly state: 'trusted'; readonly name: string; readonly publicKey: string }
  /** Right, but by a key that nobody here vouches for. */
  | { readonly state: 'unknown-key'; readonly publicKey: string };

/** `installed/<key>.json`. */
export interface InstalledRecord {
  readonly format: 'hypnos-installed/1';
  /** `<id>@<first 12 digits of the manifest's SHA-256>`. */
  readonly key: PackageId;
  /** hypnos-package.json as it came, or as it was made for a plain MLC folder. */
  readonly manifest: string;
  /** 'none': a plain MLC folder; its hashes were computed here and prove nothing about its origin. */
  readonly verified: 'manifest' | 'none';
  readonly signature: SignatureState;
  readonly source: { readonly kind: 'folder' | 'files' | 'archive' | 'url'; readonly name: string };
  readonly installedAt: number;
}

/** `pending/<key>.json`. */
export interface PendingRecord {
  readonly format: 'hypnos-pending/1';
  readonly key: PackageId;
  readonly title: { readonly zh: string; readonly en: string };
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
  readonly source: InstalledRecord['source'];
  readonly startedAt: number;
}

export const isInstalledKey = (id: PackageId): boolean => id.includes('@');
export const installedBaseUrl = (key: PackageId): string => `${INSTALLED_BASE}${key}/`;

/** Part of a key: names the manifest's exact bytes. */
export async function keyOf(id: string, manifest: string): Promise<PackageId> {
  const digest = await sha256Hex(new TextEncoder().encode(manifest));
  return `${id}@${digest.slice(0, 12)}`;
}

/** @returns a room of the store; null where it does not exist (yet) */
export async function openRoom(room: StoreRoom): Promise<FileSystemDirectoryHandle | null> {
  const { storage } = navigator as { storage?: StorageManager };
  if (typeof storage?.getDirectory !== 'function') return null;
  try {
    const store = await (await storage.getDirectory()).getDirectoryHandle(STORE_FOLDER);
    return await store.getDirectoryHandle(room);
  } catch {
    return null;
  }
}

/** The readable records of a room; one that cannot be read counts as not there. */
export async function listRecords<Rec extends InstalledRecord | PendingRecord>(
  room: 'installed' | 'pending' | 'removed',
): Promise<readonly Rec[]> {
  const folder = await openRoom(room);
  if (!folder) return [];
  const records: Rec[] = [];
  for await (const [name, handle] of folder.entries()) {
    if (handle.kind !== 'file' || !name.endsWith('.json')) continue;
    const record = await readRecord<Rec>(handle as FileSystemFileHandle);
    if (record && `${record.key}.json` === name) records.push(record);
  }
  return records.sort((a, b) => a.key.localeCompare(b.key));
}

async function readRecord<Rec>(handle: FileSystemFileHandle): Promise<Rec | null> {
  try {
    return JSON.parse(await (await handle.getFile()).text()) as Rec;
  } catch {
    return null;
  }
}

/** @throws HypnosError 'package-not-found' */
export async function readInstalled(key: PackageId): Promise<InstalledRecord> {
  const folder = await openRoom('installed');
  const handle = await folder?.getFileHandle(`${key}.json`).catch(() => null);
  const record = handle && (await readRecord<InstalledRecord>(handle));
  if (record?.format !== 'hypnos-installed/1') throw new HypnosError('package-not-found', { id: key });
  return record;
}

export interface InstalledPackage {
  readonly record: InstalledRecord;
  readonly manifest: PackageManifest;
}

/** Those whose manifest this page understands. Never throws: a store that cannot be read holds nothing for us. */
export async function listInstalled(): Promise<readonly InstalledPackage[]> {
  const records = await listRecords<InstalledRecord>('installed').catch(() => []);
  return records.flatMap((record) => {
    try {
      return [{ record, manifest: parseManifest(record.manifest) }];
    } catch {
      return [];
    }
  });
}

/** `fetch` for a package's files wherever it lives: installed ones from OPFS, all others over HTTP. */
export const packageFetch: Fetch = async (url, init) => {
  if (!url.startsWith(INSTALLED_BASE)) return fetch(url, init);
  init.signal?.throwIfAborted();
  const [key = '', ...rest] = url.slice(INSTALLED_BASE.length).split('/');
  const path = rest.join('/');
  if (path === MANIFEST_FILE) return new Response((await readInstalled(key)).manifest);
  const sha256 = (await hashesOf(key)).get(path);
  const blobs = await openRoom('blobs');
  const blob = sha256 === undefined ? null : await blobs?.getFileHandle(sha256).catch(() => null);
  if (!blob) return new Response(null, { status: 404 });
  return new Response(await blob.getFile());
};

/** By key: which blob is which file. A key stands for the manifest's exact bytes, so this never changes. */
const hashes = new Map<PackageId, ReadonlyMap<string, string>>();

async function hashesOf(key: PackageId): Promise<ReadonlyMap<string, string>> {
  const known = hashes.get(key);
  if (known) return known;
  const { files } = parseManifest((await readInstalled(key)).manifest);
  const read = new Map(files.map((file) => [file.path, file.sha256]));
  hashes.set(key, read);
  return read;
}
