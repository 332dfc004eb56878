/**
 * Where a package can come from, in a form that crosses to the import worker by structured clone. The page turns a picker's,
 * an input's or a drop's answer into one of these; src/packages/worker/sources.ts reads them.
 */
export type SourceDescriptor =
  | { readonly kind: 'folder'; readonly handle: FileSystemDirectoryHandle }
  | { readonly kind: 'files'; readonly name: string; readonly files: readonly PickedFile[] }
  | { readonly kind: 'archive'; readonly file: File }
  /** A package's folder on this origin: absolute, ends in '/'. */
  | { readonly kind: 'url'; readonly baseUrl: string };

export interface PickedFile {
  /** Relative, forward slashes, the chosen folder's own name left out. */
  readonly path: string;
  readonly file: File;
}
