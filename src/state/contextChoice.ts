/** How much context a package is loaded with, where the user chose less than it offers: a smaller KV cache, less GPU memory. */
import type { PackageId } from '../shared/types.ts';
import type { KeyValueStorage } from './ports.ts';

const keyOf = (id: PackageId) => `hypnos.context.${id}`;

/** Load options: nothing chosen, nothing said. */
export function contextChoice(
  storage: Pick<KeyValueStorage, 'read'>,
  id: PackageId,
): { readonly contextWindowSize?: number } {
  const tokens = Number(storage.read(keyOf(id)));
  return Number.isInteger(tokens) && tokens > 0 ? { contextWindowSize: tokens } : {};
}

/** @param tokens null: the package's own */
export function chooseContext(
  storage: Pick<KeyValueStorage, 'write'>,
  id: PackageId,
  tokens: number | null,
): void {
  storage.write(keyOf(id), tokens === null ? null : String(tokens));
}

const SMALLEST = 512;

/** The package's own, then halves, down to what still holds a question and its answer. */
export function contextSizes(own: number): readonly number[] {
  const sizes = [own];
  for (let size = Math.floor(own / 2); size >= SMALLEST && sizes.length < 5; size = Math.floor(size / 2))
    sizes.push(size);
  return sizes;
}
