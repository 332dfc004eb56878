import { useTranslation } from 'react-i18next';
import { likelyEngine } from '../../state/fit.ts';
import { useModel, useSettings } from '../../state/hooks.ts';
import type { EngineName, PackageFacts } from '../../state/types.ts';

/** Which engine runs, and why; null while none does. */
export function useEngineLine(): string | null {
  const { t } = useTranslation('models');
  const engine = useModel((state) => state.engine);
  if (engine.phase !== 'ready' && engine.phase !== 'generating') return null;
  const { engine: name, engineReason } = engine.model;
  return t('engine.line', { engine: t(`engine.on.${name}`), reason: t(`engine.reasons.${engineReason}`) });
}

/** The engine that runs or would run a package; null while that cannot be told. */
export function useLikelyEngine(facts: Pick<PackageFacts, 'libraries'> | null): EngineName | null {
  const engine = useModel((state) => state.engine);
  const device = useModel((state) => state.device);
  const preference = useSettings((state) => state.engine);
  return likelyEngine(facts, { engine, device, preference });
}
