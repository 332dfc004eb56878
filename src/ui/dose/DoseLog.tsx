import { useEffect, useState } from 'react';
import { Download } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import { records } from '../../state/records.ts';
import type { DoseRecord } from '../../state/records.ts';
import { Button, ErrorNotice, Pill } from '../components/index.ts';
import { exportFileName, saveFile } from '../history/transfer.ts';
import { Findings } from './Findings.tsx';
import { formatAmount } from './amounts.ts';
import styles from './dose.module.css';

const SHOWN = 100;
const TONES = { clear: 'ok', acknowledged: 'warn', refused: 'danger' } as const;

/** Everything that was calculated, newest first; nothing here changes or removes any of it. */
export function DoseLog() {
  const { t, i18n } = useTranslation('dose');
  const [doses, setDoses] = useState<readonly DoseRecord[] | null>(null);
  const [error, setError] = useState<CodedError | null>(null);
  useEffect(
    () =>
      records.watchDoses(setDoses, (failure) => {
        setError(HypnosError.from(failure).toCoded());
      }),
    [],
  );

  async function save() {
    try {
      saveFile(await records.exportJson(), exportFileName(t('log.fileName'), 'json', new Date()));
    } catch (failure) {
      setError(HypnosError.from(failure).toCoded());
    }
  }

  return (
    <section aria-labelledby="dose-log" className={styles.log}>
      <div className={styles.logHead}>
        <h2 id="dose-log">{t('calculations.log')}</h2>
        {doses && doses.length > 0 && (
          <Button size="s" icon={<Download size={14} aria-hidden />} onClick={() => void save()}>
            {t('log.export')}
          </Button>
        )}
      </div>
      <p className={styles.small}>{t('log.hint')}</p>
      {error && <ErrorNotice error={error} />}
      {doses?.length === 0 && <p>{t('log.empty')}</p>}
      {doses && doses.length > SHOWN && (
        <p className={styles.small}>{t('log.more', { shown: SHOWN, total: doses.length })}</p>
      )}
      <ol className={styles.entries}>
        {doses?.slice(0, SHOWN).map((dose) => (
          <li key={dose.id} className={styles.entry}>
            <div className={styles.entryHead}>
              <time dateTime={new Date(dose.at).toISOString()}>
                {new Date(dose.at).toLocaleString(i18n.language, { hour12: false })}
              </time>
              <b>{t(`calculations.${dose.calculation}`)}</b>
              {dose.drug && <span>{t(`drugs.${dose.drug as 'drug-propofol'}`)}</span>}
              <Pill tone={TONES[dose.verdict]}>{t(`log.verdicts.${dose.verdict}`)}</Pill>
            </div>
            <p>
              {dose.results.length === 0
                ? t('log.none')
                : dose.results
                    .map((amount) => `${t(`names.${amount.name}`)} ${formatAmount(amount)} ${amount.unit}`)
                    .join(t('log.separator'))}
            </p>
            <p className={styles.small}>
              {dose.inputs
                .map(
                  (amount) =>
                    `${t(`names.${amount.name}`)} ${formatAmount(amount)} ${amount.unit === 'year' ? t('units.year') : amount.unit}`,
                )
                .join(t('log.separator'))}
            </p>
            {dose.findings.length > 0 && <Findings findings={dose.findings} />}
            {dose.reason && <p>{t('result.reasonGiven', { reason: dose.reason })}</p>}
          </li>
        ))}
      </ol>
    </section>
  );
}
