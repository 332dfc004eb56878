import { formatDown, formatExact, formatNearest } from '../../dose/index.ts';
import type { Amount } from '../../dose/index.ts';

export const formatAmount = ({ value, rounding }: Amount): string =>
  rounding === 'down' ? formatDown(value) : rounding === 'exact' ? formatExact(value) : formatNearest(value);

/** Small milligrams in micrograms and large micrograms in milligrams: the same dose, said twice. */
export function otherUnit({ value, unit, rounding }: Amount): Amount | null {
  if (unit === 'mg' && value < 1) return { name: 'dose', value: value * 1000, unit: 'µg', rounding };
  if (unit === 'µg' && value >= 1000) return { name: 'dose', value: value / 1000, unit: 'mg', rounding };
  return null;
}
