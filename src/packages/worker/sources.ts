/**
 * A source descriptor, opened: what it holds, and each file's content as chunks. A stick that was pulled, a file that changed
 * after it was picked or a server that is gone end a read with one error that names the file.
 */
import { HypnosError } from '../../shared/errors.ts';
import type { SourceDescriptor } from '../source.ts';
import { openArchive } from './archive.ts';

/** One read, one write: a shard of weights as a whole. */
const CHUNK_BYTES = 32 * 2 ** 20;

/** Valid until the next one is asked for. */
export type Chunk = Uint8Array<ArrayBuffer>;

export interface OpenSource {
  readonly kind: SourceDescriptor['kind'];
  /** Of the folder, archive or address, as the user knows it. */
  readonly name: string;
  /** Bytes by path; null where a source cannot be listed (an address). */
  readonly sizes: ReadonlyMap<string, number> | null;
  /** @throws HypnosError 'package-source-lost', 'package-file-missing', 'network-unavailable' */
  read(path: string, signal: AbortSignal): AsyncIterable<Chunk>;
}

/** @throws HypnosError 'package-source-lost', 'package-archive-invalid' */
export async function openSource(descriptor: SourceDescriptor): Promise<OpenSource> {
  switch (descriptor.kind) {
    case 'folder':
      return openBlobs('folder', descriptor.handle.name, await filesBelow(descriptor.handle, ''));
    case 'files':
      return openBlobs(
        'files',
        descriptor.name,
        new Map(descriptor.files.map(({ path, file }) => [path, file])),
      );
    case 'archive':
      return openBlobs('archive', descriptor.file.name, await openArchive(descriptor.file));
    case 'url':
      return openUrl(descriptor.baseUrl);
  }
}

function openBlobs(kind: OpenSource['kind'], name: string, blobs: ReadonlyMap<string, Blob>): OpenSource {
  return {
    kind,
    name,
    sizes: new Map([...blobs].map(([path, blob]) => [path, blob.size])),
    read: (path, signal) => {
      const blob = blobs.get(path);
      if (!blob) throw new HypnosError('package-file-missing', { file: path });
      return readBlob(blob, path, signal);
    },
  };
}

/**
 * A blob in chunks; the next one is on its way while the caller has the last. Large ones, because each read costs a round
 * through the browser's process; their memory is given back by hand, because the garbage collector comes by only after
 * gigabytes. Blob.stream() reads pieces of 64 KiB, three times slower (tests/bench/import.bench.ts).
 */
export async function* chunksOf(blob: Blob): AsyncGenerator<Chunk> {
  const readAt = (offset: number) => {
    if (offset >= blob.size) return null;
    const reading = blob.slice(offset, offset + CHUNK_BYTES).arrayBuffer();
    reading.catch(() => {}); // reported where it is awaited
    return reading;
  };
  let next = readAt(0);
  try {
    for (let offset = CHUNK_BYTES; next; offset += CHUNK_BYTES) {
      const buffer: ArrayBuffer = await next;
      next = readAt(offset);
      try {
        yield new Uint8Array(buffer);
      } finally {
        release(buffer);
      }
    }
  } finally {
    // Broken off: the chunk that was on its way.
    next?.then(release, () => {});
  }
}

/**
 * Frees a buffer's memory now, by sending it to a port that nobody hears. ArrayBuffer.transfer() empties only JavaScript's
 * half of a buffer that the browser made; the browser's own half keeps the memory.
 */
function release(buffer: ArrayBuffer): void {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(null, [buffer]);
  port1.close();
}

async function* readBlob(blob: Blob, path: string, signal: AbortSignal): AsyncGenerator<Chunk> {
  const chunks = chunksOf(blob);
  try {
    for (;;) {
      let next: IteratorResult<Chunk>;
      try {
        next = await chunks.next();
      } catch (error) {
        throw lost(path, error);
      }
      if (next.done) return;
      if (signal.aborted) throw new HypnosError('cancelled');
      yield next.value;
    }
  } finally {
    await chunks.return(undefined);
  }
}

async function filesBelow(folder: FileSystemDirectoryHandle, prefix: string): Promise<Map<string, File>> {
  const files = new Map<string, File>();
  try {
    for await (const [name, handle] of folder.entries()) {
      if (handle.kind === 'file')
        files.set(`${prefix}${name}`, await (handle as FileSystemFileHandle).getFile());
      else {
        const below = await filesBelow(handle as FileSystemDirectoryHandle, `${prefix}${name}/`);
        for (const [path, file] of below) files.set(path, file);
      }
    }
  } catch (error) {
    throw lost(prefix || folder.name, error);
  }
  return files;
}

function openUrl(baseUrl: string): OpenSource {
  const { origin, pathname } = new URL(baseUrl);
  if (origin !== self.location.origin || !baseUrl.endsWith('/'))
    throw new HypnosError('package-not-found', { id: baseUrl, reason: 'not a folder of this origin' });
  return {
    kind: 'url',
    name: pathname,
    sizes: null,
    read: async function* (path, signal) {
      try {
        const response = await fetch(new URL(path, baseUrl), { cache: 'no-cache', signal });
        if (response.status === 404 || response.status === 410)
          throw new HypnosError('package-file-missing', { file: path });
        if (!response.ok)
          throw new HypnosError('network-unavailable', { file: path, status: response.status });
        const reader = response.body?.getReader();
        for (;;) {
          const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
          if (done) return;
          yield value;
        }
      } catch (error) {
        if (signal.aborted) throw new HypnosError('cancelled');
        throw HypnosError.from(error, 'network-unavailable');
      }
    },
  };
}

function lost(file: string, error: unknown): HypnosError {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new HypnosError('package-source-lost', { file, message }, { cause: error });
}
