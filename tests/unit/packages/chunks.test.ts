/** How an import reads and hashes a file: in large chunks, each way of hashing to the same digest. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSha256, releaseSha256 } from '../../../src/packages/worker/sha256.ts';
import { chunksOf } from '../../../src/packages/worker/sources.ts';

const MIB = 2 ** 20;

function bytesOf(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) bytes[at] = at * 31 + (at >>> 9) * 17 + seed;
  return bytes;
}
const expected = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function hashIn(bytes: Uint8Array<ArrayBuffer>, chunkBytes: number): Promise<string> {
  const hash = await createSha256(bytes.length);
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = bytes.slice(at, at + chunkBytes);
    hash.update(chunk);
    chunk.fill(0); // a chunk is the caller's again as soon as it was added
  }
  return hash.digest();
}

describe('SHA-256 of a file', () => {
  it('is the same for a chunk that is all of it, for several, for none, and for more than is gathered', async () => {
    const small = bytesOf(300_000, 1);
    const large = bytesOf(33 * MIB, 2);
    expect(await hashIn(small, small.length)).toBe(expected(small));
    expect(await hashIn(small, 65_536)).toBe(expected(small));
    expect(await hashIn(new Uint8Array(0), 1)).toBe(expected(new Uint8Array(0)));
    expect(await hashIn(large, 8 * MIB)).toBe(expected(large));
  });

  it('keeps nothing of the file before in the buffer that it uses again', async () => {
    const [first, second] = [bytesOf(200_000, 3), bytesOf(100_000, 4)];
    expect(await hashIn(first, 65_536)).toBe(expected(first));
    expect(await hashIn(second, 65_536)).toBe(expected(second));
    releaseSha256();
    expect(await hashIn(first, 65_536)).toBe(expected(first));
  });
});

describe('a file in chunks', () => {
  it('is whole and in order', async () => {
    const file = bytesOf(70 * MIB, 5);
    const hash = createHash('sha256');
    let count = 0;
    for await (const chunk of chunksOf(new Blob([file]))) {
      hash.update(chunk);
      count += 1;
    }
    expect(count).toBeGreaterThan(2);
    expect(hash.digest('hex')).toBe(expected(file));
  });

  it('without content has none', async () => {
    expect((await chunksOf(new Blob([])).next()).done).toBe(true);
  });
});
