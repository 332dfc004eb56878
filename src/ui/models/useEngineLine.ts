import { useTranslation } from 'react-i18next';
import { useModel } from '../../state/hooks.ts';

/** Which engine runs, and why; null while none does. */
export function useEngineLine(): string | null {
  const { t } = useTranslation('models');
  const engine = useModel((state) => state.engine);
  if (engine.phase !== 'ready' && engine.phase !== 'generating') return null;
  const { engine: name, engineReason } = engine.model;
  return t('engine.line', { engine: t(`engine.on.${name}`), reason: t(`engine.reasons.${engineReason}`) });
}
