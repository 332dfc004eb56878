/**
 * The only writer of kept weights (their layout: src/packages/keptWeights.ts). Holds the package's lock from its opening
 * to the end of what comes first: commit or abandon.
 *
 *   write(file, bytes) ... -> pieces on disk, hashed beside -> commit(): all on disk, record renamed
 *
 * A failure never reaches who writes: weights that cannot be kept are in memory all the same. It is told by `commit`.
 */
import { sha256Hex } from '../../platform/sha256.ts';
import { lockWeights, PIECE_BYTES, RECORD_FILE, removeUnlocked, WEIGHTS_FOLDER } from '../keptWeights.ts';
import type { KeptFile, Release, WeightsKey, WeightsRecord } from '../keptWeights.ts';
import { moveFile, writeAll, writeJson } from './files.ts';

/** 'no-room': the browser grants no more storage. 'failed': otherwise. */
export type KeepOutcome = 'kept' | 'no-room' | 'failed';

export class WeightsWriter {
  readonly #key: WeightsKey;
  readonly #folder: FileSystemDirectoryHandle;
  readonly #release: Release;
  readonly #finished: KeptFile[] = [];
  /** Of the file that is being written. */
  #current: FileWriter | null = null;
  #failure: Exclude<KeepOutcome, 'kept'> | null = null;

  private constructor(key: WeightsKey, folder: FileSystemDirectoryHandle, release: Release) {
    this.#key = key;
    this.#folder = folder;
    this.#release = release;
  }

  /**
   * What was kept of this package goes first: it was of no use, or nobody would write.
   * @returns null where another tab has the lock, or this browser has no such storage
   */
  static async open(key: WeightsKey): Promise<WeightsWriter | null> {
    const release = await lockWeights(key.id, 'exclusive');
    if (!release) return null;
    try {
      await removeUnlocked(key.id);
      const root = await navigator.storage.getDirectory();
      const all = await root.getDirectoryHandle(WEIGHTS_FOLDER, { create: true });
      return new WeightsWriter(key, await all.getDirectoryHandle(key.id, { create: true }), release);
    } catch {
      await release();
      return null;
    }
  }

  /** @param file the one written to before, or the next */
  async write(file: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#guarded(async () => {
      if (this.#current && this.#finished.length < file) await this.#finish();
      if (!this.#current) {
        const handle = await this.#folder.getFileHandle(String(file), { create: true });
        this.#current = new FileWriter(await handle.createSyncAccessHandle());
      }
      this.#current.write(bytes);
    });
  }

  async commit(): Promise<KeepOutcome> {
    await this.#guarded(async () => {
      await this.#finish();
      const record: WeightsRecord = { ...this.#key, files: this.#finished };
      const handle = await this.#folder.getFileHandle('record.part', { create: true });
      await writeJson(handle, record);
      await moveFile(handle, this.#folder, RECORD_FILE);
    });
    if (!this.#failure) await this.#release();
    return this.#failure ?? 'kept';
  }

  /** Takes back what was written. */
  async abandon(): Promise<void> {
    await this.#fail('failed');
  }

  async #finish(): Promise<void> {
    if (this.#current) this.#finished.push(await this.#current.finish());
    this.#current = null;
  }

  async #guarded(action: () => Promise<void>): Promise<void> {
    if (this.#failure) return;
    try {
      await action();
    } catch (error) {
      const isFull = error instanceof DOMException && error.name === 'QuotaExceededError';
      if (!isFull) console.warn('weights could not be kept', error);
      await this.#fail(isFull ? 'no-room' : 'failed');
    }
  }

  async #fail(failure: Exclude<KeepOutcome, 'kept'>): Promise<void> {
    if (this.#failure) return;
    this.#failure = failure;
    this.#current?.close();
    await removeUnlocked(this.#key.id).catch(() => undefined);
    await this.#release();
  }
}

/** Gathers a piece, then writes and hashes it. */
class FileWriter {
  readonly #access: FileSystemSyncAccessHandle;
  readonly #piece = new Uint8Array(PIECE_BYTES);
  readonly #hashes: Promise<string>[] = [];
  #filled = 0;
  #written = 0;

  constructor(access: FileSystemSyncAccessHandle) {
    this.#access = access;
  }

  write(bytes: Uint8Array<ArrayBuffer>): void {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + PIECE_BYTES - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === PIECE_BYTES) this.#flush();
    }
  }

  async finish(): Promise<KeptFile> {
    if (this.#filled > 0) this.#flush();
    this.#access.flush();
    this.#access.close();
    return { bytes: this.#written, pieces: await Promise.all(this.#hashes) };
  }

  close(): void {
    this.#access.close();
  }

  #flush(): void {
    const piece = this.#piece.subarray(0, this.#filled);
    writeAll(this.#access, piece, this.#written);
    this.#hashes.push(sha256Hex(piece)); // it copies before it returns: the piece may be filled again
    this.#written += piece.length;
    this.#filled = 0;
  }
}
