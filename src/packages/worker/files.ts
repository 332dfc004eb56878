/** What the File System standard has and the DOM typings lack, and what browsers do differently. */

interface MovableHandle {
  move(folder: FileSystemDirectoryHandle, name: string): Promise<void>;
}

/** Renames a file, across folders of the origin's own file system too; what has that name there is replaced. */
export async function moveFile(
  handle: FileSystemFileHandle,
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<void> {
  await (handle as unknown as MovableHandle).move(folder, name);
}

/** @throws DOMException 'QuotaExceededError' */
export function writeAll(
  access: FileSystemSyncAccessHandle,
  bytes: Uint8Array<ArrayBuffer>,
  at: number,
): void {
  const written = access.write(bytes, { at });
  // Browsers differ: a full disk is an exception or a short write.
  if (written !== bytes.length) throw new DOMException('the disk is full', 'QuotaExceededError');
}

/** Writes a file of JSON and waits until it is on the disk. @throws DOMException 'QuotaExceededError' */
export async function writeJson(handle: FileSystemFileHandle, value: unknown): Promise<void> {
  const access = await handle.createSyncAccessHandle();
  try {
    writeAll(access, new TextEncoder().encode(JSON.stringify(value)), 0);
    access.flush();
  } finally {
    access.close();
  }
}
