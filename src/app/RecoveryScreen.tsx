import { Suspense, lazy, useState } from 'react';
import { CSPProvider } from '@base-ui/react/csp-provider';
import { useTranslation } from 'react-i18next';
import { Route, Router } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { Button } from '../ui/components/index.ts';
import { Mark } from '../ui/components/Mark.tsx';
import styles from './RecoveryScreen.module.css';

/** They need no model and no database: records that cannot be written are told and stop nobody. */
const CrisisScreen = lazy(async () => ({
  default: (await import('../ui/crisis/CrisisScreen.tsx')).CrisisScreen,
}));

export interface RecoveryScreenProps {
  readonly error: unknown;
  readonly onRetry?: () => void;
}

/**
 * Stands in for the whole page when it cannot go on. Depends on nothing but sentences, in both languages; the crisis
 * cards work on.
 */
export function RecoveryScreen({ error, onRetry }: RecoveryScreenProps) {
  const { t } = useTranslation('shell');
  const [copied, setCopied] = useState(false);
  const [showsCards, setShowsCards] = useState(false);
  const details = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  if (showsCards)
    return (
      <Cards
        onBack={() => {
          // From a card to the list, from there to what went wrong.
          if (location.hash === '#/crisis') setShowsCards(false);
          else location.hash = '/crisis';
        }}
      />
    );
  return (
    <main className={styles.screen}>
      <div className={styles.card}>
        <Mark size={40} />
        <h1>{t('recovery.title')}</h1>
        <p>{t('recovery.kept')}</p>
        {/* Whoever stands before it may read only the other language, and can get to no settings. */}
        <p lang={t('recovery.otherLanguage')}>{t('recovery.other')}</p>
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
            onClick={() => {
              location.hash = '/crisis';
              setShowsCards(true);
            }}
          >
            {t('recovery.crisis')}
          </Button>
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

function Cards({ onBack }: { readonly onBack: () => void }) {
  const { t } = useTranslation('shell');
  return (
    <CSPProvider disableStyleElements>
      <Router hook={useHashLocation}>
        <main className={styles.cards}>
          <div className={styles.bar}>
            <span>{t('recovery.title')}</span>
            <Button size="s" onClick={onBack}>
              {t('recovery.back')}
            </Button>
          </div>
          <Suspense>
            <Route path="/crisis/:id?">{({ id }) => <CrisisScreen id={id ?? null} />}</Route>
          </Suspense>
        </main>
      </Router>
    </CSPProvider>
  );
}
