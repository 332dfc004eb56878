import { useTranslation } from 'react-i18next';
import { Button, Pill } from '../components/index.ts';
import { formatBytes } from '../format.ts';
import { useShell } from '../shell.ts';
import styles from './StorageCard.module.css';

/** How much this browser keeps for Hypnos, and whether it promises to keep it. */
export function StorageCard() {
  const { t } = useTranslation('models');
  const { usedBytes, quotaBytes, persisted, refused } = useShell((state) => state.storage);
  const request = useShell((state) => state.requestPersistence);
  const state = persisted ? 'granted' : persisted === null ? 'untold' : refused ? 'refused' : 'unasked';
  return (
    <div className={styles.card}>
      <div className={styles.line}>
        <span>
          {usedBytes === null ? t('storage.unknown') : t('storage.used', { shown: formatBytes(usedBytes) })}
        </span>
        {usedBytes !== null && quotaBytes !== null && (
          <small>{t('storage.free', { shown: formatBytes(quotaBytes - usedBytes) })}</small>
        )}
      </div>
      <div className={styles.line}>
        <Pill tone={state === 'granted' ? 'ok' : state === 'refused' ? 'warn' : 'neutral'}>
          {t(`storage.${state}.label`)}
        </Pill>
        <small>{t(`storage.${state}.hint`)}</small>
        {(state === 'unasked' || state === 'refused') && (
          <Button size="s" onClick={() => void request()}>
            {t('storage.ask')}
          </Button>
        )}
      </div>
    </div>
  );
}
