/** Which of a package's libraries this adapter can run. One set of weights, one library per kind of device. */
import { HypnosError } from '../shared/errors.ts';
import type { PackageLibrary, PackageManifest } from './manifest.ts';

export interface AdapterOffer {
  readonly isFallback: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** What the engine's runtime asks of every device, whatever the package (detectGPUDevice of web-llm 0.2.86). */
export const ENGINE_LIMITS = {
  maxComputeWorkgroupStorageSize: 32 * 2 ** 10,
  maxStorageBuffersPerShaderStage: 10,
  maxBufferSize: 256 * 2 ** 20,
  maxStorageBufferBindingSize: 128 * 2 ** 20,
} as const;

/** Best first. A GPU without a library of its own runs the software one: slow, but right. */
const PREFERENCE = {
  gpu: ['gpu-subgroups', 'gpu', 'software'],
  fallback: ['software', 'gpu', 'gpu-subgroups'],
} as const satisfies Record<string, readonly PackageLibrary['target'][]>;

/**
 * @throws HypnosError 'webgpu-too-weak' with `limit`, `needed`, `offered` (bytes or counts, or a feature's name);
 *   'shader-f16-missing' if that feature alone is what every library lacks here.
 */
export function chooseLibrary(
  manifest: Pick<PackageManifest, 'libraries'>,
  adapter: AdapterOffer,
): PackageLibrary {
  for (const [limit, needed] of Object.entries(ENGINE_LIMITS)) {
    const offered = adapter.limits[limit] ?? 0;
    if (offered < needed) throw new HypnosError('webgpu-too-weak', { limit, needed, offered });
  }
  const rank = (library: PackageLibrary) =>
    PREFERENCE[adapter.isFallback ? 'fallback' : 'gpu'].indexOf(library.target);
  const byPreference = manifest.libraries.toSorted((a, b) => rank(a) - rank(b));
  const obstacles: HypnosError[] = [];
  for (const library of byPreference) {
    const obstacle = findObstacle(library, adapter);
    if (!obstacle) return library;
    obstacles.push(obstacle);
  }
  // The obstacle of the least demanding library is the one worth telling: the user is nearest to clearing it.
  const tooWeak = obstacles.find((obstacle) => obstacle.code === 'webgpu-too-weak');
  throw (
    tooWeak ??
    obstacles[0] ??
    new HypnosError('webgpu-too-weak', { limit: 'libraries', needed: 1, offered: 0 })
  );
}

function findObstacle(library: PackageLibrary, adapter: AdapterOffer): HypnosError | null {
  const bufferBytes = Math.min(
    adapter.limits.maxBufferSize ?? 0,
    adapter.limits.maxStorageBufferBindingSize ?? 0,
  );
  if (library.requires.max_buffer_bytes > bufferBytes) {
    return new HypnosError('webgpu-too-weak', {
      limit: 'maxStorageBufferBindingSize',
      needed: library.requires.max_buffer_bytes,
      offered: bufferBytes,
    });
  }
  const missing = library.requires.features.filter((feature) => !adapter.features.includes(feature));
  if (missing.includes('shader-f16')) return new HypnosError('shader-f16-missing', { library: library.path });
  const [feature] = missing;
  if (feature) return new HypnosError('webgpu-too-weak', { limit: feature, needed: 1, offered: 0 });
  return null;
}
