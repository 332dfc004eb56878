/**
 * A `.hypnos` archive: an uncompressed zip or tar. zip.js reads a zip's index, tar.ts a tar's; each entry is then a slice of
 * the file, so the archive is read once, front to back, and never lies in memory.
 *
 * Refused: links, compressed, encrypted, duplicate or overlapping entries, and names that lead out of the folder.
 */
import { BlobReader, ZipReader, configure } from '@zip.js/zip.js';
import type { Entry } from '@zip.js/zip.js';
import { HypnosError } from '../../shared/errors.ts';
import { TarError, isTar, readTar } from './tar.ts';

configure({ useWebWorkers: false });

const ENTRIES_MAX = 20_100;
const STORED = 0;
const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;

/**
 * @returns the content of every file, by its path
 * @throws HypnosError 'package-archive-invalid' with `file` (an entry's name, or the archive's) and `reason`
 */
export async function openArchive(archive: File): Promise<ReadonlyMap<string, Blob>> {
  let isOfTar: boolean;
  try {
    isOfTar = await isTar(archive);
  } catch {
    throw new HypnosError('package-source-lost', { file: archive.name });
  }
  return isOfTar ? openTar(archive) : openZip(archive);
}

async function openTar(archive: File): Promise<ReadonlyMap<string, Blob>> {
  const files = new Map<string, Blob>();
  const seen = new Set<string>();
  let count = 0;
  try {
    for await (const { name: written, isDirectory, start, bytes } of readTar(archive)) {
      count += 1;
      if (count > ENTRIES_MAX) throw invalid(archive.name, `more than ${ENTRIES_MAX} entries`);
      const name = written.replace(/^\.\//, ''); // as `tar -c .` writes them
      if (isDirectory && name.replace(/\/$/, '') === '') continue;
      checkName(name);
      if (isDirectory) continue;
      const folded = name.toLowerCase();
      if (seen.has(folded)) throw invalid(name, 'listed twice');
      seen.add(folded);
      files.set(name, archive.slice(start, start + bytes));
    }
  } catch (error) {
    if (error instanceof TarError) throw invalid(error.entry ?? archive.name, error.message);
    if (error instanceof DOMException) throw new HypnosError('package-source-lost', { file: archive.name });
    throw error;
  }
  return files;
}

async function openZip(archive: File): Promise<ReadonlyMap<string, Blob>> {
  const entries = await listEntries(archive);
  const files = new Map<string, Blob>();
  const seen = new Set<string>();
  let previousEnd = 0;
  for (const entry of entries.toSorted((a, b) => a.offset - b.offset)) {
    checkEntry(entry);
    if (entry.directory) continue;
    const folded = entry.filename.toLowerCase();
    if (seen.has(folded)) throw invalid(entry.filename, 'listed twice');
    seen.add(folded);
    if (entry.offset < previousEnd) throw invalid(entry.filename, 'overlaps another entry');
    const start = await findContent(archive, entry);
    previousEnd = start + entry.uncompressedSize;
    if (previousEnd > archive.size) throw invalid(entry.filename, 'ends beyond the archive');
    files.set(entry.filename, archive.slice(start, previousEnd));
  }
  return files;
}

async function listEntries(archive: File): Promise<readonly Entry[]> {
  const reader = new ZipReader(new BlobReader(archive));
  const entries: Entry[] = [];
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      if (entries.length === ENTRIES_MAX) throw invalid(archive.name, `more than ${ENTRIES_MAX} entries`);
      entries.push(entry);
    }
    return entries;
  } catch (error) {
    if (error instanceof HypnosError) throw error;
    if (error instanceof DOMException) throw new HypnosError('package-source-lost', { file: archive.name });
    throw invalid(archive.name, error instanceof Error ? error.message : String(error));
  } finally {
    await reader.close().catch(() => undefined);
  }
}

function checkName(filename: string): void {
  const segments = filename.replace(/\/$/, '').split('/');
  const isOutside = segments.some((segment) => segment === '' || segment === '.' || segment === '..');
  // eslint-disable-next-line no-control-regex -- that is what must not be in a name
  if (isOutside || /[\\:\x00-\x1f]/.test(filename)) throw invalid(filename, 'not a path inside the archive');
}

function checkEntry(entry: Entry): void {
  const { filename } = entry;
  checkName(filename);
  if (entry.encrypted) throw invalid(filename, 'encrypted');
  if (
    !entry.directory &&
    (entry.compressionMethod !== STORED || entry.compressedSize !== entry.uncompressedSize)
  )
    throw invalid(filename, 'compressed; archives of models are stored uncompressed (zip -0)');
}

/** Where the entry's content begins: its local header has a length of its own. */
async function findContent(archive: File, entry: Entry): Promise<number> {
  const header = new DataView(
    await archive
      .slice(entry.offset, entry.offset + LOCAL_HEADER_BYTES)
      .arrayBuffer()
      .catch(() => {
        throw new HypnosError('package-source-lost', { file: archive.name });
      }),
  );
  if (header.byteLength < LOCAL_HEADER_BYTES || header.getUint32(0, true) !== LOCAL_HEADER_SIGNATURE)
    throw invalid(entry.filename, 'no local header');
  return entry.offset + LOCAL_HEADER_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
}

function invalid(file: string, reason: string): HypnosError {
  return new HypnosError('package-archive-invalid', { file, reason });
}
