/**
 * Keeping model packages in this browser: src/packages does the work, this module adds figures for the screen.
 */
import type { PackageId } from '../shared/types.ts';
import { HypnosError } from '../shared/errors.ts';
import { createRateMeter } from '../platform/rate.ts';
import { forget, isKept, keep } from '../packages/offline.ts';
import { fetchServedManifest, findServed, servedIndex } from '../packages/served.ts';
import type { KeepProgress } from '../ui/shell.ts';

const modelsUrl = () => new URL('models/', document.baseURI).href;
const fetchFile = (url: string, init: RequestInit) => fetch(url, init);

/** Ids of the packages that are wholly kept. An index that cannot be read means none can be used anyway. */
export async function findKeptPackages(): Promise<ReadonlySet<PackageId>> {
  const index = await servedIndex(modelsUrl(), fetchFile).catch(() => null);
  const kept = await Promise.all(
    (index?.packages ?? []).map(async (served) => ((await isKept(served, caches)) ? [served.id] : [])),
  );
  return new Set(kept.flat());
}

/** @throws HypnosError as `keep` and `fetchServedManifest` */
export async function keepPackage(
  id: PackageId,
  onProgress: (progress: KeepProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const served = await findServed(modelsUrl(), fetchFile, id);
  const manifest = await fetchServedManifest(served, fetchFile);
  if (signal.aborted) throw new HypnosError('cancelled');
  const rate = createRateMeter();
  await keep(
    served,
    manifest,
    { caches, fetch: fetchFile },
    ({ bytesDone, bytesTotal }) => {
      const bytesPerSecond = rate(bytesDone, performance.now());
      onProgress({
        packageId: id,
        bytesDone,
        bytesTotal,
        bytesPerSecond,
        secondsLeft: bytesPerSecond ? (bytesTotal - bytesDone) / bytesPerSecond : null,
      });
    },
    signal,
  );
}

export async function dropPackage(id: PackageId): Promise<void> {
  await forget(await findServed(modelsUrl(), fetchFile, id), caches);
}
