/**
 * SHA-256 of a file that arrives in chunks, in little memory.
 *
 *   up to 32 MiB (a shard) --gathered in one buffer, reused--> WebCrypto: the processor's own instructions, on another thread
 *   more ---------------------------------------------------> WebAssembly, chunk by chunk: WebCrypto hashes no streams
 */
import { createSHA256 } from 'hash-wasm';
import { toHex } from '../installed.ts';
import type { Chunk } from './sources.ts';

const GATHERED_BYTES_MAX = 32 * 2 ** 20;

/** One for all files: a new one for each would wait for the garbage collector, gigabytes of them together. */
let spare: Chunk | null = null;

export interface Sha256 {
  update(chunk: Chunk): void;
  /** Hex. Nothing more may be added. */
  digest(): Promise<string>;
}

/** @param bytes the file's size, which the chunks must not exceed */
export async function createSha256(bytes: number): Promise<Sha256> {
  if (bytes <= GATHERED_BYTES_MAX) return new GatheredSha256(bytes);
  const streamed = (await createSHA256()).init();
  return {
    update: (chunk) => void streamed.update(chunk),
    digest: () => Promise.resolve(streamed.digest()),
  };
}

/** Lets go of the buffer, when nothing more is to be hashed for now. */
export function releaseSha256(): void {
  spare = null;
}

class GatheredSha256 implements Sha256 {
  readonly #buffer: Chunk;
  #filled = 0;

  constructor(bytes: number) {
    this.#buffer = spare && spare.length >= bytes ? spare : new Uint8Array(bytes);
    spare = null;
  }

  update(chunk: Chunk): void {
    this.#buffer.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  async digest(): Promise<string> {
    // WebCrypto copies before it returns: the buffer is free for the next file.
    const digest = crypto.subtle.digest('SHA-256', this.#buffer.subarray(0, this.#filled));
    spare = this.#buffer;
    return toHex(new Uint8Array(await digest));
  }
}
