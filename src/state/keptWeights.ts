/**
 * Whether the CPU engine's weights of a package are kept in this browser, by the user's choice, and what that was measured
 * to cost and to save here.
 */
import type { LoadOptions, LoadedModel } from '../engine/shared/api.ts';
import { isInstalledKey, listRecords } from '../packages/installed.ts';
import type { InstalledRecord } from '../packages/installed.ts';
import { collectWeights, keptIds, removeWeights } from '../packages/keptWeights.ts';
import { servedIndex } from '../packages/served.ts';
import type { PackageId } from '../shared/types.ts';

export { keptWeightsBytes } from '../packages/keptWeights.ts';

/** Seconds to get the weights, as last measured here; its being there is the choice. */
export interface WeightsSeconds {
  /** Made of the package's. */
  readonly made?: number;
  /** Read, as they were kept. */
  readonly read?: number;
}

const keyOf = (id: PackageId) => `hypnos.keep-weights.${id}`;

/** null: they are not to be kept. */
export function weightsSeconds(id: PackageId): WeightsSeconds | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(keyOf(id)) ?? 'null');
    if (typeof value !== 'object' || value === null) return null;
    const { made, read } = value as Record<string, unknown>;
    return {
      ...(typeof made === 'number' ? { made } : {}),
      ...(typeof read === 'number' ? { read } : {}),
    };
  } catch {
    return null;
  }
}

/** Load options: not chosen, or storage blocked, nothing said. */
export const weightsChoice = (id: PackageId): Pick<LoadOptions, 'keepWeights'> =>
  weightsSeconds(id) ? { keepWeights: true } : {};

function write(id: PackageId, seconds: WeightsSeconds | null): void {
  try {
    if (seconds) localStorage.setItem(keyOf(id), JSON.stringify(seconds));
    else localStorage.removeItem(keyOf(id));
  } catch {
    // Storage is blocked: nothing is kept.
  }
}

/** From the next load on; what is kept goes at once where it is no longer wanted. */
export async function chooseWeights(id: PackageId, keep: boolean): Promise<void> {
  write(id, keep ? {} : null);
  if (!keep) await removeWeights(id);
}

/** What is known, with what a load measured. */
export const withMeasured = (
  known: WeightsSeconds | null,
  weights: LoadedModel['weights'],
): WeightsSeconds | null =>
  known && weights ? { ...known, [weights.kept === 'read' ? 'read' : 'made']: weights.seconds } : known;

/** Remembers what a load measured. */
export function noteWeights({ id, weights }: Pick<LoadedModel, 'id' | 'weights'>): void {
  const known = weightsSeconds(id);
  if (known && weights) write(id, withMeasured(known, weights));
}

/** Removes what is kept of packages that are gone or whose choice is, and what a killed browser left. */
export async function tidyKeptWeights(modelsUrl: string): Promise<void> {
  if ((await keptIds()).length === 0) return;
  const installed = new Set((await listRecords<InstalledRecord>('installed')).map(({ key }) => key));
  const served = await servedIndex(modelsUrl, (url, init) => fetch(url, init)).then(
    ({ packages }) => new Set(packages.map(({ id }) => id)),
    () => null, // without a network it cannot be told
  );
  await collectWeights((id) => {
    if (!weightsSeconds(id)) return false;
    return isInstalledKey(id) ? installed.has(id) : (served?.has(id) ?? true);
  });
}
