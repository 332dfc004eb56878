import { SAMPLING_LIMITS } from '../../shared/types.ts';

/** A seed as typed, full-width digits too; undefined: left empty; null: not a seed. */
export function parseSeed(text: string): number | undefined | null {
  const plain = text.normalize('NFKC').trim();
  if (plain === '') return undefined;
  if (!/^\d{1,10}$/.test(plain)) return null;
  const seed = Number(plain);
  return seed <= SAMPLING_LIMITS.seed.max ? seed : null;
}
