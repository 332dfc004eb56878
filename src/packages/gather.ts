/** The page's side of sources: what a picker, an input or a drop gave becomes a SourceDescriptor. */
import type { PickedFile, SourceDescriptor } from './source.ts';

/** What `<input webkitdirectory>` gives: paths begin with the folder's name. */
export function fromFileList(list: Iterable<File>): SourceDescriptor {
  const files = [...list];
  const name = files[0]?.webkitRelativePath.split('/')[0] ?? '';
  return {
    kind: 'files',
    name,
    files: files.map((file) => ({
      path: file.webkitRelativePath.split('/').slice(1).join('/') || file.name,
      file,
    })),
  };
}

export const isArchiveName = (name: string): boolean => /\.(hypnos|zip|tar)$/i.test(name);

/**
 * What was dropped: a folder, or one archive; null for anything else. Call it while the drop event is handled: the entries
 * are gone afterwards.
 */
export async function fromDrop(data: Pick<DataTransfer, 'items'>): Promise<SourceDescriptor | null> {
  const entries = [...data.items].flatMap((item) => {
    const entry = item.kind === 'file' ? item.webkitGetAsEntry() : null;
    return entry ? [entry] : [];
  });
  const [only] = entries;
  if (!only || entries.length > 1) return null;
  if (only.isFile) {
    const file = await fileOf(only as FileSystemFileEntry);
    return isArchiveName(file.name) ? { kind: 'archive', file } : null;
  }
  return {
    kind: 'files',
    name: only.name,
    files: await filesBelow(only as FileSystemDirectoryEntry, ''),
  };
}

async function filesBelow(folder: FileSystemDirectoryEntry, prefix: string): Promise<PickedFile[]> {
  const found: PickedFile[] = [];
  const reader = folder.createReader();
  for (;;) {
    // A reader gives a hundred entries at a time, and none at the end.
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (batch.length === 0) return found;
    for (const entry of batch) {
      const path = `${prefix}${entry.name}`;
      if (entry.isFile) found.push({ path, file: await fileOf(entry as FileSystemFileEntry) });
      else found.push(...(await filesBelow(entry as FileSystemDirectoryEntry, `${path}/`)));
    }
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => {
    entry.file(resolve, reject);
  });
}
