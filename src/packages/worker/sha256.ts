/**
 * SHA-256 of a file that arrives in chunks, in little memory.
 *
 *   one chunk that is the whole file ----------------------------> WebCrypto: the processor's own instructions, another thread
 *   up to 32 MiB in chunks --gathered in one buffer, reused------> WebCrypto
 *   more --------------------------------------------------------> WebAssembly, chunk by chunk: WebCrypto hashes no streams
 */
import { createSHA256 } from 'hash-wasm';
import { sha256Hex } from '../../platform/sha256.ts';
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
  readonly #bytes: number;
  #buffer: Chunk | null = null;
  #filled = 0;
  #whole: Promise<string> | null = null;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  update(chunk: Chunk): void {
    if (chunk.length === this.#bytes) {
      this.#whole = sha256Hex(chunk);
      return;
    }
    if (!this.#buffer) {
      this.#buffer = spare && spare.length >= this.#bytes ? spare : new Uint8Array(this.#bytes);
      spare = null;
    }
    this.#buffer.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  async digest(): Promise<string> {
    if (this.#whole) return this.#whole;
    const hex = sha256Hex(this.#buffer?.subarray(0, this.#filled) ?? new Uint8Array(0));
    spare = this.#buffer ?? spare;
    return hex;
  }
}
