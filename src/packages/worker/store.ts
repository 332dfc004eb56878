/**
 * The only writer of the package store (its layout: src/packages/installed.ts). Every write goes to `staging` and is then
 * renamed, so that what lies in the other rooms is complete whenever the browser is killed. Callers hold STORE_LOCK.
 *
 *   chunks --hash beside write--> staging/<name> --hash right--> blobs/<sha256>
 *   record ---------------------> staging/<name> --------------> installed/<key>.json
 */
import { HypnosError } from '../../shared/errors.ts';
import type { PackageId } from '../../shared/types.ts';
import { STORE_FOLDER, STORE_ROOMS, listRecords } from '../installed.ts';
import type { InstalledRecord, PendingRecord, StoreRoom } from '../installed.ts';
import { moveFile, writeAll, writeJson } from './files.ts';
import { createSha256 } from './sha256.ts';
import type { Chunk } from './sources.ts';

/** How long a collection waits, in all, for files that something still holds open. */
const HELD_OPEN_MS = 2000;
const TRY_AGAIN_MS = 100;

export interface ExpectedFile {
  readonly path: string;
  readonly bytes: number;
  /** null: to be found out. */
  readonly sha256: string | null;
}

export class PackageStore {
  readonly #rooms: Readonly<Record<StoreRoom, FileSystemDirectoryHandle>>;

  private constructor(rooms: Record<StoreRoom, FileSystemDirectoryHandle>) {
    this.#rooms = rooms;
  }

  /** @throws HypnosError 'storage-unavailable' */
  static async open(): Promise<PackageStore> {
    try {
      const root = await navigator.storage.getDirectory();
      const store = await root.getDirectoryHandle(STORE_FOLDER, { create: true });
      const rooms = await Promise.all(
        STORE_ROOMS.map(
          async (room) => [room, await store.getDirectoryHandle(room, { create: true })] as const,
        ),
      );
      return new PackageStore(Object.fromEntries(rooms) as Record<StoreRoom, FileSystemDirectoryHandle>);
    } catch (error) {
      throw storageError(error);
    }
  }

