import { useMemo } from 'react';
import { useModel } from '../../state/hooks.ts';
import type { PackageSummary } from '../../state/types.ts';
import { modelStatus, type ModelStatus } from './modelStatus.ts';

export function useModelStatus(): ModelStatus {
  const engine = useModel((state) => state.engine);
  const lease = useModel((state) => state.lease);
  const device = useModel((state) => state.device);
  const packages = useModel((state) => state.packages);
  const packagesLoaded = useModel((state) => state.packagesLoaded);
  const wanted = useModel((state) => state.wanted);
  const missing = useModel((state) => state.missing);
  const error = useModel((state) => state.error);
  return useMemo(
    () => modelStatus({ engine, lease, device, packages, packagesLoaded, wanted, missing, error }),
    [engine, lease, device, packages, packagesLoaded, wanted, missing, error],
  );
}

/** The package that answers here: the loaded one, the one being loaded, else the default. */
export function useCurrentPackage(): PackageSummary | null {
  const id = useModel(({ engine, defaultId }) => {
    if (engine.phase === 'ready' || engine.phase === 'generating') return engine.model.id;
    return 'packageId' in engine && engine.packageId !== null ? engine.packageId : defaultId;
  });
  const packages = useModel((state) => state.packages);
  return packages.find((known) => known.id === id) ?? null;
}

/** Tokens of the context window: as loaded, else as the package says; null without a package. */
export function useContextSize(): number | null {
  const loaded = useModel(({ engine }) =>
    engine.phase === 'ready' || engine.phase === 'generating' ? engine.model.contextWindowSize : null,
  );
  const current = useCurrentPackage();
  return loaded ?? current?.contextWindowSize ?? null;
}
