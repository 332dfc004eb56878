import type { DoseRange } from './drugs.ts';
import type { Finding } from './draft.ts';
import { hardFinding, softFinding } from './patient.ts';
import type { Unit } from './units.ts';

/** A dose against its drug's range; a drug without one wants an acknowledgement too. */
export function judgeDose(value: number, unit: Unit, range: DoseRange | null): readonly Finding[] {
  if (value === 0) return [hardFinding('zero-divisor', 0, null, unit)];
  if (!range) return [softFinding('no-limit-known', value, null, unit)];
  const [low, high] = range.usual;
  if (value > range.refuse) return [hardFinding('dose-refused', value, range.refuse, unit)];
  if (value > high) return [softFinding('dose-above-usual', value, high, unit)];
  if (value < low) return [softFinding('dose-below-usual', value, low, unit)];
  return [];
}
