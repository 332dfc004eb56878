/** The packages served with the page, as the screens tell of them. */
import { packageBytes } from '../packages/manifest.ts';
import type { PackageManifest } from '../packages/manifest.ts';
import { isKept } from '../packages/offline.ts';
import type { Caches } from '../packages/offline.ts';
import type { Fetch } from '../packages/reader.ts';
import { fetchIndex, fetchServedManifest } from '../packages/served.ts';
import type { ServedPackages } from './ports.ts';
import type { PackageSummary } from './types.ts';

export function summarise(manifest: PackageManifest, offline: boolean): PackageSummary {
  return {
    id: manifest.id,
    version: manifest.version,
    title: manifest.title,
    notice: manifest.clinical.notice,
    reviewed: manifest.clinical.reviewed,
    architecture: manifest.architecture,
    quantization: manifest.quantization,
    parameters: manifest.parameters,
    contextWindowSize: manifest.context_window_size,
    bytes: packageBytes(manifest),
    licence: manifest.provenance.licence,
    data: manifest.provenance.data,
    offline,
  };
}

/**
 * Packages whose manifest cannot be read are left out, unless that leaves none.
 * @param modelsUrl absolute, ends in '/'
 * @throws HypnosError as fetchIndex, or the first manifest's failure when no package could be read
 */
export async function listServedPackages(
  modelsUrl: string,
  ports: { readonly fetch: Fetch; readonly caches: Caches },
): Promise<ServedPackages> {
  const index = await fetchIndex(modelsUrl, ports.fetch);
  const settled = await Promise.allSettled(
    index.packages.map(async (served) => {
      const manifest = await fetchServedManifest(served, ports.fetch);
      return summarise(manifest, await isKept(served, ports.caches, manifest).catch(() => false));
    }),
  );
  const packages = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failure = settled.find((result) => result.status === 'rejected');
  if (failure && packages.length === 0) throw failure.reason;
  const isThere = packages.some(({ id }) => id === index.defaultId);
  return { defaultId: isThere ? index.defaultId : (packages[0]?.id ?? null), packages };
}
