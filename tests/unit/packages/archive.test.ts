/** `.hypnos` archives: real zips, then the same bytes with tricks. */
import { BlobWriter, Uint8ArrayReader, ZipWriter } from '@zip.js/zip.js';
import type { ZipWriterAddDataOptions } from '@zip.js/zip.js';
import { describe, expect, test } from 'vitest';
import { openArchive } from '../../../src/packages/worker/archive.ts';

const content = (text: string) => new TextEncoder().encode(text);

async function zip(
  files: Record<string, string>,
  options: ZipWriterAddDataOptions = { level: 0 },
): Promise<Uint8Array<ArrayBuffer>> {
  const writer = new ZipWriter(new BlobWriter());
  for (const [name, text] of Object.entries(files))
    await writer.add(name, new Uint8ArrayReader(content(text)), options);
  return new Uint8Array(await (await writer.close()).arrayBuffer());
}
const toFile = (bytes: Uint8Array<ArrayBuffer>) => new File([bytes], 'model.hypnos');

/** Every occurrence of one name by another of the same length: in the local header and in the index. */
function rename(bytes: Uint8Array<ArrayBuffer>, from: string, to: string): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(bytes).toString('latin1').replaceAll(from, to);
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

describe('openArchive', () => {
  test('gives every file as a slice, folders kept in the names', async () => {
    const files = { 'hypnos-package.json': '{}', 'licences/a.txt': 'words', 'weights.bin': '0123456789' };
    const opened = await openArchive(toFile(await zip(files)));
    const read = await Promise.all(
      [...opened].map(async ([path, blob]) => [path, await blob.text()] as const),
    );
    expect(Object.fromEntries(read)).toEqual(files);
  });

  test.each(['../evil1', '/etc/abc', 'a/../../', 'C:\\evil1', 'a\\..\\b.c', 'a/./b.bin'])(
    'refuses the name %s',
    async (name) => {
      const plain = 'x'.repeat(name.length);
      const bytes = rename(await zip({ [plain]: 'words' }), plain, name);
      await expect(openArchive(toFile(bytes))).rejects.toMatchObject({
        code: 'package-archive-invalid',
        // zip.js refuses most of them itself, this module the rest.
        detail: {
          reason: expect.stringMatching(/^Unsafe filename$|^not a path inside the archive$/) as string,
        },
      });
    },
  );

  test('refuses two entries of one name, also where only the case differs', async () => {
    const bytes = rename(await zip({ 'weights.bin': 'a', 'weightt.bin': 'b' }), 'weightt.bin', 'Weights.bin');
    await expect(openArchive(toFile(bytes))).rejects.toMatchObject({
      code: 'package-archive-invalid',
      detail: { file: 'Weights.bin', reason: 'listed twice' },
    });
  });

  test('refuses compressed entries, a bomb among them, without unpacking', async () => {
    const bytes = await zip({ 'bomb.bin': '0'.repeat(4_000_000) }, { level: 9 });
    expect(bytes.length).toBeLessThan(100_000);
    await expect(openArchive(toFile(bytes))).rejects.toMatchObject({
      code: 'package-archive-invalid',
      detail: { file: 'bomb.bin' },
    });
  });

  test('refuses encrypted entries', async () => {
    const bytes = await zip({ 'secret.bin': 'words' }, { level: 0, password: 'word', zipCrypto: true });
    await expect(openArchive(toFile(bytes))).rejects.toMatchObject({
      code: 'package-archive-invalid',
      detail: { file: 'secret.bin', reason: 'encrypted' },
    });
  });

  test('refuses what is no zip, or one cut short', async () => {
    const bytes = await zip({ 'a.bin': 'words' });
    for (const broken of [new Uint8Array(0), content('no zip at all'), bytes.slice(0, -10), bytes.slice(10)])
      await expect(openArchive(toFile(broken))).rejects.toMatchObject({ code: 'package-archive-invalid' });
  });
});
