/**
 * Weights as the CPU engine takes them in, kept in this browser (OPFS) where the user chose that; without them every load
 * makes them anew from the package, which stays the only source.
 *
 *   hypnos-weights/<package id>/
 *     0, 1, ...        the files, one after the other of pieces of PIECE_BYTES
 *     record.part      being written
 *     record.json      the commit marker, renamed last: without it nothing here is looked at
 *
 * A record speaks of one content of one version of its package in one format: anything else is as good as nothing. So is
 * a file whose size or whose pieces' SHA-256 differ. Whoever reads holds a package's lock shared, whoever writes or
 * removes holds it alone; only who removes waits for it. Written by src/packages/worker/weightsWriter.ts only.
 */
import type { PackageId } from '../shared/types.ts';
import { sha256Hex } from '../platform/sha256.ts';
import { HypnosError } from '../shared/errors.ts';
import type { PackageManifest } from './manifest.ts';
import type { ReadOptions } from './reader.ts';

export const WEIGHTS_FOLDER = 'hypnos-weights';
export const RECORD_FILE = 'record.json';
/** Bytes that are hashed at once. */
export const PIECE_BYTES = 8 * 2 ** 20;

/** What kept weights were made from, and how. */
export interface WeightsKey {
  readonly id: PackageId;
  readonly version: string;
  /** SHA-256 over the hashes of the package's files. */
  readonly content: string;
  /** Raised when the same package is written in another way. */
  readonly format: number;
}

export interface KeptFile {
  readonly bytes: number;
  /** SHA-256 of each piece. */
  readonly pieces: readonly string[];
}

/** `record.json`. */
export interface WeightsRecord extends WeightsKey {
  readonly files: readonly KeptFile[];
}

export async function weightsKey(
  id: PackageId,
  manifest: Pick<PackageManifest, 'version' | 'files'>,
  format: number,
): Promise<WeightsKey> {
  const listed = manifest.files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).sort();
  const content = await sha256Hex(new TextEncoder().encode(listed.join('')));
  return { id, version: manifest.version, content, format };
}

/** Settles when the lock is free again. */
export type Release = () => Promise<void>;

/**
 * Holds a package's lock until the returned function is called.
 * @returns null where another tab has it, or there are no locks: weights are made anew then, and not kept
 */
export function lockWeights(id: PackageId, mode: LockMode): Promise<Release | null> {
  const { locks } = navigator as { locks?: LockManager };
  if (!locks) return Promise.resolve(null);
  return new Promise((resolve) => {
    const held = locks.request(lockName(id), { mode, ifAvailable: true }, async (lock) => {
      if (!lock) return void resolve(null);
      await new Promise<void>((end) => {
        resolve(async () => {
          end();
          await held;
        });
      });
    });
    held.catch(() => {
      resolve(null);
    });
  });
}

const lockName = (id: PackageId) => `${WEIGHTS_FOLDER}:${id}`;

/**
 * The kept files, every byte as it was written; null where they are not there, of something else, torn or damaged. Hold
 * the lock while you use them.
 * @param onBytes hears the count of bytes as they are read, negative where they turn out to be of no use
 * @throws HypnosError 'cancelled'
 */
export async function readWeights(
  key: WeightsKey,
  options: ReadOptions = {},
): Promise<readonly File[] | null> {
  const { signal, onBytes } = options;
  const folder = await openFolder(key.id);
  const record = folder && (await readRecord(folder));
  if (!folder || !record || !isOf(record, key)) return null;
  const files: File[] = [];
  let count = 0;
  try {
    for (const [index, { bytes, pieces }] of record.files.entries()) {
      const file = await (await folder.getFileHandle(String(index))).getFile();
      if (file.size !== bytes || pieces.length !== Math.ceil(bytes / PIECE_BYTES)) throw new Error('size');
      for (const [piece, expected] of pieces.entries()) {
        if (signal?.aborted) throw new HypnosError('cancelled');
        const slice = file.slice(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
        const read = new Uint8Array(await slice.arrayBuffer());
        if ((await sha256Hex(read)) !== expected) throw new Error(`SHA-256 of piece ${piece}`);
        count += read.length;
        onBytes?.(read.length);
      }
      files.push(file);
    }
    return files;
  } catch (error) {
    if (error instanceof HypnosError) throw error;
    console.warn('kept weights are damaged and will be made anew', error);
    onBytes?.(-count);
    return null;
  }
}

/** Bytes that a package's kept weights take; null where there are none. Damage is found when they are read. */
export async function keptWeightsBytes(id: PackageId): Promise<number | null> {
  const folder = await openFolder(id);
  const record = folder && (await readRecord(folder));
  return record ? record.files.reduce((sum, { bytes }) => sum + bytes, 0) : null;
}

/** Waits for a load that reads them. Never rejects: what could not be removed goes with the next collection. */
export async function removeWeights(id: PackageId): Promise<void> {
  const { locks } = navigator as { locks?: LockManager };
  await locks?.request(lockName(id), () => removeUnlocked(id)).catch(() => undefined);
}

/** Packages of which something is kept, or was left by a kill. */
export async function keptIds(): Promise<readonly PackageId[]> {
  const root = await openRoot();
  const ids: PackageId[] = [];
  if (root) for await (const id of root.keys()) ids.push(id);
  return ids;
}

/** Removes what is kept of packages that are not wanted, and what a kill left without a record. */
export async function collectWeights(isWanted: (id: PackageId) => boolean): Promise<void> {
  for (const id of await keptIds())
    if (!isWanted(id) || (await keptWeightsBytes(id)) === null) await removeIfFree(id);
}

export async function removeAllWeights(): Promise<void> {
  await collectWeights(() => false);
}

async function removeIfFree(id: PackageId): Promise<void> {
  const release = await lockWeights(id, 'exclusive');
  if (!release) return; // a load in another tab writes or reads it
  await removeUnlocked(id).catch(() => undefined);
  await release();
}

/** For holders of the lock. */
export async function removeUnlocked(id: PackageId): Promise<void> {
  await (await openRoot())?.removeEntry(id, { recursive: true }).catch((error: unknown) => {
    const isGone = error instanceof DOMException && error.name === 'NotFoundError';
    if (!isGone) throw error;
  });
}

async function openRoot(): Promise<FileSystemDirectoryHandle | null> {
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(WEIGHTS_FOLDER);
  } catch {
    return null; // nothing was ever kept, or this browser has no such storage
  }
}

async function openFolder(id: PackageId): Promise<FileSystemDirectoryHandle | null> {
  return (await openRoot())?.getDirectoryHandle(id).catch(() => null) ?? null;
}

async function readRecord(folder: FileSystemDirectoryHandle): Promise<WeightsRecord | null> {
  try {
    const text = await (await (await folder.getFileHandle(RECORD_FILE)).getFile()).text();
    const record = JSON.parse(text) as WeightsRecord;
    return Array.isArray(record.files) ? record : null;
  } catch {
    return null;
  }
}

const isOf = (record: WeightsRecord, key: WeightsKey): boolean =>
  record.id === key.id &&
  record.version === key.version &&
  record.content === key.content &&
  record.format === key.format;