  /** A blob's content; null where it is not there in that size. */
  async blob(sha256: string, bytes: number): Promise<File | null> {
    try {
      const file = await (await this.#rooms.blobs.getFileHandle(sha256)).getFile();
      return file.size === bytes ? file : null;
    } catch {
      return null;
    }
  }

  async dropBlob(sha256: string): Promise<void> {
    await this.#rooms.blobs.removeEntry(sha256).catch(() => undefined);
  }

  /**
   * Stores a file under its SHA-256.
   * @param onBytes hears the count of bytes written
   * @returns the SHA-256
   * @throws HypnosError 'package-file-corrupt' (nothing is stored then), 'storage-quota-exceeded', and what `chunks` throws
   */
  async put(
    file: ExpectedFile,
    chunks: AsyncIterable<Chunk>,
    onBytes: (count: number) => void,
  ): Promise<string> {
    const name = crypto.randomUUID();
    try {
      const handle = await this.#rooms.staging.getFileHandle(name, { create: true });
      const sha256 = await write(handle, file, chunks, onBytes);
      await moveFile(handle, this.#rooms.blobs, sha256);
      return sha256;
    } catch (error) {
      await this.#rooms.staging.removeEntry(name).catch(() => undefined);
      throw storageError(error);
    }
  }

  /** Written whole or not at all. @throws HypnosError 'storage-quota-exceeded' */
  async putRecord(room: 'installed' | 'pending', record: InstalledRecord | PendingRecord): Promise<void> {
    const name = crypto.randomUUID();
    try {
      const handle = await this.#rooms.staging.getFileHandle(name, { create: true });
      await writeJson(handle, record);
      await moveFile(handle, this.#rooms[room], `${record.key}.json`);
    } catch (error) {
      await this.#rooms.staging.removeEntry(name).catch(() => undefined);
      throw storageError(error);
    }
  }

  async dropRecord(room: 'installed' | 'pending' | 'removed', key: PackageId): Promise<void> {
    await this.#rooms[room].removeEntry(`${key}.json`).catch(() => undefined);
  }

  /** @returns false where there is no such record */
  async moveRecord(
    key: PackageId,
    from: 'installed' | 'removed',
    to: 'installed' | 'removed',
  ): Promise<boolean> {
    const handle = await this.#rooms[from].getFileHandle(`${key}.json`).catch(() => null);
    if (!handle) return false;
    await moveFile(handle, this.#rooms[to], `${key}.json`);
    return true;
  }

  /**
   * Deletes what no record speaks of: blobs, unreadable records, everything in staging. What is held open for longer than a
   * tab takes to close stays.
   * @param purge also the packages that were removed
   * @returns bytes freed
   */
  async collectGarbage(purge: boolean): Promise<number> {
    let freed = 0;
    const giveUpAt = performance.now() + HELD_OPEN_MS;
    const remove = async (room: StoreRoom, name: string) => {
      const handle = await this.#rooms[room].getFileHandle(name).catch(() => null);
      const size = handle ? (await handle.getFile()).size : 0;
      try {
        await removeOnceFree(this.#rooms[room], name, giveUpAt);
        freed += size;
      } catch {
        // Something still reads it; it goes with the next collection, and the others need not wait.
      }
    };
    if (purge) for (const name of await names(this.#rooms.removed)) await remove('removed', name);
    const wanted = new Set<string>();
    for (const room of ['installed', 'pending', 'removed'] as const) {
      const records = await listRecords<InstalledRecord | PendingRecord>(room);
      const known = new Set(records.map(({ key }) => `${key}.json`));
      for (const name of await names(this.#rooms[room])) if (!known.has(name)) await remove(room, name);
      for (const record of records) for (const sha256 of hashesOf(record)) wanted.add(sha256);
    }
    for (const name of await names(this.#rooms.staging)) await remove('staging', name);
    for (const name of await names(this.#rooms.blobs)) if (!wanted.has(name)) await remove('blobs', name);
    return freed;
  }
}

/** SHA-256 of a stored file. */
export async function hashBlob(file: Blob, chunks: AsyncIterable<Chunk>): Promise<string> {
  const hash = await createSha256(file.size);
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest();
}

async function write(
  handle: FileSystemFileHandle,
  file: ExpectedFile,
  chunks: AsyncIterable<Chunk>,
  onBytes: (count: number) => void,
): Promise<string> {
  const access = await handle.createSyncAccessHandle();
  let filled = 0;
  try {
    const hash = await createSha256(file.bytes);
    for await (const chunk of chunks) {
      if (filled + chunk.length > file.bytes) throw corrupt(file, `longer than ${file.bytes} bytes`);
      hash.update(chunk);
      writeAll(access, chunk, filled);
      filled += chunk.length;
      onBytes(chunk.length);
    }
    if (filled !== file.bytes) throw corrupt(file, `${filled} of ${file.bytes} bytes`);
    const hashing = hash.digest(); // on a thread of its own, while this one waits for the disk
    access.flush();
    const sha256 = await hashing;
    if (file.sha256 !== null && sha256 !== file.sha256) throw corrupt(file, 'SHA-256 differs');
    return sha256;
  } catch (error) {
    if (filled > 0) onBytes(-filled);
    throw error;
  } finally {
    access.close();
  }
}

async function removeOnceFree(
  folder: FileSystemDirectoryHandle,
  name: string,
  giveUpAt: number,
): Promise<void> {
  for (;;) {
    try {
      await folder.removeEntry(name, { recursive: true });
      return;
    } catch (error) {
      const isHeldOpen = error instanceof DOMException && error.name === 'NoModificationAllowedError';
      if (!isHeldOpen || performance.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
}

async function names(folder: FileSystemDirectoryHandle): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const name of folder.keys()) found.push(name);
  return found;
}

function hashesOf(record: InstalledRecord | PendingRecord): readonly string[] {
  if (record.format === 'hypnos-pending/1') return record.files.map((file) => file.sha256);
  // Not validated: the package of a newer page keeps its bytes in this one.
  const { files } = JSON.parse(record.manifest) as { files: readonly { sha256: string }[] };
  return files.map((file) => file.sha256);
}

function storageError(error: unknown): HypnosError {
  if (error instanceof DOMException && error.name === 'QuotaExceededError')
    return new HypnosError('storage-quota-exceeded', {}, { cause: error });
  return HypnosError.from(error, 'storage-unavailable');
}

function corrupt(file: ExpectedFile, reason: string): HypnosError {
  return new HypnosError('package-file-corrupt', { file: file.path, reason });
}
