/** How much context a package is loaded with, where the user chose less than it offers: a smaller KV cache, less GPU memory. */
import type { PackageId } from '../shared/types.ts';

const keyOf = (id: PackageId) => `hypnos.context.${id}`;

/** Load options: nothing chosen, or storage blocked, nothing said. */
export function contextChoice(id: PackageId): { readonly contextWindowSize?: number } {
  try {
    const tokens = Number(localStorage.getItem(keyOf(id)));
    return Number.isInteger(tokens) && tokens > 0 ? { contextWindowSize: tokens } : {};
  } catch {
    return {};
  }
}

/** @param tokens null: the package's own */
export function chooseContext(id: PackageId, tokens: number | null): void {
  try {
    if (tokens === null) localStorage.removeItem(keyOf(id));
    else localStorage.setItem(keyOf(id), String(tokens));
  } catch {
    // Storage is blocked: the package's own context it is.
  }
}

const SMALLEST = 512;

/** The package's own, then halves, down to what still holds a question and its answer. */
export function contextSizes(own: number): readonly number[] {
  const sizes = [own];
  for (let size = Math.floor(own / 2); size >= SMALLEST && sizes.length < 5; size = Math.floor(size / 2))
    sizes.push(size);
  return sizes;
}
