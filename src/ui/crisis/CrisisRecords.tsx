import { useEffect, useState } from 'react';
import { Download } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import { endedAt, records } from '../../state/records.ts';
import type { RunWithEvents } from '../../state/records.ts';
import { Button, ErrorNotice } from '../components/index.ts';
import { exportFileName, saveFile } from '../history/transfer.ts';
import { formatClock, formatDuration } from './time.ts';
import styles from './crisis.module.css';

/** What was done when, in earlier uses of the cards. */
export function CrisisRecords() {
  const { t, i18n } = useTranslation('crisis');
  const [runs, setRuns] = useState<readonly RunWithEvents[] | null>(null);
  const [error, setError] = useState<CodedError | null>(null);
  useEffect(
    () =>
      records.watchRuns(setRuns, (failure) => {
        setError(HypnosError.from(failure).toCoded());
      }),
    [],
  );

  async function save() {
    try {
      saveFile(await records.exportJson(), exportFileName(t('records.fileName'), 'json', new Date()));
    } catch (failure) {
      setError(HypnosError.from(failure).toCoded());
    }
  }

  return (
    <section className={styles.records} aria-labelledby="crisis-records">
      <div className={styles.recordsHead}>
        <h2 id="crisis-records">{t('records.title')}</h2>
        {runs && runs.length > 0 && (
          <Button size="s" icon={<Download size={14} aria-hidden />} onClick={() => void save()}>
            {t('records.export')}
          </Button>
        )}
      </div>
      <p className={styles.hint}>{t('records.hint')}</p>
      {error && <ErrorNotice error={error} />}
      {runs?.length === 0 && <p className={styles.hint}>{t('records.empty')}</p>}
      {runs?.map((entry) => {
        const { run, events } = entry;
        const end = endedAt(entry);
        return (
          <details key={run.id} className={styles.record}>
            <summary>
              <b>{run.cardTitle}</b>
              <span>{new Date(run.startedAt).toLocaleString(i18n.language, { hour12: false })}</span>
              <span>
                {end === null
                  ? t('records.open')
                  : t('records.ended', { time: formatDuration(end - run.startedAt) })}
              </span>
            </summary>
            <ol>
              {events.map(({ id, at, kind, stepText }) => (
                <li key={id}>
                  <time dateTime={new Date(at).toISOString()}>
                    {formatClock(at)} +{formatDuration(at - run.startedAt)}
                  </time>{' '}
                  {t(`records.kinds.${kind}`)}
                  {stepText && ` · ${stepText}`}
                </li>
              ))}
            </ol>
          </details>
        );
      })}
    </section>
  );
}
