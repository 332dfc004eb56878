import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useModel } from '../../state/hooks.ts';
import { chooseWeights, keptWeightsBytes, weightsSeconds, withMeasured } from '../../state/keptWeights.ts';
import type { EngineName, PackageFacts } from '../../state/types.ts';
import { Switch } from '../components/controls.ts';
import { formatBytes, formatNumber } from '../format.ts';
import { useShell } from '../shell.ts';
import styles from './PackageCard.module.css';

export interface KeptWeightsProps {
  readonly id: string;
  readonly facts: PackageFacts;
  readonly engine: EngineName | null;
}

/** The choice to keep the processor's weights of a package: what it costs in storage and saves in time, as measured. */
export function KeptWeights({ id, facts, engine }: KeptWeightsProps) {
  const { t } = useTranslation('manager');
  const running = useModel((state) =>
    'model' in state.engine && state.engine.model.id === id ? state.engine.model : null,
  );
  const refreshStorage = useShell((state) => state.refreshStorage);
  const [isChosen, setChosen] = useState(() => weightsSeconds(id) !== null);
  /** Measured; null: nothing is kept (yet). */
  const [bytes, setBytes] = useState<number | null>(null);
  const outcome = (isChosen && running?.weights?.kept) || null;
  useEffect(() => {
    let isCurrent = true;
    void keptWeightsBytes(id).then((found) => {
      if (isCurrent) setBytes(found);
    });
    void refreshStorage();
    return () => {
      isCurrent = false;
    };
  }, [id, isChosen, outcome, refreshStorage]);
  if (engine !== 'wllama' && !isChosen) return null;

  const about = formatBytes(
    facts.files.reduce((sum, file) => sum + (file.path.endsWith('.bin') ? file.bytes : 0), 0),
  );
  const { made, read } = withMeasured(weightsSeconds(id), running?.weights) ?? {};
  const shown = (seconds: number) => formatNumber(Math.round(seconds * 100) / 100);
  const lines = () => {
    if (!isChosen) return t('weights.off', { size: about });
    if (outcome === 'no-room') return t('weights.noRoom');
    if (outcome === 'not-kept') return t('weights.notKept');
    if (bytes === null) return t('weights.next', { size: about });
    const size = formatBytes(bytes);
    if (made === undefined || read === undefined) return t('weights.kept', { size });
    return t('weights.measured', { size, made: shown(made), read: shown(read) });
  };
  return (
    <div className={styles.keepHead}>
      <Switch
        checked={isChosen}
        label={t('weights.label')}
        onCheckedChange={(keep) => {
          void chooseWeights(id, keep).finally(() => {
            setChosen(keep);
          });
        }}
      />
      <small role="status">{lines()}</small>
    </div>
  );
}
