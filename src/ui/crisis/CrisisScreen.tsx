/**
 * Crisis cards: no model, no network. `#/crisis` lists and finds, `#/crisis/<id>` is one card with its clock.
 *
 *   cards --state/crises.ts--> list --> card <--events-- state/records.ts (ticks and times, written as they happen)
 */
import '../../i18n/crisis.ts';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import { loadCrises } from '../../state/crises.ts';
import type { Crises } from '../../state/crises.ts';
import { Button, ErrorNotice, ScreenHeader } from '../components/index.ts';
import { CrisisCardView } from './CrisisCardView.tsx';
import { CrisisList } from './CrisisList.tsx';
import styles from './crisis.module.css';

export function CrisisScreen({ id }: { readonly id: string | null }) {
  const { t } = useTranslation('crisis');
  const { t: common } = useTranslation();
  const [crises, setCrises] = useState<Crises | null>(null);
  const [error, setError] = useState<CodedError | null>(null);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    let isCurrent = true;
    loadCrises().then(
      (loaded) => {
        if (isCurrent) setCrises(loaded);
      },
      (failure: unknown) => {
        if (isCurrent) setError(HypnosError.from(failure).toCoded());
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [attempt]);

  if (crises) {
    const card = id === null ? null : crises.cards.find((candidate) => candidate.id === id);
    return card ? (
      <CrisisCardView key={card.id} card={card} index={crises.index} />
    ) : (
      <CrisisList crises={crises} isMissing={id !== null} />
    );
  }
  return (
    <>
      <ScreenHeader title={t('title')} />
      <div className={styles.state}>
        {error ? (
          <ErrorNotice
            error={error}
            actions={
              <Button
                onClick={() => {
                  setError(null);
                  setAttempt((count) => count + 1);
                }}
              >
                {common('retry')}
              </Button>
            }
          />
        ) : (
          <p role="status">{t('loading')}</p>
        )}
      </div>
    </>
  );
}
