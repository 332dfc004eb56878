import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import '../../i18n/manager.ts';
import { useModel } from '../../state/hooks.ts';
import { Switch } from '../components/controls.ts';
import { Field } from '../components/index.ts';
import { formatBytes } from '../format.ts';
import { useShell } from '../shell.ts';

/** About; measured once it is kept. */
const CPU_ENGINE_BYTES = 10e6;

/** Beside the choice of an engine: whether that of the processor, one for all models, is there without a network too. */
export function CpuEngineKeeping() {
  const { t } = useTranslation('manager');
  const isInUse = useModel(({ engine }) => 'model' in engine && engine.model.engine === 'wllama');
  const kept = useShell((state) => state.cpuEngine);
  const hasWorker = useShell((state) => state.shellKept === true);
  const refresh = useShell((state) => state.refreshCpuEngine);
  const setKept = useShell((state) => state.setCpuEngineKept);
  useEffect(() => {
    void refresh();
  }, [refresh, isInUse, hasWorker]);
  if (!kept || !hasWorker) return null; // without a service worker nothing works offline
  const size = formatBytes(kept.bytes ?? CPU_ENGINE_BYTES);
  const line = kept.isBusy
    ? t('cpuEngine.busy')
    : kept.hasFailed
      ? t('cpuEngine.failed')
      : isInUse
        ? t('cpuEngine.inUse')
        : t(kept.bytes === null ? 'cpuEngine.off' : 'cpuEngine.kept', { size });
  return (
    <Field label={t('cpuEngine.label')} hint={<span role="status">{line}</span>}>
      <Switch
        checked={isInUse || kept.bytes !== null}
        disabled={kept.isBusy || isInUse}
        label={t('cpuEngine.label')}
        labelHidden
        onCheckedChange={(keep) => void setKept(keep)}
      />
    </Field>
  );
}
