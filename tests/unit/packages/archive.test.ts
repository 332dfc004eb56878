/** `.hypnos` archives: real zips and tars, then the same bytes with tricks. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
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

describe('openArchive, tar', () => {
  const FILES = { 'hypnos-package.json': '{}', 'licences/a.txt': 'words', 'weights.bin': '0123456789' };

  /** What the system's own tar writes. */
  function tar(arguments_: readonly string[], files: Record<string, string>, prepare = (_: string) => {}) {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'hypnos-tar-'));
    try {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
        writeFileSync(path.join(folder, name), text);
      }
      prepare(folder);
      const out = `${folder}.tar`;
      execFileSync('tar', [...arguments_, '-cf', out, '-C', folder, '.']);
      const bytes = new Uint8Array(readFileSync(out));
      rmSync(out);
      return bytes;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** Changes a text of the first header that holds it, and that header's checksum with it. */
  function forge(bytes: Uint8Array<ArrayBuffer>, from: string, to: string): Uint8Array<ArrayBuffer> {
    const forged = Buffer.from(bytes);
    const found = forged.indexOf(from, 0, 'latin1');
    forged.write(to, found, 'latin1');
    const header = found - (found % 512);
    forged.write('        ', header + 148, 'latin1');
    const sum = forged.subarray(header, header + 512).reduce((total, byte) => total + byte, 0);
    forged.write(`${sum.toString(8).padStart(6, '0')}\0 `, header + 148, 'latin1');
    return new Uint8Array(forged);
  }

  const refusal = async (bytes: Uint8Array<ArrayBuffer>) =>
    openArchive(toFile(bytes)).then(
      () => null,
      (error: unknown) => error,
    );

  test.each(['ustar', 'gnu', 'posix'])('gives every file as a slice (%s)', async (format) => {
    const opened = await openArchive(toFile(tar([`--format=${format}`], FILES)));
    const read = await Promise.all(
      [...opened].map(async ([name, blob]) => [name, await blob.text()] as const),
    );
    expect(Object.fromEntries(read)).toEqual(FILES);
  });

  test('reads names longer than a header holds, in Chinese, where the format has them', async () => {
    const name = `${'麻醉'.repeat(30)}/weights.bin`;
    expect([...(await openArchive(toFile(tar(['--format=posix'], { [name]: 'a' })))).keys()]).toEqual([name]);
  });

  test.each(['../evil1.bin', '/etc/abc.bin', 'a/../abc.bin', 'C:\\evil.bin', 'a//bcdef.bin'])(
    'refuses the name %s',
    async (name) => {
      const plain = 'x'.repeat(name.length - 2);
      expect(
        await refusal(forge(tar(['--format=ustar'], { [plain]: 'a' }), `./${plain}`, name)),
      ).toMatchObject({
        code: 'package-archive-invalid',
        detail: { file: name, reason: 'not a path inside the archive' },
      });
    },
  );

  test('refuses two files of one name, also where only the case differs', async () => {
    const bytes = tar(['--format=ustar', '--sort=name'], { 'a.bin': '1', 'b.bin': '2' });
    expect(await refusal(forge(bytes, './b.bin', './A.bin'))).toMatchObject({
      detail: { file: 'A.bin', reason: 'listed twice' },
    });
  });

  test('refuses links', async () => {
    const bytes = tar(['--format=ustar'], {}, (folder) => {
      symlinkSync('/etc/passwd', path.join(folder, 'weights.bin'));
    });
    expect(await refusal(bytes)).toMatchObject({
      code: 'package-archive-invalid',
      detail: { file: './weights.bin', reason: 'neither a file nor a folder (tar type 2)' },
    });
  });

  test('refuses a damaged header, a size beyond the end, a binary size, and one cut anywhere', async () => {
    const bytes = tar(['--format=ustar'], { 'weights.bin': '0123456789' });
    const damaged = bytes.slice();
    const at = Buffer.from(bytes).indexOf('weights.bin');
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    const huge = forge(bytes, '00000000012', '77777777777');
    const binary = forge(bytes, '00000000012', '\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0a');
    for (const broken of [damaged, huge, binary])
      expect(await refusal(broken)).toMatchObject({ code: 'package-archive-invalid' });
    const end = Buffer.from(bytes).lastIndexOf('0123456789') + 512;
    for (let length = 262; length < end; length += 97)
      expect(await refusal(bytes.slice(0, length)), String(length)).toMatchObject({
        code: 'package-archive-invalid',
      });
  });
});
