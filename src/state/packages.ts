/** The packages served with the page and those installed in this browser, as the screens tell of them. */
import { listInstalled } from '../packages/installed.ts';
import type { InstalledRecord } from '../packages/installed.ts';
import { packageBytes } from '../packages/manifest.ts';
import type { PackageManifest } from '../packages/manifest.ts';
import { HypnosError } from '../shared/errors.ts';
import { isKept } from '../packages/offline.ts';
import type { Caches } from '../packages/offline.ts';
import type { Fetch } from '../packages/reader.ts';
import { fetchServedManifest, servedIndex } from '../packages/served.ts';
import type { ServedPackages } from './ports.ts';
import type { PackageSummary } from './types.ts';

export interface PackagePorts {
  readonly fetch: Fetch;
  readonly caches: Caches;
  /** Whether to ask the server for packages that were added since the page's first look. */
  readonly renew: boolean;
}

/** @param installed its record, where it is installed in this browser */
export function summarise(
  manifest: PackageManifest,
  offline: boolean,
  installed: InstalledRecord | null = null,
): PackageSummary {
  const { base, stages, built_with: builtWith } = manifest.provenance;
  return {
    id: installed?.key ?? manifest.id,
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
    facts: {
      base,
      stages,
      builtWith,
      libraries: manifest.libraries,
      evaluation: manifest.evaluation,
      reviewer: manifest.clinical.reviewer ?? null,
      files: manifest.files,
      installed: installed && {
        verified: installed.verified === 'manifest',
        signature: installed.signature,
        source: installed.source,
        installedAt: installed.installedAt,
      },
    },
  };
}

/**
 * All packages: installed ones first, they need no network. What is served is left out where it cannot be reached, unless that
 * leaves nothing.
 * @throws HypnosError as listServedPackages
 */
export async function listPackages(modelsUrl: string, ports: PackagePorts): Promise<ServedPackages> {
  const [installed, served] = await Promise.all([
    listInstalled(),
    listServedPackages(modelsUrl, ports).catch((error: unknown) => HypnosError.from(error)),
  ]);
  const brought = installed.map(({ manifest, record }) => summarise(manifest, true, record));
  if (served instanceof HypnosError) {
    if (brought.length === 0) throw served;
    return { defaultId: brought[0]?.id ?? null, packages: brought };
  }
  return {
    defaultId: served.defaultId ?? brought[0]?.id ?? null,
    packages: [...brought, ...served.packages],
  };
}

/**
 * Packages whose manifest cannot be read are left out, unless that leaves none.
 * @param modelsUrl absolute, ends in '/'
 * @throws HypnosError as fetchIndex, or the first manifest's failure when no package could be read
 */
export async function listServedPackages(modelsUrl: string, ports: PackagePorts): Promise<ServedPackages> {
  const index = await servedIndex(modelsUrl, ports.fetch, ports.renew);
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
