/**
 * Keeping model packages in this browser: src/packages does the work, this module adds figures for the screen.
 */
import type { PackageId } from '../shared/types.ts';
import { HypnosError } from '../shared/errors.ts';
import { forget, isKept, keep } from '../packages/offline.ts';
import { fetchIndex, fetchServedManifest, locate } from '../packages/served.ts';
import type { KeepProgress } from '../ui/shell.ts';

const modelsUrl = () => new URL('models/', document.baseURI).href;
const fetchFile = (url: string, init: RequestInit) => fetch(url, init);

/** Ids of the packages that are wholly kept. An index that cannot be read means none can be used anyway. */
export async function findKeptPackages(): Promise<ReadonlySet<PackageId>> {
  const index = await fetchIndex(modelsUrl(), fetchFile).catch(() => null);
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
  const served = locate(await fetchIndex(modelsUrl(), fetchFile), id);
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
  await forget(locate(await fetchIndex(modelsUrl(), fetchFile), id), caches);
}

const RATE_WINDOW_MS = 4000;

/** Bytes per second over the last seconds; null until half a second has been seen. */
export function createRateMeter(): (bytesDone: number, now: number) => number | null {
  const samples: { readonly bytes: number; readonly at: number }[] = [];
  return (bytes, at) => {
    samples.push({ bytes, at });
    while (samples.length > 2 && at - (samples[1]?.at ?? at) > RATE_WINDOW_MS) samples.shift();
    const [oldest] = samples;
    if (!oldest || at - oldest.at < 500) return null;
    return Math.max(0, (bytes - oldest.bytes) / ((at - oldest.at) / 1000));
  };
}
