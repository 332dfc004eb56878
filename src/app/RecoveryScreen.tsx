import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '../ui/components/index.ts';
import { Mark } from '../ui/components/Mark.tsx';
import styles from './RecoveryScreen.module.css';

export interface RecoveryScreenProps {
  readonly error: unknown;
  readonly onRetry?: () => void;
}

/** Stands in for the whole page when it cannot go on. Depends on nothing but sentences. */
export function RecoveryScreen({ error, onRetry }: RecoveryScreenProps) {
  const { t } = useTranslation('shell');
  const [copied, setCopied] = useState(false);
  const details = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  return (
    <main className={styles.screen}>
      <div className={styles.card}>
        <Mark size={40} />
        <h1>{t('recovery.title')}</h1>
        <p>{t('recovery.kept')}</p>
        <div className={styles.actions}>
          <Button
            variant="primary"
            onClick={() => {
              location.reload();
            }}
          >
            {t('recovery.reload')}
          </Button>
          {onRetry && <Button onClick={onRetry}>{t('recovery.retry')}</Button>}
          <Button
            variant="ghost"
            onClick={() => {
              void navigator.clipboard.writeText(details).then(() => {
                setCopied(true);
              });
            }}
          >
            {t(copied ? 'recovery.copied' : 'recovery.copy')}
          </Button>
        </div>
        <details className={styles.details}>
          <summary>{t('recovery.details')}</summary>
          <pre tabIndex={0}>{details}</pre>
        </details>
      </div>
    </main>
  );
}
