import { useEffect, useRef, useState } from 'react';
import { Ban, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { Amount, Decision, Released } from '../../dose/index.ts';
import { Button, TextField } from '../components/index.ts';
import { Findings } from './Findings.tsx';
import { UnitBox } from './UnitBox.tsx';
import { formatAmount, otherUnit } from './amounts.ts';
import styles from './dose.module.css';

export interface OutcomeProps {
  readonly decision: Decision;
  /** After a soft limit was passed with a reason. */
  readonly released: Released | null;
  readonly onAcknowledge: (released: Released) => void;
}

export function Outcome({ decision, released, onAcknowledge }: OutcomeProps) {
  const { t } = useTranslation('dose');
  const panel = useRef<HTMLElement>(null);
  const shown = decision.verdict === 'clear' ? decision.released : released;
  useEffect(() => {
    panel.current?.focus();
    panel.current?.scrollIntoView({ block: 'nearest' });
  }, [decision, released]);

  if (shown) {
    return (
      <section ref={panel} tabIndex={-1} aria-label={t('result.title')} className={styles.outcome}>
        <Result released={shown} />
      </section>
    );
  }
  if (decision.verdict === 'refused') {
    return (
      <section ref={panel} tabIndex={-1} aria-label={t('refused.title')} className={styles.refused}>
        <h2>
          <Ban size={20} aria-hidden /> {t('refused.title')}
        </h2>
        <Findings findings={decision.withheld.findings} />
        <p>{t('refused.hint')}</p>
      </section>
    );
  }
  if (decision.verdict !== 'needs-reason') return null;
  return (
    <section ref={panel} tabIndex={-1} aria-label={t('acknowledge.title')} className={styles.doubtful}>
      <h2>
        <TriangleAlert size={20} aria-hidden /> {t('acknowledge.title')}
      </h2>
      <Findings findings={decision.withheld.findings} />
      <p>{t('acknowledge.hint')}</p>
      <Acknowledgement acknowledge={decision.acknowledge} onAcknowledge={onAcknowledge} />
    </section>
  );
}

function Acknowledgement({
  acknowledge,
  onAcknowledge,
}: {
  readonly acknowledge: (reason: string) => Released | null;
  readonly onAcknowledge: (released: Released) => void;
}) {
  const { t } = useTranslation('dose');
  const [reason, setReason] = useState('');
  const [isShort, setShort] = useState(false);
  return (
    <form
      className={styles.acknowledge}
      onSubmit={(event) => {
        event.preventDefault();
        const released = acknowledge(reason);
        setShort(released === null);
        if (released) onAcknowledge(released);
      }}
    >
      <TextField
        label={t('acknowledge.reason')}
        value={reason}
        maxLength={300}
        aria-invalid={isShort}
        hint={isShort ? t('acknowledge.short') : undefined}
        onChange={(event) => {
          setReason(event.target.value);
        }}
      />
      <Button type="submit">{t('acknowledge.show')}</Button>
    </form>
  );
}

function Result({ released }: { readonly released: Released }) {
  const { t } = useTranslation('dose');
  const [first, ...others] = released.results;
  const isRoundedDown = released.results.some(({ rounding }) => rounding === 'down');
  return (
    <>
      <h2>
        {t('result.title')}
        {released.drug && ` · ${t(`drugs.${released.drug as 'drug-propofol'}`)}`}
      </h2>
      {first && <Figure amount={first} isMain />}
      <div className={styles.figures}>
        {others.map((amount) => (
          <Figure key={amount.name} amount={amount} />
        ))}
      </div>
      <p className={styles.check}>{t('result.check')}</p>
      {released.findings.length > 0 && (
        <div className={styles.part}>
          <h3>{t('result.limits')}</h3>
          <Findings findings={released.findings} />
          <p>{t('result.reasonGiven', { reason: released.reason })}</p>
        </div>
      )}
      <div className={styles.part}>
        <h3>{t('result.inputs')}</h3>
        <dl className={styles.inputs}>
          {released.inputs.map((amount) => (
            <div key={amount.name}>
              <dt>{t(`names.${amount.name}`)}</dt>
              <dd>
                {formatAmount(amount)} {amount.unit === 'year' ? t('units.year') : amount.unit}
              </dd>
            </div>
          ))}
        </dl>
      </div>
      <div className={styles.part}>
        <h3>{t('result.worked')}</h3>
        {released.worked.map((line) => (
          <p key={line} className={styles.worked}>
            {line}
          </p>
        ))}
      </div>
      <div className={styles.part}>
        <h3>{t('result.formula')}</h3>
        {released.formulas.map((formula) => (
          <p key={formula}>{t(`formulas.${formula}`)}</p>
        ))}
      </div>
      <div className={styles.part}>
        <h3>{t('result.sources')}</h3>
        {released.sources.map((source) => (
          <p key={source}>{t(`sources.${source}`)}</p>
        ))}
      </div>
      <p className={styles.small}>
        {t(isRoundedDown ? 'result.down' : 'result.nearest')} · {t('result.logged')}
      </p>
    </>
  );
}

function Figure({ amount, isMain = false }: { readonly amount: Amount; readonly isMain?: boolean }) {
  const { t } = useTranslation('dose');
  const other = otherUnit(amount);
  return (
    <div className={isMain ? styles.mainFigure : styles.figure}>
      <span className={styles.figureName}>{t(`names.${amount.name}`)}</span>
      <span className={styles.figureValue}>
        <output>{formatAmount(amount)}</output> <UnitBox unit={amount.unit} />
      </span>
      {other && (
        <span className={styles.small}>
          {t('result.also', {
            value: formatAmount(other),
            unit: `${other.unit} ${t(`units.${other.unit}`)}`,
          })}
        </span>
      )}
    </div>
  );
}
