/** Copies files into OPFS unhashed, as fast as the browser can: what an import is measured against. */
const CHUNK_BYTES = 32 * 2 ** 20;

/** Of workers only; the typings of pages lack it. */
interface SyncAccessible {
  createSyncAccessHandle(): Promise<{
    write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number;
    flush(): void;
    close(): void;
  }>;
}

interface CopyRequest {
  readonly folder: string;
  readonly files: readonly { readonly path: string; readonly file: File }[];
}

self.addEventListener('message', (event: MessageEvent<CopyRequest>) => {
  void copy(event.data).then(
    (milliseconds) => {
      postMessage(milliseconds);
    },
    (error: unknown) => {
      postMessage(String(error));
    },
  );
});

/** Each file is flushed, as an import flushes it; reading one chunk runs beside writing the last. @returns milliseconds */
async function copy({ folder, files }: CopyRequest): Promise<number> {
  const root = await navigator.storage.getDirectory();
  const target = await root.getDirectoryHandle(folder, { create: true });
  const start = performance.now();
  for (const { path, file } of files) {
    const handle = await target.getFileHandle(path, { create: true });
    const access = await (handle as unknown as SyncAccessible).createSyncAccessHandle();
    const read = (offset: number) => file.slice(offset, offset + CHUNK_BYTES).arrayBuffer();
    let next = read(0);
    for (let offset = 0; offset < file.size; offset += CHUNK_BYTES) {
      const chunk = await next;
      if (offset + CHUNK_BYTES < file.size) next = read(offset + CHUNK_BYTES);
      access.write(new Uint8Array(chunk), { at: offset });
    }
    access.flush();
    access.close();
  }
  const milliseconds = performance.now() - start;
  await root.removeEntry(folder, { recursive: true });
  return milliseconds;
}
