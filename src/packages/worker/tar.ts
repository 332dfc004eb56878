/**
 * The index of an uncompressed tar (POSIX.1-1988 ustar, with the extended headers of POSIX.1-2001 for long names and large
 * files): headers of 512 bytes are read, contents are stepped over.
 */
const BLOCK_BYTES = 512;
const EXTENDED_BYTES_MAX = 2 ** 20;

export interface TarEntry {
  readonly name: string;
  readonly isDirectory: boolean;
  /** Where the content begins, bytes. */
  readonly start: number;
  readonly bytes: number;
}

/** Not a tar that is read here. `entry`: the name of what is wrong; null: the archive itself. */
export class TarError extends Error {
  readonly entry: string | null;
  constructor(entry: string | null, reason: string) {
    super(reason);
    this.entry = entry;
  }
}

/** Whether the first header says that it is one. @throws DOMException if the file cannot be read */
export async function isTar(archive: Blob): Promise<boolean> {
  const magic = await archive.slice(257, 262).text();
  return magic === 'ustar';
}

/**
 * @param archive as written by tar; the sizes it tells are checked against its own
 * @throws TarError; DOMException if the file cannot be read
 */
export async function* readTar(archive: Blob): AsyncGenerator<TarEntry> {
  /** Of the entry that follows; a path or size here counts instead of its own. */
  let extended: ReadonlyMap<string, string> = new Map();
  let at = 0;
  for (;;) {
    const header = new Uint8Array(await archive.slice(at, at + BLOCK_BYTES).arrayBuffer());
    if (header.length < BLOCK_BYTES) throw new TarError(null, 'cut short: the mark of its end is missing');
    if (header.every((byte) => byte === 0)) return;
    const own = textAt(header, 0, 100);
    const prefix = textAt(header, 345, 155);
    const isPosix = header[262] === 0; // GNU writes "ustar  ", and other things than a prefix
    const name = extended.get('path') ?? (isPosix && prefix ? `${prefix}/${own}` : own);
    if (textAt(header, 257, 5) !== 'ustar' || checksum(header) !== octalAt(header, 148, 8))
      throw new TarError(name, 'its header is damaged');
    const bytes = Number(extended.get('size') ?? octalAt(header, 124, 12));
    const start = at + BLOCK_BYTES;
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new TarError(name, 'its size is no number');
    if (start + bytes > archive.size) throw new TarError(name, 'ends beyond the archive');
    const type = String.fromCharCode(header[156] ?? 0);
    extended = new Map();
    if (type === 'x') {
      if (bytes > EXTENDED_BYTES_MAX) throw new TarError(name, 'its extended header is too large');
      extended = parseExtended(await archive.slice(start, start + bytes).text());
    } else if (type === '0' || type === '\0' || type === '5') {
      yield { name, isDirectory: type === '5', start, bytes };
    } else if (type !== 'g') {
      throw new TarError(name, `neither a file nor a folder (tar type ${type})`);
    }
    at = start + Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
}

function textAt(header: Uint8Array, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** NaN where it is no octal number: GNU's binary sizes, for instance. */
function octalAt(header: Uint8Array, at: number, length: number): number {
  const text = textAt(header, at, length).trim();
  return /^[0-7]+$/.test(text) ? parseInt(text, 8) : Number.NaN;
}

/** The sum of the header's bytes, its own field counted as blanks. */
function checksum(header: Uint8Array): number {
  return header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
}

/** Records "LENGTH KEY=VALUE\n"; the length counts bytes, so a value may hold anything. */
function parseExtended(text: string): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    const rest = new TextDecoder().decode(bytes.subarray(at, at + 20));
    const length = Number(/^(\d+) /.exec(rest)?.[1]);
    if (!(length > 0)) throw new TarError(null, 'an extended header is damaged');
    const record = new TextDecoder().decode(bytes.subarray(at, at + length));
    const [, key = '', value = ''] = /^\d+ ([^=]+)=([\s\S]*)\n$/.exec(record) ?? [];
    records.set(key, value);
    at += length;
  }
  return records;
}
